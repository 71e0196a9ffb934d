"""An index that contract drops and undo builds again: what stands in the way of that, and its parts."""

from collections.abc import Iterator
from dataclasses import replace

from expandcontract.changes.index_words import Asked
from expandcontract.model.errors import NoSuchObject, UnsupportedShape
from expandcontract.model.names import literal, quote
from expandcontract.model.notes import Note
from expandcontract.model.step import LockMode
from expandcontract.postgres.catalog.index import Index
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Answers, Trial
from expandcontract.postgres.descendants import tree
from expandcontract.steps import indexes
from expandcontract.steps.indexes import Standing
from expandcontract.steps.parts import Part, Sentences

#: What depends on it, how often it was used, and what those of the partitions are called.
_ASKED = f"""
WITH RECURSIVE this AS (
    SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
    WHERE i.indrelid = pg_catalog.to_regclass($1::pg_catalog.text) AND c.relname = {{index}}
),
{tree("SELECT oid FROM this")}
SELECT 'depends', pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid), NULL, NULL, NULL, NULL
FROM this JOIN pg_catalog.pg_depend d ON d.refobjid = this.oid AND d.deptype = 'n'
WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
UNION ALL
SELECT 'scans', coalesce(pg_catalog.sum(s.idx_scan), 0)::text, NULL, NULL, NULL, NULL
FROM tree JOIN pg_catalog.pg_stat_all_indexes s ON s.indexrelid = tree.relation
UNION ALL
SELECT 'leaf', n.nspname::text, t.relname::text, c.relname::text, NULL, NULL
FROM tree JOIN pg_catalog.pg_index i ON i.indexrelid = tree.relation
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i'
JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
ORDER BY 1, 2, 3, 4
"""


_RACE = Note(
    "upsert-race",
    "Until contract both indexes are unique. An upsert negotiates on one of them: two sessions that upsert "
    "the same new value at the same moment may see one 23505, which a retry mends.",
)


def asked(name: str) -> str:
    """Return the query for what the snapshot does not tell of an index; its $1 is the table."""
    return _ASKED.format(index=literal(name))


def beside(trial: Trial, name: str) -> Trial:
    """Return a trial that asks as well what the snapshot does not tell of an index."""
    return replace(
        trial, query=f"SELECT * FROM ({trial.query}) made UNION ALL SELECT * FROM ({asked(name)}) standing"
    )


def found(snapshot: Snapshot, name: str) -> Index:
    """Return the index. Raises NoSuchObject, and UnsupportedShape for one that cannot go by itself."""
    index = next((each for each in snapshot.indexes if each.name == name), None)
    if index is None:
        raise NoSuchObject(f"{snapshot.table} has no index {quote(name)}.")
    if index.constraint is not None:
        raise UnsupportedShape(
            f"{quote(name)} is the index of constraint {quote(index.constraint)} of {snapshot.table}: "
            f"{index.constraint_definition}.",
            why="It goes with the constraint.",
            state="Nothing was changed.",
            next=f"ec start drop-constraint {snapshot.table} {quote(index.constraint)}",
        )
    if index.replica_identity:
        raise UnsupportedShape(
            f"{quote(name)} is the replica identity of {snapshot.table}.",
            why="Without it subscribers could not tell which row an UPDATE or DELETE is about.",
            state="Nothing was changed.",
            next=f"ALTER TABLE {snapshot.table} REPLICA IDENTITY ... first",
        )
    return index


def part(snapshot: Snapshot, index: Index, answer: Answer, *, replaced: bool = False) -> Part:
    """Return what drops it at contract, and builds it again for undo; `replaced`, another one stands in its
    place. Raises UnsupportedShape where something depends on it.
    """
    if not isinstance(answer, Answers):
        raise TypeError(f"The catalog was asked something else: {answer!r}")
    depends = [row[1] for row in answer.rows if row[0] == "depends"]
    if depends:
        raise UnsupportedShape(
            f"{depends[0]} depends on index {quote(index.name)}.",
            why="PostgreSQL does not drop it as long as that is there.",
            state="Nothing was changed.",
            next="Drop that first",
        )
    standing = _with_leaves(indexes.standing(snapshot, index), answer)
    # What was invalid is of no use to anybody.
    again = indexes.given_up(indexes.build(standing), standing) if index.valid else ()
    back = indexes.decorate(standing, index) if index.valid else ()
    notes = () if replaced else tuple(_notes(snapshot, index, answer))
    gone = Part(before_undo=again, undo=back, notes=notes)
    if standing.leaves is not None:
        return replace(gone, contract=(indexes.where_ours(standing),))
    return replace(
        gone,
        before_contract=indexes.drop(standing, strict=True),
        # Where contract got no further than to drop it.
        before_rollback=indexes.build(standing, if_missing=True) if index.valid else (),
        lock=LockMode.SHARE_UPDATE_EXCLUSIVE,
    )


def sentences(index: Index, rollback: str) -> Sentences:
    """Return what the steps are called that drop it and bring it back."""
    name = quote(index.name)
    return Sentences(
        contract=f"{name} is gone, and its definition kept",
        undo=f"{name} is back, with all that was said of it",
        rollback=rollback,
        purge=f"close the change: nothing builds {name} again",
    )


def examine_replaced(old: Index, asked: Asked) -> None:
    """Raise UnsupportedShape where the new one would refuse rows that the old one takes."""
    if old.unique and (
        sorted(map(quote, old.key_columns)) != sorted(asked.keys) or old.predicate != asked.index.predicate
    ):
        raise UnsupportedShape(
            f"{quote(old.name)} is unique in {old.definition}, and the new one would be in other columns.",
            why="It could refuse rows that are there, and what old code writes.",
            state="Nothing was changed.",
            next=f"ec start add-index {asked.index.table} ... --unique; then: "
            f"ec start drop-index {quote(old.name)}",
        )


def races(old: Index) -> tuple[Note, ...]:
    """Return what is said of two unique indexes that stand side by side."""
    return (_RACE,) if old.unique else ()


def _with_leaves(standing: Standing, answer: Answers) -> Standing:
    """Those of the partitions are built again under the names that they have. A trial knows its partitions by
    their bare names.
    """
    if standing.leaves is None:
        return standing
    leaves = [row[1:4] for row in answer.rows if row[0] == "leaf"]
    by_name = {(schema, table): name for schema, table, name in leaves}
    by_table = {table: name for _, table, name in leaves}
    named = (
        (leaf, by_name.get((leaf.schema, leaf.name)) or by_table.get(leaf.name) or name)
        for leaf, name in standing.leaves
    )
    return replace(standing, leaves=tuple(named))


def _notes(snapshot: Snapshot, index: Index, answer: Answers) -> Iterator[Note]:
    name = quote(index.name)
    scans = next((int(row[1] or 0) for row in answer.rows if row[0] == "scans"), 0)
    if scans:
        yield Note(
            "used",
            f"Index {name} is in use: what was fast by it is slow from contract on.",
            found=f"It was scanned {scans:,} times since its statistics were reset.",
        )
    if index.unique:
        yield Note.hazard(
            "unique-goes",
            f"{name} is unique: from contract on nothing keeps rows of {snapshot.table} apart in "
            f"{index.definition}, and ON CONFLICT that names it fails (42P10). Undo builds it again only "
            "where no two rows are equal by then.",
            about=index.name,
        )
    if not index.valid:
        yield Note("index-invalid", f"Index {name} is invalid: undo does not build it again.")
