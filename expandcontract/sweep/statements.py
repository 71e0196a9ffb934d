"""The statements of a sweep, each in full. Pure.

What differs between two executions is a parameter, so that what a plan prints is what the server logs.

Every statement that writes begins with `mine`: it locks the chunk's row, and is empty when another worker
has the chunk now or when the relation was rewritten. Nothing is read or written then. It runs after the
statement has its lock on the relation, so that the filenode stays what it is. Rows and checkpoint are one
statement: they commit together or not at all, whether or not the commit waits for the disk.
"""

from dataclasses import dataclass

from expandcontract.ledger.chunk import INCARNATION
from expandcontract.model.names import literal, quote, split
from expandcontract.model.plan import Purpose, Sweep

#: For how long a chunk belongs to a worker of whom nothing is heard.
LEASE = "INTERVAL '10 seconds'"
#: How many rows of a chunk are named when they do not match.
SAMPLES = 10

#: A batch reads a run of blocks and nothing else, whatever the statistics say of the table, and is too
#: short for the JIT compiler. A client that stops in the middle of a transaction must not keep its row
#: locks: the server ends the session.
SETTINGS = f"""
SELECT pg_catalog.set_config('enable_seqscan', 'off', true),
       pg_catalog.set_config('jit', 'off', true),
       pg_catalog.set_config('idle_in_transaction_session_timeout', '1000', true),
       {INCARNATION} AS incarnation
""".strip()


@dataclass(frozen=True)
class CopyStatements:
    """`look` counts what there is to do, `share` writes one pass' share of it, `rest` whatever is left."""

    look: str
    share: str
    rest: str


@dataclass(frozen=True)
class SliceStatements:
    """`slice` compares or keeps the rows of a run of blocks; `samples` names those that do not match."""

    slice: str
    samples: str | None


def render(action: Sweep, relation: str, schema: str) -> CopyStatements | SliceStatements:
    """Return the statements for one leaf: `relation` is its name as SQL, `schema` that of the ledger."""
    match action.purpose:
        case Purpose.COPY:
            return copy(action, relation, schema)
        case Purpose.COMPARE | Purpose.KEEP:
            return slices(action, relation, schema)


def copy(action: Sweep, relation: str, schema: str) -> CopyStatements:
    """Return the statements that write `action.assignments` where `action.wanted` holds."""
    return CopyStatements(
        _look(action, relation), _share(action, relation, schema), _rest(action, relation, schema)
    )


def slices(action: Sweep, relation: str, schema: str) -> SliceStatements:
    """Return the statements that compare rows, or keep their values in the ledger."""
    if action.purpose == Purpose.KEEP:
        return SliceStatements(_keep(action, relation, schema), None)
    return SliceStatements(_compare(action, relation, schema), _samples(action, relation, schema))


def _look(action: Sweep, relation: str) -> str:
    """$1, $2 first and end of the blocks, as tid."""
    return f"""
SELECT pg_catalog.count(*) AS rows,
       pg_catalog.count(*) FILTER (WHERE {action.wanted}) AS wanted,
       pg_catalog.min(t.ctid) FILTER (WHERE {action.wanted}) AS first,
       pg_catalog.max(t.ctid) FILTER (WHERE {action.wanted}) AS last,
       {_filenode(relation)} AS filenode
FROM ONLY {relation} t
WHERE t.ctid >= $1 AND t.ctid < $2
""".strip()


def _share(action: Sweep, relation: str, schema: str) -> str:
    """$1 chunk, $2 token, $3, $4 blocks, $5 rows at most, $6 what throttles, $7 passes, $8 which of them."""
    # The low byte of the row's place on its page, the last byte that tid sends. Passes divide 256, so that
    # the shares are even.
    share = "AND pg_catalog.get_byte(pg_catalog.tidsend(t.ctid), 5) % $7 = $8"
    return f"""
WITH {_mine(relation, schema, hot=True)},
{_chosen(action, relation, share)},
{_overwritten(action, schema)}{_written(action, relation)}
UPDATE {_chunk(schema)} c
SET {_checkpoint()},
    batch = $5, throttled_by = $6,
    rows = c.rows + written.rows,
    hot_rows = c.hot_rows + {_hot(relation)}
FROM mine, written
WHERE c.id = mine.id
RETURNING written.rows AS written
""".strip()


def _rest(action: Sweep, relation: str, schema: str) -> str:
    """$1 chunk, $2 token, $3, $4 blocks, $5 rows at most, $6 what throttles, $7 next block if that is all."""
    # `found` counts with the statement's own snapshot: more found than written are rows that somebody has
    # locked, or more than $5.
    return f"""
WITH {_mine(relation, schema, hot=True)},
{_chosen(action, relation, "")},
{_overwritten(action, schema)}{_written(action, relation)},
found AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows
  FROM ONLY {relation} t
  WHERE t.ctid >= $3 AND t.ctid < $4 AND ({action.wanted})
)
UPDATE {_chunk(schema)} c
SET {_checkpoint()},
    batch = $5, throttled_by = $6,
    rows = c.rows + written.rows,
    hot_rows = c.hot_rows + {_hot(relation)},
    next_block = CASE WHEN found.rows <= written.rows THEN $7 ELSE c.next_block END
FROM mine, written, found
WHERE c.id = mine.id
RETURNING written.rows AS written, (SELECT pg_catalog.count(*) FROM chosen) AS locked, found.rows AS found
""".strip()


def _compare(action: Sweep, relation: str, schema: str) -> str:
    """$1 chunk, $2 token, $3, $4 first and end of the blocks, $5 next block, $6 blocks in a slice."""
    return f"""
WITH {_mine(relation, schema)},
seen AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows,
         pg_catalog.count(*) FILTER (WHERE {action.wanted}) AS mismatches,
         pg_catalog.count(*) FILTER (WHERE {action.unfit}) AS unfit
  FROM ONLY {relation} t
  WHERE t.ctid >= $3 AND t.ctid < $4 AND EXISTS (SELECT FROM mine)
)
{_slice_checkpoint(schema)}
""".strip()


def _keep(action: Sweep, relation: str, schema: str) -> str:
    """$1 chunk, $2 token, $3, $4 first and end of the blocks, $5 next block, $6 blocks in a slice."""
    return f"""
WITH {_mine(relation, schema)},
kept AS (
  INSERT INTO {quote(schema)}.conflict (change_id, kind, key, old_value, new_value, role, sentence)
  SELECT mine.change_id, 'kept', {_key(action)}, {_text(action.old)}, {_text(action.new)}, CURRENT_USER,
         'only the new side held this value when the change was rolled back'
  FROM ONLY {relation} t, mine
  WHERE t.ctid >= $3 AND t.ctid < $4 AND ({action.wanted})
  RETURNING 1
),
seen AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows, 0::pg_catalog.int8 AS mismatches, 0::pg_catalog.int8 AS unfit FROM kept
)
{_slice_checkpoint(schema)}
""".strip()


def _samples(action: Sweep, relation: str, schema: str) -> str:
    """$1 chunk, $2 token, $3, $4 first and end of the blocks."""
    return f"""
UPDATE {_chunk(schema)} c
SET samples = c.samples || COALESCE((
  SELECT pg_catalog.jsonb_agg(named.key)
  FROM (
    SELECT {_key(action)} AS key
    FROM ONLY {relation} t
    WHERE t.ctid >= $3 AND t.ctid < $4 AND ({action.wanted})
    LIMIT {SAMPLES} - pg_catalog.jsonb_array_length(c.samples)
  ) named
), '[]')
WHERE c.id = $1 AND c.token = $2
""".strip()


def _mine(relation: str, schema: str, *, hot: bool = False) -> str:
    # The counter is the session's own, since it last reported: what counts is how far the statement moves it.
    counter = f", {_counter(relation)} AS hot" if hot else ""
    return f"""mine AS MATERIALIZED (
  SELECT c.id, c.change_id{counter}
  FROM {_chunk(schema)} c
  WHERE c.id = $1 AND c.token = $2 AND c.status = 'running' AND c.filenode = {_filenode(relation)}
  FOR UPDATE
)"""


def _chosen(action: Sweep, relation: str, share: str) -> str:
    # A row that somebody has locked is skipped: the application never waits for a batch that waits for
    # somebody else.
    return f"""chosen AS MATERIALIZED (
  SELECT t.ctid{_drifted(action)}
  FROM ONLY {relation} t
  WHERE t.ctid >= $3 AND t.ctid < $4 AND ({action.wanted}) {share}
    AND EXISTS (SELECT FROM mine)
  LIMIT $5::pg_catalog.int8
  FOR NO KEY UPDATE SKIP LOCKED
)"""


def _drifted(action: Sweep) -> str:
    """Return what a row holds that is about to be overwritten: NULL in one that is not filled yet."""
    if not action.new:
        return ""
    filled = f"NOT (t.{action.new} IS NULL)"  # a composite with a NULL in it is not IS NOT NULL
    return f""",
         CASE WHEN {filled} THEN {_key(action)} END AS key,
         CASE WHEN {filled} THEN {_text(action.old)} END AS old_value,
         {_text(action.new)} AS new_value"""


def _overwritten(action: Sweep, schema: str) -> str:
    # While the sync trigger stands no filled row is out of sync. Where it did not, the new side may hold what
    # new code wrote.
    if not action.new:
        return ""
    return f"""overwritten AS (
  INSERT INTO {quote(schema)}.conflict (change_id, kind, key, old_value, new_value, role, sentence)
  SELECT mine.change_id, 'overwritten', chosen.key, chosen.old_value, chosen.new_value, CURRENT_USER,
         'the two sides had drifted apart, and the new one was filled from the old one again'
  FROM chosen, mine
  WHERE chosen.key IS NOT NULL
),
"""


def _written(action: Sweep, relation: str) -> str:
    assignments = ", ".join(f"{column} = {expression}" for column, expression in action.assignments)
    return f"""updated AS (
  UPDATE ONLY {relation} t
  SET {assignments}
  WHERE t.ctid = ANY (ARRAY(SELECT chosen.ctid FROM chosen)) AND ({action.wanted})
  RETURNING 1
),
written AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows FROM updated
)"""


def _checkpoint() -> str:
    return f"leased_until = pg_catalog.clock_timestamp() + {LEASE}, updated_at = pg_catalog.clock_timestamp()"


def _slice_checkpoint(schema: str) -> str:
    return f"""UPDATE {_chunk(schema)} c
SET {_checkpoint()},
    batch = $6,
    rows = c.rows + seen.rows,
    mismatches = c.mismatches + seen.mismatches,
    unfit = c.unfit + seen.unfit,
    next_block = $5
FROM mine, seen
WHERE c.id = mine.id
RETURNING seen.rows, seen.mismatches, seen.unfit"""


def _hot(relation: str) -> str:
    # CASE: the counter is read after the rows were written.
    return f"CASE WHEN written.rows >= 0 THEN {_counter(relation)} - mine.hot END"


def _counter(relation: str) -> str:
    return f"pg_catalog.pg_stat_get_xact_tuples_hot_updated({_regclass(relation)})"


def _filenode(relation: str) -> str:
    return f"pg_catalog.pg_relation_filenode({_regclass(relation)})"


def _regclass(relation: str) -> str:
    return f"{literal(relation)}::pg_catalog.regclass"


def _chunk(schema: str) -> str:
    return f"{quote(schema)}.chunk"


def _key(action: Sweep) -> str:
    if not action.key:
        return "pg_catalog.jsonb_build_object('ctid', t.ctid::pg_catalog.text)"
    pairs = ", ".join(f"{literal(split(column)[-1])}, {_text(column)}" for column in action.key)
    return f"pg_catalog.jsonb_build_object({pairs})"


def _text(column: str) -> str:
    return f"(t.{column})::pg_catalog.text"
