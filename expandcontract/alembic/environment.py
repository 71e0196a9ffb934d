"""What env.py hands to `context.configure`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from alembic import context as alembic_context
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from expandcontract.alembic import checking, generating, meeting, migration_run, tenants, turns
from expandcontract.alembic.filters import Filters, IncludeName, IncludeObject
from expandcontract.alembic.generating import Directives
from expandcontract.alembic.migration_run import KEY, Said
from expandcontract.alembic.telling import failure
from expandcontract.model.durations import parse_duration
from expandcontract.model.errors import EcError, UsageError
from expandcontract.orm.models import Verdict
from expandcontract.settings.single import setting


def options(  # noqa: PLR0913 - all that env.py may say
    connection: Connection | None = None,
    *,
    include_name: IncludeName | None = None,
    include_object: IncludeObject | None = None,
    process_revision_directives: Directives | None = None,
    database_url: str | None = None,
    lock: bool = True,
    on_shut: Literal["stop", "fail"] = "stop",
) -> dict[str, Any]:
    """Return what `context.configure` needs beside the project's own arguments.

    Args:
        connection: the one that is handed to it; None offline. Where it is not PostgreSQL's, the operations
            refuse, and everything else is Alembic's.
        include_name: the project's own filter, which is asked of what ours lets through.
        include_object: likewise.
        process_revision_directives: the project's own, called after ours.
        database_url: the database, where the connection's own URL is not the way for `ec`.
        lock: whether one run waits for another.
        on_shut: what happens before a contract whose gates are shut: "stop" ends the run there where nothing
            but contracts comes after it, "fail" always ends it with an error.

    Raises CommandError.
    """
    if on_shut not in ("stop", "fail"):
        raise failure(UsageError(f"on_shut is {on_shut!r}.", why='It is "stop" or "fail".'))
    said = Said(database_url or _url(connection), on_shut, lock, connection)
    theirs = {
        "include_name": include_name,
        "include_object": include_object,
        "process_revision_directives": process_revision_directives,
    }
    if connection is None:
        _look_offline()
    if connection is None or connection.dialect.name != "postgresql":
        return {KEY: said, **{name: hook for name, hook in theirs.items() if hook is not None}}
    _take_over(connection, said)
    filters = Filters(connection, include_name, include_object)
    return {
        KEY: said,
        "include_name": filters.include_name,
        "include_object": filters.include_object,
        "process_revision_directives": generating.rewriting(filters, process_revision_directives),
    }


def _look_offline() -> None:
    """Look at the chain of a script before any of it is written; what the ledger says, its guards ask."""
    found = getattr(alembic_context, "_proxy", None)
    if found is None or not found.context_opts.get("as_sql"):
        return
    fn = getattr(found.context_opts["fn"], "fn", found.context_opts["fn"])
    found.context_opts["fn"] = _Written(fn)


@dataclass(frozen=True)
class _Written:
    """What chooses the steps of a script as `fn` does, and looks at their chain."""

    fn: Callable[..., Any]

    def __call__(self, heads: Any, migration: MigrationContext) -> Iterator[Any]:  # noqa: ANN401 - Alembic's
        chosen = list(self.fn(heads, migration))
        checking.require(migration_run.read(chosen), heads)
        yield from chosen


def _take_over(connection: Connection, said: Said) -> None:
    """Take the turn, and look at all steps before the first one runs, where the command moves the version."""
    # Nothing public gives the function that chooses the steps.
    found = getattr(alembic_context, "_proxy", None)
    if found is None:
        return
    if "destination_rev" not in found.context_opts:
        _ = said.home  # it only looks, and may do so when the connection is closed
        generating.take_over(found.context_opts)
        return
    fn = found.context_opts["fn"]
    # Whoever goes through several schemas asks for options once for each.
    fn = getattr(fn, "fn", fn)
    turn = turns.take(connection, _budget) if said.lock else None
    found.context_opts["fn"] = _Chosen(fn, said, turn)


@dataclass(frozen=True)
class _Chosen:
    """What chooses the same steps as `fn`, and looks at all of them before the first one runs."""

    fn: Callable[..., Any]
    said: Said
    turn: turns.Turn | None

    def __call__(self, heads: Any, migration: MigrationContext) -> Iterator[Any]:  # noqa: ANN401 - Alembic's
        upward = getattr(self.fn, "__name__", "") == "upgrade"
        unknown = meeting.missing(migration.script, heads) if upward else ()
        if not (unknown and meeting.pass_unknown(migration, self.said, unknown)):
            steps = migration_run.read(list(self.fn(heads, migration)))
            checking.require(steps, heads)
            yield from self._upward(steps, migration) if upward else self._going(steps, migration, ())
            moved = bool(steps)
        else:
            moved = False
        if self.turn is not None:
            self.turn.over(moved=moved)

    def _going(
        self, steps: Sequence[migration_run.Step], migration: MigrationContext, found: Sequence[Verdict]
    ) -> Iterator[Any]:
        def work_on(name: str) -> bool:
            return meeting.work_on(migration, self.said, name)

        return migration_run.going(steps, self.said, migration, work_on, meeting.held(found))

    def _upward(self, steps: Sequence[migration_run.Step], migration: MigrationContext) -> Iterator[Any]:
        """Run the steps where code with these models may run before or after them."""
        pending = {self.said.key(call.change) for step in steps for call in step.ours}
        found = meeting.verdicts(migration, self.said)
        # What a revision is about to bring is not missed before it ran.
        later = pending | (meeting.over(found) if steps else frozenset())
        meeting.refuse(found, later)
        yield from self._going(steps, migration, found)
        if later:
            found = meeting.verdicts(migration, self.said)
            meeting.refuse(found, meeting.above(migration, self.said, found))
        meeting.wait(migration, self.said, found)


def _budget() -> timedelta:
    from expandcontract.model.policy import Policy

    said = setting("lock_budget")
    try:
        return Policy().lock_budget if said is None else parse_duration(said)
    except EcError as error:
        raise failure(error) from error


def _url(connection: Connection | None) -> str | None:
    if connection is None:
        return None
    return tenants.rendered(connection.engine.url)
