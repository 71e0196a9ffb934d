"""A run of migrations: which of its steps are carried out, known before the first one is."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from expandcontract.alembic import script_folder, tenants
from expandcontract.alembic.revisions import Call, Operation, Revision
from expandcontract.alembic.telling import failure, log
from expandcontract.model.errors import GateShut, UsageError

#: Under this key of the migration context's options stands what env.py said.
KEY = "expandcontract"


@dataclass(frozen=True)
class Said:
    """What env.py said: the database, what happens before a contract that is shut, whether one run waits for
    another, and the connection. `begun` are the changes that this run began, or went on with, `carried` the
    operations that it carried out outside of Alembic's transaction. `empty` are changes whose tables had no
    row before the run: their contracts pass, unless somebody writes meanwhile. `judged` are changes whose
    tables are locked for a contract that comes next, by a transaction of Alembic's, with what was found then.
    `kept` is what is made once in a run. `soaks` is how long changes that the run is to contract have to be
    ready before, as their revisions say.
    """

    url: str | None
    on_shut: str = "stop"
    lock: bool = True
    connection: Connection | None = None
    judged: dict[str, Any] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    empty: set[str] = field(default_factory=set)
    carried: list[str] = field(default_factory=list)
    soaks: dict[str, timedelta] = field(default_factory=dict)

    @cached_property
    def home(self) -> tenants.Home:
        """Where names without a schema are. Asked of the connection the first time."""
        return tenants.PUBLIC if self.connection is None else tenants.home(self.connection)

    @property
    def where(self) -> str | None:
        """The database's URL, by which names without a schema are where Alembic's connection has them."""
        return None if self.url is None else self.home.leading(self.url)

    def key(self, change: str) -> str:
        """Return what the ledger calls a change that a revision names: each tenant has its own."""
        return self.home.key(change)


@dataclass(frozen=True)
class Step:
    """A step as Alembic chose it, with what its revision does in that direction. A stamp does nothing."""

    chosen: Any
    revision: Revision
    ours: tuple[Call, ...] = ()

    @property
    def contracts(self) -> bool:
        """Whether it does nothing but contract."""
        return bool(self.ours) and all(call.operation == Operation.CONTRACT for call in self.ours)

    @property
    def is_missed(self) -> bool:
        """Whether code would miss it where it is left out: no contract, nor a merge that does nothing."""
        script = getattr(self.chosen, "revision", None)
        return not self.contracts and (script is None or not script_folder.does_nothing(script))


@dataclass(frozen=True)
class Shut:
    """A contract that cannot pass now: its place among the steps, the change, why in a sentence, and the next
    command. `unproven` says that it lacks nothing but rows in sync and their proof.
    """

    place: int
    change: str
    why: str
    next: str = ""
    unproven: bool = False


def read(chosen: Sequence[Any]) -> list[Step]:
    """Return what the steps of a run are."""
    return [_step(each) for each in chosen]


def going(
    steps: Sequence[Step],
    said: Said,
    migration: MigrationContext,
    work_on: Callable[[str], object],
    held: Mapping[str, str],
) -> Iterator[Any]:
    """Yield the steps that are to be carried out, as Alembic chose them, without contracts that are shut and
    what stands upon them. A change that is to be contracted and is not proven is worked on before, by
    `work_on`. Those that are `held` are not contracted, for what it says of them.

    Raises CommandError before the first one where a file is not as it must be, where an operation cannot be
    carried out, or where something else stands upon a contract that is shut. Whether a contract passes on a
    table without rows is known when the run has come to it.
    """
    _require_sound([step.revision for step in steps])
    left, waiting, asked = list(steps), list[tuple[Step, Shut]](), any(step.ours for step in steps)
    while asked and (shut := _shut(left, said, migration, work_on, held)) is not None:
        waiting.append((left[shut.place], shut))
        left = _without(left, shut, said, "Nothing was run.")
        # Those before it were found to pass.
        asked = any(step.contracts for step in left[shut.place :])
    place = 0
    while place < len(left):
        shut_now = _shut_now(place, left[place], said, migration)
        if shut_now is None:
            yield left[place].chosen
            place += 1
        else:
            waiting.append((left[place], shut_now))
            left = _without(left, shut_now, said, "What comes before it was run.")
    for step, shut in waiting:
        log.warning(
            "Stopped before %s, which contracts %s: %s The next run goes on.%s",
            step.revision.id,
            shut.change,
            shut.why,
            f" Meanwhile: {shut.next}" if shut.next else "",
        )


def behind(steps: Sequence[Step], place: int) -> list[Step]:
    """Return which of the steps stand upon the one at that place; none of another branch does."""
    found, ids = list[Step](), {steps[place].revision.id}
    for step in steps[place + 1 :]:
        if not ids.isdisjoint(step.revision.below):
            ids.add(step.revision.id)
            found.append(step)
    return found


def _without(steps: Sequence[Step], shut: Shut, said: Said, state: str) -> list[Step]:
    """Return the steps without a contract that cannot pass, and what stands upon it.

    Raises CommandError where code would miss something of that.
    """
    upon = behind(steps, shut.place)
    missed = next((step.revision.id for step in upon if step.is_missed), None)
    if missed is not None or said.on_shut == "fail":
        after = "" if missed is None else f" Revision {missed} comes after it."
        raise failure(
            GateShut(
                f"{steps[shut.place].revision.id} contracts {shut.change}, which cannot be contracted now.",
                why=f"{shut.why}{after}",
                state=state,
                next=shut.next or "alembic upgrade $(ec alembic target), and the rest with the next deploy",
            )
        )
    gone = {id(steps[shut.place]), *map(id, upon)}
    return [step for step in steps if id(step) not in gone]


def _shut_now(place: int, step: Step, said: Said, migration: MigrationContext) -> Shut | None:
    """Return the contract of a step, which comes next, of which only now is known that it cannot pass."""
    if not step.ours:
        return None
    late, calls = said.begun | said.empty, [call.keyed(said.key) for call in step.ours]
    asked = [call for call in calls if call.operation == Operation.CONTRACT and call.change in late]
    if not asked:
        return None
    from expandcontract.alembic import looking

    return next(filter(None, (looking.shut_now(migration, said, place, call) for call in asked)), None)


def _shut(
    steps: Sequence[Step],
    said: Said,
    migration: MigrationContext,
    work_on: Callable[[str], object],
    held: Mapping[str, str],
) -> Shut | None:
    """Return the first contract that cannot pass, after what lacks nothing but a proof was proven."""
    from expandcontract.alembic import carrying

    worked_on = set[str]()
    kept = first_held(steps, said, held)
    if carrying.is_blind(migration):
        contracts = (call for step in steps for call in step.ours if call.operation == Operation.CONTRACT)
        said.empty.update(said.key(call.change) for call in contracts)
        return kept
    shut = first_shut(steps, said, migration)
    while shut is not None and shut.unproven and shut.change not in worked_on:
        if kept is not None and kept.place <= shut.place:
            break
        worked_on.add(shut.change)
        work_on(shut.change)
        shut = first_shut(steps, said)
    return earlier(shut, kept)


def earlier(*found: Shut | None) -> Shut | None:
    """Return the one that comes first among the steps; None of none."""
    return min((each for each in found if each is not None), key=lambda it: it.place, default=None)


def first_held(steps: Sequence[Step], said: Said, held: Mapping[str, str]) -> Shut | None:
    """Return the first contract of a change that is held."""
    for place, step in enumerate(steps):
        for call in step.ours:
            if call.operation == Operation.CONTRACT and said.key(call.change) in held:
                change = said.key(call.change)
                return Shut(place, change, held[change], "a version of the program without it, then this")
    return None


def first_shut(steps: Sequence[Step], said: Said, migration: MigrationContext | None = None) -> Shut | None:
    """Return the first contract of a run that cannot pass now. Changes nothing, unless somebody acts on it:
    that is a `migration`.

    Raises CommandError where an operation cannot be carried out whatever one waits for.
    """
    from expandcontract.alembic import looking

    calls = [tuple(call.keyed(said.key) for call in step.ours) for step in steps]
    return looking.first_shut(said, calls, migration)


def _step(chosen: Any) -> Step:  # noqa: ANN401 - Alembic's own
    script = getattr(chosen, "revision", None)
    if script is None:  # a stamp
        return Step(chosen, Revision(""))
    revision = script_folder.of_script(script)
    return Step(chosen, revision, (revision.up if chosen.is_upgrade else revision.down).ours)


def _require_sound(found: Sequence[Revision]) -> None:
    for revision in found:
        for fault in revision.faults:
            raise failure(UsageError(f"{revision.path}:{fault.line} {fault.text}.", state="Nothing was run."))
