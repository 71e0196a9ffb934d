"""The constraints of a table by name: of any kind, among those that the catalog showed. Pure."""

import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from expandcontract.changes import preflight
from expandcontract.model.errors import NameTaken, NoSuchObject
from expandcontract.model.names import RelationName, parse_column, quote
from expandcontract.model.notes import Note
from expandcontract.model.site import Site
from expandcontract.postgres.catalog.constraint import Constraint, check_expression
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.steps.references import Reference
from expandcontract.steps.rules import Standing

#: As pg_constraint.contype has them.
CHECK, FOREIGN_KEY, NOT_NULL, PRIMARY_KEY, UNIQUE, EXCLUSION = "c", "f", "n", "p", "u", "x"
#: Those that are an index of the same name as well.
_OF_INDEXES = frozenset({UNIQUE, PRIMARY_KEY, EXCLUSION})


@dataclass(frozen=True)
class Named:
    """A constraint of the table. `kind` is pg_constraint.contype, `definition` what ADD CONSTRAINT takes.
    `other_table` with `other_columns` is what a foreign key refers to, `reference` how rows that break it are
    found, where they can be read.
    """

    name: str
    kind: str
    columns: tuple[str, ...]
    definition: str
    validated: bool = True
    enforced: bool = True
    comment: str | None = None
    other_table: RelationName | None = None
    other_columns: tuple[str, ...] = ()
    reference: Reference | None = None


def every(snapshot: Snapshot) -> Iterator[Named]:
    """Yield all constraints of the table itself; NOT NULL has a name from 18 on."""
    for each in snapshot.constraints:
        if not each.inbound:
            yield Named(
                each.name,
                each.kind,
                each.columns,
                each.definition.removesuffix(" NOT VALID"),
                each.validated,
                each.enforced,
                each.comment,
                each.other_table,
                each.other_columns,
                _reference(each),
            )
    for index in snapshot.indexes:
        if index.constraint is not None:
            yield Named(
                index.constraint,
                index.constraint_kind or UNIQUE,
                index.columns,
                index.constraint_definition or "",
                comment=index.constraint_comment,
            )
    for column in snapshot.columns:
        if column.not_null_name is not None:
            only = "" if column.not_null_inherited else " NO INHERIT"
            yield Named(
                column.not_null_name,
                NOT_NULL,
                (column.name,),
                f"NOT NULL {quote(column.name)}{only}",
                column.not_null_valid,
                comment=column.not_null_comment,
            )


def _reference(key: Constraint) -> Reference | None:
    if key.kind != FOREIGN_KEY or key.other_table is None or not key.readable:
        return None
    return Reference(
        key.columns,
        key.other_table,
        key.other_columns,
        key.operators,
        full=key.match == "FULL",
        partitioned=key.other_partitioned,
    )


def named(snapshot: Snapshot, written: str) -> Named:
    """Return the constraint of the name that the user wrote. Raises BadName, and NoSuchObject with the
    nearest names.
    """
    name = parse_column(written)
    known = {each.name: each for each in every(snapshot)}
    if name in known:
        return known[name]
    folded = [other for other in known if other.lower() == name.lower()]
    near = folded or difflib.get_close_matches(name, known, n=3)
    listed = f"It has {', '.join(map(quote, sorted(known)))}." if known else "It has none."
    raise NoSuchObject(
        f"Table {snapshot.table} has no constraint {quote(name)}.",
        why=f"Did you mean {' or '.join(map(quote, near))}?" if near else listed,
    )


def free_name(snapshot: Snapshot, written: str, of: Named | None = None) -> str:
    """Return the name that the user wrote for a new constraint, or for one that has another name. Raises
    BadName and NameTaken.
    """
    name = parse_column(written)
    if any(each.name == name for each in every(snapshot)):
        raise NameTaken(
            f"{snapshot.table} has a constraint {quote(name)} already.", why="Choose another name."
        )
    preflight.examine_not_ours(name)
    if of is not None and of.kind in _OF_INDEXES and name in snapshot.taken_names:
        raise NameTaken(
            f"Something else in schema {quote(snapshot.table.schema)} is called {quote(name)}.",
            why=f"{quote(of.name)} is an index as well.",
        )
    return name


def renamed(old: Named, new: str) -> Iterator[Note]:
    """Yield what code must know of a constraint that gets another name."""
    if old.kind in _OF_INDEXES:
        yield Note.hazard(
            "on-constraint",
            f"INSERT ... ON CONFLICT ON CONSTRAINT {quote(old.name)} fails from start on: code should name "
            f"the columns. Errors speak of {quote(new)} from then on.",
            about=old.name,
        )
    else:
        yield Note("errors", f"Code that knows {quote(old.name)} from errors must know {quote(new)} as well.")


def referred(snapshot: Snapshot, found: Named) -> tuple[Site, ...]:
    """Return the other table that the constraint refers to, of which it needs the columns as they are."""
    if found.other_table in (None, snapshot.table):
        return ()
    return (Site(found.other_table, uses=found.other_columns),)


def all_referred(snapshot: Snapshot, columns: Collection[str]) -> tuple[Site, ...]:
    """Return the other tables to which foreign keys of these columns refer, each once."""
    uses: dict[RelationName, dict[str, None]] = {}
    for each in snapshot.constraints:
        goes_out = not each.inbound and each.other_table not in (None, snapshot.table)
        if goes_out and not set(columns).isdisjoint(each.columns) and each.other_table is not None:
            uses.setdefault(each.other_table, {}).update(dict.fromkeys(each.other_columns))
    return tuple(Site(table, uses=tuple(needed)) for table, needed in uses.items())


def standing(snapshot: Snapshot, found: Named) -> Standing:
    """Return what makes the constraint again, as steps need it."""
    index = next((each for each in snapshot.indexes if each.constraint == found.name), None)
    return Standing(
        found.name,
        found.definition,
        found.validated,
        found.comment,
        (found.other_table,) if found.other_table not in (None, snapshot.table) else (),
        index.definition if index is not None else "",
        index.timing if index is not None else "",
        _broken_by(found),
    )


def _broken_by(found: Named) -> str:
    match found.kind:
        case "c":
            return f"{check_expression(found.definition)} IS FALSE"
        case "n":
            return f"t.{quote(found.columns[0])} IS NOT DISTINCT FROM NULL"
        case "f" if found.reference is not None:
            return found.reference.broken()
        case _:
            return ""
