"""Where a change is on every target: one question to each database, whatever the number of its schemas."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from expandcontract.engine.state_words import OVER, StateWord
from expandcontract.fleet.outcome import Outcome
from expandcontract.fleet.running import Limits, on_each
from expandcontract.fleet.target import Target
from expandcontract.model.errors import EcError, LedgerMissing
from expandcontract.model.names import quote
from expandcontract.postgres import glance
from expandcontract.postgres.sqlstate import UNDEFINED
from expandcontract.postgres.whereabouts import Whereabouts

#: So many connections are open at once.
AT_ONCE = 24


#: What a fleet knows of a target beside the words of a state.
NO_LEDGER, NOT_STARTED, QUIET = "no ledger", "not started", "no open change"
#: The words, the worst first.
WORDS: tuple[str, ...] = (
    StateWord.UNREACHABLE,
    NO_LEDGER,
    *(each for each in StateWord if each not in OVER and each != StateWord.UNREACHABLE),
    NOT_STARTED,
    *(each for each in StateWord if each in OVER),
    QUIET,
)
#: Somebody is at work.
AT_WORK = frozenset(
    {
        StateWord.RUNNING,
        StateWord.HELD_BACK,
        StateWord.PAUSED,
        StateWord.WAITING_FOR_LOCK,
        StateWord.WAITING_FOR_SNAPSHOTS,
    }
)


@dataclass(frozen=True)
class Seen:
    """Where one change is on one target. `change` is the name that it has everywhere; `word` is a StateWord,
    NO_LEDGER, NOT_STARTED or QUIET; `detail` says what is in the way. What is counted is of the sweep that is
    under way: None where nobody sweeps, or it is not known.
    """

    target: Target
    change: str | None
    word: str
    detail: str = ""
    blocks_done: int | None = None
    blocks_total: int | None = None
    rows: int | None = None
    rows_per_second: float | None = None
    eta_seconds: float | None = None
    workers: int = 0


async def look(
    targets: Sequence[Target],
    change: str | None,
    schema: str,
    whereabouts: Callable[[Target], Whereabouts],
    stop: asyncio.Event,
) -> tuple[Seen, ...]:
    """Return where the change is on each target; without one, every change that is open there.

    `schema` is that of the ledgers, `whereabouts` says how each target is reached. A target that cannot be
    reached is in the answer, as one that has no ledger.
    """
    databases: dict[object, list[Target]] = defaultdict(list)
    for target in targets:
        databases[target.database].append(target)

    async def act(first: Target) -> Outcome[list[Seen]]:
        mine = databases[first.database]
        names = None if change is None else [target.key(change) for target in mine]
        return Outcome(
            first, _sorted_out(mine, change, await _rows(first, whereabouts(first), names, schema))
        )

    firsts = [each[0] for each in databases.values()]
    found = await on_each(firsts, act, Limits(AT_ONCE), stop)
    return tuple(seen for each in found for seen in _told(each, databases[each.target.database], change))


def _told(found: Outcome[list[Seen]], targets: Sequence[Target], change: str | None) -> list[Seen]:
    """Return what a database answered, or of each of its targets why it did not."""
    if found.answer is not None:
        return found.answer
    error = found.error
    if isinstance(error, LedgerMissing):
        return [Seen(target, change, NO_LEDGER, error.message) for target in targets]
    why = "" if error is None else f"{error.message} {error.why}".strip()
    return [Seen(target, change, StateWord.UNREACHABLE, why) for target in targets]


#: What the slim view of a ledger says of its changes; $1 are their names as JSON, or null for the open ones.
_QUERY = """
SELECT coalesce(pg_catalog.json_agg(r), '[]')::pg_catalog.text FROM (
    SELECT name, word, blocked->>'detail' AS detail, blocks_done, blocks_total, rows, rows_per_second,
        eta_seconds, workers
    FROM {view}
    WHERE CASE WHEN $1::pg_catalog.text IS NULL THEN state IN ('active', 'hidden')
               ELSE name IN (SELECT pg_catalog.json_array_elements_text($1::pg_catalog.text::pg_catalog.json))
          END
) r"""


async def _rows(
    target: Target, where: Whereabouts, names: Sequence[str] | None, schema: str
) -> list[dict[str, Any]]:
    query = _QUERY.format(view=f"{quote(schema)}.summary_v1")
    try:
        text = await glance.ask(where.address(), query, None if names is None else json.dumps(names))
    except EcError as error:
        if glance.state_of(error) in UNDEFINED:
            raise LedgerMissing(
                f"{target.name} has no ledger in schema {quote(schema)}.", next="ec init"
            ) from error
        raise
    rows: list[dict[str, Any]] = json.loads(text or "[]")
    return rows


def _missing(target: Target, schema: str) -> str:
    return f"{target.name} has no ledger of this version in schema {quote(schema)}."


def _sorted_out(
    targets: Sequence[Target], change: str | None, rows: Sequence[Mapping[str, Any]]
) -> list[Seen]:
    """Say of each target of a database where its changes are; a change is that of the target whose it is."""
    found: list[Seen] = []
    by_name = {row["name"]: row for row in rows}
    for target in targets:
        if change is not None:
            mine = [by_name[key]] if (key := target.key(change)) in by_name else []
        else:
            mine = [row for row in rows if target.plain(row["name"]) is not None]
        found += [_seen(target, row) for row in mine]
        if not mine:
            found.append(Seen(target, change, NOT_STARTED if change else QUIET))
    return found


def _seen(target: Target, row: Mapping[str, Any]) -> Seen:
    told = {name: value for name, value in row.items() if name not in ("name", "detail")}
    return Seen(target, target.plain(row["name"]), detail=row["detail"] or "", **told)


def rank(seen: Seen) -> tuple[int, str, str]:
    """Return where it stands among others, the worst first."""
    at = WORDS.index(seen.word) if seen.word in WORDS else len(WORDS)
    return at, seen.target.name, seen.change or ""
