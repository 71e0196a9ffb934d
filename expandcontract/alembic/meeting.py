"""Whether this code may run beside the changes of the database: what its models name, and which revisions it
knows.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import MetaData, Table, text

from expandcontract.alembic import script_folder
from expandcontract.alembic.revisions import OF_A_KIND
from expandcontract.alembic.telling import failure, log
from expandcontract.model.durations import parse_duration, spell
from expandcontract.model.errors import TimeIsUp, WrongState
from expandcontract.model.phases import Stage
from expandcontract.orm import changes, models
from expandcontract.orm.models import Fit, Names, Verdict
from expandcontract.settings.single import ledger_schema

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from expandcontract.alembic.migration_run import Said

#: What of `wanted` (schema or null, table, column) there is not.
_LACKING = """
SELECT pg_catalog.concat_ws('.', w.s, w.t, w.c)
FROM pg_catalog.jsonb_to_recordset(CAST(:wanted AS pg_catalog.jsonb))
    w(s pg_catalog.text, t pg_catalog.text, c pg_catalog.text)
WHERE NOT EXISTS (
    SELECT FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class r ON r.oid OPERATOR(pg_catalog.=) a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) r.relnamespace
    WHERE a.attname OPERATOR(pg_catalog.=) CAST(w.c AS pg_catalog.name) AND NOT a.attisdropped
    AND r.relname OPERATOR(pg_catalog.=) CAST(w.t AS pg_catalog.name)
    AND CASE WHEN w.s IS NULL THEN pg_catalog.pg_table_is_visible(r.oid)
        ELSE n.nspname OPERATOR(pg_catalog.=) CAST(w.s AS pg_catalog.name) END
)
ORDER BY 1
"""
#: Where a deploy has a run end: wherever the code is.
_ENDS = frozenset({"head", "heads"})
#: What is gone from old code's view, or may be.
_CONTRACTED = frozenset({Stage.HIDDEN, Stage.PURGED})


def verdicts(migration: MigrationContext, said: "Said", *, older: bool = False) -> tuple[Verdict, ...]:
    """Return what is to be said of each change to code with these models; nothing where env.py names none.

    A change that no revision of this code begins is one of another program on the same table: its models
    have the columns that they use, and nothing follows from those that they leave out. `older` code may not
    have that revision yet, and has whole models.
    """
    metadata = migration.opts.get("target_metadata")
    if metadata is None:
        return ()
    connection = cast("Connection", migration.connection)
    translate = connection.get_execution_options().get("schema_translate_map")
    named, known = models.named(metadata, translate), _known(migration)
    whole, partial = (models.compare(named, known, whole=each) for each in (True, False))
    if older or whole == partial:
        return whole
    begun = _begun(migration.script, said)
    return tuple(
        by_all if by_all.change.name in begun else by_named
        for by_all, by_named in zip(whole, partial, strict=True)
    )


def over(found: Sequence[Verdict]) -> frozenset[str]:
    """Return the changes in the way that were taken back, or are at their end: any revision may bring a
    column of that name again.
    """
    return frozenset(each.change.name for each in models.in_the_way(found, Fit.FAILS) if not each.change.open)


def above(migration: MigrationContext, said: "Said", found: Sequence[Verdict]) -> set[str]:
    """Return the changes that revisions begin which the database is still below; none where nothing is in the
    way.
    """
    script = migration.script
    if script is None or not models.in_the_way(found, Fit.FAILS):
        return set()
    pending = script.iterate_revisions("heads", migration.get_current_heads())
    steps = (script_folder.of_script(each).up for each in pending)
    return {said.key(call.change) for up in steps for call in up.ours if call.operation in OF_A_KIND}


def refuse(found: Sequence[Verdict], later: Collection[str] = ()) -> None:
    """Raise CommandError where the code cannot run beside a change that is not one to be looked at later."""
    for each in models.in_the_way(found, Fit.FAILS):
        if each.change.name not in later:
            raise failure(
                WrongState(
                    f"This code cannot run: {each.why}",
                    state=f"{each.change.name} is {each.change.stage}.",
                    next=each.next,
                )
            )


def held(found: Sequence[Verdict]) -> dict[str, str]:
    """Return the changes whose contract would take away what this very code names, each with why it waits."""
    return {
        each.change.name: f"The models of this code name {each.names} of it."
        for each in found
        if each.names in (Names.OLD, Names.BOTH) and each.change.stage in (Stage.BEFORE_READY, Stage.READY)
    }


def wait(migration: MigrationContext, said: "Said", found: Sequence[Verdict]) -> None:
    """Help with what the code has to wait for, for as long as its revision stays with it.

    Raises CommandError where it is not ready then: what was carried out is committed, and the same command
    goes on.
    """
    for each in models.in_the_way(found, Fit.WAITS):
        if each.change.stage == Stage.BEFORE_READY and work_on(migration, said, each.change.name):
            continue
        raise failure(
            TimeIsUp(
                f"This code has to wait: {each.why}",
                state="Old code runs on.",
                next="the same command again, which goes on"
                if each.change.stage == Stage.BEFORE_READY
                else each.next,
            )
        )


def work_on(migration: MigrationContext, said: "Said", name: str) -> bool:
    """Work on a change, if this run did not do so already; return whether it is ready."""
    from expandcontract.alembic import carrying

    stays = timedelta(0) if name in said.begun else _inline(migration.script, said, name)
    if carrying.is_blind(migration):
        return False
    log.info("%s is not ready: at work on it for at most %s.", name, spell(stays))
    with carrying.released(migration, "The backfill"):
        return carrying.work_on(said, name, stays)


def _inline(script: ScriptDirectory | None, said: "Said", name: str) -> timedelta:
    """Return how long the revision that begins a change stays with it."""
    from expandcontract.alembic import carrying

    for each in script.walk_revisions() if script is not None else ():
        for call in script_folder.of_script(each).up.ours:
            if call.operation in OF_A_KIND and said.key(call.change) == name:
                return parse_duration(str(call.options.get("inline", carrying.INLINE)))
    return parse_duration(carrying.INLINE)


def missing(script: ScriptDirectory | None, heads: Sequence[str]) -> tuple[str, ...]:
    """Return the revisions of the database that this code does not have."""
    return tuple(each for each in heads if script is not None and not _has(script, each))


def _has(script: ScriptDirectory, revision: str) -> bool:
    try:
        return script.get_revision(revision) is not None
    except CommandError:
        return False


def pass_unknown(migration: MigrationContext, said: "Said", unknown: Sequence[str]) -> bool:
    """Return whether code that does not have these revisions, being older, may run: it meets no change whose
    old side is out of use. False where the database has no changes to tell by, or the run is to end at a
    revision that somebody named: it would not.

    Raises CommandError where it cannot run.
    """
    known = _known(migration)
    if not known.changes or migration.opts.get("destination_rev") not in _ENDS:
        return False
    where, begun = ", ".join(unknown), _begun(migration.script, said)
    never = sorted(begun - {change.name for change in known.changes})
    if never:
        raise _not_older(where, f"never began {', '.join(never)}, which its revisions begin")
    if migration.opts.get("target_metadata") is None:
        for change in known.changes:
            if change.stage in _CONTRACTED and change.name not in begun:
                raise failure(
                    WrongState(
                        f"The database is at {where}, which this code does not have, and {change.name} is "
                        "contracted.",
                        why="Without target_metadata nobody knows whether this code uses what is hidden.",
                        state="Nothing was run.",
                        next=f"ec undo {change.name}",
                    )
                )
    found = verdicts(migration, said, older=True)
    refuse(found)
    _require_older(migration, where)
    log.warning(
        "The database is at %s, which this code does not have: it is older. It may run, as both sides of "
        "every change that it meets are in use. Nothing was run.",
        where,
    )
    return True


def _require_older(migration: MigrationContext, where: str) -> None:
    """Raise CommandError where the database lacks what the models name: such code is not older than it, but
    of another branch, and passing for older would leave out its own revisions.
    """
    lacks = _lacking(migration)
    if lacks:
        raise _not_older(where, f"lacks {', '.join(lacks)}, which its models name")


def _not_older(where: str, why: str) -> CommandError:
    return failure(
        WrongState(
            f"The database is at {where}, which this code does not have, and {why}.",
            why="So this code is not older: it is of another branch, or the file of a revision is gone.",
            state="Nothing was run.",
            next="code that has the revision; alembic stamp --purge where its file is gone for good",
        )
    )


def _lacking(migration: MigrationContext) -> list[str]:
    """Return the columns that the models name, and the database does not have."""
    connection = cast("Connection", migration.connection)
    translate = connection.get_execution_options().get("schema_translate_map") or {}
    wanted = [
        {"s": translate.get(table.schema, table.schema), "t": models.as_kept(table.name), "c": name}
        for table in _tables(migration)
        for name in (models.as_kept(column.name) for column in table.columns)
    ]
    began = not connection.in_transaction()
    found = connection.execute(text(_LACKING), {"wanted": json.dumps(wanted)}).scalars().all()
    if began:
        connection.commit()
    return list(found)


def _tables(migration: MigrationContext) -> Iterator[Table]:
    """Yield the tables of the models that Alembic compares."""
    said, compared = migration.opts.get("target_metadata"), migration.opts.get("include_object")
    for metadata in [said] if isinstance(said, MetaData) else list(said or ()):
        for table in metadata.tables.values():
            if compared is None or compared(table, table.name, "table", False, None):  # noqa: FBT003
                yield table


def _begun(script: ScriptDirectory | None, said: "Said") -> frozenset[str]:
    """Return what the ledger calls the changes that the revisions of this code are about."""
    scripts = script.walk_revisions() if script is not None else ()
    return frozenset(
        said.key(call.change) for each in scripts for call in script_folder.of_script(each).up.ours
    )


def _known(migration: MigrationContext) -> changes.Known:
    connection = cast("Connection", migration.connection)
    began = not connection.in_transaction()
    found = changes.read(connection, ledger_schema())
    if began:
        connection.commit()
    return found
