"""What the old side got since the plan was made: nothing of it is on the new one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from expandcontract.model.names import quote
from expandcontract.postgres.catalog.default import is_nothing
from expandcontract.postgres.query import for_each


@dataclass(frozen=True)
class Planned:
    """What the old side had when the plan was made: the names of its indexes, its constraints with their
    definitions (None where it is not known), and by column its default and whether it was NOT NULL.
    """

    indexes: frozenset[str] = frozenset()
    constraints: Mapping[str, str | None] = field(default_factory=dict)
    defaults: Mapping[str, str | None] = field(default_factory=dict)
    not_null: frozenset[str] = frozenset()


#: The name of each old column of a row of `asked`. With the limit the planner expects one, as there mostly
#: is, and not a hundred, for which it would sooner read whole catalogs.
EACH = "LATERAL (SELECT name FROM pg_catalog.unnest(u.olds) name LIMIT pg_catalog.cardinality(u.olds))"
_COLUMN = for_each("""
        SELECT a.attname, a.attnum, a.attnotnull FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = u.relation AND a.attname = o.name AND NOT a.attisdropped
""")
#: The old columns themselves, without those of partitions and children, over `asked`.
OWN = f"""
own AS (
    SELECT u.change, u.relation, a.attname, a.attnum, a.attnotnull
    FROM asked u
    CROSS JOIN {EACH} o
    CROSS JOIN {_COLUMN} a
    WHERE u.is_open
)
"""

#: What stands on each. An index that a constraint stands on is told as that. Ours begin with `~ec_`.
NOW = """
SELECT s.change, 'constraint' AS kind, k.conname::text AS name,
       pg_catalog.pg_get_constraintdef(k.oid) AS definition
FROM own s
JOIN pg_catalog.pg_constraint k ON k.conrelid = s.relation AND k.contype <> 'n' AND s.attnum = ANY (k.conkey)
    OR k.confrelid = s.relation AND s.attnum = ANY (k.confkey)
WHERE k.conname NOT LIKE '~ec\\_%' AND k.conparentid = 0
UNION
SELECT s.change, 'index', c.relname::text, NULL
FROM own s
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
SELECT s.change, 'not null', s.attname::text, NULL FROM own s WHERE s.attnotnull
UNION
SELECT s.change, 'default', s.attname::text, pg_catalog.pg_get_expr(d.adbin, d.adrelid)
FROM own s JOIN pg_catalog.pg_attrdef d ON d.adrelid = s.relation AND d.adnum = s.attnum
ORDER BY 1, 2, 3
"""


def came_later(planned: Planned, standing: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Pure. Return what of `standing`, rows of NOW, the plan does not know."""
    return tuple(
        _named(planned, row["kind"], row["name"], row["definition"])
        for row in standing
        if not _known(planned, row["kind"], row["name"], row["definition"])
    )


def went(planned: Planned, standing: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Pure. Return what the plan knows and `standing`, rows of NOW, does not have any more."""
    there = {(row["kind"], row["name"]) for row in standing}
    constraints = [name for name in planned.constraints if ("constraint", name) not in there]
    bare = planned.indexes - set(planned.constraints)
    indexes = [name for name in sorted(bare) if ("index", name) not in there]
    return (
        *(f"constraint {quote(name)}" for name in sorted(constraints) if not name.startswith("~ec_")),
        *(f"index {quote(name)}" for name in indexes if not name.startswith("~ec_")),
        *(
            _named(planned, "not null", name, None)
            for name in sorted(planned.not_null)
            if ("not null", name) not in there
        ),
    )


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
            return name in planned.not_null
        case _:
            return definition == planned.defaults.get(name) or (
                definition is not None and is_nothing(definition)
            )


def _named(planned: Planned, kind: str, name: str, definition: str | None) -> str:
    whose = f" of {quote(name)}" if len(planned.defaults) > 1 else ""
    match kind:
        case "index":
            return f"index {quote(name)}"
        case "constraint":
            return f"constraint {quote(name)} {definition}"
        case "not null":
            return f"NOT NULL{whose}"
        case _:
            return f"default {definition}{whose}"
