"""What the engine says of changes that were generated, as the database is now: what has to be acknowledged
before one begins, and why one cannot.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError

from expandcontract.alembic.migration_run import KEY
from expandcontract.alembic.wanted import Wanted

if TYPE_CHECKING:
    from expandcontract.engine.context import Context
    from expandcontract.model.errors import EcError

#: A comment, as lines.
Lines = tuple[str, ...]


def foresee(migration: MigrationContext, changes: Sequence[Wanted]) -> list[Lines]:
    """Return what is to be said of each change: nothing where it begins as it stands.

    Nothing is changed by it. Nothing is said of a change of what only an earlier revision makes.
    """
    said = migration.opts.get(KEY)
    if said is None or said.url is None or not changes:
        return [()] * len(changes)
    from expandcontract.alembic import carrying

    async def look(context: "Context") -> list[Lines]:
        return [await _of(context, change) for change in changes]

    try:
        return carrying.within(said, look)
    except CommandError as error:
        return [(f"What ec says of it is not known: {error}",), *[()] * (len(changes) - 1)]


async def _of(context: "Context", change: Wanted) -> Lines:
    from expandcontract.alembic.spoken import fields_of
    from expandcontract.engine.verbs import plan
    from expandcontract.model.change import Change
    from expandcontract.model.errors import EcError

    if change.rests:
        return ()
    fields = {**change.spec, **({"names": dict(change.names)} if change.names else {})}
    try:
        asked = Change(change.slug, change.kind, fields_of(change.kind, change.words, fields))
        made = await plan.make(context, asked)
    except EcError as error:
        return tuple(_refused(error))
    return tuple(_hazards([(note.code, note.sentence) for note in made.to_acknowledge]))


def _refused(error: "EcError") -> Iterator[str]:
    yield f"ec refuses it as things are: {error.code} {error.message} {error.why}".rstrip()
    if error.next:
        yield f"Next: {error.next}"


def _hazards(notes: Sequence[tuple[str, str]]) -> Iterator[str]:
    for code, sentence in notes:
        yield f"Hazard {code}: {sentence}"
    if notes:
        yield "It begins once somebody has said yes to that in this file, by:"
        yield f"    acknowledge={[code for code, _ in notes]!r}"
