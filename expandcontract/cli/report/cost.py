"""What the report says of locks, waits and throttles. Pure."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from expandcontract.cli.report.document import Block, Heading, Paragraph, Table
from expandcontract.cli.views.format import count, seconds
from expandcontract.cli.views.story import short
from expandcontract.ledger.history import History


def longest(history: History) -> str:
    """Return in a sentence for how long a lock was held, and for how long others may have waited for one."""
    locks = [event.data for event in history.events_of("locked")]
    if not locks:
        return "none is on record"
    held = max(locks, key=lambda data: data["held_seconds"])
    return (
        f"at most {short(held['held_seconds'])} ({held['mode']} on {', '.join(held['relations'])}); nobody "
        f"waited behind one for longer than {short(_felt(history))}"
    )


def cost(history: History) -> tuple[Block, ...]:
    """Return the locks, had or not, with what they may have cost others, and for whom we waited ourselves."""
    return (*_locks(history), *_waits(history))


def throttled(history: History) -> list[Block]:
    """Return for how long the sweeps were held back or slowed, by which throttle."""
    summed: dict[str, float] = defaultdict(float)
    for event in history.events_of("throttled"):
        summed[str(event.data["by"])] += float(event.data["seconds"])
    if not summed:
        return [Paragraph(text="No throttle held it back.")]
    rows = sorted(summed.items(), key=lambda item: -item[1])
    told = tuple((by, seconds(taken)) for by, taken in rows)
    return [
        Heading(text="Held back or slowed"),
        Table(head=("by", "for, summed over all processes"), rows=told),
    ]


def _locks(history: History) -> list[Block]:
    events = [event for event in history.events if event.kind in ("locked", "not locked")]
    if not events:
        return [Paragraph(text="No lock is on record.")]
    head = ("step", "lock", "on", "tries", "held at most", "others waited at most", "in the way")
    note = (
        "A wait behind a lock begins at the earliest when we ask for it, and ends at the latest when the "
        "server has answered our COMMIT: no statement of others waited longer than that. A sweep takes no "
        "lock that others wait for, but on the rows of its present batch."
    )
    return [Table(head=head, rows=tuple(_lock(event.data) for event in events)), Paragraph(text=note)]


def _lock(data: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        f"{data.get('section', '')} {data.get('step', '')}".strip(),
        data["mode"],
        ", ".join(data["relations"]),
        count(data["tries"]),
        short(data["held_seconds"]) if "held_seconds" in data else "not had",
        short(data["felt_seconds"]) if data["felt_seconds"] else "not at all",
        ", ".join(data.get("held_by", ())),
    )


def _waits(history: History) -> list[Block]:
    events = history.events_of("waited")
    if not events:
        return []
    rows = tuple(
        (
            f"{event.data.get('section', '')} {event.data.get('step', '')}".strip(),
            seconds(event.data["seconds"]),
            ", ".join(event.data["waited_for"]),
        )
        for event in events
    )
    heading = Heading(text="Waits of our own, which nobody else noticed")
    return [heading, Table(head=("step", "for", "until these had ended"), rows=rows)]


def _felt(history: History) -> float:
    return max(
        (
            float(event.data["felt_seconds"])
            for event in history.events
            if event.kind in ("locked", "not locked")
        ),
        default=0.0,
    )
