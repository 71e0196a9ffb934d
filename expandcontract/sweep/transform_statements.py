"""The statements of a copy whose values are computed outside of the server, each in full. Pure.

As in `statements`, every operator is named with its schema: rows are read and written under the search_path
of the role, for the sake of what the user's expressions and triggers call.

A row is known by its place and its version (ctid and xmin): as long as both are what they were when it was
read, it holds what was read. The pair names it within one file of the relation and one life of the server,
which `mine` and the chunk's incarnation see to.
"""

from dataclasses import dataclass

from expandcontract.model.names import qualify_type, quote
from expandcontract.model.step import RowTransformation, Transformation
from expandcontract.sweep.statements import (
    COST,
    EQ,
    GE,
    LT,
    PLUS,
    before,
    checkpoint,
    end_of_mine,
    exchanged,
    filenode,
    hot,
    key,
    mine,
    replaced,
)


@dataclass(frozen=True)
class TransformStatements:
    """`read` gives rows that are not filled; `fill` writes values; `skip` keeps in the ledger which rows have
    none.
    """

    read: str
    fill: str
    skip: str


def render(action: Transformation, relation: str, schema: str) -> TransformStatements:
    """Return the statements for one leaf: `relation` is its name as SQL, `schema` that of the ledger."""
    return TransformStatements(
        _read(action, relation), _fill(action, relation, schema), _skip(relation, schema)
    )


def file_of(relation: str) -> str:
    """Return the query for the file in which the relation's rows are."""
    return f"SELECT {filenode(relation)}"


def _read(action: Transformation, relation: str) -> str:
    """$1, $2 first and end of the blocks, as tid, $3 rows at most."""
    read = ", ".join(f"t.{column}" for column in action.reads)
    return f"""
SELECT t.ctid, t.xmin, {key(action)}::pg_catalog.text, {read}
FROM ONLY {relation} t
WHERE t.ctid {GE} $1 AND t.ctid {LT} $2 AND ({action.wanted})
ORDER BY t.ctid
LIMIT $3::pg_catalog.int8
""".strip()


def _fill(action: Transformation, relation: str, schema: str) -> str:
    """$1 chunk, $2 token, $3 places, $4 versions, $5, $6 first and end of their blocks, $7 rows at most, $8
    what throttles, $9 next block if all are written, from $10 on values, column by column.
    """
    # A row that somebody has locked is skipped. One that was written since it was read has another version,
    # or is filled: it is left to whoever wrote it, and looked at again. Pages are scanned first, which prunes
    # them where the pass before has moved rows away: to fetch a row by its place does not.
    made = [f"value_{number}" for number in range(1, len(action.writes) + 1)]
    arrays = ", ".join(
        f"pg_catalog.unnest(${at}::{qualify_type(type_)}[])"
        for at, (_, type_) in enumerate(action.writes, 10)
    )
    values = ", ".join(f"computed.{value}" for value in made)
    assignments = ", ".join(
        f"{column} = chosen.{value}" for (column, _), value in zip(action.writes, made, strict=True)
    )
    rows = _of_rows(action, schema)
    return f"""
WITH {mine(relation, schema, writes=True)},
scanned AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows FROM ONLY {relation} t
  WHERE t.ctid {GE} $5 AND t.ctid {LT} {end_of_mine("$6")}
),
computed AS MATERIALIZED (
  SELECT * FROM ROWS FROM (
    pg_catalog.unnest($3::pg_catalog.tid[]), pg_catalog.unnest($4::pg_catalog.xid[]),
    {arrays}
  ) AS v (place, version, {", ".join(made)})
),
chosen AS MATERIALIZED (
  SELECT t.ctid, computed.version, {values}{rows.chosen}
  FROM computed JOIN ONLY {relation} t ON t.ctid {EQ} computed.place AND t.xmin {EQ} computed.version
  WHERE ({action.wanted}) AND (SELECT scanned.rows FROM scanned) {GE} 1
  FOR NO KEY UPDATE OF t SKIP LOCKED
),
updated AS (
  UPDATE ONLY {relation} t
  SET {assignments}
  FROM chosen
  WHERE t.ctid {EQ} chosen.ctid AND t.xmin {EQ} chosen.version AND ({action.wanted}){rows.fit}
  RETURNING {rows.updated}
),
written AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows FROM updated
){replaced(action, schema)}
UPDATE {quote(schema)}.chunk c
SET {checkpoint()},
    batch = $7, throttled_by = $8,
    rows = c.rows {PLUS} written.rows,
    hot_rows = c.hot_rows {PLUS} {hot(relation)},
    next_block = CASE WHEN written.rows {EQ} pg_catalog.cardinality($3) THEN COALESCE($9, c.next_block)
                      ELSE c.next_block END
FROM mine, written
WHERE c.id {EQ} mine.id
RETURNING written.rows AS written, {rows.returned}, {COST}
""".strip()


@dataclass(frozen=True)
class _OfRows:
    """What a statement has beside that of a pair where whole rows are transformed."""

    chosen: str = ""
    fit: str = ""
    updated: str = "chosen.ctid"
    returned: str = "(SELECT pg_catalog.count(*) FROM chosen) AS locked"


def _of_rows(action: Transformation, schema: str) -> _OfRows:
    if not isinstance(action, RowTransformation):
        return _OfRows()
    # `again` are the places of rows that would be wanted once more: they are not written.
    held = f", {before(action, schema)}" if action.keeps else ""
    return _OfRows(
        f",\n         ({action.again}) IS TRUE AS again{held}",
        " AND NOT chosen.again",
        exchanged(action, schema) if action.keeps else "chosen.ctid",
        "(SELECT pg_catalog.count(*) FROM chosen WHERE NOT chosen.again) AS locked,\n"
        "  (SELECT pg_catalog.array_agg(chosen.ctid) FROM chosen WHERE chosen.again) AS again",
    )


def _skip(relation: str, schema: str) -> str:
    """$1 chunk, $2 token, $3 keys, $4 sentences, $5 next block, or NULL."""
    return f"""
WITH {mine(relation, schema)},
kept AS (
  INSERT INTO {quote(schema)}.conflict (change_id, kind, key, role, sentence)
  SELECT mine.change_id, 'transform', v.key::pg_catalog.jsonb, CURRENT_USER, v.sentence
  FROM mine, ROWS FROM (
    pg_catalog.unnest($3::pg_catalog.text[]), pg_catalog.unnest($4::pg_catalog.text[])
  ) AS v (key, sentence)
  WHERE NOT EXISTS (
    SELECT FROM {quote(schema)}.conflict known
    WHERE known.change_id = mine.change_id AND known.kind = 'transform'
      AND known.key = v.key::pg_catalog.jsonb AND known.sentence = v.sentence
  )
)
UPDATE {quote(schema)}.chunk c
SET {checkpoint()},
    mismatches = c.mismatches {PLUS} pg_catalog.cardinality($3),
    next_block = COALESCE($5, c.next_block)
FROM mine
WHERE c.id {EQ} mine.id
RETURNING c.id
""".strip()
