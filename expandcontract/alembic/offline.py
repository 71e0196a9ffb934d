"""`alembic upgrade --sql`: what an operation does, as comments, and a guard that runs.

A script cannot carry a change: copies resume, locks are waited for in short turns, gates are asked. So a DBA
carries it out by `ec`, and the script holds to it: the guard fails, and with it the transaction that would
move the version, unless the ledger has the change where the revision says that it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alembic.runtime.migration import MigrationContext

from expandcontract.alembic import script_folder
from expandcontract.alembic.chain import Chain
from expandcontract.alembic.revisions import OF_A_KIND, Call, Operation
from expandcontract.alembic.spoken import change_of
from expandcontract.alembic.telling import failure
from expandcontract.engine import plan_files
from expandcontract.engine.verbs.plan import from_catalog
from expandcontract.model.change import Change
from expandcontract.model.errors import EcError, UsageError
from expandcontract.model.names import do, literal, quote, remark
from expandcontract.model.phases import Section
from expandcontract.settings.settings import load

if TYPE_CHECKING:
    from expandcontract.alembic.operations import EcOperation

#: `alembic -x ec_catalog=FILE upgrade ... --sql`: a file of `ec plan --catalog`, or a folder with NAME.json.
CATALOG = "ec_catalog"

_TO_READY = (Section.EXPAND, Section.DUAL_WRITE, Section.BACKFILL, Section.VERIFY)
#: The sections of a plan that an operation carries out.
_SECTIONS: Mapping[Operation, Sequence[Section]] = {
    Operation.START: _TO_READY,
    Operation.RUN: _TO_READY,
    Operation.CONTRACT: (Section.CONTRACT,),
    Operation.UNDO: (Section.UNDO,),
    Operation.ROLLBACK: (Section.ROLLBACK,),
    Operation.WAIT: (),
}
_BEYOND = "state IN ('hidden', 'purged', 'finished')"
_READY, _HIDDEN = f"ready OR {_BEYOND}", _BEYOND
#: Where a change has to be, over a row of status_v1, for the revision to be true.
_STANDS: Mapping[Operation, str] = {
    Operation.START: _READY,
    Operation.RUN: _READY,
    Operation.CONTRACT: _HIDDEN,
    Operation.UNDO: "state NOT IN ('hidden', 'purged')",
    Operation.ROLLBACK: "state = 'rolled_back'",
}
_WORDS: Mapping[Operation, str] = {
    Operation.START: "ready",
    Operation.RUN: "ready",
    Operation.CONTRACT: "contracted",
    Operation.UNDO: "taken back from contract",
    Operation.ROLLBACK: "rolled back",
}
_COMMANDS: Mapping[Operation, str] = {
    Operation.CONTRACT: "ec contract",
    Operation.UNDO: "ec undo",
    Operation.ROLLBACK: "ec rollback",
}


def emit(migration: MigrationContext, operation: "EcOperation") -> None:
    """Write an operation into the script.

    Raises CommandError.
    """
    call = Call(operation.operation, operation.words, operation.options, 0)
    settings = load({})
    schema, phases = settings.ledger_schema, settings.phases
    try:
        lines = [*_told(migration, call, schema, phases), guard(call, schema, phases)]
    except EcError as error:
        raise failure(error) from error
    assert migration.impl is not None  # noqa: S101 - Alembic's own makes one
    migration.impl.static_output("\n".join(lines))


def guard(call: Call, ledger_schema: str, phases: Path) -> str:
    """Return the statement that fails unless the change is where the operation leaves it."""
    goal = _goal(call)
    view = f"{quote(ledger_schema)}.status_v1"
    # What was never begun needs not be taken back.
    absent = "true" if goal in (Operation.ROLLBACK, Operation.UNDO) else "false"
    body = f"""
DECLARE
    -- As ec calls it where the tables of another schema than public come first: each tenant has its own.
    tenant text := nullif(pg_catalog.current_schema(), 'public');
    change text := {literal(call.change)} || coalesce('@' || tenant, '');
    stands text;
    fine boolean;
    before text := '';
BEGIN
    IF pg_catalog.to_regclass({literal(view)}) IS NULL THEN
        before := 'ec init && ';
    ELSE
        SELECT s.state || ', in phase ' || s.phase, {_STANDS[goal]} INTO stands, fine
        FROM {view} s WHERE s.name = change;
    END IF;
    IF NOT coalesce(fine, {absent}) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'Change ' || change || ' has to be {_WORDS[goal]}: it is '
                || coalesce(stands, 'not started here') || '.',
            HINT = 'Run: ' || before || {_command(call, goal, phases)};
    END IF;
END
"""
    return f"{do(body)};"


def _goal(call: Call) -> Operation:
    """Return the operation after which a change is where this one leaves it."""
    if call.operation != Operation.WAIT:
        return call.operation
    return Operation.CONTRACT if call.options.get("goal") == "hidden" else Operation.START


def _command(call: Call, goal: Operation, phases: Path) -> str:
    """Return the expression for what brings a change there, in a block where `change` is its name."""
    if goal in _COMMANDS:
        # Which the ledger does not know: only the revision says how long.
        soak = f" --soak {call.options['soak']}" if call.options.get("soak") else ""
        return f"{literal(f'{_COMMANDS[goal]} ')} || change || {literal(soak)}"
    codes = "".join(f" --acknowledge {each}" for each in call.options.get("acknowledge") or ())
    planned = call.change in plan_files.names(phases)
    plans = "" if planned else f"ec alembic plan {call.change} && "
    whole = literal(f"{plans}ec run {call.change}{codes}")
    return f"CASE change WHEN {literal(call.change)} THEN {whole} ELSE 'alembic upgrade, in that schema' END"


def _told(migration: MigrationContext, call: Call, ledger_schema: str, phases: Path) -> Iterator[str]:
    """Yield comments: what the operation is, and the statements of its plan where they are known."""
    words = " ".join(map(str, call.words))
    yield remark(f"ec: {call.operation} {words}" + (f" ({call.change})" if call.change not in words else ""))
    yield "-- This script changes nothing of it: ec does, and what follows fails where it did not."
    yield "-- Run the script so that it stops at an error: psql -v ON_ERROR_STOP=1 -f FILE"
    if not _SECTIONS[call.operation]:
        return
    change = _change(migration, call)
    texts = None if change is None else _texts(migration, change, ledger_schema, phases)
    if texts is None:
        yield "-- Its statements depend on the catalog, and are not known here. They are"
        yield f"-- in phases/{call.change}, once `ec alembic plan {call.change}` has written that,"
        yield "-- or compiled from a file of `ec plan ... --catalog FILE`:"
        yield f"-- alembic -x {CATALOG}=FILE upgrade ... --sql"
        return
    for section in _SECTIONS[call.operation]:
        yield f"-- == {section} =="
        yield from (f"-- {line}".rstrip() for line in texts.get(section, "").splitlines())


def _change(migration: MigrationContext, call: Call) -> Change | None:
    """Return the change, which another revision may begin."""
    if call.operation in OF_A_KIND:
        return change_of(call)
    script = migration.script
    started = None if script is None else Chain(script_folder.read(script)).starts.get(call.change)
    return None if started is None else change_of(started[1])


def _texts(
    migration: MigrationContext, change: Change, ledger_schema: str, phases: Path
) -> Mapping[str, str] | None:
    """Return the text of each section of the plan that was written for this very change, or compiled from a
    catalog; None where there is neither.
    """
    if change.name in plan_files.names(phases):
        kept = plan_files.find(phases, change.name)
        if (kept.change.kind, dict(kept.change.spec)) == (change.kind, dict(change.spec)):
            return {
                section: path.read_text(encoding="utf-8")
                for section in Section
                if (path := kept.folder / f"{section}.sql").is_file()
            }
    for path in _catalogs(migration, change):
        try:
            plan = from_catalog(change, path.read_text(encoding="utf-8"), ledger_schema)
        except EcError:  # another change's
            continue
        return plan_files.render(plan, ledger_schema)
    return None


def _catalogs(migration: MigrationContext, change: Change) -> Iterator[Path]:
    environment = migration.environment_context
    for each in () if environment is None else environment.get_x_argument():
        key, _, value = str(each).partition("=")
        if key == CATALOG:
            path = Path(value)
            path = path / f"{change.name}.json" if path.is_dir() else path
            if path.is_file():
                yield path
            elif not Path(value).is_dir():
                raise UsageError(f"There is no {value}.", why=f"-x {CATALOG}= names a file or a folder.")
