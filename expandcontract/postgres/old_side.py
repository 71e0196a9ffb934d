"""What the old column got since the plan was made: nothing of it is on the new one."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.names import quote
from expandcontract.postgres.query import rows


@dataclass(frozen=True)
class Planned:
    """What the old column had when the plan was made: the names of its indexes, its constraints with their
    definitions (None where it is not known), its default and whether it was NOT NULL.
    """

    indexes: frozenset[str] = frozenset()
    constraints: Mapping[str, str | None] = field(default_factory=dict)
    default: str | None = None
    not_null: bool = False


@dataclass(frozen=True)
class OldSide:
    """The old column of a change, with what it had when the plan was made."""

    change_id: int
    relation: int
    column: str
    planned: Planned


#: $1 changes, $2 tables, $3 columns. An index that a constraint stands on is told as that. Ours begin with
#: `~ec_`.
_NOW = """
WITH site AS (
    SELECT u.change, u.relation, a.attnum, a.attnotnull
    FROM ROWS FROM (
        pg_catalog.unnest($1::int8[]), pg_catalog.unnest($2::oid[]), pg_catalog.unnest($3::text[])
    ) u(change, relation, name)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = u.relation AND a.attname = u.name AND NOT a.attisdropped
)
SELECT s.change, 'constraint', k.conname::text, pg_catalog.pg_get_constraintdef(k.oid)
FROM site s
JOIN pg_catalog.pg_constraint k ON k.conrelid = s.relation AND k.contype <> 'n' AND s.attnum = ANY (k.conkey)
    OR k.confrelid = s.relation AND s.attnum = ANY (k.confkey)
WHERE k.conname NOT LIKE '~ec\\_%' AND k.conparentid = 0
UNION
SELECT s.change, 'index', c.relname::text, NULL
FROM site s
JOIN pg_catalog.pg_index i ON i.indrelid = s.relation
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid AND c.relname NOT LIKE '~ec\\_%'
WHERE (s.attnum = ANY (i.indkey::int2[]) OR EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = i.indexrelid
          AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
          AND d.refobjid = s.relation AND d.refobjsubid = s.attnum))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k
                  WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
UNION
SELECT s.change, 'not null', '', NULL FROM site s WHERE s.attnotnull
UNION
SELECT s.change, 'default', '', pg_catalog.pg_get_expr(d.adbin, d.adrelid)
FROM site s JOIN pg_catalog.pg_attrdef d ON d.adrelid = s.relation AND d.adnum = s.attnum
ORDER BY 1, 2, 3
"""


async def came_later(conn: AsyncConnection, sides: Sequence[OldSide]) -> defaultdict[int, list[str]]:
    """Return, by change, what the old column has and the plan does not know. One query."""
    planned = {side.change_id: side.planned for side in sides}
    found: defaultdict[int, list[str]] = defaultdict(list)
    arguments = ([s.change_id for s in sides], [s.relation for s in sides], [s.column for s in sides])
    for change, kind, name, definition in await rows(conn, _NOW, *arguments):
        if not _known(planned[change], kind, name, definition):
            found[change].append(_named(kind, name, definition))
    return found


def _known(planned: Planned, kind: str, name: str, definition: str | None) -> bool:
    match kind:
        case "index":
            return name in planned.indexes
        case "constraint":
            before = planned.constraints.get(name, "")
            # VALIDATE takes the last words away.
            return before is None or before.removesuffix(" NOT VALID") == str(definition).removesuffix(
                " NOT VALID"
            )
        case "not null":
            return planned.not_null
        case _:
            return definition == planned.default


def _named(kind: str, name: str, definition: str | None) -> str:
    match kind:
        case "index":
            return f"index {quote(name)}"
        case "constraint":
            return f"constraint {quote(name)} {definition}"
        case "not null":
            return "NOT NULL"
        case _:
            return f"default {definition}"
