"""The gates of contract, asked before and once more under the lock."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract import gates
from expandcontract.engine import situation as situations
from expandcontract.engine.context import Context
from expandcontract.ledger import event
from expandcontract.model.beside import moved_back
from expandcontract.model.errors import GateShut, Refused
from expandcontract.model.names import RelationName, quote
from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict
from expandcontract.postgres.owner_rights import foreign_owner
from expandcontract.postgres.query import rows


def require_open(situation: Situation, verdicts: Iterable[Verdict]) -> None:
    """Raise GateShut naming every gate that is shut, with its reason and what opens them, if only time."""
    shut = [verdict for verdict in verdicts if not verdict.open]
    if not shut:
        return
    reasons = "; ".join(f"{verdict.gate}: {verdict.reason}" for verdict in shut)
    raise GateShut(
        f"{situation.name} cannot be contracted: {', '.join(verdict.gate for verdict in shut)}.",
        why=reasons,
        state="Both sides stay in sync and in use." if situation.plan.pair else "Nothing was changed.",
        next=gates.next_line(situation, shut),
    )


async def keep(context: Context, situation: Situation, verdicts: Iterable[Verdict]) -> None:
    """Keep in the ledger what the gates said when they let contract begin."""
    said = [asdict(verdict) | {"next": ""} for verdict in verdicts]
    async with context.database.transaction() as conn:
        await event.write(
            conn,
            context.tables,
            "gates open",
            context.who,
            change_id=situation.change_id,
            data={"gates": said},
        )


def asks_for_table(names: str, relation: str) -> str:
    """Return, as two columns of SQL, which table has one of the names that the plan gives it (as SQL, a
    text[]), and the owner with whose rights it is to be worked on. It is `relation` (as SQL, an OID) where
    that has one of them.
    """
    found = f"""(
SELECT pg_catalog.to_regclass(name)::pg_catalog.oid
FROM pg_catalog.unnest({names}::pg_catalog.text[]) WITH ORDINALITY known (name, place)
WHERE pg_catalog.to_regclass(name) IS NOT NULL
ORDER BY pg_catalog.to_regclass(name)::pg_catalog.oid OPERATOR(pg_catalog.<>) {relation}::pg_catalog.oid,
         place
LIMIT 1)"""
    return f"{found}::pg_catalog.int8, {foreign_owner(found)}"


def asked_for_table(situation: Situation) -> tuple[list[str], int]:
    """Return the values for `asks_for_table`: the name of now comes first."""
    names = dict.fromkeys((situation.table, *situation.plan.tables))
    return [name.sql for name in names], situation.relation


async def require_table(conn: AsyncConnection, situation: Situation) -> None:
    """Raise what `refuse_another` raises."""
    query = f"SELECT {asks_for_table('$1', '$2')}"
    ((found, _),) = await rows(conn, query, *asked_for_table(situation))
    await refuse_another(conn, situation, found)


async def refuse_another(conn: AsyncConnection, situation: Situation, found: int | None) -> None:
    """Raise Refused when the plan's name means another table (`found`, an OID) than the one that the change
    was started on: statements name tables, and one that took a renamed table's place may have columns of the
    same names.
    """
    table = situation.table.sql
    if found is None:
        await _refuse_moved(conn, situation)
    if found is not None and found != situation.relation:
        raise Refused(
            f"{table} is another table than the one that {situation.name} was started on.",
            why="The other one was renamed, moved or dropped, and this one took its name.",
            state="Nothing of this step was done.",
            next="Give the tables their names back, then run the same command again.",
        )


async def _refuse_moved(conn: AsyncConnection, situation: Situation) -> None:
    """Raise Refused with the table's name of now, where it has another one than the plan's statements."""
    query = """SELECT n.nspname, c.relname FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        WHERE c.oid OPERATOR(pg_catalog.=) $1::pg_catalog.oid"""
    row = (await conn.exec_driver_sql(query, (situation.relation,))).first()
    if row is None:
        return
    was, now = situation.table, RelationName(row.nspname, row.relname)
    raise Refused(
        f"{was} is called {now} now.",
        why="Somebody renamed or moved it. The statements of the plan name it as it was called at start.",
        state="Nothing of this step was done."
        if situation.plan.pair is None
        else "Nothing of this step was done; both sides stay in sync.",
        next=f"{moved_back(was, now)}; then run the same command again. Once the change is over, rename it.",
    )


def refuse_last_copy(situation: Situation, staying: Sequence[str], next_: str) -> None:
    """Raise Refused when the side that would be left is not there any more: the other one is the last copy.

    `staying` are the columns that are left when the verb has done its work.
    """
    gone = [column for column in staying if column in situation.live.missing_columns]
    if situation.live.table_exists and gone:
        raise Refused(
            f"{situation.table} has no column {quote(gone[0])} any more: what would be dropped is the "
            "last copy of its values.",
            why="Somebody dropped or renamed it.",
            state="Nothing was dropped.",
            next=next_,
        )


async def recheck(conn: AsyncConnection, context: Context, name: str) -> None:
    """Ask the hard gates once more, in the transaction that holds the lock. Raises GateShut."""
    (situation,) = await situations.load_on(conn, context, [name])
    require_open(situation, (verdict for verdict in gates.judge_all(situation) if verdict.hard))
