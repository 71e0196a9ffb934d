"""What `ec alembic check` asks, and what a run asks of its chain before the first revision."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from expandcontract.alembic import chain, script_folder
from expandcontract.alembic.chain import Finding
from expandcontract.alembic.migration_run import Step
from expandcontract.alembic.revisions import OF_A_KIND, Call, Revision
from expandcontract.alembic.telling import failure
from expandcontract.model.errors import UsageError


def check(revisions: Sequence[Revision], models: str | None = None) -> Iterator[Finding]:
    """Yield what is wrong with revisions, and with the models that `models` names, as `module:metadata`.

    Raises UsageError where the models cannot be imported.
    """
    from expandcontract.alembic.spoken import touched

    yield from chain.findings(revisions, touched)
    if models is not None:
        from expandcontract.alembic import models as compared

        yield from compared.findings(revisions, compared.load(models), touched)


def require(steps: Sequence[Step], current: Iterable[str]) -> None:
    """Refuse a run that goes up through revisions of which something is wrong, before any of it.

    Args:
        steps: those of the run.
        current: the revisions at which the database is.

    Raises CommandError.
    """
    try:
        require_sound(steps, current)
    except UsageError as error:
        raise failure(error) from error


def require_sound(steps: Sequence[Step], current: Iterable[str]) -> None:
    """As `require`, but raises UsageError."""
    upward = [each for each in steps if getattr(each.chosen, "is_upgrade", False) and each.revision.id]
    pending = {each.revision.id: each.revision for each in upward}
    if not any(each.speaks for each in pending.values()):
        return
    revision_map = upward[0].chosen.revision_map
    revisions = script_folder.below(revision_map, (*pending, *current), pending.values())
    for each in of_run(revisions, pending):
        raise UsageError(
            f"{each.place} {each.fault.what}.",
            why=each.fault.why,
            state="Nothing was run.",
            next=f"{each.fault.do}; ec alembic check names everything",
        )


def of_run(revisions: Sequence[Revision], steps: Collection[str]) -> Iterator[Finding]:
    """Yield what is wrong with a run.

    Args:
        revisions: those that it carries out, with all below them and all that the database has.
        steps: the identifiers of those that it carries out.
    """
    pending = [each for each in revisions if each.id in steps]
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
