"""`ec.plan/1`: what will run, step by step, and what it costs."""

import shlex
from collections.abc import Callable, Sequence
from typing import Literal, Self

from pydantic import Field

from expandcontract.cli.views.format import count, seconds, size, table
from expandcontract.cli.views.view import Part, View
from expandcontract.model.forecast import Forecast
from expandcontract.model.notes import Note
from expandcontract.model.phases import Section
from expandcontract.model.plan import Plan
from expandcontract.model.step import Lock, LockMode, Step

#: Returns the statements of a step, as they will run.
Statements = Callable[[Step], Sequence[str]]


class LockView(Part):
    """A table-level lock."""

    relation: str
    mode: LockMode

    @classmethod
    def of(cls, lock: Lock) -> Self:
        """Read a lock."""
        return cls(relation=lock.relation, mode=lock.mode)


class StepView(Part):
    """One step. `duration` is `by size` where it grows with the table."""

    id: str
    symbol: str
    sentence: str
    locks: tuple[LockView, ...]
    duration: Literal["instant", "by size"]
    reversible: bool
    sql: tuple[str, ...]

    @classmethod
    def of(cls, step: Step, sql: Sequence[str]) -> Self:
        """Read a step and its statements."""
        return cls(
            id=step.id,
            symbol=step.symbol,
            sentence=step.sentence,
            locks=tuple(map(LockView.of, step.locks)),
            duration="by size" if step.by_size else "instant",
            reversible=step.reversible,
            sql=tuple(sql),
        )

    def lines(self) -> list[str]:
        """Return the sentence, and below it what it does to others."""
        way_back = "reversible" if self.reversible else "NOT reversible"
        effects = f"      {_locks(self.locks)}; {self.duration}; {way_back}"
        return [f"  {self.symbol} {self.sentence}", effects]


class SectionView(Part):
    """One list of steps: a phase, or a way back or out."""

    name: Section
    steps: tuple[StepView, ...]

    def lines(self) -> list[str]:
        """Return the section's name and its steps."""
        return [self.name.value, *(line for step in self.steps for line in step.lines())]


class NoteView(Part):
    """A cost or a hazard. `acknowledge`: start stops until somebody acknowledges it. The sentence includes
    what was found in rows.
    """

    code: str
    sentence: str
    acknowledge: bool

    @classmethod
    def of(cls, note: Note) -> Self:
        """Read a note."""
        return cls(code=note.code, sentence=note.said, acknowledge=note.acknowledge)


class ForecastView(Part):
    """What the change costs up to contract at most, by statistics; bytes, and minutes of one worker at
    `rows_a_second`, throttled by nothing. `rows` is null where the table was never analyzed.
    """

    rows: int | None
    bytes: int
    written_rows: int
    read_bytes: int
    wal_bytes: int
    disk_bytes: int
    minutes: float
    rows_a_second: int

    @classmethod
    def of(cls, forecast: Forecast) -> Self:
        """Read a forecast."""
        return cls(
            rows=forecast.rows,
            bytes=forecast.bytes,
            written_rows=forecast.written,
            read_bytes=forecast.read,
            wal_bytes=forecast.wal,
            disk_bytes=forecast.disk,
            minutes=round(forecast.minutes, 1),
            rows_a_second=forecast.rows_a_second,
        )

    def lines(self) -> list[str]:
        """Return what there is, what is done to it, and how long that takes."""
        rows = "a number of rows that nobody counted" if self.rows is None else count(self.rows, "row")
        pace = f"at {count(self.rows_a_second)} rows/s, by one worker that nothing throttles"
        said = [
            ("table", f"about {rows}, {size(self.bytes)} with indexes"),
            ("written", f"{count(self.written_rows, 'row')}, {size(self.wal_bytes)} of WAL"),
            ("read", size(self.read_bytes)),
            ("disk", f"{size(self.disk_bytes)} more while it lasts"),
            ("time", f"{seconds(self.minutes * 60)} {pace}"),
        ]
        return ["forecast, at most, by statistics", *table(said, indent="    ")]


class PlanView(View):
    """A plan. `written_to` is the folder that it was written to, if any. A `started` one is the ledger's."""

    schema_: Literal["ec.plan/1"] = Field("ec.plan/1", alias="schema")
    name: str
    kind: str
    table: str
    fingerprint: str
    server_version: int
    old_columns: tuple[str, ...]
    new_columns: tuple[str, ...]
    about: str
    enforces: tuple[str, ...]
    sections: tuple[SectionView, ...]
    costs: tuple[NoteView, ...]
    hazards: tuple[NoteView, ...]
    forecast: ForecastView | None
    written_to: str | None
    started: bool

    @classmethod
    def of(
        cls, plan: Plan, statements: Statements, written_to: str | None = None, *, started: bool = False
    ) -> Self:
        """Read a plan; `statements` renders a step's SQL."""
        return cls(
            name=plan.change.name,
            kind=plan.change.kind,
            table=plan.table.sql,
            fingerprint=plan.fingerprint,
            server_version=plan.server_version,
            old_columns=plan.old_columns,
            new_columns=plan.new_columns,
            about=plan.about,
            enforces=plan.enforces,
            sections=_sections(plan, statements),
            costs=tuple(map(NoteView.of, plan.costs)),
            hazards=tuple(map(NoteView.of, plan.hazards)),
            forecast=None if plan.forecast is None else ForecastView.of(plan.forecast),
            written_to=written_to,
            started=started,
        )

    def text(self) -> str:
        """Return the steps with their locks, then costs and hazards, then the next line to type."""
        blocks = [self._head(), *(section.lines() for section in self.sections)]
        blocks += [["from contract on", *(f"    {each}" for each in self.enforces)]] if self.enforces else []
        blocks += [self.forecast.lines()] if self.forecast is not None else []
        blocks += [_notes("costs", self.costs, " ")] if self.costs else []
        blocks += [_notes("hazards", self.hazards, "!")] if self.hazards else []
        return "\n\n".join("\n".join(block) for block in [*blocks, self._foot()])

    def _head(self) -> list[str]:
        return [f"{self.name}  {self.kind}  {self.table}: {self.about}", f"fingerprint {self.fingerprint}"]

    def _foot(self) -> list[str]:
        if self.started:
            return ["The change is started: this is what runs.", f"next: ec status {self.name}"]
        codes = dict.fromkeys(hazard.code for hazard in self.hazards if hazard.acknowledge)
        flags = shlex.join(word for code in codes for word in ("--acknowledge", code))
        written = [f"written to {self.written_to}"] if self.written_to else ["Nothing was written."]
        return [*written, f"next: ec start {self.name} {flags}".rstrip()]


def _sections(plan: Plan, statements: Statements) -> tuple[SectionView, ...]:
    found = ((section, plan.steps(section)) for section in Section)
    return tuple(
        SectionView(name=section, steps=tuple(StepView.of(step, statements(step)) for step in steps))
        for section, steps in found
        if steps
    )


def _locks(locks: Sequence[LockView]) -> str:
    return ", ".join(f"{lock.mode.value} on {lock.relation}" for lock in locks) or "no lock on the table"


def _notes(title: str, notes: Sequence[NoteView], mark: str) -> list[str]:
    return [title, *table([(mark, note.code, note.sentence) for note in notes], indent="  ")]
