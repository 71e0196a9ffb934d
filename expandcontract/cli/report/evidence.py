"""What the report says of the proof and of the gates. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from expandcontract.cli.report.document import Block, FactList, Heading, Paragraph, Table
from expandcontract.cli.views.format import count, moment
from expandcontract.ledger.history import History, Verification
from expandcontract.ledger.reader import LogEntry
from expandcontract.model.change import Mode
from expandcontract.model.phases import State
from expandcontract.model.words import signed

#: This many relations, and this many functions, are named; of a table with more leaves the rest is counted.
_MOST_NAMED = 20
#: The kinds of the entries of `story`.
STORY = frozenset({"verified", "proof spoiled"})


def proven(history: History) -> str:
    """Return in a sentence what is proven."""
    found = _counts(history)
    if found is None:
        ran = count(len(history.verifications), "verification")
        return f"none that counts ({ran})" if history.verifications else "none"
    rows = f"{count(found.rows_compared or 0, 'row')} compared, 0 mismatches, {moment(_end(found))}"
    if history.plan.pair is None:
        looked = f"{count(found.rows_compared or 0, 'row')} looked at, 0 {history.plan.fault}"
        return f"{looked}, {moment(_end(found))}"
    if history.hidden_at is not None:
        return f"{rows}; it held at contract"
    return f"{rows}; whether it still holds is for ec gates to say"


def proof(history: History) -> tuple[Block, ...]:
    """Return what was compared, what it was bound to, and every verification before it."""
    found = _counts(history)
    if found is None:
        blocks: list[Block] = [Paragraph(text="There is no proof that counts.")]
    else:
        blocks = [Paragraph(text=_what_it_proves(history)), _facts(found, pair=history.plan.pair is not None)]
        blocks += [Heading(text="What it was bound to"), *_bound(found.bound)]
    if history.verifications:
        blocks += [Heading(text="Every verification"), _verifications(history.verifications)]
    return tuple(blocks)


def gates(history: History) -> tuple[Block, ...]:
    """Return what the gates said when contract began, and which were opened by hand."""
    blocks: list[Block] = []
    for event in history.events_of("gates open"):
        rows = tuple(_gate(gate) for gate in event.data["gates"])
        blocks += [
            Heading(text=f"At contract, {moment(event.at)}, by {event.by}"),
            Table(head=("gate", "kind", "what it said", "waived by"), rows=rows),
        ]
    if not blocks:
        blocks.append(Paragraph(text="Contract was not begun."))
    if history.opened:
        waived = tuple(
            (moment(w.at), signed(w.who, w.session_role, w.address), w.gate, w.why, w.known)
            for w in history.opened
        )
        blocks += [
            Heading(text="Waivers"),
            Table(head=("when", "who", "gate", "reason", "known then"), rows=waived),
        ]
    return (*blocks, *_writers(history))


def story(history: History) -> list[LogEntry]:
    """Return what became of the proofs, as entries of the history."""
    entries = []
    for one in history.verifications:
        if one.finished_at is not None:
            data = {"rows_compared": one.rows_compared, "mismatches": one.mismatches, "unfit": one.unfit}
            entries.append(LogEntry(one.finished_at, "verified", "", data))
        if one.spoiled_at is not None:
            entries.append(LogEntry(one.spoiled_at, "proof spoiled", "", {"why": one.spoiled_why}))
    return entries


def _counts(history: History) -> Verification | None:
    """Return the proof that opened contract, or would: the last one that ended well in the present cycle."""
    until = history.hidden_at
    well = [
        one
        for one in history.verifications
        if (one.attempt, one.cycle) == (history.attempt, history.cycle)
        and one.finished_at is not None
        and one.mismatches == 0
        and (one.spoiled_at is None or (until is not None and one.spoiled_at > until))
        and (until is None or one.finished_at <= until)
    ]
    return well[-1] if well and history.state != State.ROLLED_BACK else None


def _end(one: Verification) -> Any:  # noqa: ANN401 - a proof that counts has ended
    return one.finished_at


def _what_it_proves(history: History) -> str:
    if history.plan.pair is None:
        since = " What was written since PostgreSQL looks at by itself, when contract validates the rule."
        found = f"At that time no row of the table was found to {history.plan.fault}."
        return found + since if history.plan.contracts else found
    pair = history.plan.sides
    if pair.mode == Mode.FILL:
        what = "the new side was filled, and no NOT NULL or CHECK of it would refuse a row"
    elif pair.identity:
        what = "both sides held the same, byte for byte"
    else:
        what = "the new side held, byte for byte, what the old one's value becomes"
    return (
        f"It proves that in every row of the table {what}. It counts for as long as what it was bound to "
        "stays as it was, which the database itself checks under contract's lock."
    )


def _facts(found: Verification, *, pair: bool) -> FactList:
    rows = (
        ("begun, and bound", moment(found.bound_at)),
        ("ended", moment(_end(found))),
        ("rows compared", count(found.rows_compared or 0)),
        ("mismatches", count(found.mismatches or 0)),
        ("values that do not fit", count(found.unfit or 0)),
    )
    return FactList(rows=rows if pair else rows[:3])


def _bound(bound: Mapping[str, Any]) -> list[Block]:
    where = (
        f"Database {bound.get('database')} of the system {bound.get('system') or 'that could not be read'}."
    )
    leaves, functions = bound.get("leaves", ()), bound.get("functions", ())
    blocks: list[Block] = [
        Paragraph(text=where),
        Table(head=("relation", "file", "triggers", "columns"), rows=_some(map(_leaf, leaves), 4)),
    ]
    if functions:
        rows = _some(((f["name"], f["hash"]) for f in functions), 2)
        blocks.append(Table(head=("function", "hash of its definition"), rows=rows))
    return blocks


def _leaf(leaf: Mapping[str, Any]) -> tuple[str, ...]:
    triggers = (f"{t['name']} ({t['enabled']}, version {t['xmin']})" for t in leaf.get("triggers", ()))
    columns = (f"{c['name']} (version {c['xmin']})" for c in leaf.get("columns", ()))
    return str(leaf.get("name")), str(leaf.get("filenode")), ", ".join(triggers), ", ".join(columns)


def _some(rows: Iterable[tuple[str, ...]], width: int) -> tuple[tuple[str, ...], ...]:
    found = list(rows)
    left = len(found) - _MOST_NAMED
    more = [(f"and {count(left)} more", *[""] * (width - 1))] if left > 0 else []
    return tuple(found[:_MOST_NAMED] + more)


def _verifications(found: Iterable[Verification]) -> Table:
    head = ("begun", "ended", "rows", "mismatches", "spoiled", "why")
    return Table(head=head, rows=tuple(map(_verification, found)))


def _verification(one: Verification) -> tuple[str, ...]:
    return (
        moment(one.bound_at),
        moment(one.finished_at) if one.finished_at else "no",
        "" if one.rows_compared is None else count(one.rows_compared),
        "" if one.mismatches is None else count(one.mismatches),
        moment(one.spoiled_at) if one.spoiled_at else "",
        one.spoiled_why or "",
    )


def _gate(gate: Mapping[str, Any]) -> tuple[str, ...]:
    return gate["gate"], "hard" if gate["hard"] else "soft", gate["reason"], gate.get("waived_by") or ""


def _writers(history: History) -> list[Block]:
    if not history.plan.trigger:
        return []  # nobody was watched
    heading = Heading(text="Who wrote through the old side")
    if not history.writers and history.plan.pair is None:
        return [heading, Paragraph(text="Nobody was seen.")]
    if not history.writers:
        return [heading, Paragraph(text="Nobody was seen, but for writes that left both sides in sync.")]
    rows = tuple(
        (w.application_name or "unnamed", w.role, moment(w.first_seen), moment(w.last_seen), count(w.times))
        for w in history.writers
    )
    return [heading, Table(head=("application", "role", "first", "last", "notes"), rows=rows)]
