"""The statements of a copy whose values are computed outside of the server, each in full. Pure.

A row is known by its place and its version (ctid and xmin): as long as both are what they were when it was
read, it holds what was read. The pair names it within one file of the relation and one life of the server,
which `mine` and the chunk's incarnation see to.
"""

from dataclasses import dataclass

from expandcontract.model.names import quote
from expandcontract.model.step import Transformation
from expandcontract.sweep.statements import (
    COST,
    EQ,
    GE,
    LT,
    PLUS,
    checkpoint,
    end_of_mine,
    filenode,
    hot,
    key,
    mine,
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
    return f"""
SELECT t.ctid AS place, t.xmin AS version, {key(action)}::pg_catalog.text AS key, t.{action.old} AS old
FROM ONLY {relation} t
WHERE t.ctid >= $1 AND t.ctid < $2 AND ({action.wanted})
ORDER BY t.ctid
LIMIT $3::pg_catalog.int8
""".strip()


def _fill(action: Transformation, relation: str, schema: str) -> str:
    """$1 chunk, $2 token, $3 places, $4 versions, $5 values, $6, $7 first and end of their blocks, $8 rows at
    most, $9 what throttles, $10 next block if all are written.
    """
    # A row that somebody has locked is skipped. One that was written since it was read has another version,
    # or is filled: it is left to whoever wrote it, and looked at again. Pages are scanned first, which prunes
    # them where the pass before has moved rows away: to fetch a row by its place does not.
    return f"""
WITH {mine(relation, schema, writes=True)},
scanned AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows FROM ONLY {relation} t
  WHERE t.ctid {GE} $6 AND t.ctid {LT} {end_of_mine("$7")}
),
computed AS MATERIALIZED (
  SELECT * FROM ROWS FROM (
    pg_catalog.unnest($3::pg_catalog.tid[]), pg_catalog.unnest($4::pg_catalog.xid[]),
    pg_catalog.unnest($5::{action.type}[])
  ) AS v (place, version, value)
),
chosen AS MATERIALIZED (
  SELECT t.ctid, computed.version, computed.value
  FROM computed JOIN ONLY {relation} t ON t.ctid {EQ} computed.place AND t.xmin {EQ} computed.version
  WHERE ({action.wanted}) AND (SELECT scanned.rows FROM scanned) {GE} 1
  FOR NO KEY UPDATE OF t SKIP LOCKED
),
updated AS (
  UPDATE ONLY {relation} t
  SET {action.new} = chosen.value
  FROM chosen
  WHERE t.ctid {EQ} chosen.ctid AND t.xmin {EQ} chosen.version AND ({action.wanted})
  RETURNING chosen.ctid
),
written AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows FROM updated
)
UPDATE {quote(schema)}.chunk c
SET {checkpoint()},
    batch = $8, throttled_by = $9,
    rows = c.rows {PLUS} written.rows,
    hot_rows = c.hot_rows {PLUS} {hot(relation)},
    next_block = CASE WHEN written.rows {EQ} pg_catalog.cardinality($3) THEN COALESCE($10, c.next_block)
                      ELSE c.next_block END
FROM mine, written
WHERE c.id {EQ} mine.id
RETURNING written.rows AS written, (SELECT pg_catalog.count(*) FROM chosen) AS locked, {COST}
""".strip()


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
