"""The check at a program's start: whether its models fit the changes of its database."""

import asyncio
import time
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, overload

from sqlalchemy import Connection, Engine, MetaData
from sqlalchemy.ext.asyncio import AsyncEngine

from expandcontract.model.errors import EcError, MissingPrivilege, TimeIsUp, WrongState
from expandcontract.model.names import quote, sync_schema
from expandcontract.orm import changes, models
from expandcontract.orm.models import Fit, Verdict
from expandcontract.settings.single import ledger_schema

#: What a program's models are, as Alembic's target_metadata says it.
Models = MetaData | Iterable[MetaData]
#: Between two looks at a change that is not ready.
_PAUSE = timedelta(seconds=1)
_AT_ONCE = timedelta(0)


@overload
def require(
    engine: AsyncEngine,
    metadata: Models,
    *,
    patience: timedelta = ...,
    whole: bool = ...,
    schema: str | None = ...,
) -> Coroutine[Any, Any, None]: ...


@overload
def require(
    engine: Engine,
    metadata: Models,
    *,
    patience: timedelta = ...,
    whole: bool = ...,
    schema: str | None = ...,
) -> None: ...


def require(
    engine: AsyncEngine | Engine,
    metadata: Models,
    *,
    patience: timedelta = _AT_ONCE,
    whole: bool = True,
    schema: str | None = None,
) -> Coroutine[Any, Any, None] | None:
    """Raise an error where a program with these models cannot run in the database as it is now.

    Args:
        engine: the program's own, with asyncio, and then this is awaited, or without. Its role needs no right
            on the ledger. The `schema_translate_map` of its execution options says which tenant is meant.
        metadata: `Base.metadata`, `SQLModel.metadata`, or several such.
        patience: how long to wait where the models name only the new side of a change that is not ready yet.
        whole: whether the models name every column of the tables that they have. With False nothing follows
            from a column that they do not name.
        schema: that of the ledger; by default the one that `ec` would take here, from EC_LEDGER_SCHEMA or
            [tool.expandcontract].

    Where no change meets the models it returns at once, and so it does where there is no ledger.

    Raises WrongState where the models have what a change took away, or neither side of one; TimeIsUp where
    they have to wait longer; MissingPrivilege where the ledger does not tell this role. Their texts have
    everything: code, what, why, the state, and the next command. What SQLAlchemy raises is raised as it is.
    """
    several = (metadata,) if isinstance(metadata, MetaData) else tuple(metadata)
    check = _Check(several, whole, schema or ledger_schema())
    end = time.monotonic() + patience.total_seconds()
    if isinstance(engine, AsyncEngine):
        return _awaited(engine, check, end)
    while True:
        with engine.connect() as connection:
            waits = check.look(connection)
        if waits is None:
            return None
        if time.monotonic() >= end:
            raise waits
        time.sleep(_PAUSE.total_seconds())


async def _awaited(engine: AsyncEngine, check: "_Check", end: float) -> None:
    while True:
        async with engine.connect() as connection:
            waits = await connection.run_sync(check.look)
        if waits is None:
            return
        if time.monotonic() >= end:
            raise waits
        await asyncio.sleep(_PAUSE.total_seconds())


@dataclass(frozen=True)
class _Check:
    """What is asked of a database, as often as it takes."""

    metadata: tuple[MetaData, ...]
    whole: bool
    schema: str

    def look(self, connection: Connection) -> EcError | None:
        """Return the error that waiting may mend, None where there is none; raise any other."""
        known = changes.read(connection, self.schema)
        if not known.readable:
            raise _told(_not_told(self.schema))
        translate = connection.get_execution_options().get("schema_translate_map")
        found = models.compare(models.named(self.metadata, translate), known, whole=self.whole)
        if failing := models.in_the_way(found, Fit.FAILS):
            raise _told(WrongState(f"This program cannot run: {_whys(failing)}", **_left(failing)))
        waiting = models.in_the_way(found, Fit.WAITS)
        if not waiting:
            return None
        return _told(TimeIsUp(f"This program has to wait: {_whys(waiting)}", **_left(waiting)))


def _whys(verdicts: tuple[Verdict, ...]) -> str:
    return " ".join(each.why for each in verdicts)


def _left(verdicts: tuple[Verdict, ...]) -> dict[str, str]:
    """Return the state of each change, and the next command, which is about the first one."""
    states = " ".join(f"{each.change.name} is {each.change.stage}." for each in verdicts)
    return {"state": states, "next": verdicts[0].next}


def _not_told(schema: str) -> MissingPrivilege:
    function = f"{quote(sync_schema(schema))}.changes()"
    return MissingPrivilege(
        f"This role may not know which changes are open in the ledger of schema {quote(schema)}.",
        why="An earlier version of ec made the ledger, or a right was taken away that everybody has.",
        next=f"ec init, and GRANT EXECUTE ON FUNCTION {function} TO the role",
    )


def _told(error: EcError) -> EcError:
    """Let the error's text have all that it says: a server's log shows a traceback, and no fields."""
    said = filter(None, (error.message, error.why, error.state, error.next and f"Next: {error.next}"))
    error.args = (f"{error.code} {' '.join(said)}",)
    return error
