"""The statements of a sweep, each in full. Pure.

What differs between two executions is a parameter, so that what a plan prints is what the server logs.

Every statement that writes begins with `mine`: it locks the chunk's row, and is empty when another worker
has the chunk now or when the relation was rewritten. Nothing is read or written then. It runs after the
statement has its lock on the relation, so that the filenode stays what it is. Rows and checkpoint are one
statement: they commit together or not at all, whether or not the commit waits for the disk.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from expandcontract.ledger.chunk import INCARNATION
from expandcontract.model.names import literal, quote, split, sync_schema
from expandcontract.model.step import Deletion, Purpose, Replacement, Sweep
from expandcontract.sweep.kept_values import SENTENCES, insert_kept, keeps, named, values_of
from expandcontract.sweep.sides import side_given, side_value

#: Rows are written under the search_path of the role, for the sake of what the table's own triggers call. So
#: every operator is named with its schema, here as in what a plan says of rows.
EQ, GE, LE, LT, PLUS, MINUS, TIMES, PER, JOIN, FIELD, TEXT_OF = (
    f"OPERATOR(pg_catalog.{sign})" for sign in ("=", ">=", "<=", "<", "+", "-", "*", "/", "||", "->", "->>")
)
#: For how long a chunk belongs to a worker of whom nothing is heard.
LEASE = "INTERVAL '10 seconds'"
#: A row's place on its page: the last two bytes that a tid sends.
_PLACE = (
    f"256 {TIMES} pg_catalog.get_byte(pg_catalog.tidsend(t.ctid), 4)"
    f" {PLUS} pg_catalog.get_byte(pg_catalog.tidsend(t.ctid), 5)"
)
_WAL = "pg_catalog.pg_current_wal_insert_lsn()"
#: What the statement has cost until now. The WAL of others meanwhile is in it.
COST = f"""
  pg_catalog.pg_wal_lsn_diff({_WAL}, mine.began_at)::pg_catalog.float8 AS wal_bytes,
  extract(epoch FROM pg_catalog.clock_timestamp() {MINUS} pg_catalog.statement_timestamp())::pg_catalog.float8
    AS seconds""".lstrip()
#: What a statement sees: a write that it does not see is later than what it reads, whichever is kept first.
SNAPSHOT = "pg_catalog.pg_current_snapshot()::pg_catalog.text"
#: How many rows of a chunk are named when they do not match.
SAMPLES = 10

#: A batch reads a run of blocks and nothing else, whatever the statistics say of the table, and is too
#: short for the JIT compiler. Its plan is made once. A client that stops in the middle of a transaction must
#: not keep its row locks: the server ends the session.
_SETTINGS = {
    "enable_seqscan": "off",
    "jit": "off",
    "enable_memoize": "off",
    "plan_cache_mode": "force_generic_plan",
    "idle_in_transaction_session_timeout": "1000",
}


def settings(more: Sequence[tuple[str, str]] = (), *, local: bool) -> str:
    """Return the query that puts the settings of a sweep in force, in a transaction or a whole session.

    `more` are further ones, by name. It answers with the server's incarnation.
    """
    scope = "true" if local else "false"
    calls = [
        f"pg_catalog.set_config({literal(name)}, {literal(value)}, {scope})"
        for name, value in (*_SETTINGS.items(), *more)
    ]
    return f"SELECT {', '.join(calls)}, {INCARNATION} AS incarnation"


@dataclass(frozen=True)
class CopyStatements:
    """`look` counts what there is to do, `share` writes one pass' share of it, `rest` whatever is left."""

    look: str
    share: str
    rest: str


@dataclass(frozen=True)
class SliceStatements:
    """`slice` compares or keeps the rows of a run of blocks; `samples` names those that do not match, and
    counts those that do not fit.
    """

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
        look(action, relation), _share(action, relation, schema), _rest(action, relation, schema)
    )


def slices(action: Sweep, relation: str, schema: str) -> SliceStatements:
    """Return the statements that compare rows, or keep their values in the ledger."""
    if action.purpose == Purpose.KEEP:
        return SliceStatements(_keep(action, relation, schema), None)
    return SliceStatements(_compare(action, relation, schema), _samples(action, relation, schema))


def look(action: Sweep, relation: str) -> str:
    """Return the query for what there is to do.

    $1, $2 first and end of the blocks, $3 end of those where places are looked at, as tid.
    """
    return f"""
SELECT pg_catalog.count(*) AS wanted,
       pg_catalog.min(t.ctid) AS first,
       pg_catalog.max(t.ctid) AS last,
       pg_catalog.max({_PLACE}) FILTER (WHERE t.ctid {LT} $3) AS highest,
       {filenode(relation)} AS filenode,
       pg_catalog.pg_relation_size({_regclass(relation)})
         {PER} pg_catalog.current_setting('block_size')::pg_catalog.int8 AS blocks
FROM ONLY {relation} t
WHERE t.ctid {GE} $1 AND t.ctid {LT} $2 AND ({action.wanted})
""".strip()


def counted(relation: str, schema: str) -> str:
    """The end of a share, over `mine` and `written`: its checkpoint, and what it wrote."""
    return f"""UPDATE {chunk_of(schema)} c
SET {checkpoint()},
    batch = $5, throttled_by = $6,
    rows = c.rows {PLUS} written.rows,
    hot_rows = c.hot_rows {PLUS} {hot(relation)}
FROM mine, written
WHERE c.id {EQ} mine.id
RETURNING written.rows AS written, c.rows {MINUS} c.hot_rows AS moved, {COST}"""


def _share(action: Sweep, relation: str, schema: str) -> str:
    """$1 chunk, $2 token, $3, $4 first and last block, $5 rows at most, $6 what throttles, $7, $8 first place
    on each page and the one after the last.
    """
    return f"""
WITH {mine(relation, schema, writes=True)},
{chosen(strided(action, relation, schema))},
{_overwritten(action, schema)}{written(action, relation, schema)}{replaced(action, schema)}
{counted(relation, schema)}
""".strip()


def _rest(action: Sweep, relation: str, schema: str) -> str:
    """$1 chunk, $2 token, $3, $4 blocks, $5 rows at most, $6 what throttles, $7 next block if that is all."""
    # `found` counts with the statement's own snapshot: more found than written are rows that somebody has
    # locked, or more than $5.
    return f"""
WITH {mine(relation, schema, writes=True)},
{chosen(wanted(action, relation, schema))},
{_overwritten(action, schema)}{written(action, relation, schema)}{replaced(action, schema)},
found AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows
  FROM ONLY {relation} t
  WHERE t.ctid {GE} $3 AND t.ctid {LT} $4 AND ({action.wanted})
)
UPDATE {chunk_of(schema)} c
SET {checkpoint()},
    batch = $5, throttled_by = $6,
    rows = c.rows {PLUS} written.rows,
    hot_rows = c.hot_rows {PLUS} {hot(relation)},
    next_block = CASE WHEN found.rows {LE} written.rows THEN $7 ELSE c.next_block END
FROM mine, written, found
WHERE c.id {EQ} mine.id
RETURNING written.rows AS written, c.rows {MINUS} c.hot_rows AS moved,
  (SELECT pg_catalog.count(*) FROM chosen) AS locked, found.rows AS found, {COST}
""".strip()


def _compare(action: Sweep, relation: str, schema: str) -> str:
    """$1 chunk, $2 token, $3, $4 first and end of the blocks, $5 next block, $6 blocks in a slice."""
    return f"""
WITH {mine(relation, schema)},
seen AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows,
         pg_catalog.count(*) FILTER (WHERE {action.wanted}) AS mismatches
  FROM ONLY {relation} t
  WHERE t.ctid {GE} $3 AND t.ctid {LT} {end_of_mine("$4")}
)
{slice_checkpoint(schema)}
""".strip()


def _keep(action: Sweep, relation: str, schema: str) -> str:
    """$1 chunk, $2 token, $3, $4 first and end of the blocks, $5 next block, $6 blocks in a slice."""
    return f"""
WITH {mine(relation, schema)},
kept AS (
  INSERT INTO {quote(schema)}.conflict (change_id, kind, key, old_value, new_value, role, sentence, seen_in)
  SELECT mine.change_id, 'kept', {kept(action, schema)}, CURRENT_USER,
         'only the new side held this value when the change was rolled back', {SNAPSHOT}
  FROM ONLY {relation} t, mine
  WHERE t.ctid {GE} $3 AND t.ctid {LT} $4 AND ({action.wanted})
  RETURNING 1
),
seen AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows, 0::pg_catalog.int8 AS mismatches FROM kept
)
{slice_checkpoint(schema)}
""".strip()


def _samples(action: Sweep, relation: str, schema: str) -> str:
    """$1 chunk, $2 token, $3, $4 first and end of the blocks, $5 how many mismatches are in them."""
    # A snapshot of its own: a row may have got a value that does not fit since they were counted.
    return f"""
UPDATE {chunk_of(schema)} c
SET unfit = c.unfit {PLUS} LEAST($5, (
  SELECT pg_catalog.count(*)
  FROM ONLY {relation} t
  WHERE t.ctid {GE} $3 AND t.ctid {LT} $4 AND ({misfit(action)})
)), samples = c.samples {JOIN} COALESCE((
  SELECT pg_catalog.jsonb_agg(named.key)
  FROM (
    SELECT {key(action)} AS key
    FROM ONLY {relation} t
    WHERE t.ctid {GE} $3 AND t.ctid {LT} $4 AND ({action.wanted})
    LIMIT {SAMPLES} {MINUS} pg_catalog.jsonb_array_length(c.samples)
  ) named
), '[]')
WHERE c.id {EQ} $1 AND c.token {EQ} $2
""".strip()


def mine(relation: str, schema: str, *, writes: bool = False, more: str = "") -> str:
    """Return the CTE that locks the chunk ($1, $2), with what must be known before rows are written."""
    # The counter is the session's own, since it last reported: what counts is how far the statement moves it.
    before = f", {_counter(relation)} AS hot, {_WAL} AS began_at" if writes else ""
    return f"""mine AS MATERIALIZED (
  SELECT c.id, c.change_id{more}{before}
  FROM {chunk_of(schema)} c
  WHERE c.id {EQ} $1 AND c.token {EQ} $2 AND c.status {EQ} 'running'
    AND c.filenode {EQ} {filenode(relation)}
  FOR UPDATE
)"""


def end_of_mine(end: str) -> str:
    """Return where a scan ends: at a tid, or before it began where the chunk is another worker's."""
    # NULL from an empty `mine`. EXISTS would put a node above the scan, which costs each row a third more.
    return f"(SELECT {end}::pg_catalog.tid FROM mine)"


def chosen(rows: str) -> str:
    """Return the CTE of the rows that a batch writes."""
    # A row that somebody has locked is skipped: the application never waits for a batch that waits for
    # somebody else.
    return f"""chosen AS MATERIALIZED (
  {rows}
)"""


def wanted(action: Sweep, relation: str, schema: str, end: str = end_of_mine("$4")) -> str:
    """Return the query for rows that are to be written, of a run of blocks."""
    return f"""SELECT t.ctid{_held(action, schema)}
  FROM ONLY {relation} t
  WHERE t.ctid {GE} $3 AND t.ctid {LT} {end} AND ({action.wanted})
  LIMIT $5::pg_catalog.int8
  {_lock(action)} SKIP LOCKED"""


def strided(action: Sweep, relation: str, schema: str, condition: str = "EXISTS (SELECT FROM mine)") -> str:
    """Return the query for a pass' share of the rows that are to be written."""
    # A scan for each page: it prunes the page, and evaluates nothing for the rows that are not in the share.
    return f"""SELECT share.*
  FROM pg_catalog.generate_series($3::pg_catalog.int8, $4::pg_catalog.int8) AS page (number)
  CROSS JOIN LATERAL (
    SELECT t.ctid{_held(action, schema)}
    FROM ONLY {relation} t
    WHERE t.ctid {GE} {_tid("$7")} AND t.ctid {LT} {_tid("$8")} AND ({action.wanted})
    {_lock(action)} SKIP LOCKED
  ) AS share
  WHERE {condition}
  LIMIT $5::pg_catalog.int8"""


def _tid(place: str) -> str:
    return f"pg_catalog.concat('(', page.number, ',', {place}::pg_catalog.int4, ')')::pg_catalog.tid"


def _held(action: Sweep, schema: str) -> str:
    """Return what a row holds that is about to be overwritten: NULL in one that is not filled yet."""
    if isinstance(action, Replacement):
        return f",\n         {before(action, schema)}"
    if not action.new:
        return ""
    return f""",
         CASE WHEN {side_given(action.new)} THEN pg_catalog.jsonb_build_array(
           {key(action)}, {text_of(action.old)}, {text_of(action.new)}) END AS drifted"""


def before(action: Sweep, schema: str) -> str:
    """Return what names a row `t`, and what it holds of what is kept."""
    return f"{named(action, schema)} AS key, {values_of(keeps(action), schema)} AS held"


def exchanged(action: Sweep, schema: str) -> str:
    """Return what is kept of a row `t` that was updated, of `chosen`."""
    now = values_of(keeps(action), schema)
    return f"pg_catalog.jsonb_build_array(chosen.key, chosen.held, {now}) AS replaced"


def _overwritten(action: Sweep, schema: str) -> str:
    # While the sync trigger stands no filled row is out of sync. Where it did not, the new side may hold what
    # new code wrote.
    if not action.new:
        return ""
    return f"""overwritten AS (
  INSERT INTO {quote(schema)}.conflict (change_id, kind, key, old_value, new_value, role, sentence)
  SELECT mine.change_id, 'overwritten', drifted {FIELD} 0, drifted {TEXT_OF} 1, drifted {TEXT_OF} 2,
         CURRENT_USER, 'the two sides had drifted apart, and the new one was filled from the old one again'
  FROM chosen, mine
  WHERE chosen.drifted IS NOT NULL
),
"""


def replaced(action: Sweep, schema: str) -> str:
    """Return the CTE that keeps what was `updated` and held another value, where that is kept."""
    if not keeps(action):
        return ""
    return f""",
kept AS (
  {insert_kept(schema)}
  SELECT mine.change_id, 'kept', replaced {FIELD} 0, replaced {TEXT_OF} 1, replaced {TEXT_OF} 2,
         CURRENT_USER, {literal(SENTENCES[type(action)])}
  FROM updated, mine
)"""


def written(action: Sweep, relation: str, schema: str) -> str:
    """Return the CTEs that write the rows of `chosen`, and count them."""
    of_chosen = f"t.ctid {EQ} ANY (ARRAY(SELECT chosen.ctid FROM chosen))"
    returned, from_ = "1", ""
    if isinstance(action, Replacement):
        of_chosen, from_ = f"t.ctid {EQ} chosen.ctid", "\n  FROM chosen"
        returned = exchanged(action, schema)
    elif keeps(action):
        held = values_of(keeps(action), schema)
        returned = f"pg_catalog.jsonb_build_array({named(action, schema)}, {held}, NULL) AS replaced"
    return f"""updated AS (
  {write(action, relation)}{from_}
  WHERE {of_chosen} AND ({action.wanted})
  RETURNING {returned}
),
written AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows FROM updated
)"""


def write(action: Sweep, relation: str) -> str:
    """Return the statement that writes rows of a relation under the alias `t`, up to its WHERE."""
    if isinstance(action, Deletion):
        return f"DELETE FROM ONLY {relation} t"
    assignments = ", ".join(f"{column} = {expression}" for column, expression in action.assignments)
    return f"UPDATE ONLY {relation} t\n  SET {assignments}"


def _lock(action: Sweep) -> str:
    """Return the lock of a row that is about to be written: what refers to one goes on, unless it goes."""
    return "FOR UPDATE" if isinstance(action, Deletion) else "FOR NO KEY UPDATE"


def checkpoint() -> str:
    """Return the assignments that every statement of a worker makes to its chunk."""
    until = f"pg_catalog.clock_timestamp() {PLUS} {LEASE}"
    return f"leased_until = {until}, updated_at = pg_catalog.clock_timestamp()"


def slice_checkpoint(schema: str, condition: str = "") -> str:
    """Return the statement that moves the checkpoint behind what was `seen`."""
    return f"""UPDATE {chunk_of(schema)} c
SET {checkpoint()},
    batch = $6,
    rows = c.rows {PLUS} seen.rows,
    mismatches = c.mismatches {PLUS} seen.mismatches,
    next_block = $5
FROM mine, seen
WHERE c.id {EQ} mine.id{condition}
RETURNING seen.rows, seen.mismatches"""


def hot(relation: str) -> str:
    """Return how many rows `written` wrote without leaving their page."""
    # CASE: the counter is read after the rows were written.
    return f"CASE WHEN written.rows {GE} 0 THEN {_counter(relation)} {MINUS} mine.hot END"


def _counter(relation: str) -> str:
    return f"pg_catalog.pg_stat_get_xact_tuples_hot_updated({_regclass(relation)})"


def filenode(relation: str) -> str:
    """Return the expression for the file in which the relation's rows are."""
    return f"pg_catalog.pg_relation_filenode({_regclass(relation)})"


def _regclass(relation: str) -> str:
    return f"{literal(relation)}::pg_catalog.regclass"


def chunk_of(schema: str) -> str:
    """Return the ledger's table of chunks, as SQL."""
    return f"{quote(schema)}.chunk"


def key(action: Sweep) -> str:
    """Return the expression that names a row `t`: its primary key, or its place."""
    if not action.key:
        return "pg_catalog.jsonb_build_object('ctid', t.ctid::pg_catalog.text)"
    pairs = ", ".join(f"{literal(split(c)[-1])}, (t.{c})::pg_catalog.text" for c in action.key)
    return f"pg_catalog.jsonb_build_object({pairs})"


def misfit(action: Sweep) -> str:
    """Return the predicate of the rows that are counted apart: the new side cannot hold them as they are."""
    if action.refused == "false":
        return action.unfit
    return f"({action.unfit}) OR ({action.refused})"


def text_of(column: str) -> str:
    """Return a side of a row `t` as text."""
    # A cast of char would take blanks away.
    return f"CASE WHEN {side_given(column)} THEN pg_catalog.format('%s', {side_value(column)}) END"


def kept(action: Sweep, schema: str) -> str:
    """Return, as three columns, what is kept of a row `t` to be given back: as `keep_new` of the ledger in
    `schema` keeps it, whatever the session shows values as.
    """
    sync = quote(sync_schema(schema))
    sides = (
        f"{sync}.as_text(t.{side}) AS {name}" if side else f"NULL::pg_catalog.text AS {name}"
        for side, name in ((action.old, "old"), (action.new, "new"))
    )
    return ", ".join((f"{named(action, schema)} AS key", *sides))
