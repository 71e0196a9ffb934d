"""Small statements on tables, columns and constraints, each with the lock that it takes."""

from collections.abc import Sequence

from expandcontract.model.names import RelationName, literal, quote, shorten
from expandcontract.model.step import Concurrent, Lock, LockMode, OnTable, Step, Transactional


def locks(mode: LockMode, *tables: RelationName) -> tuple[Lock, ...]:
    """Return one lock for each table, in the order given, each table once."""
    return tuple(Lock(name, mode) for name in dict.fromkeys(table.sql for table in tables))


def access_exclusive(*tables: RelationName) -> tuple[Lock, ...]:
    """Blocks readers and writers: only for statements that are instant."""
    return locks(LockMode.ACCESS_EXCLUSIVE, *tables)


def validate(id_: str, table: RelationName, constraint: str) -> Step:
    """Scan for rows that break a constraint, while reads and writes go on (SHARE UPDATE EXCLUSIVE)."""
    return Step(
        id_,
        "=",
        f"check all rows against {quote(constraint)}",
        Transactional(
            (OnTable(f"ALTER TABLE {table.sql} VALIDATE CONSTRAINT {quote(constraint)}", table.sql),),
            locks(LockMode.SHARE_UPDATE_EXCLUSIVE, table),
            patient=True,
        ),
        by_size=True,
    )


def drop_constraint(table: RelationName, name: str) -> str:
    """Return what takes a constraint back, whether or not it is there."""
    return OnTable(f"ALTER TABLE {table.sql} DROP CONSTRAINT IF EXISTS {quote(name)}", table.sql)


def not_null(  # noqa: PLR0913 - what a NOT NULL may be
    table: RelationName,
    column: str,
    name: str,
    server_version: int,
    *,
    valid: bool = True,
    inherited: bool = True,
    comment: str | None = None,
) -> tuple[Step, ...]:
    """Make a filled column NOT NULL without a scan under a lock that stops anybody.

    From 18 on NOT NULL is a constraint that may be NOT VALID at first, or for good where `valid` is not
    given. Before, a valid CHECK spares SET NOT NULL its scan (12+). Without `inherited` children by
    inheritance may go on without a value.
    """
    adding = access_exclusive(table)
    only = "" if inherited else " NO INHERIT"
    sentence = f"new rows need a value in {quote(column)}"
    if server_version >= 180000:  # noqa: PLR2004 - server_version_num of 18.0
        add: tuple[str, ...] = (
            f"ALTER TABLE {table.sql} ADD CONSTRAINT {quote(name)} NOT NULL {quote(column)}{only} NOT VALID",
        )
        if comment is not None:
            add += (comment_on("CONSTRAINT", f"{quote(name)} ON {table.sql}", comment),)
        step = Step(
            f"not_null:{column}",
            "+",
            sentence,
            Transactional(add, adding),
            reverse=(f"ALTER TABLE {table.sql} ALTER COLUMN {quote(column)} DROP NOT NULL",),
        )
        return (step, validate(f"not_null:{column}:validate", table, name)) if valid else (step,)
    helper = quote(shorten(f"~ec_nn_{column}"))
    alter, one = f"ALTER TABLE {table.sql}", f"ALTER TABLE {'' if inherited else 'ONLY '}{table.sql}"
    # Of a composite value with a NULL in it IS NOT NULL is not true; SET NOT NULL is spared its scan by
    # this as well.
    check = f"{alter} ADD CONSTRAINT {helper} CHECK ({quote(column)} IS DISTINCT FROM NULL){only} NOT VALID"
    set_ = (f"{one} ALTER COLUMN {quote(column)} SET NOT NULL", f"{alter} DROP CONSTRAINT {helper}")
    return (
        Step(
            f"not_null:{column}",
            "+",
            sentence,
            Transactional((check,), adding),
            reverse=(drop_constraint(table, shorten(f"~ec_nn_{column}")),),
        ),
        validate(f"not_null:{column}:validate", table, shorten(f"~ec_nn_{column}")),
        Step(
            f"not_null:{column}:set",
            "~",
            f"{quote(column)} is NOT NULL; the helper constraint goes",
            Transactional(set_, adding),
            reverse=(f"ALTER TABLE {table.sql} ALTER COLUMN {quote(column)} DROP NOT NULL",),
        ),
    )


def create_index(table: RelationName, name: str, definition: str, *, unique: bool = False) -> Concurrent:
    """Build an index while reads and writes go on; waits for older snapshots."""
    index = RelationName(table.schema, name)
    return Concurrent(
        statement=f"CREATE {'UNIQUE ' if unique else ''}INDEX CONCURRENTLY {quote(name)} ON {table.sql} "
        f"USING {definition}",
        probe=index_probe(index, table, definition, unique=unique),
        repair=f"DROP INDEX CONCURRENTLY IF EXISTS {index.sql}",
        relation=table.sql,
        locks=locks(LockMode.SHARE_UPDATE_EXCLUSIVE, table),
    )


def index_probe(index: RelationName, table: RelationName, definition: str, *, unique: bool) -> str:
    """Return the query that tells whether an index is absent, done or broken, or its name taken.

    A name alone says nothing: another index may have it by now, of another table, over other columns, or one
    that is not unique. That one is neither ours to use nor to drop.
    """
    using = literal(f" USING {definition}")
    ours = (
        f"i.indrelid = pg_catalog.to_regclass({literal(table.sql)}) "
        f"AND {'' if unique else 'NOT '}i.indisunique "
        "AND pg_catalog.right(pg_catalog.pg_get_indexdef(i.indexrelid), "
        f"pg_catalog.length({using})) = {using}"
    )
    return (
        f"SELECT coalesce((SELECT CASE WHEN NOT coalesce({ours}, false) THEN 'taken' "
        "WHEN i.indisvalid THEN 'done' ELSE 'broken' END FROM pg_catalog.pg_class c "
        "LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid "
        f"WHERE c.oid = pg_catalog.to_regclass({literal(index.sql)})), 'absent')"
    )


def comment_on(kind: str, name: str, comment: str | None) -> str:
    """Return COMMENT ON."""
    return f"COMMENT ON {kind} {name} IS {'NULL' if comment is None else literal(comment)}"


def column_list(columns: Sequence[str]) -> str:
    """Return columns as a parenthesised list."""
    return "(" + ", ".join(quote(column) for column in columns) + ")"
