"""What goes on otherwise than before, or fails, when columns come and go: said before it happens. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from expandcontract.model.names import hidden_name, quote
from expandcontract.model.notes import Note
from expandcontract.postgres import watchers
from expandcontract.postgres.catalog import body
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.dependent import ColumnDependent
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.catalog.trigger import Trigger


def of_hiding(snapshot: Snapshot, column: Column) -> Iterator[Note]:
    """What goes on with a hidden column, and is in the way of purge; what a row without it may meet."""
    name = quote(column.name)
    yield from _unlisted(snapshot, (column.name,), comes=False)
    for dependent in snapshot.dependents:
        if dependent.kind != "statistics":
            yield Note(
                f"dependent:{dependent.kind}",
                f"{dependent.kind} {dependent.name} uses {name}: contract or purge waits until it does not.",
            )
    yield from _statistics_go(snapshot)
    yield from _whole_rows(
        snapshot,
        f"{name} is called {quote(hidden_name(column.name))} there from contract on, and is gone "
        "from purge on.",
    )
    for index in snapshot.indexes:
        if index.unique and column.name in index.columns and column.default is not None:
            yield Note.hazard(
                "unique-default",
                f"Unique index {quote(index.name)} has {name}, whose default is {column.default}: a second "
                "row that leaves it out may be refused.",
                about=index.name,
            )
    for constraint in snapshot.constraints:
        if constraint.kind == "c" and constraint.columns == (column.name,) and column.default is None:
            yield Note.hazard(
                "check-on-null",
                f"Constraint {quote(constraint.name)} ({constraint.definition}) judges rows that leave "
                f"{name} out: where it refuses NULL, drop it first.",
                about=constraint.name,
            )


def of_adding(snapshot: Snapshot) -> Iterator[Note]:
    """What fails, or changes, as soon as the table has a column more."""
    yield from _row_functions(snapshot)
    yield from _whole_rows(snapshot, "they have the new column as well from expand on.")
    yield from _unlisted(snapshot, (), comes=True)
    for trigger in snapshot.triggers:
        yield from _inserting(trigger)
    if snapshot.relation.publications:
        names = ", ".join(map(quote, snapshot.relation.publications))
        yield Note.hazard(
            "publication",
            f"{snapshot.table} is published by {names}: each subscriber needs the new column, of the same "
            "type, before expand, or its apply worker stops.",
        )


def of_parts(snapshot: Snapshot, olds: Sequence[Column]) -> Iterator[Note]:
    """What stands on the old columns, and on none of a new side of more or fewer columns."""
    for index in snapshot.indexes:
        on = [quote(column.name) for column in olds if column.name in index.columns]
        if on and not index.unique:
            yield Note.hazard(
                "index-goes",
                f"Index {quote(index.name)} ({index.definition}) stands on {' and '.join(on)} until purge, "
                "and has no twin: build what queries of new code need.",
                about=index.name,
            )
    for column in olds:
        roles = sorted({grant.grantee or "PUBLIC" for grant in column.grants})
        if roles:
            yield Note.hazard(
                "column-privileges",
                f"{', '.join(roles)} has privileges on {quote(column.name)} itself, which the new side does "
                "not get: grant what new code needs.",
                about=column.name,
            )
        if column.comment is not None:
            yield Note(
                "comment-goes",
                f"The comment on {quote(column.name)}, {column.comment!r}, goes with it: say of the new "
                "side what it is.",
            )
        for provider, label in column.labels:
            yield Note.hazard(
                "security-label",
                f"{quote(column.name)} has the security label {label!r} of {quote(provider)}, which the new "
                "side does not get: what it keeps from somebody is there without it from the first row on. "
                "Set what the new columns need right after start.",
                about=f"{column.name}:{provider}",
            )
    yield from _statistics_go(snapshot)


def _statistics_go(snapshot: Snapshot) -> Iterator[Note]:
    """What PostgreSQL drops with a column, and the planner may miss."""
    for each in snapshot.dependents:
        if each.kind == "statistics":
            yield Note(
                "statistics-go",
                f"Statistics {each.name} stand on {quote(each.column)} until purge drops them with it.",
            )


def _publication(snapshot: Snapshot, hidden: Mapping[str, str], *, swap: bool) -> Note:
    """A subscriber finds columns by name, and its apply worker stops at one that it does not have."""
    names = ", ".join(map(quote, snapshot.relation.publications))
    old, to = (" and ".join(map(quote, side)) for side in (hidden, hidden.values()))
    needs = "a column of that name, too" if len(hidden) == 1 else "columns of those names, too"
    at_contract = (
        f"At contract it stops until the new column is renamed there to {old}, and {old} to {to}."
        if swap
        else f"Contract renames {old} to {to}: before it, each needs {needs}, "
        f"and {old} there must take NULL or have a default."
    )
    return Note(
        "publication",
        f"{snapshot.table} is published by {names}: each subscriber needs the new column, of the same "
        f"type, before expand, or its apply worker stops. {at_contract} Undo is the same the other way "
        "round. A slot whose subscriber has stopped retains WAL: ec doctor names it.",
        acknowledge=True,
    )


def of_pair(snapshot: Snapshot, hidden: Mapping[str, str], *, swap: bool) -> Iterator[Note]:
    """What the plan must say before it happens. `hidden` are the old columns, with what they are called after
    contract.
    """
    if snapshot.relation.publications:
        yield _publication(snapshot, hidden, swap=swap)
    for dependent in snapshot.dependents:
        if dependent.kind in ("function body", "trigger"):
            yield Note(f"dependent:{dependent.kind}", _named(dependent, swap=swap))
        elif dependent.kind != "statistics":
            yield Note(
                f"dependent:{dependent.kind}",
                f"{dependent.kind} {dependent.name} uses {quote(dependent.column)}: it goes on with the "
                "hidden column after contract, and purge waits until it does not.",
            )
    yield from _triggers(snapshot, hidden, swap=swap)
    yield from _row_functions(snapshot)
    olds, hidings = (" and ".join(map(quote, each)) for each in (hidden, hidden.values()))
    yield from _whole_rows(
        snapshot,
        f"they have the new side as well from expand on; from contract on {olds} of before "
        f"{'is' if len(hidden) == 1 else 'are'} called {hidings} there, until purge.",
    )
    yield from _unlisted(snapshot, tuple(hidden), comes=True)
    first = next(iter(hidden))
    for leaf in snapshot.leaf_only:
        yield Note.hazard(
            "leaf",
            f"Only {leaf.name} has on {quote(leaf.column or first)}: {'; '.join(leaf.things)}. It is not "
            "carried, and purge drops it: give the new column the same there.",
            about=leaf.name.sql if len(hidden) == 1 else f"{leaf.name.sql}.{quote(leaf.column or first)}",
        )


def _row_functions(snapshot: Snapshot) -> Iterator[Note]:
    """What fails as soon as the table has a column more."""
    functions, table = snapshot.row_functions, snapshot.table
    for function in functions.returning:
        yield Note.hazard(
            "row-function",
            f"Function {function} returns rows of {table}: unless it selects *, it fails as soon as the "
            "table has a column more.",
            about=function,
        )
    for function in functions.taking:
        yield Note.hazard(
            "row-argument",
            f"Function {function} takes rows of {table}: who makes one of values, as ROW(...), has a value "
            "too few as soon as the table has a column more.",
            about=function,
        )
    for function in functions.passing_on:
        yield Note.hazard(
            "every-column",
            f"Function {function} passes on all columns of {table}, to another table or as its result: from "
            "expand on they are one more, and it fails. Name the columns.",
            about=function,
        )


def _whole_rows(snapshot: Snapshot, becomes: str) -> Iterator[Note]:
    """Views whose readers see each column of a row come and go, where rows become JSON, say."""
    for each in snapshot.row_functions.showing:
        yield Note("dependent:whole row", f"{each} shows whole rows of {snapshot.table}: {becomes}")


def _triggers(snapshot: Snapshot, olds: Collection[str], *, swap: bool) -> Iterator[Note]:
    for trigger in snapshot.triggers:
        if trigger.name.startswith(watchers.OURS):
            continue  # another change's sync trigger: it writes other columns, and comes and goes
        if _fires(snapshot, trigger):
            yield Note("user-trigger", _fired(trigger))
        if trigger.before and trigger.row and trigger.name > "~ec":
            yield Note(
                "trigger-order",
                f"Trigger {quote(trigger.name)} sorts after the sync trigger: what it writes to the pair is "
                "not seen.",
            )
        yield from _by_name(trigger, olds, swap=swap)


def _by_name(trigger: Trigger, olds: Collection[str], *, swap: bool) -> Iterator[Note]:
    """What a trigger does by the column's name, or by the number of columns: no trigger of ours can bring it
    about.
    """
    who = f"Trigger {quote(trigger.name)} ({trigger.function})"
    # By a swap nobody writes the new side under a name of its own.
    used = [quote(name) for name in olds if name in trigger.uses]
    if not swap and trigger.update_of and trigger.on_update and used:
        yield Note.hazard(
            "update-of",
            f"{who} fires where an UPDATE sets {' or '.join(used)}, and not where new code sets the new "
            "column alone: make it UPDATE OF both once the new column is there.",
            about=trigger.name,
        )
    named = [quote(name) for name in olds if name in trigger.arguments]
    if not swap and named:
        yield Note.hazard(
            "trigger-argument",
            f"{who} gets the name {' and '.join(named)} as an argument: it may not see an UPDATE of the new "
            "column alone, and contract waits until it names the new one.",
            about=trigger.name,
        )
    yield from _inserting(trigger)


def _inserting(trigger: Trigger) -> Iterator[Note]:
    who = f"Trigger {quote(trigger.name)} ({trigger.function})"
    if trigger.language == "plpgsql" and body.inserts_rows(body.without_comments(trigger.source)):
        yield Note.hazard(
            "whole-row",
            f"{who} inserts whole rows of the table elsewhere: from expand on they have a column more, and "
            "every write fails that fires it, unless the other table has it as well. Name the columns.",
            about=trigger.name,
        )


def _named(dependent: ColumnDependent, *, swap: bool) -> str:
    what = f"{dependent.kind} {dependent.name} names {quote(dependent.column)}"
    if not swap and dependent.tied:
        return f"{what}: contract waits until it does not."
    if not swap:
        return f"{what}, or another column of that name: gate mentions asks which."
    if dependent.kind == "trigger":
        return f"{what}: it is made anew in the transaction that hides the old column."
    return f"{what}: from contract on it meets the new type."


def _fires(snapshot: Snapshot, trigger: Trigger) -> bool:
    """Whether the backfill fires it: it updates the new column, of each leaf by itself."""
    may = trigger.on_update and trigger.enabled in ("O", "A") and not trigger.update_of
    return may and (trigger.row or trigger.child is not None or not snapshot.relation.partitioned)


def _fired(trigger: Trigger) -> str:
    when = "BEFORE" if trigger.before else "AFTER"
    each = "every row that the backfill writes" if trigger.row else "every batch of the backfill"
    out = (
        "--no-user-triggers does not keep it from that, as it is ENABLE ALWAYS"
        if trigger.enabled == "A"
        else "ec backfill --no-user-triggers keeps it from that, where the role may"
    )
    whose = f" of {trigger.child}" if trigger.child else ""
    name = f"Trigger {quote(trigger.name)}{whose} ({trigger.function})"
    return f"{name} fires {when} {each}, with its cost and effects; {out}."


def _unlisted(snapshot: Snapshot, goes: Collection[str], *, comes: bool) -> Iterator[Note]:
    """Functions that write rows without a list of columns, as columns come, or go."""
    for each in snapshot.whole.dependents:
        if "COPY" in each.unlisted and comes:
            yield Note.hazard(
                "copy-all",
                f"Function {each.name} reads rows of {snapshot.table} by COPY without a list of columns: it "
                "fails from expand on, when there is one more. Name the columns.",
                about=each.name,
            )
        if "INSERT" in each.unlisted and goes:
            yield Note.hazard(
                "insert-all",
                f"Function {each.name} inserts rows of {snapshot.table} without a list of columns: "
                f"{what_goes_wrong(goes)} Name the columns.",
                about=each.name,
            )


def what_goes_wrong(goes: Collection[str]) -> str:
    """Return what an INSERT without a list of columns meets, once columns are hidden, and then dropped."""
    listed = ", ".join(map(quote, goes))
    return (
        f"from contract on what it gives for {listed} is hidden with that, and from purge on it goes into "
        "the column after it, without an error where the types allow it."
    )
