"""Unique indexes as rules: rows that are equal are looked for first, and contract builds the index.

An index that is being built refuses rows already. So nothing of it is there before contract, and where its
turn does not come about it is dropped again.
"""

from collections.abc import Sequence

from expandcontract.model.names import dollar_quote, literal, quote
from expandcontract.model.step import LockMode, OnTable, Step, Transactional
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.steps import indexes, tables
from expandcontract.steps.indexes import Standing
from expandcontract.steps.parts import Part

#: How many values are named.
_NAMED = 10


def look(snapshot: Snapshot, index: Standing, keys: Sequence[str], *, nulls_distinct: bool) -> Part:
    """Return what looks for rows that the index would refuse: it fails with how many there are, and names
    some by their primary key; values are nobody's business. `keys` are the columns and expressions of the
    index's key, as SQL.
    """
    name = _name_of_row(snapshot)
    conditions = [f"({index.predicate})"] if index.predicate is not None else []
    conditions += [f"({key}) IS DISTINCT FROM NULL" for key in keys] if nulls_distinct else []
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    equal = (
        f"SELECT pg_catalog.count(*) AS times, "
        f"pg_catalog.min({name}) || ' and ' || pg_catalog.max({name}) AS key "
        f"FROM {index.table.sql}{where} GROUP BY {', '.join(keys)} HAVING pg_catalog.count(*) > 1"
    )
    message = literal(f"More than one row has the same ({', '.join(keys)}): %s rows, %s of its values: %s%s")
    body = f"""DECLARE
    found record;
BEGIN
    SELECT pg_catalog.count(*) AS keys, pg_catalog.sum(times) AS rows,
           pg_catalog.string_agg(key, ', ' ORDER BY nth) FILTER (WHERE nth <= {_NAMED}) AS named INTO found
    FROM (SELECT times, key, pg_catalog.row_number() OVER (ORDER BY times DESC, key) AS nth
          FROM ({equal}) equal) listed;
    IF found.keys > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'unique_violation', MESSAGE = pg_catalog.format(
            {message},
            found.rows, found.keys, found.named, CASE WHEN found.keys > {_NAMED} THEN ', ...' END);
    END IF;
END"""
    return Part(verify=(_look(index, "look", f"rows that are equal in ({', '.join(keys)})", body),))


def _name_of_row(snapshot: Snapshot) -> str:
    if not snapshot.primary_key:
        return "('ctid=' || ctid::text || ' of ' || tableoid::pg_catalog.regclass::text)"
    parts = (f"{literal(quote(column) + '=')}, {quote(column)}" for column in snapshot.primary_key)
    listed = ", ' ', ".join(parts)
    return f"pg_catalog.concat({listed})"


def look_for_nulls(snapshot: Snapshot, index: Standing, columns: Sequence[str]) -> Part:
    """Return what looks for rows without a value in one of the columns, as SQL."""
    missing = " OR ".join(f"{column} IS NULL" for column in columns)
    message = literal(f"%s rows have no value in one of ({', '.join(columns)}), one of them %s")
    body = f"""DECLARE
    found record;
BEGIN
    SELECT pg_catalog.count(*) AS rows, pg_catalog.min({_name_of_row(snapshot)}) AS named INTO found
    FROM {index.table.sql} WHERE {missing};
    IF found.rows > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'not_null_violation',
            MESSAGE = pg_catalog.format({message}, found.rows, found.named);
    END IF;
END"""
    return Part(verify=(_look(index, "look:null", f"rows without a value in ({', '.join(columns)})", body),))


def _look(index: Standing, id_: str, what: str, body: str) -> Step:
    do = "DO " + dollar_quote(f"\n{body}\n")
    action = Transactional((do,), tables.locks(LockMode.ACCESS_SHARE, index.table), patient=True)
    return Step(id_, "=", f"look for {what}", action, by_size=True)


def bare(index: Standing) -> Part:
    """Return a unique index that contract builds; undo drops it."""
    return Part(
        before_contract=indexes.given_up(indexes.build(index), index),
        undo=(f"DROP INDEX IF EXISTS {index.sql}",),
        before_rollback=indexes.drop(index),
        enforces=(f"A row is refused that is equal to another in {quote(index.name)}: {index.definition}.",),
    )


def constraint(index: Standing, kind: str, columns: str, timing: str = "") -> Part:
    """Return a constraint of a `kind` (UNIQUE, PRIMARY KEY) whose index contract builds before its turn; undo
    drops it. `columns` is what is said of it where it has no index of its own, `timing` its DEFERRABLE.
    """
    parts = index.parts if index.leaves is not None else (index,)
    built = tuple(step for each in parts for step in indexes.given_up(indexes.build(each), each))
    add: tuple[str, ...] = tuple(
        OnTable(
            f"ALTER TABLE {each.table.sql} ADD CONSTRAINT {quote(each.name)} {kind} USING INDEX "
            f"{quote(each.name)}{timing}",
            each.table.sql,
        )
        for each in parts
    )
    if index.leaves is not None:
        # It adopts those of the partitions instead of building any.
        whole = f"ALTER TABLE {index.table.sql} ADD CONSTRAINT {quote(index.name)} {kind} {columns}{timing}"
        add = (_no_other(index), *add, whole)
    return Part(
        before_contract=built,
        contract=add,
        undo=(tables.drop_constraint(index.table, index.name),),
        before_rollback=tuple(step for each in parts for step in indexes.drop(each)),
        enforces=(f"A row is refused that is equal to another in {columns.removeprefix('NULLS ')}.",),
    )


def _no_other(index: Standing) -> str:
    """Return the statement that fails for a partition which came after the plan: its index would be built
    under the lock that stops everybody.
    """
    known = ", ".join(literal(leaf.sql) for leaf, _ in index.leaves or ())
    message = literal(f" came after the plan, and has no index for {quote(index.name)}")
    body = f"""DECLARE
    late text;
BEGIN
    SELECT pg_catalog.string_agg(p.relid::pg_catalog.regclass::text, ', ') INTO late
    FROM pg_catalog.pg_partition_tree({literal(index.table.sql)}) p
    WHERE p.isleaf AND NOT EXISTS (
        SELECT FROM pg_catalog.unnest(ARRAY[{known}]) known WHERE pg_catalog.to_regclass(known) = p.relid);
    IF late IS NOT NULL THEN
        RAISE EXCEPTION USING MESSAGE = late || {message},
            HINT = 'Roll the change back and start it again.';
    END IF;
END"""
    return "DO " + dollar_quote(f"\n{body}\n")
