"""`alembic revision` and `alembic check`: what they look at, and what becomes of what they find."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from expandcontract.alembic import script_folder
from expandcontract.alembic.filters import Filters
from expandcontract.alembic.revisions import Operation, Revision

#: As `context.configure` takes what works on the revisions to write.
Directives = Callable[[MigrationContext, Any, list[Any]], None]


def rewriting(filters: Filters, users: Directives | None) -> Directives:
    """Return what writes the revisions of changes, and lets the user's own hook see them. `alembic check`
    shows what Alembic found, as it is.
    """

    def rewrite(context: MigrationContext, revision: Any, directives: list[Any]) -> None:  # noqa: ANN401
        from expandcontract.alembic import autogenerate

        for script in directives:
            for both in (*script.upgrade_ops_list, *script.downgrade_ops_list):
                both.ops = filters.without_ours(both.ops)
        if directives and not _checks(context):
            autogenerate.rewrite(context, directives)
        if users is not None:
            users(context, revision, directives)

    return rewrite


def take_over(opts: dict[str, Any]) -> None:
    """Have a command that compares models and database do so while contracts are pending."""
    fn = opts["fn"]
    if "revision_context" in opts and not isinstance(fn, _Compared):
        opts["fn"] = _Compared(fn)


def _checks(context: MigrationContext) -> bool:
    """Say whether the command is `alembic check`, which has no other mark than the function that it made."""
    environment = getattr(context, "environment_context", None)
    fn = None if environment is None else environment.context_opts.get("fn")
    return str(getattr(getattr(fn, "fn", fn), "__qualname__", "")).startswith("check.")


@dataclass(frozen=True)
class _Compared:
    """What compares models and database as `fn` does, which wants every revision to be applied. A contract
    waits for days, and what it is about is left out of the comparison until then.
    """

    fn: Callable[..., Any]

    def __call__(self, heads: Any, migration: MigrationContext) -> Any:  # noqa: ANN401 - Alembic's own
        return self.fn(_but_contracts(migration.script, heads), migration)


def _but_contracts(script: ScriptDirectory | None, heads: Any) -> Any:  # noqa: ANN401 - Alembic's own
    """Return the heads of all revisions where only contracts are pending, else those of the database."""
    if script is None:
        return heads
    pending = [script_folder.of_script(each) for each in script.iterate_revisions("heads", heads)]
    return tuple(script.get_heads()) if all(map(_contracts, pending)) else heads


def _contracts(revision: Revision) -> bool:
    operations: Sequence[Operation] = [call.operation for call in revision.up.ours]
    return operations == [Operation.CONTRACT] and not revision.up.others
