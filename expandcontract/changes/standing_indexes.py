"""The indexes with rows of a table and its partitions, as they are there: what can be built anew."""

from collections.abc import Iterator
from dataclasses import dataclass

from expandcontract.model.names import RelationName, literal
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Answers
from expandcontract.postgres.descendants import tree

#: The indexes with storage of the table $1 and its partitions, or of one index, with whether REINDEX can do
#: them, and whether it left them behind itself.
_INDEXES = f"""
WITH RECURSIVE {tree("SELECT pg_catalog.to_regclass($1::pg_catalog.text)::pg_catalog.oid")},
wanted AS (
    SELECT i.indexrelid AS relation FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = pg_catalog.to_regclass($1::pg_catalog.text) AND c.relname = {{name}}
    UNION
    SELECT h.inhrelid FROM wanted w JOIN pg_catalog.pg_inherits h ON h.inhparent = w.relation
)
SELECT n.nspname::text, t.relname::text, c.relname::text, i.indisexclusion::text,
       (NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$')::text
FROM tree JOIN pg_catalog.pg_class t ON t.oid = tree.relation
JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
JOIN pg_catalog.pg_index i ON i.indrelid = t.oid
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i'
WHERE (t.relispartition OR t.oid = pg_catalog.to_regclass($1::pg_catalog.text))
  AND (NOT EXISTS (SELECT FROM wanted) OR i.indexrelid IN (SELECT relation FROM wanted)
       OR (NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$' AND EXISTS (
           SELECT FROM wanted w JOIN pg_catalog.pg_class x ON x.oid = w.relation
           JOIN pg_catalog.pg_index xi ON xi.indexrelid = w.relation AND xi.indrelid = i.indrelid
           WHERE pg_catalog.starts_with(x.relname::text,
               pg_catalog.regexp_replace(c.relname::text, '_cc(new|old)[0-9]*$', '')))))
ORDER BY 1, 2, 3
"""


@dataclass(frozen=True)
class StandingIndex:
    """An index of one table with rows. `exclusion` is one of a constraint that no build without a lock can
    make, `left` an invalid one that a REINDEX left behind.
    """

    table: RelationName
    name: str
    exclusion: bool
    left: bool


def asked(name: str) -> str:
    """Return the query for the index of that name with those of its partitions, or for all of the table."""
    return _INDEXES.format(name=literal(name))


def found(snapshot: Snapshot, answer: Answer) -> Iterator[StandingIndex]:
    """Return them. A trial knows its partitions by their bare names."""
    if not isinstance(answer, Answers):
        raise TypeError(f"The catalog was asked something else: {answer!r}")
    leaves = [leaf.name for leaf in snapshot.relation.leaves]
    for schema, table, name, exclusion, left in answer.rows:
        here = RelationName(str(schema), str(table))
        alike = [each for each in leaves if each.name == here.name]
        on = here if here in leaves else next(iter(alike), None)
        if on is not None:
            yield StandingIndex(on, str(name), exclusion == "true", left == "true")
