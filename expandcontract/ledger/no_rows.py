"""What the ledger keeps of a sweep over a table that has no row, while nobody can write one: a round that is
laid and walked at once, and a proof that it ends. In the caller's transaction, without a round trip between.
"""

from expandcontract.ledger.tables import Tables
from expandcontract.model.situation import Situation
from expandcontract.model.step import Purpose
from expandcontract.postgres.message import Query

#: $1 change, $2 attempt, $3 purpose.
_OF = "change_id = $1 AND attempt = $2 AND purpose = $3"


def copied(tables: Tables, situation: Situation, who: str) -> Query:
    """Return the statement that lays a round of copying over nothing, bound to the state of now."""
    laid = tables.qualified("laid")
    return Query(
        f"INSERT INTO {laid} (change_id, attempt, purpose, round, who, bound, chunks) "
        f"SELECT $1, $2, $3, coalesce((SELECT pg_catalog.max(round) FROM {laid} WHERE {_OF}), 0) + 1, $4, "
        f"{tables.qualified('bound_state')}($1), 0",
        (*_key(situation, Purpose.COPY), who),
    )


def compared(tables: Tables, situation: Situation, who: str) -> tuple[Query, ...]:
    """Return the statements that lay a comparison over nothing, and begin and end a proof with it."""
    laid, chunk, proof = map(tables.qualified, ("laid", "chunk", "proof"))
    last = " UNION ALL ".join(
        (
            f"SELECT round FROM {laid} WHERE {_OF}",
            f"SELECT round FROM {chunk} WHERE {_OF}",
            f"SELECT round FROM {proof} WHERE change_id = $1 AND attempt = $2",
        )
    )
    key = _key(situation, Purpose.COMPARE)
    # Leaves with a pair on another table are told from those over which nothing was laid.
    leaves = (
        f"SELECT pg_catalog.jsonb_object_agg(leaf, 0) FROM {tables.qualified('site')} s, "
        f"LATERAL {tables.qualified('leaves')}(s.relation) leaf WHERE s.change_id = $1 AND s.attempt = $2"
    )
    return (
        Query(
            f"INSERT INTO {laid} (change_id, attempt, purpose, round, who, blocks, leaves) "
            f"SELECT $1, $2, $3, coalesce((SELECT pg_catalog.max(round) FROM ({last}) r), 0) + 1, $4, 0, "
            f"coalesce(({leaves}), '{{}}')",
            (*key, who),
        ),
        Query(
            f"INSERT INTO {proof} (change_id, attempt, cycle, round, bound) "
            f"SELECT $1, $2, $4, pg_catalog.max(round), '{{}}' FROM {laid} WHERE {_OF}",
            (*key, situation.cycle),
        ),
        Query(
            f"UPDATE {proof} SET finished_at = pg_catalog.clock_timestamp(), rows_compared = 0, "
            "mismatches = 0, unfit = 0 WHERE change_id = $1 AND attempt = $2 AND finished_at IS NULL "
            f"AND spoiled_at IS NULL AND round = (SELECT pg_catalog.max(round) FROM {laid} WHERE {_OF})",
            key,
        ),
    )


def _key(situation: Situation, purpose: Purpose) -> tuple[int, int, str]:
    return situation.change_id, situation.attempt, purpose.value
