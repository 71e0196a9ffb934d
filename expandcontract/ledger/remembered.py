"""What the ledger remembers of how a change was made, against how it stands now."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger.tables import Tables
from expandcontract.model.phases import State
from expandcontract.model.situation import Lost, Situation
from expandcontract.postgres.query import rows


@dataclass(frozen=True)
class Difference:
    """What is not as it was made: `altered` of what keeps the hidden side current, `lost` of the new side."""

    altered: tuple[str, ...] = ()
    lost: tuple[Lost, ...] = ()


async def differences(
    conn: AsyncConnection, tables: Tables, situations: Sequence[Situation]
) -> dict[int, Difference]:
    """Return it by id for the changes that are hidden or ready: one query, without any right on tables."""
    asked = [each for each in situations if each.state == State.HIDDEN or each.ready]
    query = (
        "SELECT u.id, "
        f"CASE WHEN u.ready THEN '{{}}' ELSE {tables.qualified('sync_altered')}(u.id, u.attempt) END, "
        f"CASE WHEN u.ready THEN {tables.qualified('new_side_lost')}(u.id, u.attempt) ELSE '[]' END "
        "FROM ROWS FROM (pg_catalog.unnest($1::int8[]), pg_catalog.unnest($2::int4[]), "
        "pg_catalog.unnest($3::bool[])) u(id, attempt, ready)"
    )
    arguments = ([a.change_id for a in asked], [a.attempt for a in asked], [a.ready for a in asked])
    found = await rows(conn, query, *arguments)
    return {
        id_: Difference(tuple(altered), tuple(Lost(kind, name) for kind, name in lost))
        for id_, altered, lost in found
    }
