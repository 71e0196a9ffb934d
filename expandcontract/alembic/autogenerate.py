"""`alembic revision --autogenerate`: what Alembic found becomes revisions that keep old code alive."""

import itertools
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, ops
from alembic.runtime.migration import MigrationContext
from alembic.util import rev_id
from sqlalchemy import MetaData

from expandcontract.alembic.foreseen import foresee
from expandcontract.alembic.hints import Hints
from expandcontract.alembic.operations import EcContract, EcOperation, EcRollback, EcRun, EcStart, EcUndo
from expandcontract.alembic.sorting import sort
from expandcontract.alembic.wanted import Sorted, Wanted
from expandcontract.model.names import MAX_BYTES

#: Before what stays Alembic's on a table that the application uses: whoever waits behind it waits no longer.
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"
#: The length of a line of a comment, without what indents it.
_WIDTH = 96


class Remark(MigrateOperation):
    """Lines of comment. `alone`, there is nothing else in the function."""

    def __init__(self, lines: Sequence[str], *, alone: bool = False) -> None:
        self.lines, self.alone = tuple(lines), alone

    def reverse(self) -> "Remark":
        """Return what a downgrade says of it: nothing."""
        return Remark(())

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what `alembic check` would show."""
        return ("remark", *self.lines)


def rewrite(context: MigrationContext, directives: list[ops.MigrationScript]) -> None:
    """Put what changes carry into revisions of their own: first what stays Alembic's, then each start, then
    each contract. A revision of ours holds nothing else, as it commits.

    Raises CommandError for a hint of a model that cannot be meant.
    """
    script, hints = directives[0], _hints(context)
    hints.require_meant()
    # Alembic's template for several databases has several of them in one file.
    if len(script.upgrade_ops_list) != 1 or not script.upgrade_ops_list[0].ops:
        return
    found = sort(script.upgrade_ops_list[0].ops, hints, _differ(context))
    if not found.changes and not found.remarks:
        return
    chain = [script] if found.stays or not found.changes else []
    begun = [
        _begin(each, rev_id() if chain or number else script.rev_id or rev_id())
        for number, each in enumerate(found.changes)
    ]
    said = foresee(context, found.changes)
    for change, (start, _), lines in zip(found.changes, begun, said, strict=True):
        _remarked(start, [*([lines] if lines else []), *found.later.get(change.said, ())])
    chain += [each for each, _ in begun]
    chain += [each for _, each in begun if each is not None]
    _stays(script, found)
    _remarked(chain[0], found.remarks)
    _linked(script, chain)
    directives[:] = chain


def _hints(context: MigrationContext) -> Hints:
    said = context.opts.get("target_metadata")
    metadata = [said] if isinstance(said, MetaData) else list(said or ())
    plugins = context.opts.get("autogenerate_plugins") or ()
    checks = any("checkconstraint" in str(each) for each in plugins)
    return Hints(metadata, context.dialect.default_schema_name, compares_checks=checks)


def _differ(context: MigrationContext) -> Any:  # noqa: ANN401 - a function of two columns
    def differ(was: Any, now: Any) -> bool:  # noqa: ANN401 - columns
        return bool(context.impl.compare_type(was, now))

    return differ


def _stays(script: ops.MigrationScript, found: Sorted) -> None:
    """Leave in Alembic's own revision what is not ours, and what takes that back."""
    up = ops.UpgradeOps(found.stays)
    down = up.reverse_into(ops.DowngradeOps([]))
    if any(isinstance(each, ops.ModifyTableOps | ops.ExecuteSQLOp) for each in found.stays):
        up.ops.insert(0, ops.ExecuteSQLOp(LOCK_TIMEOUT))
        down.ops.insert(0, ops.ExecuteSQLOp(LOCK_TIMEOUT))
    script.upgrade_ops, script.downgrade_ops = up, down


def _begin(change: Wanted, id_: str) -> tuple[ops.MigrationScript, ops.MigrationScript | None]:
    """Return the revision that begins a change, and the one that contracts it, where there is anything to."""
    name = named(id_, change.slug)
    options = {"name": name, **({"names": dict(change.names)} if change.names else {}), **change.spec}
    operation = (EcStart if change.contracts else EcRun)(change.kind, *change.words, **options)
    operation.why = change.why
    message = change.slug.replace("_", " ")
    start = _script(id_, message, operation, EcRollback(name))
    if not change.contracts:
        return start, None
    contract = EcContract(name, soak="1d")
    contract.why = (
        "Old code must not run any more: this waits until nobody uses the old side, and then for soak."
    )
    return start, _script(rev_id(), f"contract {message}", contract, EcUndo(name))


def named(id_: str, slug: str) -> str:
    """Return the name of a change that a revision begins."""
    return f"{id_}_{slug}".encode()[:MAX_BYTES].decode(errors="ignore").rstrip("_")


def _script(id_: str, message: str, up: MigrateOperation, down: MigrateOperation) -> ops.MigrationScript:
    return ops.MigrationScript(id_, ops.UpgradeOps([up]), ops.DowngradeOps([down]), message=message)


def _remarked(script: ops.MigrationScript, remarks: Sequence[Sequence[str]]) -> None:
    up = script.upgrade_ops
    if up is None:
        return
    alone = not up.ops
    up.ops += [Remark(lines, alone=alone and lines is remarks[-1]) for lines in remarks]


def _linked(first: ops.MigrationScript, chain: Sequence[ops.MigrationScript]) -> None:
    """Let each stand on the one before, and the first where Alembic's own would have stood."""
    begins = chain[0]
    if begins is not first:
        begins.message = first.message or begins.message
        for name in ("head", "splice", "branch_label", "version_path", "depends_on", "imports"):
            setattr(begins, name, getattr(first, name))
    for below, above in itertools.pairwise(chain):
        above.head, above.version_path, above.imports = below.rev_id, below.version_path, set(first.imports)


@renderers.dispatch_for(EcOperation)
def _render(_context: AutogenContext, operation: EcOperation) -> list[str]:
    """Return the lines of the revision."""
    comment = [f"# {line}" for line in textwrap.wrap(operation.why, _WIDTH)]
    options = (f"{key}={value!r}" for key, value in operation.options.items())
    return [*comment, f"op.{operation.operation.value}({', '.join((*map(repr, operation.words), *options))})"]


@renderers.dispatch_for(Remark)
def _render_remark(_context: AutogenContext, remark: Remark) -> list[str]:
    lines = [f"# {part}" for line in remark.lines for part in _wrapped(line)]
    return [*lines, *(["pass"] if remark.alone else [])]


def _wrapped(line: str) -> Iterator[str]:
    """Yield what of a line fits: code, which is indented, stays as it is."""
    yield from [line] if line.startswith(" ") else textwrap.wrap(line, _WIDTH)
