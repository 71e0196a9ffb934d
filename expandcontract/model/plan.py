"""A change compiled against the live catalog, with its steps. Pure data; it gives fingerprint and JSON."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache, cached_property
from typing import Any

from pydantic import TypeAdapter

from expandcontract.model.change import Change, Pair
from expandcontract.model.forecast import Forecast
from expandcontract.model.names import RelationName, quote
from expandcontract.model.notes import Note, Words
from expandcontract.model.phases import Section, Stage, State
from expandcontract.model.plan_formats import FORMAT, present
from expandcontract.model.site import Site
from expandcontract.model.step import NOT_RUN, Occasion, Purpose, Step, Sweep, Transformation
from expandcontract.model.undo import Undo
from expandcontract.model.upkeep import KeptUp, functions_alone


@dataclass(frozen=True)
class Plan:
    """A change with all its steps and what it was compiled from.

    `pair` are the columns that are held together; without one there is nothing to copy, compare or keep in
    sync. `claims` are the columns that no other open change may claim; None for the whole table. `enforces`
    are sentences on what is refused from contract on. `given` is a predicate over `t` of the rows that have
    values in columns which the change made, where a rollback keeps none of them: it asks first.

    `catalog` is the part of the catalog that mattered (never row counts). `old_columns` and `new_columns` are
    the names that the two versions of the application use. `swap` says that the new side takes over the old
    one's name at contract, so that `ready` means that contract may run. `hidden_column` is the old side's
    name after contract, of several columns the first one's. `undo` is what undo asks of the rows. `upkeep` is
    what keeps something true on its tables. `noted_every` is how often at most a trigger notes that a session
    writes one side, so that a session's last write may be that much younger than its note. `remade` are the
    triggers of the user, as `name ON table`, that contract and undo make anew, since they name the column
    (UPDATE OF, WHEN).

    `others` are further tables that the change works on, and `uses` columns of its own that no other open
    change may claim, and any may use.

    `follows` are the views, as SQL, that contract has read the new side, each after those that it reads, and
    `goes_along` those that it hides with the old one; `hidden_views` is what is called otherwise from then
    on, and goes with purge. `views_anew` are those that follow whose places others take.

    `table` is the table's name until something renames it: `aside` from expand until contract, where a view
    stands under its name meanwhile, and `final_table` from contract on. `table_in` says which one holds. With
    `makes_table` there is none before expand, which makes it.

    `format` is that of the data in which it is stored. `stored` is the fingerprint of the data that it was
    read from, whichever format that had.
    """

    change: Change
    table: RelationName
    pair: Pair | None
    sections: Mapping[Section, tuple[Step, ...]]
    old_columns: tuple[str, ...]
    new_columns: tuple[str, ...]
    hidden_column: str
    catalog: Mapping[str, Any]
    upkeep: tuple[KeptUp, ...] = ()
    swap: bool = False
    undo: Undo = field(default_factory=Undo)
    costs: tuple[Note, ...] = ()
    hazards: tuple[Note, ...] = ()
    server_version: int = 0
    noted_every: timedelta = timedelta(minutes=1)
    remade: tuple[str, ...] = ()
    claims: tuple[str, ...] | None = ()
    enforces: tuple[str, ...] = ()
    words: Words = field(default_factory=Words)
    given: str = "false"
    forecast: Forecast | None = field(default=None, compare=False)
    aside: RelationName | None = None
    final_table: RelationName | None = None
    uses: tuple[str, ...] = ()
    others: tuple[Site, ...] = ()
    follows: tuple[str, ...] = ()
    hidden_views: tuple[str, ...] = ()
    goes_along: tuple[str, ...] = ()
    views_anew: tuple[str, ...] = ()
    makes_table: bool = False
    program_version: str = field(default="", compare=False)
    format: int = FORMAT
    stored: str = field(default="", compare=False, repr=False)

    def steps(self, section: Section) -> tuple[Step, ...]:
        """Return the steps of one section, in order."""
        return self.sections.get(section, ())

    def restoring(self, stage: Stage) -> Step | None:
        """Return the step that puts the upkeep of a stage back; None where there is none."""
        return next((step for step in self.steps(Section.REPAIR) if stage in step.restores), None)

    def upon(self, occasion: Occasion) -> tuple[Step, ...]:
        """Return the steps that run on an occasion outside of the order of phases."""
        return tuple(step for step in self.steps(Section.REPAIR) if step.occasion == occasion)

    def sweep(self, purpose: Purpose) -> tuple[Section, Step, Sweep]:
        """Return the step that sweeps for `purpose`, after its section and before its action."""
        return next(
            (section, step, step.action)
            for section, steps in self.sections.items()
            for step in steps
            if isinstance(step.action, Sweep) and step.action.purpose == purpose
        )

    @property
    def sides(self) -> Pair:
        """The pair, of a plan that has one. Raises AssertionError."""
        if self.pair is None:
            raise AssertionError(f"{self.change.name} has no pair of columns")
        return self.pair

    def kept_up(self, site: int = 0) -> KeptUp:
        """Return what is kept up on a table; without a trigger where nothing is."""
        return next((each for each in self.upkeep if each.site == site), functions_alone(()))

    @property
    def trigger(self) -> str:
        """The trigger on the table that names the change; empty without one."""
        return self.kept_up().trigger

    def table_in(self, state: State, *, expanded: bool = True) -> RelationName:
        """Return what the table is called while the change is in `state`, and its expand is done or not."""
        if state in (State.HIDDEN, State.PURGED):
            return self.final_table or self.table
        if state == State.ACTIVE and expanded:
            return self.aside or self.table
        return self.table

    @property
    def tables(self) -> tuple[RelationName, ...]:
        """Every name that the plan gives the table."""
        named = (self.table, self.aside, self.final_table)
        return tuple(dict.fromkeys(name for name in named if name is not None))

    @property
    def old_side(self) -> str:
        """What old code uses and contract takes away: columns, or the table; empty where nothing goes."""
        return ", ".join(self.old_columns) or (self.table.sql if self.final_table is not None else "")

    @property
    def computed_outside(self) -> bool:
        """Whether only a program outside of the database can make the new side's values."""
        return self.pair is not None and self.pair.computed_outside

    @property
    def owned(self) -> tuple[str, ...] | None:
        """The columns that no other open change may claim; None for the whole table."""
        if self.pair is None or self.claims is None:
            return self.claims
        pair = {*self.pair.old_columns, *self.pair.new_columns}
        return tuple(sorted({*self.claims, *pair, *self.old_columns, *self.new_columns}))

    @property
    def about(self) -> str:
        """What it does, in a few words, for the head of a plan."""
        return self.words.about or f"{', '.join(self.old_columns)} -> {', '.join(self.new_columns)}"

    @property
    def copies(self) -> bool:
        """Whether rows are written in a sweep."""
        actions = (step.action for step in self.steps(Section.BACKFILL))
        return any(isinstance(action, Sweep) and action.purpose == Purpose.COPY for action in actions)

    @property
    def compares(self) -> bool:
        """Whether rows are looked at before contract: against the other side, or against a rule."""
        return any(isinstance(step.action, Sweep) for step in self.steps(Section.VERIFY))

    @property
    def fault(self) -> str:
        """What is wrong with rows that a comparison finds, as the end of a sentence."""
        default = "are not filled" if self.computed_outside else "do not match"
        return self.words.broken or default

    @property
    def new_column(self) -> str:
        """The new side's name until contract; empty without one."""
        return self.pair.new.column if self.pair is not None else next(iter(self.new_columns), "")

    @property
    def contracts(self) -> bool:
        """Whether there is a moment from which old code may fail; otherwise ready is the end."""
        return self.pair is not None or bool(self.steps(Section.CONTRACT))

    @property
    def final_column(self) -> str:
        """The new side's name after contract."""
        return self.sides.new.at(State.HIDDEN)

    def columns_in(self, state: State) -> tuple[str, ...]:
        """Return the names that the old and the new side have while the change is in `state`."""
        if self.pair is None and self.aside is not None:
            return self.new_columns
        if self.pair is None:
            return (self.hidden_column,) if self.hidden_column and state == State.HIDDEN else self.old_columns
        return tuple(each.at(state) for each in (*self.pair.olds, *self.pair.news))

    def old_columns_in(self, state: State) -> tuple[str, ...]:
        """Return the names that the old side has while the change is in `state`."""
        if self.pair is None:
            return self.old_columns if self.aside is not None else self.columns_in(state)[:1]
        return tuple(each.at(state) for each in self.pair.olds)

    @property
    def transforms(self) -> tuple[str, ...]:
        """The Python functions that the plan needs."""
        actions = (step.action for steps in self.sections.values() for step in steps)
        return tuple(action.function for action in actions if isinstance(action, Transformation))

    @property
    def to_acknowledge(self) -> tuple[Note, ...]:
        """The hazards that stop `start` until somebody acknowledges them, once for each code."""
        return tuple({note.code: note for note in self.hazards if note.acknowledge}.values())

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hex digits over everything that runs, as the program reckoned them that made the plan."""
        return self.stored or _fingerprint(to_data(self))


def to_data(plan: Plan) -> dict[str, Any]:
    """Return the plan as JSON-ready data."""
    data: dict[str, Any] = _plans().dump_python(plan, mode="json")
    del data["stored"]
    return data


def from_data(data: Mapping[str, Any]) -> Plan:
    """Read a plan back, of this format or an earlier one.

    Raises pydantic's ValidationError when the data is not a plan, LedgerTooNew when a later program made it.
    """
    read = _plans().validate_python(present(data))
    # What was approved is what was stored: that this program knows more of a plan does not make it another.
    return replace(read, stored=_fingerprint(data))


def likeness(plan: Plan, schema: str, name: str) -> str:
    """Return twelve hex digits that plans of two schemas share which are alike but for the schema, and for
    what the change is called there: `name` is what it is called everywhere.
    """
    place = quote(schema)
    names = "|".join(re.escape(f"{each}.") for each in {place, place.replace("'", "''")})
    written = re.compile(rf'(?<![\w$."])(?:{names})')

    def of_any(value: Any) -> Any:  # noqa: ANN401 - JSON
        match value:
            case str():
                value = value.replace(plan.change.name, name)
                return ":schema" if value == schema else written.sub(":schema.", value)
            case dict():
                return {key: of_any(each) for key, each in value.items()}
            case list():
                return [of_any(each) for each in value]
            case _:
                return value

    return _digest(of_any(_told(to_data(plan))))[:12]


def _fingerprint(data: Mapping[str, Any]) -> str:
    return _digest(_told(data))[:12]


def _told(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a plan's data that a fingerprint is over."""
    told = {"change": data["change"], "pair": data["pair"] and _as_it_was(data["pair"])}
    told["sections"] = {
        section: [_without(step, NOT_RUN) for step in steps] for section, steps in data["sections"].items()
    }
    told["hazards"] = [_without(each, {"found"}) for each in data["hazards"] if not each.get("found")]
    return told


def _as_it_was(pair: Mapping[str, Any]) -> dict[str, Any]:
    """Pure. Return a pair as it was before a side could be of several columns, before an expression could
    look at others, and before a column knew what it is called after contract, which the steps say anyway.
    """

    def bare(value: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(value, dict):
            return {key: bare(each) for key, each in value.items() if key != "after"}
        return [bare(each) for each in value] if isinstance(value, list) else value

    return {k: bare(v) for k, v in pair.items() if v or k not in _LATER}


def _without(data: Mapping[str, Any], fields: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in fields}


def _digest(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


#: What pairs did not have at first.
_LATER = ("more", "old_more", "reads", "back_reads")


@cache
def _plans() -> TypeAdapter[Plan]:
    """Return what reads and writes plans. Making it takes longer than most imports, and not every process
    meets a plan.
    """
    return TypeAdapter(Plan)
