"""The statements of a sweep over a table of somebody else's: what reads and writes its rows has the rights of
its owner, and what the ledger keeps of it those of the session. Pure.

Each is one statement as well, with the same parameters and the same answer as in `statements`. Only the lock
on the relation comes later, so that its file is looked at once more before the checkpoint moves.
"""

from expandcontract.model.names import literal, quote
from expandcontract.model.step import Purpose, Sweep
from expandcontract.postgres.owner_rights import OwnerRights
from expandcontract.sweep import statements as own
from expandcontract.sweep.kept_values import SENTENCES, insert_kept, keeps
from expandcontract.sweep.statements import (
    COST,
    EQ,
    GE,
    JOIN,
    LE,
    LT,
    MINUS,
    PLUS,
    SAMPLES,
    SNAPSHOT,
    TEXT_OF,
    CopyStatements,
    SliceStatements,
    checkpoint,
    chosen,
    chunk_of,
    counted,
    filenode,
    hot,
    kept,
    key,
    mine,
    misfit,
    slice_checkpoint,
    strided,
    wanted,
    written,
)

_TID, _INT8, _INT4 = "pg_catalog.tid", "pg_catalog.int8", "pg_catalog.int4"

_FILE = ", c.filenode"
_DRIFTED = "the two sides had drifted apart, and the new one was filled from the old one again"


def copy(action: Sweep, relation: str, schema: str, rights: OwnerRights) -> CopyStatements:
    """Return the statements that write `action.assignments` where `action.wanted` holds."""
    if rights.owner is None:
        return own.copy(action, relation, schema)
    return CopyStatements(
        _look(action, relation, rights),
        _share(action, relation, schema, rights),
        _rest(action, relation, schema, rights),
    )


def slices(action: Sweep, relation: str, schema: str, rights: OwnerRights) -> SliceStatements:
    """Return the statements that compare rows, or keep their values in the ledger."""
    if rights.owner is None:
        return own.slices(action, relation, schema)
    if action.purpose == Purpose.KEEP:
        return SliceStatements(_keep(action, relation, schema, rights), None)
    return SliceStatements(
        _compare(action, relation, schema, rights), _samples(action, relation, schema, rights)
    )


def _given(**types: str) -> dict[int, tuple[str, str]]:
    """Return parameters of the outer statement as those of the inner one: `_3=type` is $3."""
    return {int(name[1:]): (f"${name[1:]}", type_) for name, type_ in types.items()}


def _of(name: str, type_: str = _INT8) -> str:
    return f"(d.answer {TEXT_OF} '{name}')::{type_}"


def _done(errand: str) -> str:
    """Return the CTE of what an errand came to, for who has the chunk and looked at its file."""
    # The function's locks are held by then: the file stays what it is.
    return f"""done AS MATERIALIZED (
  SELECT d.answer, CASE WHEN d.answer IS NOT NULL THEN mine.filenode END AS filenode
  FROM mine CROSS JOIN LATERAL {errand} AS d (answer)
)"""


def _same_file(relation: str) -> str:
    return f"d.filenode {EQ} {filenode(relation)}"


def _look(action: Sweep, relation: str, rights: OwnerRights) -> str:
    errand = rights.errand(own.look(action, relation), _given(_1=_TID, _2=_TID, _3=_TID))
    return f"""
SELECT {_of("wanted")} AS wanted, {_of("first", _TID)} AS first, {_of("last", _TID)} AS last,
       {_of("highest")} AS highest, {_of("filenode")} AS filenode, {_of("blocks")} AS blocks
FROM {errand} AS d (answer)
""".strip()


def _share(action: Sweep, relation: str, schema: str, rights: OwnerRights) -> str:
    inner = f"""
WITH {chosen(strided(action, relation, schema, "true"))},
{written(action, relation, schema)}
SELECT written.rows AS written, {_drifted(action)} FROM written
""".strip()
    given = _given(_3=_INT8, _4=_INT8, _5=_INT8, _7=_INT4, _8=_INT4)
    return f"""
WITH {mine(relation, schema, writes=True, more=_FILE)},
{_done(rights.errand(inner, given))},
{_overwritten(action, schema)}written AS MATERIALIZED (
  SELECT {_of("written")} AS rows FROM done d WHERE {_same_file(relation)}
)
{counted(relation, schema)}
""".strip()


def _rest(action: Sweep, relation: str, schema: str, rights: OwnerRights) -> str:
    inner = f"""
WITH {chosen(wanted(action, relation, schema, "$4"))},
{written(action, relation, schema)},
found AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows
  FROM ONLY {relation} t
  WHERE t.ctid {GE} $3 AND t.ctid {LT} $4 AND ({action.wanted})
)
SELECT written.rows AS written, (SELECT pg_catalog.count(*) FROM chosen) AS locked, found.rows AS found,
       {_drifted(action)}
FROM written, found
""".strip()
    given = _given(_3=_TID, _4=_TID, _5=_INT8)
    return f"""
WITH {mine(relation, schema, writes=True, more=_FILE)},
{_done(rights.errand(inner, given))},
{_overwritten(action, schema)}written AS MATERIALIZED (
  SELECT {_of("written")} AS rows, {_of("locked")} AS locked, {_of("found")} AS found
  FROM done d WHERE {_same_file(relation)}
)
UPDATE {chunk_of(schema)} c
SET {checkpoint()},
    batch = $5, throttled_by = $6,
    rows = c.rows {PLUS} written.rows,
    hot_rows = c.hot_rows {PLUS} {hot(relation)},
    next_block = CASE WHEN written.found {LE} written.rows THEN $7 ELSE c.next_block END
FROM mine, written
WHERE c.id {EQ} mine.id
RETURNING written.rows AS written, c.rows {MINUS} c.hot_rows AS moved,
  written.locked AS locked, written.found AS found, {COST}
""".strip()


def _drifted(action: Sweep) -> str:
    if keeps(action):
        return "(SELECT pg_catalog.jsonb_agg(updated.replaced) FROM updated) AS drifted"
    rows = "SELECT pg_catalog.jsonb_agg(chosen.drifted) FROM chosen WHERE chosen.drifted IS NOT NULL"
    return f"({rows}) AS drifted" if action.new else "NULL AS drifted"


def _overwritten(action: Sweep, schema: str) -> str:
    if not action.new and not keeps(action):
        return ""
    cells = ", ".join(f"each.cells {TEXT_OF} {n}" for n in (1, 2))
    kind, sentence = "overwritten", _DRIFTED
    if keeps(action):
        kind, sentence = "kept", SENTENCES[type(action)]
    return f"""overwritten AS (
  {insert_kept(schema)}
  SELECT mine.change_id, '{kind}', (each.cells {TEXT_OF} 0)::pg_catalog.jsonb, {cells},
         CURRENT_USER, {literal(sentence)}
  FROM mine, done d
  CROSS JOIN LATERAL pg_catalog.jsonb_array_elements((d.answer {TEXT_OF} 'drifted')::pg_catalog.jsonb)
    AS each (cells)
),
"""


def _compare(action: Sweep, relation: str, schema: str, rights: OwnerRights) -> str:
    inner = f"""
SELECT pg_catalog.count(*) AS rows, pg_catalog.count(*) FILTER (WHERE {action.wanted}) AS mismatches
FROM ONLY {relation} t
WHERE t.ctid {GE} $3 AND t.ctid {LT} $4
""".strip()
    return f"""
WITH {mine(relation, schema, more=_FILE)},
{_done(rights.errand(inner, _given(_3=_TID, _4=_TID)))},
seen AS MATERIALIZED (
  SELECT {_of("rows")} AS rows, {_of("mismatches")} AS mismatches FROM done d WHERE {_same_file(relation)}
)
{slice_checkpoint(schema)}
""".strip()


def _samples(action: Sweep, relation: str, schema: str, rights: OwnerRights) -> str:
    inner = f"""
SELECT pg_catalog.count(*) FILTER (WHERE {misfit(action)}) AS unfit,
       (SELECT pg_catalog.jsonb_agg(named.key) FROM (
         SELECT {key(action)} AS key
         FROM ONLY {relation} t
         WHERE t.ctid {GE} $3 AND t.ctid {LT} $4 AND ({action.wanted})
         LIMIT {SAMPLES}
       ) named) AS keys
FROM ONLY {relation} t
WHERE t.ctid {GE} $3 AND t.ctid {LT} $4
""".strip()
    errand = rights.errand(inner, _given(_3=_TID, _4=_TID))
    return f"""
UPDATE {chunk_of(schema)} c
SET unfit = c.unfit {PLUS} LEAST($5, {_of("unfit")}),
    samples = c.samples {JOIN} COALESCE((
      SELECT pg_catalog.jsonb_agg(named.key)
      FROM (
        SELECT each.key FROM pg_catalog.jsonb_array_elements({_of("keys", "pg_catalog.jsonb")}) AS each (key)
        LIMIT {SAMPLES} {MINUS} pg_catalog.jsonb_array_length(c.samples)
      ) named
    ), '[]')
FROM {errand} AS d (answer)
WHERE c.id {EQ} $1 AND c.token {EQ} $2
""".strip()


def _keep(action: Sweep, relation: str, schema: str, rights: OwnerRights) -> str:
    inner = f"""
SELECT {kept(action, schema)}, {SNAPSHOT} AS seen
FROM ONLY {relation} t
WHERE t.ctid {GE} $3 AND t.ctid {LT} $4 AND ({action.wanted})
""".strip()
    return f"""
WITH {mine(relation, schema, more=_FILE)},
{_done(rights.errand(inner, _given(_3=_TID, _4=_TID)))},
kept AS (
  INSERT INTO {quote(schema)}.conflict (change_id, kind, key, old_value, new_value, role, sentence, seen_in)
  SELECT mine.change_id, 'kept', {_of("key", "pg_catalog.jsonb")}, d.answer {TEXT_OF} 'old',
         d.answer {TEXT_OF} 'new', CURRENT_USER,
         'only the new side held this value when the change was rolled back', d.answer {TEXT_OF} 'seen'
  FROM mine, done d WHERE {_same_file(relation)}
  RETURNING 1
),
seen AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows, 0::pg_catalog.int8 AS mismatches FROM kept
)
{slice_checkpoint(schema, f" AND c.filenode {EQ} {filenode(relation)}")}
""".strip()
