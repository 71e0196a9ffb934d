"""What foreign keys mean for rows that a change deletes: how many refer to them, and how they are found."""

from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.names import quote
from expandcontract.model.notes import Note
from expandcontract.model.plan import Plan
from expandcontract.model.step import Deletion, Purpose
from expandcontract.postgres.catalog import index as indexes
from expandcontract.postgres.catalog.constraint import Constraint
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.query import rows, value
from expandcontract.postgres.sqlstate import is_disconnect

_OID = "SELECT pg_catalog.to_regclass($1::text)::pg_catalog.oid::int8"


def keys(plan: Plan, snapshot: Snapshot) -> tuple[Constraint, ...]:
    """Return the foreign keys that refer to rows which the plan deletes."""
    if plan.pair is not None or not plan.copies or not isinstance(plan.sweep(Purpose.COPY)[2], Deletion):
        return ()
    return tuple(each for each in snapshot.constraints if each.inbound and each.kind == "f")


async def unindexed(conn: AsyncConnection, plan: Plan, snapshot: Snapshot) -> tuple[Note, ...]:
    """Return a hazard for each foreign key that no index finds rows by."""
    found = []
    for key in keys(plan, snapshot):
        oid = await value(conn, _OID, key.table.sql)
        if oid is not None and not any(_finds(key, each) for each in await indexes.load(conn, oid)):
            listed = ", ".join(map(quote, key.columns))
            found.append(
                Note.hazard(
                    "unindexed",
                    f"{key.table} refers to {plan.table} by {listed}, which no index there finds: each row "
                    "that is deleted reads that whole table.",
                    about=f"{key.table}.{key.name}",
                )
            )
    return tuple(found)


def _finds(key: Constraint, index: indexes.Index) -> bool:
    leading = set(index.key_columns[: len(key.columns)])
    return index.valid and " WHERE " not in index.definition and leading == set(key.columns)


async def counted(conn: AsyncConnection, plan: Plan, snapshot: Snapshot, wanted: str, sampled: str) -> str:
    """Return how many rows refer to those of the sample that would be deleted, in words; empty without any.

    `wanted` is a predicate over `t`, `sampled` what follows the table's name. The caller's transaction has a
    timeout.
    """
    said = []
    for key in keys(plan, snapshot):
        joined = " AND ".join(_joined(key))
        of = f"SELECT FROM {plan.table.sql} t{sampled} WHERE ({wanted}) AND {joined}"
        try:
            async with conn.begin_nested():
                query = f"SELECT count(*)::int8 FROM {key.table.sql} o WHERE EXISTS ({of})"
                ((number,),) = await rows(conn, query)
        except DBAPIError as error:
            if is_disconnect(error):
                raise
            said.append(f"those of {key.table} were not counted")
        else:
            said.append(f"{number:,} of {key.table}")
    return f" Rows that refer to them: {', '.join(said)}." if said else ""


def _joined(key: Constraint) -> Iterator[str]:
    for theirs, ours in zip(key.columns, key.other_columns, strict=True):
        yield f"o.{quote(theirs)} = t.{quote(ours)}"
