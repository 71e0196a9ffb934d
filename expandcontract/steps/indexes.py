"""Indexes that are made and dropped while reads and writes go on, on a partitioned table leaf by leaf."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from expandcontract.model.names import RelationName, dollar_quote, quote, shorten
from expandcontract.model.step import Adopted, Concurrent, LockMode, Step, Transactional
from expandcontract.postgres.catalog.index import Index
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.steps import tables


@dataclass(frozen=True)
class Standing:
    """An index that is to stand on a table.

    `definition` is what the server writes from the access method on, `predicate` what follows WHERE at its
    end. `leaves` are the partitions that each get one, with its name; None for a table with rows of its own.
    """

    table: RelationName
    name: str
    definition: str
    unique: bool = False
    predicate: str | None = None
    tablespace: str | None = None
    leaves: tuple[tuple[RelationName, str], ...] | None = None

    @property
    def sql(self) -> str:
        """Its name as SQL."""
        return RelationName(self.table.schema, self.name).sql

    @cached_property
    def probe(self) -> str:
        """The query that tells whether it is absent, done or broken, or its name taken."""
        index = RelationName(self.table.schema, self.name)
        return tables.index_probe(index, self.table, self.definition, unique=self.unique)

    @property
    def parts(self) -> tuple["Standing", ...]:
        """Those of the leaves, which the one of a partitioned table consists of."""
        return tuple(replace(self, table=leaf, name=name, leaves=None) for leaf, name in self.leaves or ())


def planned(snapshot: Snapshot, name: str, definition: str, *, unique: bool = False) -> Standing:
    """Return a new index of the snapshot's table."""
    relation = snapshot.relation
    leaves = tuple((each.name, leaf_name(each.name, name)) for each in relation.leaves if not each.foreign)
    return Standing(
        snapshot.table, name, definition, unique=unique, leaves=leaves if relation.partitioned else None
    )


def standing(snapshot: Snapshot, index: Index) -> Standing:
    """Return an index that is there."""
    made = planned(snapshot, index.name, index.definition, unique=index.unique)
    return replace(made, predicate=index.predicate, tablespace=index.tablespace)


def build(index: Standing, *, if_missing: bool = False) -> tuple[Step, ...]:
    """Return the steps that build it; that of a partitioned table adopts those of its leaves. `if_missing`,
    of one table with rows, where it is mostly there.
    """
    if index.leaves is None:
        return (_concurrently(f"index:{index.name}", index, if_missing=if_missing),)
    leaves = [_concurrently(f"index:{index.name}:{each.table.name}", each) for each in index.parts]
    return (*leaves, adopt(f"index:{index.name}", index))


def build_on(id_: str, table: RelationName, name: str, definition: str, *, unique: bool) -> Step:
    """Return the step that builds one index of one table with rows."""
    return _concurrently(id_, Standing(table, name, definition, unique=unique))


def adopt(id_: str, index: Standing, *more: str) -> Step:
    """Return the step by which the index of a partitioned table comes about, with what is done to it then.

    CREATE INDEX on the parent adopts a matching index of each leaf instead of building one, so its SHARE lock
    is brief.
    """
    create = f"CREATE {'UNIQUE ' if index.unique else ''}INDEX {quote(index.name)} ON {index.table.sql}"
    return Step(
        id_,
        "+",
        f"index {quote(index.name)} of the whole table adopts those of its partitions",
        Transactional(
            (f"{create} USING {index.definition}", *more), tables.locks(LockMode.SHARE, index.table)
        ),
        brings=(quote(index.name),),
        adopts=Adopted(index.name, index.definition, index.unique),
    )


def drop(index: Standing, *, strict: bool = False) -> tuple[Step, ...]:
    """Return the steps that drop it where it is there. What has its name and is another index stays;
    `strict`, the step fails then.
    """
    if index.leaves is None:
        return (_drop_one(f"drop:{index.name}", index, strict=strict),)
    whole = Step(
        f"drop:{index.name}",
        "-",
        f"drop index {quote(index.name)} with those of its partitions",
        Transactional((where_ours(index),), tables.access_exclusive(index.table)),
    )
    # Those that were not adopted yet.
    return whole, *(
        _drop_one(f"drop:{index.name}:{each.table.name}", each, strict=False) for each in index.parts
    )


def where_ours(index: Standing) -> str:
    """Return the statement that drops that of a partitioned table, and leaves another of its name alone."""
    body = f"DROP INDEX {index.sql}"
    return "DO " + dollar_quote(f" BEGIN IF ({index.probe}) IN ('done', 'broken') THEN {body}; END IF; END ")


def decorate(index: Standing, was: Index) -> tuple[str, ...]:
    """Return what gives an index that was built again its statistics targets, its comment and its mark."""
    statements = described(index.sql, was)
    if was.clustered:
        statements = (*statements, f"ALTER TABLE {index.table.sql} CLUSTER ON {quote(index.name)}")
    return statements


def described(name: str, was: Index) -> tuple[str, ...]:
    """Return what gives the index of that name, as SQL, the statistics targets and the comment of another."""
    statements = tuple(
        f"ALTER INDEX {name} ALTER COLUMN {number} SET STATISTICS {target}"
        for number, target in was.statistics
    )
    return statements if was.comment is None else (*statements, tables.comment_on("INDEX", name, was.comment))


def leaf_name(leaf: RelationName, name: str) -> str:
    """Return what the index of a leaf is called."""
    return shorten(f"{leaf.name}_{name}")


def given_up(steps: Sequence[Step], index: Standing) -> tuple[Step, ...]:
    """Return the steps that build it, each taken back where nothing comes of it: a unique index refuses rows
    from the moment at which it is being built.
    """
    names = {index.table.sql: index.sql} | {each.table.sql: each.sql for each in index.parts}
    return tuple(replace(step, reverse=(_reversal(step, names, index),)) for step in steps)


def _reversal(step: Step, names: Mapping[str, str], index: Standing) -> str:
    if isinstance(step.action, Concurrent):
        return f"DROP INDEX CONCURRENTLY IF EXISTS {names[step.action.relation]}"
    return f"DROP INDEX IF EXISTS {index.sql}"


def _concurrently(id_: str, index: Standing, *, if_missing: bool = False) -> Step:
    what = f"{'unique ' if index.unique else ''}index {quote(index.name)}"
    sentence = f"build {what} {'again, where it was dropped' if if_missing else 'without stopping anybody'}"
    action = _create(index, " IF NOT EXISTS" if if_missing else "")
    return Step(id_, "+", sentence, action, by_size=True, brings=(quote(index.name),))


def _create(index: Standing, if_missing: str) -> Concurrent:
    action = tables.create_index(index.table, index.name, index.definition, unique=index.unique)
    create, name, rest = action.statement.partition(f" {quote(index.name)} ON ")
    if index.tablespace is not None:
        where = f" WHERE {index.predicate}" if index.predicate is not None else ""
        rest = f"{rest.removesuffix(where)} TABLESPACE {quote(index.tablespace)}{where}"
    return replace(action, statement=f"{create}{if_missing}{name}{rest}")


def _drop_one(id_: str, index: Standing, *, strict: bool) -> Step:
    drop_it = f"DROP INDEX CONCURRENTLY IF EXISTS {index.sql}"
    other = "'taken'" if strict else "'done'"
    probe = (
        f"SELECT CASE ({index.probe}) WHEN 'absent' THEN 'done' WHEN 'taken' THEN {other} ELSE 'absent' END"
    )
    return Step(
        id_,
        "-",
        f"drop index {quote(index.name)} without stopping anybody",
        Concurrent(
            drop_it,
            probe,
            drop_it,
            index.table.sql,
            tables.locks(LockMode.SHARE_UPDATE_EXCLUSIVE, index.table),
        ),
    )
