"""What is asked of the empty clone, and what it says. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from expandcontract.model.names import RelationName


@dataclass(frozen=True)
class Expression:
    """What the server made of an expression over one side, and other columns of the row.

    `sql` is qualified, independent of any search_path, and ends in a cast to `type`. `immutable` is its
    judgement for a generated column. `null_for_null` is whether NULL yields NULL. `functions` are those that
    it calls outside pg_catalog, as regprocedure text. One that is `volatile` was never evaluated: as --back
    it is made to keep NULL, as --using nobody knows what it makes of it. `doubtful` are names in its
    functions' bodies that keep it from being taken for immutable. `settings` (name, value as SQL) make it the
    same in every session; `pathless` are the functions for which search_path is among them. `reads` are the
    columns of neither side that it names.
    """

    sql: str
    type: str
    immutable: bool
    total: bool
    null_for_null: bool
    functions: tuple[str, ...] = ()
    volatile: bool = False
    doubtful: tuple[str, ...] = ()
    pathless: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    reads: tuple[str, ...] = ()


@dataclass(frozen=True)
class NewType:
    """A type as the server spells it, with what a column of it brings along; `collation` is SQL, and `bare`
    the type without modifiers.
    """

    type: str
    base: str
    plain_equality: bool
    collatable: bool = False
    collation: str | None = None
    bare: str = ""


@dataclass(frozen=True)
class FurtherAsked:
    """One more column of the new side: its name and type, and the expression as the user wrote it."""

    new: str
    type: str
    using: str


@dataclass(frozen=True)
class FurtherOldAsked:
    """One more column of the old side: its name, the one after contract, and the expression for its value as
    the user wrote it.
    """

    column: str
    hidden: str
    back: str | None


@dataclass(frozen=True)
class FurtherJudged:
    """What the clone said of it."""

    new: str
    new_type: NewType
    forward: Expression


@dataclass(frozen=True)
class KeyAsked:
    """A foreign key of one column of the new side: what it refers to, and what follows, as SQL."""

    column: str
    references: str
    actions: str = ""


@dataclass(frozen=True)
class RulesAsked:
    """Rules that the new side gets beyond what the old one hands on, by its columns; expressions are as the
    user wrote them. `checks` have a name, empty where PostgreSQL would choose it.
    """

    not_null: tuple[str, ...] = ()
    checks: tuple[tuple[str, str], ...] = ()
    unique: tuple[str, ...] = ()
    keys: tuple[KeyAsked, ...] = ()
    defaults: tuple[tuple[str, str], ...] = ()
    comment: str | None = None


@dataclass(frozen=True)
class CheckJudged:
    """A CHECK as the server writes it, with the columns that it names and their types."""

    name: str
    expression: str
    columns: tuple[str, ...]
    types: tuple[str, ...]


@dataclass(frozen=True)
class KeyJudged:
    """A foreign key of one column: what it refers to, the operator that compares, and what follows the name
    of the other table, as SQL. `row_security`: who writes may not see all rows of that.
    """

    column: str
    table: RelationName
    other: str
    equal: str
    after: str
    partitioned: bool = False
    row_security: bool = False


@dataclass(frozen=True)
class DefaultJudged:
    """A default as SQL, None for none at all, and its kind as that of a column's own."""

    column: str
    default: str | None
    kind: str


@dataclass(frozen=True)
class RulesJudged:
    """What the clone said of the rules that were asked for. `equal` has the operator by which values of a
    column are equal, for those that are to be unique; `nothing` is what forward makes of a row that has none
    of the old side, as SQL, None where that is nothing or nobody can tell.
    """

    checks: tuple[CheckJudged, ...] = ()
    equal: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[KeyJudged, ...] = ()
    defaults: tuple[DefaultJudged, ...] = ()
    nothing: str | None = None


@dataclass(frozen=True)
class Judgement:
    """What the clone said of a new side for one column; `more` of its further columns, `old_backs` of what
    leads back to further columns of the old side. `swallows` are the old columns of which one NULL makes the
    new side NULL, whatever the others hold. `null_returns`: NULL leads back to a value of which forward makes
    NULL again.

    `definitions` are those of indexes and CHECK constraints for the new column, by name; what is missing does
    not fit the new type. `hidden_definitions` are those of unique indexes for the hidden column,
    `final_definitions` those of all indexes for the new column by its name after contract. `default` is the
    new side's default as SQL. `denied` names, for every role that may write the table, the functions that it
    may not call.
    """

    new_type: NewType
    forward: Expression | None
    back: Expression | None
    default: str | None
    definitions: dict[str, str] = field(default_factory=dict)
    hidden_definitions: dict[str, str] = field(default_factory=dict)
    denied: tuple[tuple[str, str], ...] = ()
    final_definitions: dict[str, str] = field(default_factory=dict)
    more: tuple[FurtherJudged, ...] = ()
    old_backs: tuple[Expression, ...] = ()
    swallows: tuple[str, ...] = ()
    rules: RulesJudged = field(default_factory=RulesJudged)
    null_returns: bool = False

    @property
    def backs(self) -> tuple[Expression, ...]:
        """What leads back to each column of the old side; none where nothing does, or nothing has to."""
        return () if self.back is None else (self.back, *self.old_backs)

    @property
    def forwards(self) -> tuple[Expression, ...]:
        """What leads to each column of the new side; none where that is the raw value."""
        return () if self.forward is None else (self.forward, *(each.forward for each in self.more))

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """All of them."""
        return (*self.forwards, *self.backs)


@dataclass(frozen=True)
class Question:
    """A new side for `column`: its names, and for a change of type the type and the expressions as the user
    wrote them.

    `back_column` is the name by which `back` means the new column, where that is not `new`: for a swap, the
    old name. No expression makes the new value where a Python `function` does. `upsert_new` asks for a new
    side that ON CONFLICT can name from ready on. `more` are further columns of the new side, `old_more` of
    the old one. With `recreate_views` views over the column read the new side from contract on. `rules` are
    those that only the new side gets, `left` the names of those of the old one that it does not get. `names`
    are what indexes and constraints that go along are called from contract on, by their present names.
    """

    column: str
    new: str
    hidden: str
    type: str | None = None
    using: str | None = None
    back: str | None = None
    one_way: bool = False
    back_column: str = ""
    function: str = ""
    upsert_new: bool = False
    more: tuple[FurtherAsked, ...] = ()
    old_more: tuple[FurtherOldAsked, ...] = ()
    recreate_views: bool = False
    rules: RulesAsked = field(default_factory=RulesAsked)
    names: Mapping[str, str] = field(default_factory=dict)
    left: tuple[str, ...] = ()

    @property
    def news(self) -> tuple[str, ...]:
        """The columns of the new side."""
        return (self.new, *(each.new for each in self.more))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the old side."""
        return (self.column, *(each.column for each in self.old_more))


@dataclass(frozen=True)
class Trial:
    """What a change without a new side asks: `statements` are run on the clone, `pg_temp.ec_clone`, as the
    user would run them, and `query` is then read with every name qualified; $1 in it is the table itself, as
    SQL in a text. `what` is said where the server refuses one of them. `at_once`: what the plan does under
    its strong lock must write no table anew and build no index, which is tried on the empty copy.
    """

    statements: tuple[str, ...]
    query: str
    what: str
    at_once: bool = False


@dataclass(frozen=True)
class Answers:
    """The rows of a trial's query; every value as text, or NULL."""

    rows: tuple[tuple[str | None, ...], ...] = ()


Answer: TypeAlias = Judgement | Answers | None
