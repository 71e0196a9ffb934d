"""Triggers of the table, those of constraints left out."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.names import RelationName
from expandcontract.postgres.query import rows


@dataclass(frozen=True)
class Trigger:
    """A user trigger. `enabled` is pg_trigger.tgenabled; `uses` are columns that UPDATE OF or WHEN names."""

    name: str
    before: bool
    row: bool
    on_insert: bool
    on_update: bool
    enabled: str
    function: RelationName
    uses: tuple[str, ...]


#: The bits of tgtype are those of pg_trigger.h.
_TRIGGERS = """
SELECT t.tgname::text, t.tgtype & 2 <> 0, t.tgtype & 1 <> 0, t.tgtype & 4 <> 0, t.tgtype & 16 <> 0,
       t.tgenabled::text, n.nspname::text, p.proname::text,
       ARRAY(SELECT DISTINCT a.attname::text
             FROM pg_catalog.pg_depend d
             JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
             WHERE d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND d.objid = t.oid
               AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = t.tgrelid
               AND d.refobjsubid > 0
             ORDER BY 1)
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE t.tgrelid = $1 AND NOT t.tgisinternal
ORDER BY t.tgname
"""


async def load(conn: AsyncConnection, oid: int) -> tuple[Trigger, ...]:
    """Return the triggers of a table in the order of their names, in which PostgreSQL fires them."""
    return tuple(
        Trigger(name, before, row, on_insert, on_update, enabled, RelationName(schema, function), tuple(uses))
        for name, before, row, on_insert, on_update, enabled, schema, function, uses in await rows(
            conn, _TRIGGERS, oid
        )
    )
