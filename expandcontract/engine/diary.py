"""Listens to the work on a change and keeps in the ledger what its journal does not: locks and how long they
were held, whom we waited for, what held us back, what was refused.

What happened is written at once, in transactions of their own: a process that is killed has lost its last
moments at most, of the record and of nothing else.
"""

import asyncio
import os
import socket
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

from sqlalchemy.exc import DBAPIError

from expandcontract.engine.context import Context
from expandcontract.ledger import event as events
from expandcontract.ledger import lease
from expandcontract.ledger.lease import Lease
from expandcontract.model.errors import EcError, GateShut
from expandcontract.model.events import (
    Blocker,
    Event,
    Listener,
    LockHeld,
    LockTried,
    Notice,
    Progress,
    StepDone,
    StepStarted,
    WaitingForSnapshots,
)
from expandcontract.model.phases import Stage
from expandcontract.model.presence import trace_id
from expandcontract.model.program import program_version
from expandcontract.model.situation import Situation
from expandcontract.postgres.message import Query
from expandcontract.postgres.sqlstate import is_disconnect, translate

#: Throttled time is summed, and written this often.
THROTTLED_EVERY_SECONDS = 60.0
#: Between two events of progress further apart than this, the process was not held back but stopped.
_LONGEST_PULSE_SECONDS = 10.0
#: No more notices than this of one process under one lease: history is not a log file.
_MOST_NOTICES = 100
#: The end of a verb does not wait longer for the record.
_LAST_WORDS_SECONDS = 5.0

#: Kind and data of an event of the ledger.
EventEntry: TypeAlias = tuple[str, dict[str, Any]]


class Diary:
    """A Listener that hands on what it hears, and makes entries of what history should tell.

    `take` gives the entries that are due, `wake` is set when there are some, `closed` when no more will come.
    """

    def __init__(self, listen: Listener, clock: Callable[[], float] = time.monotonic) -> None:
        self.wake = asyncio.Event()
        self.closed = False
        self._listen = listen
        self._clock = clock
        self._due: list[EventEntry] = []
        self._step: dict[str, Any] = {}
        self._tries: list[LockTried] = []
        self._waiting: tuple[float, dict[str, None]] | None = None
        self._pulse: tuple[float, str | None] | None = None
        self._throttled: dict[str, float] = defaultdict(float)
        self._throttled_since = clock()
        self._notices = 0
        #: What is waited for just now; `told` is what of it the ledger has.
        self.waits: dict[str, str] | None = None
        self.told: dict[str, str] | None = None

    def __call__(self, event: Event) -> None:
        """Take an event."""
        self._listen(event)
        self._note(event)

    def note(self, kind: str, **data: object) -> None:
        """Make an entry."""
        self._due.append((kind, data))
        self.wake.set()

    def failed(self, verb: str, error: EcError) -> None:
        """Make an entry of what ended a verb. Its `why` may name values: only that of the gates is kept."""
        self._give_up()
        kind = "refused" if error.exit_code == GateShut.exit_code else "stopped"
        why = {"why": error.why} if isinstance(error, GateShut) else {}
        self.note(kind, verb=verb, code=error.code, message=error.message, **why)

    def close(self) -> None:
        """Let what is open be told as it is now."""
        self._give_up()
        self.closed = True
        self.wake.set()

    def take(self) -> list[EventEntry]:
        """Return the entries that are due, once; throttled time only now and then, or when closed."""
        self.wake.clear()
        if self.closed or self._clock() - self._throttled_since >= THROTTLED_EVERY_SECONDS:
            self._sum_up()
        due, self._due = self._due, []
        return due

    def _note(self, event: Event) -> None:
        match event:
            case StepStarted(section=section, step=step):
                self._step = {"section": section.value, "step": step}
            case LockTried():
                self._tries.append(event)
                self._wait("lock", event.relations, event.blockers)
            case LockHeld():
                self._wait(None)
                self._lock("locked", event, held_seconds=round(event.held_seconds, 4))
            case WaitingForSnapshots(blockers=blockers):
                since, found = self._waiting or (self._clock(), {})
                self._waiting = since, found | dict.fromkeys(map(anonymous, blockers))
                self._wait("snapshot", (), blockers)
            case StepDone():
                self._wait(None)
                self._waited()
                self._step = {}
            case Progress(throttled_by=reason):
                self._beat(reason)
            case Notice(text=text) if self._notices < _MOST_NOTICES:
                self._notices += 1
                self.note("notice", text=text)
            case _:
                pass

    def _wait(
        self, kind: str | None, relations: Sequence[str] = (), blockers: Sequence[Blocker] = ()
    ) -> None:
        """Note what is waited for; the ledger hears when that is another thing than it has."""
        if kind is None:
            self.waits = None
        elif self.waits is None or self.waits["kind"] != kind:
            behind = "; ".join(dict.fromkeys(map(anonymous, blockers))) or "somebody"
            what = f"a lock on {', '.join(relations)}, behind " if relations else "older transactions: "
            self.waits = {"kind": kind, "detail": f"{what}{behind}"}
        if self.waits != self.told:
            self.wake.set()

    def _lock(self, kind: str, last: LockHeld | LockTried, **data: object) -> None:
        tries, self._tries = self._tries, []
        felt = max([one.felt_seconds for one in tries], default=0.0)
        held_by = dict.fromkeys(anonymous(blocker) for one in tries for blocker in one.blockers)
        self.note(
            kind,
            **self._step,
            relations=list(last.relations),
            mode=str(last.mode),
            tries=last.attempt,
            felt_seconds=round(max(felt, last.felt_seconds), 4),
            held_by=list(held_by),
            **data,
        )

    def _waited(self) -> None:
        if self._waiting is not None:
            since, found = self._waiting
            self._waiting = None
            self.note("waited", **self._step, seconds=round(self._clock() - since, 1), waited_for=list(found))

    def _give_up(self) -> None:
        """Tell of what was waited for and not had."""
        self._waited()
        if self._tries:
            self._lock("not locked", self._tries[-1])

    def _beat(self, reason: str | None) -> None:
        now = self._clock()
        if self._pulse is not None and self._pulse[1] is not None:
            self._throttled[_signal(self._pulse[1])] += min(now - self._pulse[0], _LONGEST_PULSE_SECONDS)
        self._pulse = now, reason
        if self._throttled and now - self._throttled_since >= THROTTLED_EVERY_SECONDS:
            self.wake.set()

    def _sum_up(self) -> None:
        for signal, seconds in self._throttled.items():
            self._due.append(("throttled", {"by": signal, "seconds": round(seconds, 1)}))
        self._throttled.clear()
        self._throttled_since = self._clock()


@asynccontextmanager
async def kept(context: Context, held: Lease, verb: str, diary: Diary) -> AsyncIterator[None]:
    """Write the diary while the body runs, from who began what until how it ended, and beside the lease what
    its holder waits for.
    """
    change_id = held.change_id
    trace = {"trace_id": trace_id()} if trace_id() else {}
    diary.note(
        "began", verb=verb, host=socket.gethostname(), pid=os.getpid(), program=program_version(), **trace
    )
    async with _without_fail():
        await _write(context, change_id, diary.take())
    writer = asyncio.create_task(_write_on(context, held, diary))
    try:
        yield
    except (EcError, DBAPIError) as error:
        diary.failed(verb, translate(error))
        raise
    finally:
        diary.close()
        await asyncio.wait([writer])


@asynccontextmanager
async def refusals(context: Context, situation: Situation, verb: str) -> AsyncIterator[None]:
    """Keep in the ledger that the body did not let a verb begin. A change that has ended tells no more."""
    try:
        yield
    except EcError as error:
        if situation.stage not in (Stage.PURGED, Stage.ROLLED_BACK, Stage.FINISHED):
            diary = Diary(context.listen)
            diary.failed(verb, error)
            async with _without_fail():
                await _write(context, situation.change_id, diary.take())
        raise


def anonymous(blocker: Blocker) -> str:
    """Return who a blocker is, without the query: it may hold values."""
    return f"{blocker.kind} {blocker.application_name or 'unnamed'} ({blocker.role}, {blocker.state})"


def _signal(reason: str) -> str:
    """Return the throttle's name, the first word of its reading."""
    return reason.split(maxsplit=1)[0].rstrip(":") if reason.strip() else "unknown"


async def _write_on(context: Context, held: Lease, diary: Diary) -> None:
    closed = False
    while not closed:
        await diary.wake.wait()
        closed, waits = diary.closed, diary.waits
        changed = [] if closed or waits == diary.told else [lease.waiting(context.tables, held.token, waits)]
        diary.told = waits
        async with _without_fail():
            await _write(context, held.change_id, diary.take(), changed)


@asynccontextmanager
async def _without_fail() -> AsyncIterator[None]:
    """The record must not stop the work: a role may lack the right to write it, a connection may be lost."""
    with suppress(DBAPIError, EcError, OSError, TimeoutError):
        async with asyncio.timeout(_LAST_WORDS_SECONDS):
            yield


async def _write(
    context: Context, change_id: int, entries: Sequence[EventEntry], others: Sequence[Query] = ()
) -> None:
    """Write entries. Twice where the connection had died in the pool, say: then one is made anew."""
    if not entries and not others:
        return

    def made(server: str) -> Iterator[Query]:
        yield from others
        for kind, data in entries:
            # A verb may take the lease for each part of its work: it began once.
            once = kind == "began"
            told = data | {"server": server} if once else data
            yield events.noting(context.tables, kind, context.who, change_id=change_id, data=told, once=once)

    try:
        await context.database.at_once(make=made)
    except DBAPIError as error:
        if not is_disconnect(error):
            raise
        await context.database.at_once(make=made)
