"""Triggers of the table, and those that a leaf of it has by itself; those of constraints left out."""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.names import RelationName
from expandcontract.postgres.descendants import tree
from expandcontract.postgres.query import rows


@dataclass(frozen=True)
class Trigger:
    """A user trigger. `enabled` is pg_trigger.tgenabled; `uses` are columns that UPDATE OF or WHEN names.
    `update_of` says that there is an UPDATE OF, so that writing another column does not fire it. `child` is
    the partition or child table whose trigger it is, where it is not the table's. `language`, `source` and
    `arguments` are what its function is written in, its text, and what the trigger hands to it. `definition`
    is pg_get_triggerdef() in two parts, without the table's name between them, of those that name a column,
    `comment` their COMMENT ON TRIGGER.
    """

    name: str
    before: bool
    row: bool
    on_insert: bool
    on_update: bool
    enabled: str
    function: RelationName
    uses: tuple[str, ...]
    update_of: bool = False
    child: RelationName | None = None
    language: str = ""
    source: str = ""
    arguments: tuple[str, ...] = ()
    definition: tuple[str, ...] = ()
    comment: str | None = None


#: The bits of tgtype are those of pg_trigger.h. A partition's copy of its parent's trigger has a tgparentid.
#: Triggers of statements are for those who name their table: nobody names a partitioned one below the root.
_TRIGGERS = f"""
WITH RECURSIVE {tree()}
SELECT t.tgname::text,
       t.tgtype & 2 <> 0, t.tgtype & 1 <> 0, t.tgtype & 4 <> 0, t.tgtype & 16 <> 0,
       t.tgenabled::text, n.nspname::text, p.proname::text,
       ARRAY(SELECT DISTINCT a.attname::text
             FROM pg_catalog.pg_depend d
             JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
             WHERE d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND d.objid = t.oid
               AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = t.tgrelid
               AND d.refobjsubid > 0
             ORDER BY 1),
       pg_catalog.cardinality(t.tgattr::pg_catalog.int2[]) > 0,
       cn.nspname::text, c.relname::text, c.oid <> $1, l.lanname::text, p.prosrc, t.tgargs
FROM tree
JOIN pg_catalog.pg_trigger t ON t.tgrelid = tree.relation
JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace
JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE NOT t.tgisinternal
  AND (c.oid = $1 OR t.tgparentid = 0 AND (c.relkind <> 'p' OR t.tgtype & 1 <> 0))
ORDER BY c.oid <> $1, t.tgname, c.oid
"""


#: Of triggers that name a column.
_TEXTS = f"""
WITH RECURSIVE {tree()}
SELECT c.oid = $1, n.nspname::text, c.relname::text, t.tgname::text,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
       pg_catalog.pg_get_triggerdef(t.oid), pg_catalog.obj_description(t.oid, 'pg_trigger')
FROM tree
JOIN pg_catalog.pg_trigger t ON t.tgrelid = tree.relation AND NOT t.tgisinternal AND t.tgparentid = 0
JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE pg_catalog.cardinality(t.tgattr::pg_catalog.int2[]) > 0 OR t.tgqual IS NOT NULL
"""


async def load(conn: AsyncConnection, oid: int) -> tuple[Trigger, ...]:
    """Return the triggers of a table in the order of their names, in which PostgreSQL fires them; then those
    of its leaves.
    """
    texts = {}
    for own, schema, table, name, sql, definition, comment in await rows(conn, _TEXTS, oid):
        before, _, after = definition.partition(f" ON {sql} ")
        texts[None if own else RelationName(schema, table), name] = ((before, after), comment)
    loaded = (_trigger(*row) for row in await rows(conn, _TRIGGERS, oid))
    return tuple(
        _with_text(trigger, *texts.get((trigger.child, trigger.name), ((), None))) for trigger in loaded
    )


def _with_text(trigger: Trigger, definition: tuple[str, ...], comment: str | None) -> Trigger:
    return replace(trigger, definition=definition, comment=comment)


def arguments(stored: bytes) -> tuple[str, ...]:
    """Return what pg_trigger.tgargs holds: each argument ends in a zero byte."""
    return tuple(each.decode(errors="replace") for each in stored.split(b"\0")[:-1])


def _trigger(*row: Any) -> Trigger:  # noqa: ANN401 - a row of the catalog
    name, before, each, insert, update, enabled, schema, function, uses, of, *rest = row
    child_schema, child, is_child, language, source, handed = rest
    return Trigger(
        name,
        before,
        each,
        insert,
        update,
        enabled,
        RelationName(schema, function),
        tuple(uses),
        update_of=of,
        child=RelationName(child_schema, child) if is_child else None,
        language=language,
        source=source,
        arguments=arguments(bytes(handed)),
    )
