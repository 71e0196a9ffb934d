"""An index that is built anew while reads and writes go on, and what a REINDEX that died leaves behind.

REINDEX CONCURRENTLY builds NAME_ccnew, gives it the name, and drops the old one, NAME_ccold by then. Each of
them is left invalid where it dies: the first tells that nothing was exchanged, the second that it was.
"""

from expandcontract.model.chosen_names import chosen
from expandcontract.model.names import RelationName, literal, quote
from expandcontract.model.step import Concurrent, LockMode, Step
from expandcontract.postgres.leftovers import is_copy
from expandcontract.steps import tables


def rebuild(table: RelationName, name: str) -> tuple[Step, ...]:
    """Return the steps that build an index of a table with rows anew."""
    index, new, old = RelationName(table.schema, name), _left(name, "ccnew"), _left(name, "ccold")
    probe = (
        f"SELECT CASE WHEN {_stands(table, old, name)} THEN 'done' "
        f"WHEN {_stands(table, new, name)} THEN 'broken' ELSE 'absent' END"
    )
    action = Concurrent(
        f"REINDEX INDEX CONCURRENTLY {index.sql}",
        probe,
        _drop(table, new),
        table.sql,
        tables.locks(LockMode.SHARE_UPDATE_EXCLUSIVE, table),
        again=True,
    )
    sentence = f"build {quote(name)} anew without stopping anybody"
    return (
        Step(f"reindex:{table.name}:{name}", "~", sentence, action, by_size=True),
        leftover(table, old, name),
    )


def leftovers(table: RelationName, name: str) -> tuple[Step, ...]:
    """Return the steps that drop what a REINDEX of the index may have left."""
    return tuple(leftover(table, _left(name, label), name) for label in ("ccnew", "ccold"))


def leftover(table: RelationName, name: str, copy_of: str, id_: str = "left") -> Step:
    """Return the step that drops the invalid copy of an index, where it is there."""
    probe = f"SELECT CASE WHEN {_stands(table, name, copy_of)} THEN 'absent' ELSE 'done' END"
    locks = tables.locks(LockMode.SHARE_UPDATE_EXCLUSIVE, table)
    action = Concurrent(_drop(table, name), probe, _drop(table, name), table.sql, locks)
    return Step(
        f"{id_}:{table.name}:{name}", "-", f"drop {quote(name)}, where REINDEX left it behind", action
    )


def _left(name: str, label: str) -> str:
    return chosen(name, "", label, ())


def _drop(table: RelationName, name: str) -> str:
    return f"DROP INDEX CONCURRENTLY IF EXISTS {RelationName(table.schema, name).sql}"


def _stands(table: RelationName, name: str, copy_of: str) -> str:
    one, index = (literal(RelationName(table.schema, each).sql) for each in (name, copy_of))
    return (
        "EXISTS (SELECT FROM pg_catalog.pg_index one, pg_catalog.pg_index index "
        f"WHERE one.indexrelid = pg_catalog.to_regclass({one}) "
        f"AND index.indexrelid = pg_catalog.to_regclass({index}) "
        f"AND one.indrelid = pg_catalog.to_regclass({literal(table.sql)}) AND {is_copy('one', 'index')})"
    )
