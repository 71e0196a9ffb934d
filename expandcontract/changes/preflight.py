"""Which tables and columns a change of one column can be carried through on, and why not the others. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from expandcontract.model.errors import NameTaken, UnsupportedShape
from expandcontract.model.names import check, qualify_constant, quote
from expandcontract.model.notes import Note
from expandcontract.postgres import watchers
from expandcontract.postgres.catalog import body
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.constraint import Constraint
from expandcontract.postgres.catalog.dependent import ColumnDependent
from expandcontract.postgres.catalog.snapshot import Snapshot, must_have
from expandcontract.postgres.catalog.trigger import Trigger

_KINDS = {
    "v": "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "S": "a sequence",
    "c": "a composite type",
    "i": "an index",
    "t": "a TOAST table",
}
#: PostgreSQL's limit; dropped columns count until the table is rewritten.
_MOST_COLUMNS = 1600
#: How many of many are named in a sentence.
_NAMED = 3


def examine(snapshot: Snapshot, column: Column) -> None:
    """Raise UnsupportedShape when the table or the column has a shape for which there is no safe recipe."""
    for sentence, remedy in (*_table(snapshot), *_column(snapshot, column)):
        raise UnsupportedShape(sentence, why=remedy)


def column(snapshot: Snapshot, name: str) -> Column:
    """Return the column that the change is about. Raises NoSuchObject."""
    must_have(snapshot.table, snapshot.columns, name)
    return next(each for each in snapshot.columns if each.name == name)


def examine_dropped(snapshot: Snapshot, column: Column) -> None:
    """Raise UnsupportedShape when something keeps the column from being hidden and dropped."""
    name, table = quote(column.name), snapshot.table
    examine_table(snapshot)
    if column.name in snapshot.relation.partition_keys:
        raise UnsupportedShape(
            f"{name} is a partition key of {table}.", why="Rows lie where its value put them."
        )
    for index in snapshot.indexes:
        if column.name in index.columns and (index.primary or index.replica_identity):
            what = "primary key" if index.primary else "replica identity"
            raise UnsupportedShape(
                f"{name} is part of the {what} of {table}.", why="Rows are named by it; choose another first."
            )
    for constraint in snapshot.constraints:
        if constraint.inbound and column.name in constraint.other_columns:
            raise UnsupportedShape(
                f"{constraint.table} refers to {name} by foreign key {quote(constraint.name)}.",
                why=f"Drop it first: ec start drop-constraint {constraint.table} {quote(constraint.name)}",
            )


def hazards_of_hiding(snapshot: Snapshot, column: Column) -> Iterator[Note]:
    """What goes on with a hidden column, and is in the way of purge; what a row without it may meet."""
    name = quote(column.name)
    for dependent in snapshot.dependents:
        if dependent.kind != "statistics":
            yield Note(
                f"dependent:{dependent.kind}",
                f"{dependent.kind} {dependent.name} uses {name}: contract or purge waits until it does not.",
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


def examine_added(snapshot: Snapshot, name: str) -> None:
    """Raise BadName or NameTaken when the table cannot have a column more of that name."""
    if snapshot.column(name) is not None:
        raise NameTaken(f"{snapshot.table} has a column {quote(name)} already.", why="Choose another name.")
    examine_name(snapshot, name)


def hazards_of_adding(snapshot: Snapshot) -> Iterator[Note]:
    """What fails, or changes, as soon as the table has a column more."""
    yield from _row_functions(snapshot)
    for trigger in snapshot.triggers:
        yield from _inserting(trigger)
    if snapshot.relation.publications:
        names = ", ".join(map(quote, snapshot.relation.publications))
        yield Note.hazard(
            "publication",
            f"{snapshot.table} is published by {names}: each subscriber needs the new column, of the same "
            "type, before expand, or its apply worker stops.",
        )


def is_constant(default: str) -> bool:
    """Return whether a default, as the server writes it, is a constant."""
    return qualify_constant(default) is not None


def examine_uneven(snapshot: Snapshot, column: Column) -> None:
    """Raise UnsupportedShape when the column has a rule of which nobody can say what it means for a new side
    of more or fewer columns.
    """
    name = quote(column.name)
    rules = [each.name for each in snapshot.indexes if each.unique and column.name in each.columns]
    rules += [each.name for each in snapshot.constraints if not each.inbound and column.name in each.columns]
    for rule in rules:
        raise UnsupportedShape(
            f"{quote(rule)} is a rule on {name}, and nothing says what it means for the new side.",
            why="A value that is made of that again might break it, and old code's row with it.",
            next=f"Drop it first: ec start drop-constraint {snapshot.table} {quote(rule)}",
        )


def examine_merged(snapshot: Snapshot, column: Column) -> None:
    """Raise UnsupportedShape when the column cannot be one of several of which a new one is made."""
    examine_uneven(snapshot, column)
    if column.default is not None and qualify_constant(column.default) is None:
        raise UnsupportedShape(
            f"The default of {quote(column.name)} is {column.default}, which is no constant.",
            why="Whether a row was given a value, or got its default, tells who wrote it; of such a default "
            "nobody can tell.",
            next=f"ec start set-default {snapshot.table}.{quote(column.name)} NULL",
        )


def hazards_of_parts(snapshot: Snapshot, olds: Sequence[Column]) -> Iterator[Note]:
    """What stands on the old columns, and on none of a new side of more or fewer columns."""
    for index in snapshot.indexes:
        on = [quote(column.name) for column in olds if column.name in index.columns]
        if on:
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


def examine_table(snapshot: Snapshot) -> None:
    """Raise UnsupportedShape when it is not a table that anything can be done to."""
    for sentence, remedy in _table(snapshot):
        raise UnsupportedShape(sentence, why=remedy)


def examine_name(snapshot: Snapshot, name: str, *, ours: bool = False) -> None:
    """Raise BadName or NameTaken when a new column cannot have that name."""
    check(name)
    if snapshot.column(name) is not None:
        raise NameTaken(
            f"{snapshot.table} has a column {quote(name)} already.",
            why="The new side needs a name of its own.",
        )
    if name.startswith("~ec_") and not ours:
        raise NameTaken(
            f"{quote(name)} begins like what ec makes for itself.",
            why="Names that begin with ~ec_ are hidden columns, and go with purge.",
        )
    if name in _SYSTEM_COLUMNS:
        raise NameTaken(
            f"{quote(name)} is the name of a system column of every table.", why="Choose another name."
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


_SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})


def hazards(snapshot: Snapshot, hidden: Mapping[str, str], *, swap: bool) -> Iterator[Note]:
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


def _later_order(snapshot: Snapshot, column: Column) -> str:
    """What an INSERT without a list of columns meets once the old column is dropped: values go where they
    were not meant to, and where the types allow it nobody hears of it.
    """
    names = [each.name for each in snapshot.columns]
    if column.name == names[-1]:
        return ""
    after = quote(names[names.index(column.name) + 1])
    return (
        f"; from purge on the new column stands last, so that what they give for {quote(column.name)} goes "
        f"into {after}, and so on, without an error where the types allow it"
    )


def costs(snapshot: Snapshot, column: Column) -> Iterator[Note]:
    """What the change costs the application while it lasts, as measured (docs/benchmarks.md)."""
    yield Note(
        "update",
        "An UPDATE that does not touch the pair: about 0.6 us a row more; a HOT one writes 128 instead of "
        "72 bytes of WAL.",
    )
    yield Note(
        "old-write",
        "A write of the old side alone: 1 to 2 us a row in bulk, 10 to 20 us a statement more. COPY "
        "takes up to twice the time.",
    )
    yield Note(
        "cached-plan",
        "One retryable error for each connection that caches SELECT * (at expand) or names the column (at "
        "a same-name swap). psycopg 3 in autocommit keeps such a statement: there each call fails until the "
        "connection is closed, unless it has prepare_threshold=None.",
    )
    yield Note(
        "repeatable-read",
        "A REPEATABLE READ transaction that writes a row of the current batch gets 40001 and must be "
        "retried.",
    )
    yield Note(
        "column-list",
        "COPY and INSERT without a list of columns meet one column more, and after contract the hidden one"
        f"{_later_order(snapshot, column)}: name the columns in code.",
    )
    if snapshot.relation.publications:
        yield Note(
            "replicated",
            "Each row that the backfill writes is sent to subscribers: with --replication-origin under a "
            "mark by which they can tell.",
        )
    yield Note(
        "standby",
        "A hot standby cancels queries that hold back the replay of a brief lock: "
        "max_standby_streaming_delay.",
    )
    if column.storage in (None, "extended", "external"):
        yield Note(
            "toast",
            "A TOASTed value of the pair is compared at 0.4 ms for each 500 kB, at each write of its row.",
        )
    if snapshot.indexes:
        yield Note(
            "space",
            "The heap grows by a fifth to a half while rows are copied; indexes hardly. Settling builds "
            "each index that uses the column once more.",
        )
    yield from _order(snapshot)
    if snapshot.row_versions:
        who = ", ".join(f"{each.kind} {each.name}" for each in snapshot.row_versions)
        yield Note(
            "row-version",
            f"{who} reads xmin of {snapshot.table}, as if it were a row's version: the backfill writes each "
            "row once more, and each looks changed. Whether an application does so, no catalog says.",
        )


def _order(snapshot: Snapshot) -> Iterator[Note]:
    """What rests on where rows lie: the backfill writes each of them once more, mostly on another page."""
    brin = [quote(index.name) for index in snapshot.indexes if index.definition.startswith("brin ")]
    if brin:
        yield Note(
            "brin",
            f"BRIN index {', '.join(brin)}: rows leave the pages on which they were inserted, and the "
            "ranges get wider. Make it anew after the backfill (REINDEX CONCURRENTLY), or order the rows.",
        )
    for index in snapshot.indexes:
        if index.clustered:
            yield Note(
                "cluster",
                f"{snapshot.table} is marked for CLUSTER by {quote(index.name)}: its rows lie less in "
                "that order after the backfill.",
            )


def _table(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    relation, table = snapshot.relation, snapshot.table
    if relation.kind in _KINDS:
        yield f"{table} is {_KINDS[relation.kind]}.", "Only tables hold rows that can be carried."
    if relation.system:
        yield f"{table} belongs to the system.", "PostgreSQL's own tables are not changed."
    if relation.persistence == "t":
        yield f"{table} is a temporary table.", "No other session can see it."
    if relation.partition_of is not None:
        yield (
            f"{table} is a partition of {relation.partition_of}.",
            f"Change the parent; its columns are those of every partition: {relation.partition_of}.",
        )
    if relation.inherits_from and relation.partition_of is None:
        yield (
            f"{table} inherits from {', '.join(map(str, relation.inherits_from))}.",
            "Change the parent; the children follow.",
        )
    foreign = [leaf.name.sql for leaf in relation.leaves if leaf.foreign]
    if foreign and relation.kind != "f":
        yield (
            f"{table} has foreign partitions: {', '.join(foreign)}.",
            "Their rows are on another server, where no trigger of this one fires.",
        )
    if relation.access_method not in (None, "heap"):
        yield f"{table} uses the access method {relation.access_method}.", "The sweep walks heap blocks."
    if relation.update_rules:
        yield (
            f"{table} has rules ON UPDATE: {', '.join(map(quote, relation.update_rules))}.",
            "A rule rewrites our statements as well. Use a trigger in its place.",
        )
    yield from _limits(snapshot)


def _limits(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    relation, table = snapshot.relation, snapshot.table
    if relation.typed:
        yield f"{table} is a typed table (CREATE TABLE OF).", "Its columns are those of the type: ALTER TYPE."
    if relation.attributes >= _MOST_COLUMNS:
        yield (
            f"{table} has {relation.attributes} columns, of which {len(snapshot.columns)} are not dropped.",
            f"PostgreSQL allows {_MOST_COLUMNS} and counts dropped ones, until the table is made anew.",
        )
    if relation.unidentified:
        names = ", ".join(map(str, relation.unidentified[:_NAMED]))
        yield (
            f"PostgreSQL refuses every UPDATE of {names}: published, and without replica identity.",
            f"ALTER TABLE {relation.unidentified[0]} REPLICA IDENTITY FULL, or give it a primary key.",
        )


def _column(snapshot: Snapshot, column: Column) -> Iterator[tuple[str, str]]:
    name, table = quote(column.name), snapshot.table
    relation = snapshot.relation
    if column.name in relation.partition_keys:
        yield f"{name} is a partition key of {table}.", "Rows would have to move between partitions."
    if column.generated:
        yield f"{name} is a generated column.", "Its values cannot be written; change its expression instead."
    if column.identity:
        yield f"{name} is an identity column.", "There is no recipe yet that hands its sequence over."
    yield from _indexes(snapshot, column)
    for constraint in snapshot.constraints:
        if constraint.kind == "f" and ", PERIOD " in constraint.definition and _in(constraint, column):
            yield (
                f"{name} is part of the temporal foreign key {quote(constraint.name)}.",
                "PostgreSQL cannot add one without a scan under a lock that stops all writes.",
            )
        if constraint.inbound and column.name in constraint.columns:
            yield (
                f"{constraint.table} refers to {name} by foreign key {quote(constraint.name)}.",
                "There is no recipe yet that moves a reference to the new column.",
            )


def _in(constraint: Constraint, column: Column) -> bool:
    return column.name in (constraint.other_columns if constraint.inbound else constraint.columns)


def _indexes(snapshot: Snapshot, column: Column) -> Iterator[tuple[str, str]]:
    name, table = quote(column.name), snapshot.table
    for index in snapshot.indexes:
        if column.name not in index.columns:
            continue
        if index.primary:
            yield (
                f"{name} is part of the primary key of {table}.",
                "There is no recipe yet that exchanges a primary key and what refers to it.",
            )
        if index.exclusion:
            yield (
                f"{name} is part of the exclusion constraint {quote(index.name)}.",
                "PostgreSQL cannot build one without a lock that stops all writes.",
            )
        if index.replica_identity:
            yield (
                f"{quote(index.name)} is the replica identity of {table}.",
                "Choose another one first: ALTER TABLE ... REPLICA IDENTITY.",
            )
        if index.unique and snapshot.relation.partitioned:
            yield (
                f"{name} is part of the unique index {quote(index.name)} of a partitioned table.",
                "There is no recipe yet that builds its twin without stopping writes.",
            )
