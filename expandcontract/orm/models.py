"""What a program's models name, compared with the changes of its database. Pure.

Before contract both names of a column are there, and after it only the new one; so a program that names the
old side alone may run until contract, and one that names the new side alone from ready on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import MetaData
from sqlalchemy.sql.elements import quoted_name

from expandcontract.model.names import MAX_BYTES, RelationName, quote
from expandcontract.model.phases import Stage
from expandcontract.orm.changes import Known, KnownChange


class Names(StrEnum):
    """Which side of a change models name."""

    OLD = "the old side"
    NEW = "the new side"
    BOTH = "both sides"
    #: They have the table, and neither side of it.
    NEITHER = "neither side"
    #: They do not have the table, or code cannot tell the sides from one another.
    NOTHING = "nothing of it"


class Fit(StrEnum):
    """What becomes of a program with these models, in a database with this change as it is now."""

    RUNS = "may run"
    WAITS = "must wait until the change is ready"
    FAILS = "cannot run"


@dataclass(frozen=True)
class Verdict:
    """What is to be said of one change. `why` and `next` are empty where the program may run."""

    change: KnownChange
    names: Names
    fit: Fit
    why: str = ""
    next: str = ""


@dataclass(frozen=True)
class Named:
    """The tables that models name, with their columns. A table whose schema is None is looked for where the
    database looks for names without one.
    """

    tables: Mapping[tuple[str | None, str], frozenset[str]] = field(default_factory=dict)

    def columns(self, table: RelationName, known: Known, change: KnownChange) -> frozenset[str] | None:
        """Return the columns that they name of a table, or None where they do not name it."""
        keys: list[tuple[str | None, str]] = [(table.schema, table.name)]
        if _is_found(table, known, change):
            keys.append((None, table.name))
        found = [self.tables[key] for key in keys if key in self.tables]
        return frozenset().union(*found) if found else None


def named(
    metadata: MetaData | Iterable[MetaData], translate: Mapping[str | None, str | None] | None = None
) -> Named:
    """Return what the tables of one MetaData or several name.

    Args:
        metadata: `Base.metadata`, `SQLModel.metadata`, or a list of such, as Alembic's target_metadata.
        translate: the `schema_translate_map` under which the program works, if it does.
    """
    tables: dict[tuple[str | None, str], frozenset[str]] = {}
    for each in (metadata,) if isinstance(metadata, MetaData) else metadata:
        for table in each.tables.values():
            schema = (translate or {}).get(table.schema, table.schema)
            key = (None if schema is None else as_kept(schema), as_kept(table.name))
            columns = frozenset(as_kept(column.name) for column in table.columns)
            tables[key] = tables.get(key, frozenset()) | columns
    return Named(tables)


def as_kept(name: str) -> str:
    """Return a name of SQLAlchemy's as the server keeps it: cut to 63 bytes, between two characters, and
    folded where somebody said that it must not be quoted.
    """
    bare = str(name)
    if isinstance(name, quoted_name) and name.quote is False:
        bare = bare.lower()
    return bare.encode()[:MAX_BYTES].decode(errors="ignore")


def compare(named: Named, known: Known, *, whole: bool = True) -> tuple[Verdict, ...]:
    """Return what is to be said of every change, oldest first.

    Args:
        named: what the program's models name.
        known: what its database says.
        whole: whether the models name every column of the tables that they have. Otherwise nothing follows
            from a column that is not named.
    """
    return tuple(_verdict(named, known, change, whole=whole) for change in known.changes)


def in_the_way(verdicts: Sequence[Verdict], fit: Fit) -> tuple[Verdict, ...]:
    """Return those of this kind."""
    return tuple(each for each in verdicts if each.fit == fit)


def _verdict(named: Named, known: Known, change: KnownChange, *, whole: bool) -> Verdict:
    met = _met(named, known, change)
    names = met.names(whole=whole)
    why, next_ = "", ""
    fit = _fit(met, names, whole=whole)
    match fit:
        case Fit.WAITS:
            why, next_ = met.why_it_waits(names), _going_on(change)
        case Fit.FAILS:
            why, next_ = met.why_it_fails(names), met.way_out(names)
        case Fit.RUNS:
            pass
    return Verdict(change, names, fit, why, next_)


def _fit(met: "_Met", names: Names, *, whole: bool) -> Fit:
    stage = met.change.stage
    if names == Names.NOTHING:
        return Fit.RUNS
    if names == Names.NEITHER:
        return Fit.FAILS if met.change.open or stage == Stage.NOT_STARTED else Fit.RUNS
    if stage in (Stage.NOT_STARTED, Stage.BEFORE_READY):
        waits = names == Names.NEW or (names == Names.BOTH and met.missing_new)
        return Fit.WAITS if waits else Fit.RUNS
    unknown = whole and names == Names.OLD and not met.old
    refused = unknown and met.change.refuses and not met.change.is_filled()
    fails = {
        Stage.HIDDEN: met.missing_old or refused,
        Stage.PURGED: met.missing_old,
        Stage.ROLLED_BACK: met.missing_new,
    }
    return Fit.FAILS if fails.get(stage) else Fit.RUNS


def _going_on(change: KnownChange) -> str:
    verb = "start" if change.stage == Stage.NOT_STARTED else "backfill"
    return f"ec {verb} {change.name}"


@dataclass(frozen=True)
class _Met:
    """A change as these models meet it: the names of either side that they have, as SQL, and those of them
    that are not in the database now.
    """

    change: KnownChange
    met: bool
    old: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    missing_old: tuple[str, ...] = ()
    missing_new: tuple[str, ...] = ()

    def names(self, *, whole: bool) -> Names:
        """Return the side. Where one side has no name of its own, who does not name the other is on it."""
        change = self.change
        if not self.met:
            return Names.NOTHING
        if self.old or self.new:
            return Names.BOTH if self.old and self.new else Names.OLD if self.old else Names.NEW
        if not whole or not (change.leaves or change.comes):
            return Names.NOTHING
        if change.leaves and change.comes:
            return Names.NEITHER
        return Names.NEW if change.leaves else Names.OLD

    def why_it_waits(self, names: Names) -> str:
        """Return why, in a sentence or two."""
        what = (
            f"The models have {_list(self.new)}"
            if self.new
            else f"The models leave out {_list(_of(self.change.table, self.change.leaves))}"
        )
        alone = (
            " alone"
            if names == Names.NEW and self.new and (self.change.leaves or self.change.table_leaves)
            else ""
        )
        return f"{what}{alone}, and the change {self.change.name} is {self.change.stage}."

    def why_it_fails(self, names: Names) -> str:
        """Return why, in a sentence or two."""
        change = self.change
        if names == Names.NEITHER:
            old, new = _of(change.table, change.leaves), _of(change.table, change.comes)
            return (
                f"The models have {change.table}, but neither {_list(old)} nor {_list(new)}, "
                f"which the change {change.name} is about."
            )
        if change.stage == Stage.ROLLED_BACK:
            return f"The models have {_list(self.missing_new)}, and the change {change.name} was rolled back."
        if self.missing_old:
            how = "dropped" if change.stage == Stage.PURGED else "hid"
            return f"The models have {_list(self.missing_old)}, which the change {change.name} {how}."
        come = _list(_of(change.table, change.comes))
        return (
            f"The models do not have {come}, and since the contract of {change.name} rows without a value "
            "in it are refused."
        )

    def way_out(self, names: Names) -> str:
        """Return the command, or what else is to be done."""
        change = self.change
        if names == Names.NEITHER:
            old, new = (_list(_of(change.table, side)) for side in (change.leaves, change.comes))
            if change.stage == Stage.HIDDEN:
                return f"Put {new} back into the model, or end the change: ec purge {change.name}"
            return f"Put {old} back into the model, or {new}."
        if change.stage == Stage.ROLLED_BACK:
            return f"ec start {change.name}"
        if change.stage == Stage.PURGED:
            come = (change.comes_table.sql,) if change.comes_table else _of(change.table, change.comes)
            having = (
                f"models that have {_list(come)}" if come else f"models without {_list(self.missing_old)}"
            )
            return f"Start a version of the program with {having}: there is no way back."
        return f"ec undo {change.name}"


def _met(named: Named, known: Known, change: KnownChange) -> _Met:
    if change.table_leaves or change.comes_table is not None:
        return _met_table(named, known, change)
    columns = named.columns(change.table, known, change)
    if columns is None:
        return _Met(change, met=False)
    there = change.columns_there()
    old, new = (tuple(c for c in side if c in columns) for side in (change.leaves, change.comes))
    return _Met(
        change,
        met=True,
        old=_of(change.table, old),
        new=_of(change.table, new),
        missing_old=_of(change.table, (c for c in old if c not in there)),
        missing_new=_of(change.table, (c for c in new if c not in there)),
    )


def _met_table(named: Named, known: Known, change: KnownChange) -> _Met:
    old = (change.table,) if change.table_leaves else ()
    new = (change.comes_table,) if change.comes_table else ()
    has_old, has_new = (
        tuple(t for t in side if named.columns(t, known, change) is not None) for side in (old, new)
    )
    return _Met(
        change,
        met=bool(has_old or has_new),
        old=tuple(t.sql for t in has_old),
        new=tuple(t.sql for t in has_new),
        missing_old=tuple(t.sql for t in has_old if not change.is_there(t)),
        missing_new=tuple(t.sql for t in has_new if not change.is_there(t)),
    )


def _is_found(table: RelationName, known: Known, change: KnownChange) -> bool:
    """Return whether its name alone leads to the table; of one that is not there, whether it would."""
    standing = [each for each in change.there if each.name == table]
    return any(each.found for each in standing) if standing else table.schema in known.path


def _of(table: RelationName, columns: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{table}.{quote(column)}" for column in columns)


def _list(names: Sequence[str]) -> str:
    return " and ".join(names)
