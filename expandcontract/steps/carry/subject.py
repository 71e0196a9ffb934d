"""What the traits work on: the old column, the names of the new side, and what the server said of each thing
to carry.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from expandcontract.model.change import Pair
from expandcontract.model.names import RelationName, derived, literal, quote, split
from expandcontract.model.notes import Note
from expandcontract.model.phases import State
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.steps.parts import Part
from expandcontract.steps.sync.refusals import NewRules


@dataclass(frozen=True)
class Subject:
    """An old column and its new side.

    `new` is the new side's name until contract and `final` the one after; they differ for a swap, where
    `final` is the old column's own name. `hidden` is the old side's name after contract. `definitions` are
    those of indexes and CHECK constraints as the server writes them for the new column, by the object's name;
    what is missing there cannot be carried. `hidden_definitions` are those of unique indexes for the hidden
    column, which undo may have to build, `final_definitions` those of all indexes for the new column as it is
    called after contract. `unique_at_ready` says that twins of unique indexes are unique from ready on, for
    new code that upserts, `recreate_views` that views over the column follow; `shown` are then the
    expressions over the new side, one for each old column, that they show in its place. `left` are the rules
    that the new side is not to get. `default` is the new
    side's default, unless the old one is volatile: that one moves at contract. `rules` are those that the
    new side does not have from the old one. `names` are those that the user chose for what is carried.
    """

    snapshot: Snapshot
    column: Column
    pair: Pair
    new: str
    final: str
    hidden: str
    definitions: Mapping[str, str]
    hidden_definitions: Mapping[str, str]
    default: str | None = None
    final_definitions: Mapping[str, str] = field(default_factory=dict)
    unique_at_ready: bool = False
    recreate_views: bool = False
    shown: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    rules: NewRules = field(default_factory=NewRules)
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def table(self) -> RelationName:
        return self.snapshot.table

    @property
    def leads(self) -> bool:
        """Whether it is the first of the old side's columns: what is there once comes with it."""
        return self.column.name == self.pair.old.column

    def owns(self, columns: Collection[str]) -> bool:
        """Whether what stands on `columns` is its own: of several old columns among them the first one's."""
        return next((each for each in self.pair.old_columns if each in columns), None) == self.column.name

    def ends(self, rule: str, option: str, broken: str = "names rows that break it by then first") -> str:
        """Return what is said of a rule of an old side of more or fewer columns: nothing says what it means
        for the new one. `broken` is what undo does where rows break it.
        """
        news = " and ".join(quote(each.at(State.HIDDEN)) for each in self.pair.news)
        back = "" if self.pair.one_way else "what new code writes has to keep it until then, too; "
        return (
            f"{rule} is a rule of the old side alone, and ends at contract: {back}undo brings it back, and "
            f"{broken}. There is none on {news}: {option} asks for one."
        )

    def left_behind(self, rule: str, broken: str = "names rows that break it by then first") -> Note:
        """Return what is said of a rule that was asked to stay on the old side. `broken` is as for `ends`."""
        until = (
            "nothing leads back to it"
            if self.pair.one_way
            else "until contract what --back makes of new code's values has to keep it, or the write fails"
        )
        return Note(
            "left-behind",
            f"{rule} stays on the old side alone: {until}. Contract ends it; undo brings it back, and "
            f"{broken}.",
        )

    @property
    def swap(self) -> bool:
        return self.final == self.column.name

    @property
    def taken(self) -> frozenset[str]:
        """The names of what is carried, under which nothing else can come."""
        return frozenset(self._names.values())

    def new_name(self, name: str) -> str:
        """The name that a carried object has from settle on."""
        return self._names[self.new, name]

    def takes(self, name: str) -> bool:
        """Whether it takes over the old object's own name at contract, which that is hidden without."""
        return self.swap or self.names.get(name) == name

    def final_name(self, name: str) -> str:
        """The name that it has after contract."""
        return name if self.takes(name) else self.new_name(name)

    def hidden_name(self, name: str) -> str:
        """The name that the old object has after contract, where its own is taken by the new one."""
        return self._names[self.hidden, name] if self.takes(name) else name

    @property
    def not_null_name(self) -> str:
        """The name of the old side's NOT NULL, which it has from 18 on."""
        return not_null_name(self.snapshot, self.column)

    def substituted(self, columns: tuple[str, ...]) -> tuple[str, ...]:
        """The columns with the new side in the old one's place."""
        return tuple(self.new if column == self.column.name else column for column in columns)

    def of_rows_with(self, predicate: str, *, inherited: bool) -> str:
        """A predicate over `t`, where it is not `inherited` of the rows of the table itself alone."""
        if inherited:
            return predicate
        table = f"{literal(self.table.sql)}::pg_catalog.regclass"
        return f"(t.tableoid OPERATOR(pg_catalog.=) {table} AND {predicate})"

    @cached_property
    def _names(self) -> Mapping[tuple[str, str], str]:
        """The names of everything that is carried, by column and present name, chosen together.

        Two names may lead to one: ix (a, b) and ix_a (a) both to ix_b. Those that have the column's name in
        them choose first.
        """
        # What has a name of its own from the user gets it when it is made, unless the old object has it.
        chosen = {(self.new, old): new for old, new in self.names.items() if new != old}
        taken = {*self.snapshot.taken_names, *chosen.values()}
        for column in dict.fromkeys((self.new, self.hidden)):
            left = (name for name in self.carried if (column, name) not in chosen)
            wanted = {name: derived(name, self.column.name, column) for name in left}
            for name in sorted(wanted, key=lambda name: (wanted[name].startswith(f"{name}_"), name)):
                chosen[column, name] = _free(wanted[name], taken)
                taken.add(chosen[column, name])
        return chosen

    @property
    def carried(self) -> Iterator[str]:
        """The names of all that may get a twin. An index and its constraint share theirs."""
        snapshot, column = self.snapshot, self.column.name
        yield from (index.name for index in snapshot.indexes if column in index.columns)
        yield from (c.name for c in snapshot.constraints if not c.inbound and column in c.columns)
        yield from (split(each.name)[-1] for each in snapshot.dependents if each.kind == "statistics")
        yield self.not_null_name


def not_null_name(snapshot: Snapshot, column: Column) -> str:
    """Return the name of a column's NOT NULL, which it has from 18 on, or what PostgreSQL would choose."""
    return column.not_null_name or derived(f"{snapshot.table.name}_x_not_null", "x", column.name)


def _free(name: str, taken: set[str]) -> str:
    number = 1
    candidate = name
    while candidate in taken:
        number += 1
        candidate = derived(name + "_x", "x", str(number))
    return candidate


#: One kind of thing that the old column has and the new one must get, as a part of the change. What new code
#: looks for comes with `backfill`, after the rows are copied. A rule, which can refuse a row, comes with
#: `before_contract`: until then the old side's own rules are the only ones, and guard both sides. `contract`
#: and `undo` are of the transaction that turns the names, after that.
Trait: TypeAlias = Callable[[Subject], Part]
