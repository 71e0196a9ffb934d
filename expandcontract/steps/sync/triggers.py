"""The triggers of a pair as statements, and what takes them away with all that they call."""

from collections.abc import Sequence

from expandcontract.model.change import Mode
from expandcontract.model.names import RelationName, literal, quote
from expandcontract.model.step import OnTable
from expandcontract.steps.sync import parsed, predicates, rows
from expandcontract.steps.sync.subject import Sync


def create(sync: Sync, tables: Sequence[RelationName], *, first: bool) -> tuple[str, ...]:
    """Return the statements that put the trigger on `tables` (the table, and children by inheritance), firing
    always; with `first` two of them, before and after those of the user, so that what these look at is whole.

    WHEN keeps writes that are in sync from calling the function at all: the copy's own, and those of an
    application that writes both sides. In mode fill the rules depend on what the row was before, which WHEN
    cannot see for INSERT OR UPDATE, so there the function decides.
    """
    needed = predicates.needs_rule(sync.pair, "NEW")
    if sync.rules.tells_null:
        # Of a row that holds nothing on either side as well it has to say who gave that.
        none = predicates.new_absent(sync.pair, predicates.new_values(sync.pair, "NEW"))
        needed = predicates.either(needed, none)
    # Of two the first judges what somebody wrote, the last one what others made of it.
    names = {sync.trigger: ("", _judged(sync, needed))}
    if first and sync.first:
        names = {sync.first: (rows.FIRST, _judged(sync, needed)), sync.trigger: (rows.LAST, needed)}
    statements = [
        s
        for table in tables
        for name, (argument, condition) in names.items()
        for s in put_on(name, table, sync.function, _when(sync, condition), argument)
    ]
    if sync.judges:
        stored = rows.stored_unfit(sync.change, sync.pair)
        if sync.rules.looks:
            stored = predicates.either(stored, rows.stored_broken(sync.change, sync.pair))
        condition = f" WHEN ({stored})"
        for table in tables:
            statements += put_on(sync.stored, table, sync.function, condition, rows.STORED, after=True)
    return tuple(statements)


def _when(sync: Sync, condition: str) -> str:
    return "" if sync.pair.mode == Mode.FILL else f" WHEN ({condition})"


def _judged(sync: Sync, needed: str) -> str:
    """What back gives again is in sync; whether new code may write it the function has to say."""
    if not sync.rules.held:
        return needed
    old, new = predicates.old_values(sync.pair, "NEW"), predicates.new_values(sync.pair, "NEW")
    carried = predicates.same_new(sync.pair, new, predicates.forward(sync.pair, old, "NEW"))
    return predicates.either(needed, f"NOT {carried}")


def drop(sync: Sync, tables: Sequence[RelationName], *, must_be_there: bool = False) -> tuple[str, ...]:
    """Return the statements that remove the triggers, whether or not they are there. Of two the first one may
    always be missing: a repair puts it there, too.
    """
    last = "" if must_be_there else "IF EXISTS "
    names = {sync.first: "IF EXISTS ", sync.trigger: last} if sync.first else {sync.trigger: last}
    if sync.judges:
        names[sync.stored] = "IF EXISTS "
    return tuple(
        OnTable(f"DROP TRIGGER {if_exists}{quote(name)} ON {table.sql}", table.sql)
        for table in tables
        for name, if_exists in names.items()
    )


def drop_sync(sync: Sync, tables: Sequence[RelationName]) -> tuple[str, ...]:
    """Return the statements that remove trigger and functions, whether or not they are there."""
    return (*drop(sync, tables), *drop_functions(sync))


def drop_functions(sync: Sync) -> tuple[str, ...]:
    """Return the statements that remove what the trigger called, whether or not it is there."""
    return (
        f"DROP FUNCTION IF EXISTS {sync.function.sql}()",
        f"DROP FUNCTION IF EXISTS {sync.keeper.sql}()",
        *(f"DROP FUNCTION IF EXISTS {name.sql}" for name in parsed.names(sync) if name != sync.telling),
    )


def put_on(
    name: str,
    table: RelationName,
    function: RelationName,
    when: str,
    argument: str = "",
    *,
    after: bool = False,
) -> tuple[str, str]:
    """Return the statements that put a trigger on a table, firing always."""
    # SHARE ROW EXCLUSIVE, on a partitioned table for every partition as well. No UPDATE OF: it sees the
    # statement's SET list only, not what other triggers write.
    events = f"{'AFTER INSERT' if after else 'BEFORE INSERT OR UPDATE'} ON {table.sql}"
    call = f"{function.sql}({argument and literal(argument)})"
    return (
        OnTable(
            f"CREATE TRIGGER {quote(name)} {events} FOR EACH ROW{when} EXECUTE FUNCTION {call}", table.sql
        ),
        # Without ALWAYS logical replication (session_replication_role = replica) would write past it.
        OnTable(f"ALTER TABLE {table.sql} ENABLE ALWAYS TRIGGER {quote(name)}", table.sql),
    )
