"""What `ec alembic check` asks, and what a run asks of its chain before the first revision."""

from collections.abc import Collection, Iterator, Sequence

from expandcontract.alembic import chain
from expandcontract.alembic.chain import Finding
from expandcontract.alembic.revisions import OF_A_KIND, Call, Revision


def check(revisions: Sequence[Revision], models: str | None = None) -> Iterator[Finding]:
    """Yield what is wrong with revisions, and with the models that `models` names, as `module:metadata`.

    Raises UsageError where the models cannot be imported.
    """
    from expandcontract.alembic.spoken import touched

    yield from chain.findings(revisions, touched)
    if models is not None:
        from expandcontract.alembic import models as compared

        yield from compared.findings(revisions, compared.load(models), touched)


def of_run(revisions: Sequence[Revision], steps: Collection[str]) -> Iterator[Finding]:
    """Yield what is wrong with a run.

    Args:
        revisions: those that it carries out, with all below them and all that the database has.
        steps: the identifiers of those that it carries out.
    """
    pending = [each for each in revisions if each.id in steps]
    if not any((*each.up.ours, *each.up.faults, *each.down.ours, *each.down.faults) for each in pending):
        return
    for each in chain.findings(revisions, _reading(pending)):
        if each.concerns(steps):
            yield each


def _reading(pending: Sequence[Revision]) -> chain.Reading:
    """Return what reads operations: kinds are loaded where something is begun, which loads the engine."""
    begins = any(call.operation in OF_A_KIND for each in pending for call in each.up.ours)

    def nothing(_: Call) -> None:
        return None

    if not begins:
        return nothing
    from expandcontract.alembic.spoken import touched

    return touched
