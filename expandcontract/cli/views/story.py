"""One entry of a change's history as a sentence. Pure."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from expandcontract.cli.views.format import count, seconds

Data = Mapping[str, Any]


def told(kind: str, data: Data) -> str:
    """Return what an entry of this kind says to people; nested data is for programs: `ec log --json`."""
    teller = _TELLERS.get("step" if kind == "step-repeated" else kind, _plain)
    return teller(data)


def held(data: Data) -> str:
    """Return what is known of a lock that was had: its mode and relations, tries, how long."""
    return (
        f"{data['mode']} on {', '.join(data['relations'])} for {short(data['held_seconds'])}, had at try "
        f"{data['tries']}; {felt(data)}{_in_the_way(data)}"
    )


def felt(data: Data) -> str:
    """Return what others may have felt of a lock."""
    if not data["felt_seconds"]:
        return "no reader or writer waits for it"
    return f"nobody waited for it longer than {short(data['felt_seconds'])}"


def short(value: float) -> str:
    """Return a duration that is best told in milliseconds while it is short."""
    return f"{value * 1000:.0f} ms" if value < 1 else seconds(value)


def _step(data: Data) -> str:
    took = f" in {seconds(data['seconds'])}" if data.get("seconds") is not None else ""
    tries = f", attempt {data['attempts']}" if data.get("attempts", 1) > 1 else ""
    error = f": {data['error']}" if data.get("error") else ""
    return f"{data.get('section')} {data.get('step')} {data.get('status')}{took}{tries}{error}"


def _created(data: Data) -> str:
    host = f" on {data['host']}" if data.get("host") else ""
    attempt = f", attempt {data['attempt']}" if data.get("attempt") else ""
    return f"plan {data.get('fingerprint')} of ec {data.get('program_version', 'unknown')}{host}{attempt}"


def _began(data: Data) -> str:
    return (
        f"ec {data['verb']} on {data['host']} (pid {data['pid']}), ec {data['program']}, "
        f"PostgreSQL {data['server']}"
    )


def _phase(data: Data) -> str:
    error = f": {data['error']}" if data.get("error") else ""
    return f"{data['phase']} {data['status']}{error}"


def _state(data: Data) -> str:
    return {
        "active": "active: old code may run again",
        "hidden": "contracted: ec undo takes it back",
        "purged": "purged: nothing takes it back any more",
        "rolled_back": "rolled back",
    }.get(data["state"], str(data["state"]))


def _laid(data: Data) -> str:
    over = f", over {count(data['relations'], 'relation')}" if "relations" in data else ""
    return f"round {data['round']}{over}"


def _sync_made(data: Data) -> str:
    return f"{count(data['functions'], 'function')}, {count(data['triggers'], 'trigger')}"


def _tuned(data: Data) -> str:
    if set(data) == {"paused"}:
        return "paused" if data["paused"] else "resumed"
    return _plain(data)


def _locked(data: Data) -> str:
    return f"{_place(data)}{held(data)}"


def _not_locked(data: Data) -> str:
    tries = count(data["tries"], "try", "tries")
    return (
        f"{_place(data)}{data['mode']} on {', '.join(data['relations'])} not had in {tries}; "
        f"{felt(data)}{_in_the_way(data)}"
    )


def _waited(data: Data) -> str:
    return f"{_place(data)}{seconds(data['seconds'])} for {_joined(data['waited_for'])}"


def _throttled(data: Data) -> str:
    return f"{seconds(data['seconds'])} by {data['by']}"


def _ended(data: Data) -> str:
    why = f" {data['why']}" if data.get("why") else ""
    return f"ec {data['verb']}: {data['code']} {data['message']}{why}"


def _gates_open(data: Data) -> str:
    waived = [
        f"{gate['gate']} (waived by {gate['waived_by']})" for gate in data["gates"] if gate["waived_by"]
    ]
    return f"{count(len(data['gates']), 'gate')} open{': ' if waived else ''}{', '.join(waived)}"


def _verified(data: Data) -> str:
    unfit = f", {count(data['unfit'], 'value')} that do not fit" if data.get("unfit") else ""
    mismatches = count(data["mismatches"], "mismatch", "mismatches")
    return f"{count(data['rows_compared'], 'row')} compared, {mismatches}{unfit}"


def _acknowledged(data: Data) -> str:
    return f"{data['hazard']}: {data['sentence']}" if "hazard" in data else _plain(data)


def _plain(data: Data) -> str:
    plain = {key: value for key, value in data.items() if not isinstance(value, (dict, list))}
    return ", ".join(f"{key} {'auto' if value is None else value}" for key, value in plain.items())


def _text(key: str) -> Callable[[Data], str]:
    return lambda data: str(data.get(key) or "")


def _place(data: Data) -> str:
    return f"{data['section']} {data['step']}: " if "step" in data else ""


def _in_the_way(data: Data) -> str:
    return f"; in the way: {_joined(data['held_by'])}" if data.get("held_by") else ""


def _joined(names: Iterable[str]) -> str:
    return ", ".join(names) or "somebody who could not be seen"


_TELLERS: Mapping[str, Callable[[Data], str]] = {
    "acknowledged": _acknowledged,
    "began": _began,
    "begun again": _created,
    "compare laid": _laid,
    "copy laid": _laid,
    "created": _created,
    "gates open": _gates_open,
    "locked": _locked,
    "not locked": _not_locked,
    "keep laid": _laid,
    "notice": _text("text"),
    "phase": _phase,
    "proof spoiled": _text("why"),
    "refused": _ended,
    "replanned": _created,
    "state": _state,
    "step": _step,
    "stopped": _ended,
    "sync made": _sync_made,
    "throttled": _throttled,
    "tuned": _tuned,
    "verified": _verified,
    "waited": _waited,
}
