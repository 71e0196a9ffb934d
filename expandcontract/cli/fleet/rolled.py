"""Wave after wave from the command line: what is checked first, what is told meanwhile, what at the end."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from expandcontract.cli.fleet.opened import Fleet
from expandcontract.cli.session import Session
from expandcontract.cli.views.fleet_run import FleetRunView, result
from expandcontract.cli.views.format import span
from expandcontract.fleet import probing, rolling
from expandcontract.fleet.outcome import Outcome
from expandcontract.fleet.probing import Identity
from expandcontract.fleet.target import Round
from expandcontract.model.errors import EcError, Interrupted
from expandcontract.model.situation import Situation


async def check(fleet: Fleet) -> None:
    """Raise what keeps a target from taking a change, before any target is changed.

    A target that cannot be reached is none of it: it fails in its wave, and counts there.
    """
    found = await probing.look(fleet.open, fleet.targets, fleet.session.interruption.stop)
    probing.refuse_twice(found)
    faults = [each for each in found if each.answer is not None and each.answer.fault is not None]
    if faults:
        raise _fault(faults)


def _fault(found: Sequence[Outcome[Identity]]) -> EcError:
    """Return the first fault as one of the fleet."""
    first = found[0]
    assert first.answer is not None and first.answer.fault is not None  # noqa: S101, PT018 - chosen so
    error = first.answer.fault
    more = f" So it is with {len(found) - 1} more: ec fleet targets." if found[1:] else ""
    named = error.message if first.target.name in error.message else f"{first.target.name}: {error.message}"
    then = "ec fleet init" if error.next == "ec init" else error.next
    return type(error)(named, why=f"{error.why}{more}".strip(), next=then or "ec fleet targets")


async def roll(
    session: Session, fleet: Fleet, change: str, act: rolling.Act, since: rolling.Since = lambda _: None
) -> int:
    """Do it on the targets of the fleet, and show what became of them; return the exit code.

    Raises Interrupted where somebody wanted an end.
    """
    told = _Told(session, Counter(), {each.wave.name: len(each.targets) for each in fleet.rounds})
    rolled = await rolling.Rolling(
        fleet.inventory.defaults,
        fleet.open,
        act,
        session.interruption.stop,
        since,
        told.ended,
        told.soaking,
    ).through(fleet.rounds)
    outcomes = [outcome for each in rolled for outcome in each.outcomes]
    waves = {target.name: each.wave.name for each in fleet.rounds for target in each.targets}
    stopped = None if not rolled or rolled[-1].whole else rolled[-1].round.wave.name
    return shown(session, FleetRunView.of(change, waves, outcomes, stopped))


def shown(session: Session, view: FleetRunView) -> int:
    """Show what became of the targets; return the exit code. Raises Interrupted."""
    if session.interruption.stop.is_set():
        if not session.output.json:  # programs get one document, and then it is the error
            session.show(view)
        raise Interrupted(
            f"{view.change or 'The command'} stopped on request.",
            state="Everything up to each target's last checkpoint is kept.",
            next="Run the same command again.",
        )
    session.show(view)
    return view.exit_code


@dataclass(frozen=True)
class _Told:
    """Tells of each target as it ends, and of how many have."""

    session: Session
    ended_in: Counter[str]
    sizes: dict[str, int]

    def ended(self, round_: Round, outcome: Outcome[Situation]) -> None:
        wave = round_.wave.name
        self.ended_in[wave] += 1
        tell(self.session, outcome, f"{self.ended_in[wave]} of {self.sizes[wave]} in the wave {wave}")

    def soaking(self, round_: Round, left: timedelta) -> None:
        wave = round_.wave.name
        text = f"The wave {wave} soaks for {span(left)} more, then the next one begins."
        self.session.output.say(text, "soaking", {"wave": wave, "seconds": round(left.total_seconds())})


def tell(session: Session, outcome: Outcome[Situation], place: str = "") -> None:
    """Tell what became of a target."""
    word, error = result(outcome), outcome.error
    stage = "" if outcome.answer is None else f", {outcome.answer.stage}"
    said = outcome.passed or (f"{error.message} {error.why}".strip() if error is not None else "")
    text = (
        f"{outcome.target.name}: {word}{stage}{f': {said}' if said else ''}{f' ({place})' if place else ''}"
    )
    fields = {
        "database": outcome.target.address.database,
        "target": outcome.target.name,
        "result": word,
        "code": error.code if error else None,
    }
    session.output.say(text, "target_ended", fields, level="error" if word == "failed" else "info")
