"""Where a change is on every target: one question to each database, whatever the number of its schemas."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True)
class Seen:
    """Where one change is on one target. `change` is the name that it has everywhere; `word` says where in a
    word or two, `detail` what is in the way.
    """

    target: Target
    change: str | None
    word: str
    detail: str = ""


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
        return [Seen(target, change, "no ledger", error.message) for target in targets]
    why = "" if error is None else f"{error.message} {error.why}".strip()
    return [Seen(target, change, "cannot be reached", why) for target in targets]


#: What the slim part of a ledger's view says of its changes; $1 are their names as JSON, or null.
_QUERY = """
SELECT coalesce(pg_catalog.json_agg(r), '[]')::pg_catalog.text FROM (
    SELECT name, state, phases, wish, holders FROM {view}
    WHERE $1::pg_catalog.text IS NULL AND state OPERATOR(pg_catalog.=) ANY ('{{active,hidden}}')
       OR name IN (SELECT pg_catalog.json_array_elements_text($1::pg_catalog.text::pg_catalog.json))
) r"""


async def _rows(
    target: Target, where: Whereabouts, names: Sequence[str] | None, schema: str
) -> list[dict[str, Any]]:
    query = _QUERY.format(view=f"{quote(schema)}.status_v1")
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


def _sorted_out(
    targets: Sequence[Target], change: str | None, rows: Sequence[Mapping[str, Any]]
) -> list[Seen]:
    """Say of each target of a database where its changes are; a change is that of the target whose it is."""
    found: list[Seen] = []
    for target in targets:
        mine = [row for row in rows if target.plain(row["name"]) is not None]
        if change is not None:
            mine = [row for row in mine if row["name"] == target.key(change)]
        found += [Seen(target, target.plain(row["name"]), *_word(row)) for row in mine]
        if not mine:
            found.append(Seen(target, change, "not started"))
    return found


def _word(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return where a change is, in a word or two, and what is in the way."""
    if row["state"] != "active":
        return str(row["state"]).replace("_", " "), ""
    phases = {each["phase"]: each for each in row["phases"]}
    failed = next((each for each in row["phases"] if each["status"] == "failed"), None)
    wish = row["wish"] or {}
    if failed is not None:
        return "failed", f"{failed['phase']}: {failed['error']}"
    if wish.get("paused"):
        return "paused", str(wish.get("paused_why") or "")
    if any(holder["alive"] for holder in row["holders"] or ()):
        running = [name for name, each in phases.items() if each["status"] == "running"]
        return "running", ", ".join(running)
    ready = phases["backfill"]["status"] == "done"
    return ("ready to deploy" if ready else "nobody is working on it"), ""


#: The words, the worst first.
WORDS = (
    "cannot be reached",
    "no ledger",
    "failed",
    "nobody is working on it",
    "paused",
    "running",
    "ready to deploy",
    "not started",
    "hidden",
    "finished",
    "purged",
    "rolled back",
)


def rank(seen: Seen) -> tuple[int, str, str]:
    """Return where it stands among others, the worst first."""
    at = WORDS.index(seen.word) if seen.word in WORDS else len(WORDS)
    return at, seen.target.name, seen.change or ""
