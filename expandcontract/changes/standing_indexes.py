"""The indexes with rows of a table and its partitions, as they are there: what can be built anew."""

from collections.abc import Iterator
from dataclasses import dataclass

from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.names import RelationName, literal, quote
from expandcontract.model.notes import Note
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Answers
from expandcontract.postgres.descendants import tree
from expandcontract.postgres.leftovers import LABELLED, is_copy
from expandcontract.steps import reindexing
from expandcontract.steps.parts import Part

#: The indexes with storage of the table $1 and its partitions, or of one index, those of their TOAST tables
#: where that is {toast}: the table, where the index lies, and whether REINDEX can do it; of one that it left
#: behind, of which it is a copy.
_INDEXES = f"""
WITH RECURSIVE {tree("SELECT pg_catalog.to_regclass($1::pg_catalog.text)::pg_catalog.oid")},
wanted AS (
    SELECT i.indexrelid AS relation FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = pg_catalog.to_regclass($1::pg_catalog.text) AND c.relname = {{name}}
    UNION
    SELECT h.inhrelid FROM wanted w JOIN pg_catalog.pg_inherits h ON h.inhparent = w.relation
),
kept AS (
    SELECT t.oid AS relation, t.oid AS rows_of FROM tree JOIN pg_catalog.pg_class t ON t.oid = tree.relation
    WHERE t.relispartition OR t.oid = pg_catalog.to_regclass($1::pg_catalog.text)
    UNION ALL
    SELECT t.reltoastrelid, t.oid FROM tree JOIN pg_catalog.pg_class t ON t.oid = tree.relation
    WHERE {{toast}} AND t.reltoastrelid <> 0::pg_catalog.oid
      AND (t.relispartition OR t.oid = pg_catalog.to_regclass($1::pg_catalog.text))
),
standing AS (
    SELECT kept.rows_of, i.indexrelid, i.indrelid, i.indisexclusion, c.relname::text AS name, (
        SELECT o.indexrelid FROM pg_catalog.pg_index o JOIN pg_catalog.pg_class oc ON oc.oid = o.indexrelid
        WHERE {is_copy("i", "o")} AND c.relname ~ '{LABELLED}'
          AND pg_catalog.starts_with(oc.relname::text,
              pg_catalog.regexp_replace(c.relname::text, '{LABELLED}', ''))
        ORDER BY o.indisvalid DESC, o.indexrelid LIMIT 1) AS copy_of
    FROM kept JOIN pg_catalog.pg_index i ON i.indrelid = kept.relation
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i'
)
SELECT n.nspname::text, t.relname::text, m.nspname::text, k.relname::text, s.name, s.indisexclusion::text,
       coalesce(o.relname::text, '')
FROM standing s JOIN pg_catalog.pg_class t ON t.oid = s.rows_of
JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
JOIN pg_catalog.pg_class k ON k.oid = s.indrelid JOIN pg_catalog.pg_namespace m ON m.oid = k.relnamespace
LEFT JOIN pg_catalog.pg_class o ON o.oid = s.copy_of
WHERE NOT EXISTS (SELECT FROM wanted) OR s.indexrelid IN (SELECT relation FROM wanted)
   OR s.copy_of IN (SELECT relation FROM wanted)
ORDER BY 1, 2, 3, 4, 5
"""


@dataclass(frozen=True)
class StandingIndex:
    """An index of one table with rows, or of its TOAST table. `exclusion` is one of a constraint that no
    build without a lock can make; `copy_of` names the index of which it is the copy that a REINDEX left.
    """

    table: RelationName
    name: str
    exclusion: bool
    copy_of: str


def asked(name: str, *, toast: bool = False) -> str:
    """Return the query for the index of that name with those of its partitions, or for all of the table, with
    those of its TOAST tables where that is wanted.
    """
    return _INDEXES.format(name=literal(name), toast=str(toast).lower())


def found(snapshot: Snapshot, answer: Answer) -> Iterator[StandingIndex]:
    """Return them. A trial knows its partitions by their bare names, and has no TOAST tables of those."""
    if not isinstance(answer, Answers):
        raise TypeError(f"The catalog was asked something else: {answer!r}")
    leaves = [leaf.name for leaf in snapshot.relation.leaves]
    for schema, table, own_schema, own, name, exclusion, copy_of in answer.rows:
        here = RelationName(str(schema), str(table))
        alike = [each for each in leaves if each.name == here.name]
        on = here if here in leaves else next(iter(alike), None)
        if on is None:
            continue
        toast = (str(own_schema), str(own)) != (here.schema, here.name)
        if toast:
            on = RelationName(str(own_schema) if on == here else on.schema, str(own))
        yield StandingIndex(on, str(name), exclusion == "true", str(copy_of))


def part(snapshot: Snapshot, index: StandingIndex, *, of_the_table: bool) -> Part:
    """Return what builds one anew, or drops what a REINDEX left of it. Raises UnsupportedShape for one of an
    exclusion constraint; of a whole table that is left out.
    """
    name = quote(index.name)
    if index.copy_of:
        note = Note(
            "leftover",
            f"{name} is an invalid copy of {quote(index.copy_of)}, left by a REINDEX that failed: it is "
            "dropped first.",
        )
        step = reindexing.leftover(index.table, index.name, index.copy_of, "before")
        return Part(backfill=(step,), notes=(note,))
    if not index.exclusion:
        return Part(
            backfill=reindexing.rebuild(index.table, index.name),
            before_rollback=reindexing.leftovers(index.table, index.name),
        )
    if of_the_table:
        return Part(notes=(Note("exclusion", f"{name}, an exclusion constraint's, is left as it is."),))
    raise UnsupportedShape(
        f"{name} is the index of an exclusion constraint of {snapshot.table}.",
        why="PostgreSQL builds it only under a lock that stops all writes.",
        state="Nothing was changed.",
        next=f"REINDEX INDEX {name} when nobody writes",
    )
