"""What is held together, with the names of what keeps it so."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from expandcontract.model.change import Pair, Side
from expandcontract.model.names import RelationName, judging_trigger, qualify_constant, qualify_type
from expandcontract.steps.sync import predicates
from expandcontract.steps.sync.refusals import NewRules


@dataclass(frozen=True)
class Sync:
    """A pair with the names of what keeps it in sync.

    `schema` holds the functions, `key` are the columns that name a row in `conflict`, `new_default` is the
    default that the new side gets when it is settled, `ledger` the schema of the ledger, `checks` are those
    that contract takes away. `first` is the name of the trigger that sorts before all others, empty where
    none is of use; `watched` says that triggers of the user may look at the pair, so that it is put there
    from the beginning. `partition_keys` are the columns by which rows move. `unique`: so is the old side.
    `rules` are those that only the new side has.
    """

    change: str
    pair: Pair
    schema: str
    trigger: str
    key: Sequence[str]
    new_default: str | None = None
    ledger: str = ""
    checks: tuple[predicates.CarriedCheck, ...] = ()
    first: str = ""
    watched: bool = False
    partition_keys: tuple[str, ...] = ()
    unique: bool = False
    rules: NewRules = field(default_factory=NewRules)

    @property
    def function(self) -> RelationName:
        return RelationName(self.schema, self.trigger)

    @property
    def stored(self) -> str:
        """The name of the trigger that judges what did not fit, once it is stored."""
        return judging_trigger(self.trigger)

    @property
    def judges(self) -> bool:
        """Whether one side may be given what the other cannot hold."""
        return not (self.pair.identity or self.pair.computed_outside)

    @property
    def keeper(self) -> RelationName:
        return self._beside("~ek_")

    @property
    def old_default(self) -> RelationName:
        """What makes the old side's default, where that is more than a constant."""
        return self._beside("~eo_")

    def default_of(self, column: Side) -> str:
        """Return SQL for the default of a column of the old side, which has one."""
        return _default(column.default or "NULL", self.old_default, column.type)

    @property
    def made_by_default(self) -> str:
        """SQL for what the new side's default gives, where it has one."""
        return _default(self.new_default or "NULL", self.default, self.pair.new.type)

    @property
    def default(self) -> RelationName:
        """What makes the new side's default, where that is more than a constant."""
        return self._beside("~en_")

    @property
    def telling(self) -> RelationName:
        """What the new side has as a default where that notes that nobody gave a value."""
        return telling(self.schema, self.trigger)

    @property
    def check(self) -> RelationName:
        """What asks the old side's CHECKs."""
        return self._beside("~ex_")

    @property
    def breaks(self) -> tuple[RelationName, RelationName]:
        """What tells which rule of the new side a row breaks: by itself, and beside others."""
        return self._beside("~eb_"), self._beside("~el_")

    def _beside(self, mark: str) -> RelationName:
        return _beside(self.schema, self.trigger, mark)


def telling(schema: str, trigger: str) -> RelationName:
    """Return the name of the function that is a default which notes that it was used."""
    return _beside(schema, trigger, "~et_")


def _beside(schema: str, trigger: str, mark: str) -> RelationName:
    return RelationName(schema, trigger.replace("~ec_", mark, 1))


def _default(default: str, function: RelationName, type_: str) -> str:
    constant = qualify_constant(default)
    return f"{function.sql}()" if constant is None else f"({constant})::{qualify_type(type_)}"
