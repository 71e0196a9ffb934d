"""Whether the revisions of a chain fit together: names, starts and contracts, ways back, branches. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import combinations

from expandcontract.alembic.revisions import OF_A_KIND, Call, Fault, Operation, Revision
from expandcontract.model.errors import EcError

#: What a downgrade has to do of what its upgrade did.
_WAY_BACK: Mapping[Operation, Operation] = {
    Operation.START: Operation.ROLLBACK,
    Operation.RUN: Operation.ROLLBACK,
    Operation.CONTRACT: Operation.UNDO,
}


@dataclass(frozen=True)
class Touched:
    """What a change is about: the columns that are there, those that it makes, and which of them are `going`,
    so that code which uses them fails after contract. `table_goes`: so does the table's name.
    """

    schema: str | None
    table: str
    columns: frozenset[str] = frozenset()
    new: frozenset[str] = frozenset()
    going: frozenset[str] = frozenset()
    table_goes: bool = False

    def same_table(self, other: "Touched") -> bool:
        """Whether both are about one table; without a schema it is the one that is found first."""
        return (self.schema or "public", self.table) == (other.schema or "public", other.table)

    def shared(self, other: "Touched") -> frozenset[str]:
        """Return the columns that both are about."""
        if not self.same_table(other):
            return frozenset()
        return (self.columns | self.new) & (other.columns | other.new)


#: Returns what an operation is about. Raises EcError where its arguments are not what it takes.
Reading = Callable[[Call], Touched | None]


@dataclass(frozen=True)
class Finding:
    """What is wrong with a chain, in which revision, and which others have a part in it."""

    revision: Revision
    fault: Fault
    others: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """The file with its line."""
        return f"{self.revision.path or self.revision.id}:{self.fault.line}"

    def concerns(self, ids: Iterable[str]) -> bool:
        """Whether it is about one of these revisions."""
        return not {self.revision.id, *self.others}.isdisjoint(ids)


def findings(revisions: Sequence[Revision], reading: Reading) -> Iterator[Finding]:
    """Yield what is wrong with revisions that are carried out in one database, each with all below it.

    Args:
        revisions: all of them, those that were carried out before too.
        reading: says what an operation is about.
    """
    chain = Chain(revisions)
    for revision in chain.ours:
        faults = list(revision.faults)
        yield from (Finding(revision, fault) for fault in faults)
        if not faults:
            yield from (Finding(revision, fault) for fault in _way_back(revision))
    touched = dict[int, Touched]()
    for number, (revision, call) in enumerate(chain.calls):
        try:
            about = reading(call)
        except EcError as error:
            yield Finding(revision, _unread(error, call))
        else:
            if about is not None and call.operation == Operation.START:
                touched[number] = about
    yield from _names(chain)
    yield from _beginnings(chain)
    yield from _branches(chain, touched)


@dataclass(frozen=True)
class Chain:
    """Revisions, which of them is below which, and the operations of their upgrades."""

    revisions: Sequence[Revision]

    @cached_property
    def ordered(self) -> tuple[Revision, ...]:
        """All of them, each after those below it."""
        known = {each.id: each for each in self.revisions}
        below = {each.id: [id_ for id_ in each.below if id_ in known] for each in self.revisions}
        try:
            return tuple(known[id_] for id_ in TopologicalSorter(below).static_order())
        except CycleError:  # which Alembic refuses itself
            return tuple(self.revisions)

    @cached_property
    def ours(self) -> tuple[Revision, ...]:
        """Those with an operation of ours, in either direction, or with what may be one."""
        return tuple(each for each in self.ordered if each.speaks)

    @cached_property
    def calls(self) -> tuple[tuple[Revision, Call], ...]:
        """The operations of upgrades, each with its revision."""
        return tuple((each, call) for each in self.ours for call in each.up.ours)

    @cached_property
    def starts(self) -> Mapping[str, tuple[Revision, Call]]:
        """What begins each change, by its name: the first of several."""
        found = dict[str, tuple[Revision, Call]]()
        for revision, call in self.calls:
            if call.operation in OF_A_KIND and call.change:
                found.setdefault(call.change, (revision, call))
        return found

    @cached_property
    def _below(self) -> Mapping[str, int]:
        """For each revision which of `ours` are below it or itself, a bit for each."""
        bits = {each.id: 1 << number for number, each in enumerate(self.ours)}
        found = dict[str, int]()
        for each in self.ordered:
            mask = bits.get(each.id, 0)
            for id_ in each.below:
                mask |= found.get(id_, 0)
            found[each.id] = mask
        return found

    def is_below(self, lower: Revision, upper: Revision) -> bool:
        """Whether `lower`, which is one of `ours`, is carried out before `upper` in every database."""
        own = next(1 << number for number, each in enumerate(self.ours) if each.id == lower.id)
        return lower.id != upper.id and bool(self._below[upper.id] & own)


def _unread(error: EcError, call: Call) -> Fault:
    do = error.next or "write it as the command line takes it"
    return Fault(call.line, error.message.rstrip("."), error.why, do)


def _way_back(revision: Revision) -> Iterator[Fault]:
    """What a downgrade lacks of its upgrade, or has that this did not do."""
    up, down = revision.up.ours, revision.down.ours
    if not up:
        for call in down:
            yield Fault(
                call.line,
                f"takes back {call.change}, which the upgrade of this revision does not touch",
                "Downgrading past it would change more than the revision did.",
                "move it to the revision that does",
            )
        return
    wanted = _WAY_BACK.get(up[0].operation)
    if wanted is None or not (revision.down.line or down) or (not down and revision.down.refuses):
        return
    line = f'op.{wanted}("{up[0].change}")'
    if not down:
        what = f"{up[0].operation} {up[0].change} is not taken back by the downgrade"
        why = "The database would be said to be below it, with the change still in it."
        yield Fault(revision.down.line, what, why, f"let downgrade() have {line}, or raise there")
    elif (down[0].operation, down[0].change) != (wanted, up[0].change):
        what = f"{down[0].operation} {down[0].change} does not take back {up[0].operation} {up[0].change}"
        why = "A downgrade brings the database to where it was before the upgrade."
        yield Fault(down[0].line, what, why, f"write {line}")


def _names(chain: Chain) -> Iterator[Finding]:
    """Names that begin two changes, or are contracted twice."""
    seen = dict[tuple[bool, str], Revision]()
    for revision, call in chain.calls:
        if call.operation not in OF_A_KIND | {Operation.CONTRACT} or not call.change:
            continue
        begins = call.operation in OF_A_KIND
        first = seen.setdefault((begins, call.change), revision)
        if first.id != revision.id:
            what = f"{call.operation} {call.change}: {first.id} does that already"
            why = "The ledger knows a change by its name: the second one would be taken for the first."
            do = f'name it after its revision: "{revision.id}_..."' if begins else "leave it out"
            yield Finding(revision, Fault(call.line, what, why, do), (first.id,))


def _beginnings(chain: Chain) -> Iterator[Finding]:
    """Operations on changes that nothing below them begins."""
    for revision, call in chain.calls:
        if call.operation in OF_A_KIND or not call.change:
            continue
        start = chain.starts.get(call.change)
        if start is None:
            what = f"{call.operation} {call.change}: no revision begins that change"
            why = "A fresh database would come to it with nothing to work on."
            yield Finding(revision, Fault(call.line, what, why, "begin it by ec_start in a revision below"))
        elif not chain.is_below(start[0], revision):
            what = f"{call.operation} {call.change} comes before {start[0].id}, which begins it"
            why = "Only what is below a revision is carried out before it in every database."
            do = f'let {revision.id} stand above: down_revision = "{start[0].id}", or depends_on'
            yield Finding(revision, Fault(call.line, what, why, do), (start[0].id,))


def _branches(chain: Chain, touched: Mapping[int, Touched]) -> Iterator[Finding]:
    """Changes on one column of which neither is begun after the other one everywhere."""
    for lower, upper in combinations(sorted(touched), 2):
        shared = touched[lower].shared(touched[upper])
        (first, _), (second, call) = chain.calls[lower], chain.calls[upper]
        if not shared or chain.is_below(first, second) or chain.is_below(second, first):
            continue
        if first.id == second.id:
            continue
        column = ", ".join(sorted(shared))
        what = f"{call.change} and {chain.calls[lower][1].change} of {first.id} are both about {column}"
        why = "They stand in two branches: which one comes first differs between databases."
        do = f"let one branch stand above the contract of the other one: above {first.id}"
        yield Finding(second, Fault(call.line, what, why, do), (first.id,))
