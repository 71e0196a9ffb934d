"""A step of a plan: what is journaled as one, with one of three actions. Pure data."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal, Self, TypeAlias

from expandcontract.model.phases import Stage, State


class LockMode(StrEnum):
    """PostgreSQL's table-level lock modes, weakest first (manual, "Explicit Locking")."""

    ACCESS_SHARE = "ACCESS SHARE"
    ROW_SHARE = "ROW SHARE"
    ROW_EXCLUSIVE = "ROW EXCLUSIVE"
    SHARE_UPDATE_EXCLUSIVE = "SHARE UPDATE EXCLUSIVE"
    SHARE = "SHARE"
    SHARE_ROW_EXCLUSIVE = "SHARE ROW EXCLUSIVE"
    EXCLUSIVE = "EXCLUSIVE"
    ACCESS_EXCLUSIVE = "ACCESS EXCLUSIVE"


@dataclass(frozen=True)
class Lock:
    """A table-level lock that a step takes on a relation that existed before it. `relation` is SQL."""

    relation: str
    mode: LockMode


@dataclass(frozen=True, kw_only=True)
class ViewLock(Lock):
    """A lock on a view alone: LOCK TABLE would take it on all that the view reads, too. Readers lock a view
    before its tables, and so do we.
    """

    view: Literal[True]


class OnTable(str):
    """A statement that says which table it is about, as SQL: a table that may be gone before it runs."""

    __slots__ = ("table",)
    table: str

    def __new__(cls, statement: str, table: str) -> Self:
        """Return the statement, which is about `table`."""
        said = super().__new__(cls, statement)
        said.table = table
        return said


@dataclass(frozen=True)
class Elsewhere:
    """That a step's statement at `place`, from 0, is about another table than the change's own: a partition,
    a child by inheritance, one that refers to it. With `takes_down` it takes a trigger of ours from there.
    """

    place: int
    table: str
    takes_down: bool = False


@dataclass(frozen=True)
class Transactional:
    """Statements that commit together with their row in the journal.

    `locks` are taken first, all at once, by the lock ladder, in the order given (one mode for all). A
    `patient` step takes no lock that an application would notice, may wait long (VALIDATE CONSTRAINT), and
    runs without the short timeout.
    """

    statements: tuple[str, ...]
    locks: tuple[ViewLock | Lock, ...] = ()
    patient: bool = False

    @property
    def validates(self) -> bool:
        """Whether it looks at all rows by expressions that were understood when they were made: what their
        functions name is looked up as in a session of the application, and nothing else is.
        """
        return self.patient and all(
            each.startswith("ALTER TABLE ") or " REFRESH MATERIALIZED VIEW " in each
            for each in self.statements
        )


@dataclass(frozen=True)
class Concurrent:
    """A statement that cannot run inside a transaction.

    `probe` is a query that returns one row with one text: `absent`, `done`, `broken` (a dead leftover), or
    `taken` (something else has the name). `repair` removes what is broken. `relation` is the table whose
    builds are waited for and adopted. `locks` are those that the statement takes by itself. With `again`
    nothing tells later that it ran, and it may run any number of times: its end is enough.
    """

    statement: str
    probe: str
    repair: str
    relation: str
    locks: tuple[Lock, ...] = ()
    again: bool = False

    @property
    def plain(self) -> str:
        """The same for a transaction, where nobody is there whom it would stop: the first word that follows
        the kind of the statement is the one that no transaction allows.
        """
        return self.statement.replace(" INDEX CONCURRENTLY ", " INDEX ", 1)


class Purpose(StrEnum):
    """What a sweep does to the rows that it meets."""

    #: Writes the new side of rows that are out of sync.
    COPY = "copy"
    #: Counts rows and mismatches, writes nothing.
    COMPARE = "compare"
    #: Keeps in the ledger the values that only the new side holds, before a rollback drops it.
    KEEP = "keep"


@dataclass(frozen=True)
class Sweep:
    """A walk over all heap blocks of a table and its leaves.

    `wanted` is a predicate over the alias `t` of the rows that the sweep is for: out of sync (copy),
    mismatching (compare), only on the new side (keep). `assignments` are `(column as SQL, expression over t)`
    for copy. `key` are the columns (as SQL) that name a row; without any the row's ctid does. `old` and `new`
    are the columns (as SQL) whose values keep records. `unfit` is a predicate over `t` of the rows whose
    value the other side cannot hold, and `refused` one of those that break a rule that the new side gets with
    contract; compare counts both apart. With `own_path` rows are written, or looked at, under
    the search_path of the role, as the application's are: plans of before name operators without their
    schema, and may not be.
    """

    purpose: Purpose
    table: str
    wanted: str
    assignments: tuple[tuple[str, str], ...] = ()
    key: tuple[str, ...] = ()
    old: str = ""
    new: str = ""
    unfit: str = "false"
    refused: str = "false"
    own_path: bool = False


@dataclass(frozen=True, kw_only=True)
class Transformation(Sweep):
    """A copy whose values a Python function makes, which the server does not know.

    `function` is MODULE:NAME. `type` is the new column's type without modifiers: with them a value that is
    too long would be cut, without them it is refused.
    """

    function: str
    type: str

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns (as SQL) that the function gets."""
        return (self.old,)

    @property
    def writes(self) -> tuple[tuple[str, str], ...]:
        """The columns (as SQL) whose values it makes, each with its type."""
        return ((self.new, self.type),)


@dataclass(frozen=True, kw_only=True)
class RowTransformation(Transformation):
    """One that makes values for columns of a row of all of its `columns` (as SQL): `values` are those columns
    with their types, as in `writes`.

    A row is not written of which `again` is true, a predicate over `t` and `computed`, whose `value_1` is
    that of the first column: it would be wanted once more. What it held in `keeps`, and what it holds in them
    then, is kept in the ledger by the statement that writes it.
    """

    columns: tuple[str, ...]
    values: tuple[tuple[str, str], ...]
    again: str
    keeps: tuple[str, ...] = ()
    type: str = ""

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns (as SQL) that the function gets, in a mapping."""
        return self.columns

    @property
    def writes(self) -> tuple[tuple[str, str], ...]:
        """The columns (as SQL) whose values it makes, each with its type."""
        return self.values


@dataclass(frozen=True, kw_only=True)
class Deletion(Sweep):
    """A copy that deletes the rows that it is for. What they hold in the columns `keeps` (as SQL) is kept in
    the ledger by the statement that deletes them.
    """

    deletes: Literal[True]
    keeps: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Replacement(Sweep):
    """A copy that keeps in the ledger, by the statement that writes a row, what it held in the columns
    `keeps` (as SQL), and what it holds in them then.
    """

    keeps: tuple[str, ...]


Action: TypeAlias = (
    Transactional | Concurrent | Sweep | Transformation | RowTransformation | Deletion | Replacement
)


class Upkeep(StrEnum):
    """What triggers keep up while a change goes on."""

    #: What is so until contract: the sides of a pair are in sync, rows are filled, old writers are noted.
    SYNC = "sync"
    #: What contract has hidden stays current, so that undo loses nothing.
    HIDDEN = "hidden"
    #: What is written to the new side is kept in the ledger, for the rollback that is under way.
    KEEPING = "keeping"


class Occasion(StrEnum):
    """What a step is for that is no part of the order of phases, and puts nothing back."""

    #: The change is finished: what only its phases needed goes.
    FINISHED = "finished"
    #: A rollback was given up: what it had begun goes.
    GIVEN_UP = "given up"


@dataclass(frozen=True)
class Adopted:
    """An index of a partitioned table, which comes about by adopting those of the partitions: one that came
    after the plan needs its own first. `definition` is what follows USING.
    """

    name: str
    definition: str
    unique: bool = False


@dataclass(frozen=True)
class Step:
    """The smallest unit that is journaled.

    `id` is unique within its section and stable between runs: a name for the journal, the kill points and
    people, by which nothing is decided. `symbol` is `+` (adds), `~` (alters), `-` (removes), `=` (reads or
    copies rows). `by_size` says that it takes time with the size of the table; other steps are instant.
    `becomes` is the state that the change enters when the step commits. `reverse` are the statements that
    take the step back when what it prepares does not come about: a rule that nothing follows must refuse no
    write.

    `makes` is the upkeep that stands after the step. A step of REPAIR `restores` it in some stages, or has
    its `occasion`. `brings` is what stands on the new side after it, as SQL: quoted names of indexes and
    constraints, DEFAULT, NOT NULL. `adopts` is the index of partitions that must be there first. The step
    fails where rows are equal in `unique`, columns as SQL. `beside` are those of its statements that clear
    away what does not go with the table. What it does `ages`: whoever goes on does it anew. `elsewhere` are
    those of its statements that are about another table than the change's own.
    """

    id: str
    symbol: str
    sentence: str
    action: Action
    by_size: bool = False
    reversible: bool = True
    becomes: State | None = None
    reverse: tuple[str, ...] = ()
    makes: Upkeep | None = None
    restores: tuple[Stage, ...] = ()
    occasion: Occasion | None = None
    brings: tuple[str, ...] = ()
    adopts: Adopted | None = None
    unique: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    ages: bool = False
    elsewhere: tuple[Elsewhere, ...] = ()

    def telling(self, own: Collection[str]) -> "Step":
        """Return the step as it says which statements are not about the change's `own` table, whatever names
        the plan gives that. They are texts and nothing else from then on: no driver takes a kind of str.
        """
        if not isinstance(self.action, Transactional):
            return self
        return replace(
            self,
            action=replace(self.action, statements=tuple(map(str, self.action.statements))),
            reverse=tuple(map(str, self.reverse)),
            elsewhere=tuple(
                Elsewhere(place, each.table, each.startswith("DROP TRIGGER "))
                for place, each in enumerate(self.action.statements)
                if isinstance(each, OnTable) and each.table not in own
            ),
        )

    @property
    def keeps(self) -> bool:
        """Whether it keeps what a rollback removes."""
        swept = isinstance(self.action, Sweep) and self.action.purpose == Purpose.KEEP
        return swept or self.makes == Upkeep.KEEPING

    @property
    def locks(self) -> tuple[Lock, ...]:
        """The locks that an application may notice or a DBA wants to know."""
        match self.action:
            case Transactional(locks=locks) | Concurrent(locks=locks):
                return locks
            case Sweep(purpose=Purpose.COPY, table=table):
                return (Lock(table, LockMode.ROW_EXCLUSIVE),)
            case Sweep(table=table):
                return (Lock(table, LockMode.ACCESS_SHARE),)

    @property
    def locks_back(self) -> tuple[Lock, ...]:
        """The locks under which `reverse` runs: dropping a rule stops everybody, whatever adding it took. A
        weaker one that is made stronger later would be a deadlock with any reader who goes on to write.
        """
        return tuple(replace(each, mode=LockMode.ACCESS_EXCLUSIVE) for each in self.locks)


#: The fields of a step that say when it runs, and what for, but nothing of what: no part of a fingerprint.
NOT_RUN = frozenset({
    "makes", "restores", "occasion", "brings", "adopts", "unique", "beside", "ages", "elsewhere",
})  # fmt: skip
