"""What the steps of a pair are made from, and what its columns are called in their sentences."""

from dataclasses import dataclass
from functools import cached_property

from expandcontract.model.change import Pair
from expandcontract.model.names import RelationName, quote
from expandcontract.model.phases import State
from expandcontract.steps import keep_on_rollback
from expandcontract.steps.carry import TRAITS, Subject, Trait
from expandcontract.steps.keep_on_rollback import Keeping
from expandcontract.steps.parts import Part, together
from expandcontract.steps.sync.conversions import Conversion
from expandcontract.steps.sync.subject import Sync


@dataclass(frozen=True)
class Columns:
    """A subject with what keeps it in sync. `others` are the subjects of further columns of the old side.

    `function` is the Python function that makes the new side's values, where one does, and `bare_type` their
    type without modifiers. `more_collations` are those of further columns of the new side, `traits` what the
    old column hands on.
    """

    subject: Subject
    sync: Sync
    collation: str | None
    conversions: tuple[Conversion, ...]
    function: str = ""
    bare_type: str = ""
    more_collations: tuple[str | None, ...] = ()
    traits: tuple[Trait, ...] = TRAITS
    others: tuple[Subject, ...] = ()

    @property
    def pair(self) -> Pair:
        return self.subject.pair

    @property
    def table(self) -> RelationName:
        return self.subject.table

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """One for each column of the old side."""
        return (self.subject, *self.others)

    @property
    def triggered(self) -> tuple[RelationName, ...]:
        """The tables that have the trigger."""
        return self.subject.snapshot.triggered

    @cached_property
    def carried(self) -> Part:
        """What the old side hands on to the new one."""
        return together([trait(subject) for trait in self.traits for subject in self.subjects])

    @property
    def new(self) -> str:
        """The columns of the new side, for a sentence."""
        return " and ".join(map(quote, self.pair.new_columns))

    def old(self, state: State = State.ACTIVE) -> str:
        """Return those of the old side as they are called in a state, for a sentence."""
        return " and ".join(quote(each.at(state)) for each in self.pair.olds)

    @property
    def keeping(self) -> Keeping | None:
        """What a rollback keeps of the new side; of one of several columns it keeps nothing."""
        if self.pair.more:
            return None
        return keep_on_rollback.of_pair(
            self.pair,
            change=self.sync.change,
            trigger=self.sync.trigger,
            tables=tuple(table.sql for table in self.triggered),
            key=tuple(self.subject.snapshot.primary_key),
            schema=self.sync.schema,
            ledger=self.sync.ledger,
        )
