"""What clients ask of servers, heard where the driver sends it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from asyncpg.prepared_stmt import PreparedStatement

_RUN = "_PreparedStatement__do_execute"


@contextmanager
def asked(hear: Callable[[str], None]) -> Iterator[None]:
    """Have `hear` called with each statement whose answer somebody reads in the body."""
    run = getattr(PreparedStatement, _RUN)

    def heard(self: Any, *arguments: Any) -> Any:  # noqa: ANN401 - whatever the driver hands over
        hear(self.get_query())
        return run(self, *arguments)

    with mock.patch.object(PreparedStatement, _RUN, heard):
        yield
