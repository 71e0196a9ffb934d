"""`alembic revision --autogenerate`: what Alembic found becomes revisions that keep old code alive."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, ops
from alembic.util import rev_id

from expandcontract.alembic import wanted
from expandcontract.alembic.operations import EcContract, EcOperation, EcRollback, EcRun, EcStart, EcUndo
from expandcontract.alembic.wanted import Wanted


def rewrite(directives: list[ops.MigrationScript]) -> None:
    """Put what changes carry into revisions of their own: first what stays Alembic's, then each start, then
    each contract. A revision of ours holds nothing else, as it commits.
    """
    script = directives[0]
    if script.upgrade_ops is None:
        return
    found = wanted.sort(script.upgrade_ops.ops)
    if not found.changes:
        return
    script.upgrade_ops.ops = found.stays
    script.downgrade_ops = script.upgrade_ops.reverse_into(ops.DowngradeOps([]))
    chain = [script] if found.stays else []
    starts = [(change, rev_id()) for change in found.changes]
    for change, id_ in starts:
        chain.append(_script(id_, change.slug, *_begins(change, f"{id_}_{change.slug}")))
    for change, id_ in starts:
        if change.contracts:
            name = f"{id_}_{change.slug}"
            chain.append(
                _script(rev_id(), f"contract {change.slug}", EcContract(name, soak="1d"), EcUndo(name))
            )
    _linked(script, chain)
    directives[:] = chain


def _begins(change: Wanted, name: str) -> tuple[EcOperation, EcOperation]:
    kind = EcStart if change.contracts else EcRun
    options = {"name": name, **({"names": dict(change.names)} if change.names else {}), **change.spec}
    operation = kind(change.kind, *change.words, **options)
    operation.why = change.why
    return operation, EcRollback(name)


def _script(id_: str, message: str, up: MigrateOperation, down: MigrateOperation) -> ops.MigrationScript:
    return ops.MigrationScript(id_, ops.UpgradeOps([up]), ops.DowngradeOps([down]), message=message)


def _linked(first: ops.MigrationScript, chain: Sequence[ops.MigrationScript]) -> None:
    """Let each stand on the one before, and the first where Alembic's own would have stood."""
    begins = chain[0]
    if begins is not first:
        begins.rev_id, begins.message = first.rev_id or begins.rev_id, first.message or begins.message
        for name in ("head", "splice", "branch_label", "version_path", "depends_on", "imports"):
            setattr(begins, name, getattr(first, name))
    for below, above in itertools.pairwise(chain):
        above.head, above.version_path = below.rev_id, below.version_path


@renderers.dispatch_for(EcOperation)
def _render(_context: AutogenContext, operation: EcOperation) -> list[str]:
    """Return the lines of the revision."""
    comment = [f"# {operation.why}"] if operation.why else []
    arguments = ", ".join((*map(repr, operation.words), *_options(operation.options)))
    return [*comment, f"op.{operation.operation.value}({arguments})"]


def _options(options: dict[str, Any]) -> Iterator[str]:
    yield from (f"{key}={value!r}" for key, value in options.items())
