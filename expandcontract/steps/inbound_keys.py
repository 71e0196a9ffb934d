"""Foreign keys that refer to a table which goes: off one at a time before it does, and back after undo."""

from dataclasses import replace

from expandcontract.model.names import RelationName, do, literal, quote
from expandcontract.model.step import Action, LockMode, OnTable, Step, Transactional
from expandcontract.postgres.catalog.constraint import Constraint
from expandcontract.steps import tables
from expandcontract.steps.parts import Part


def part(table: RelationName, key: Constraint) -> Part:
    """Return what takes `key` from the table that has it, and makes it again, NOT VALID first.

    Each is dropped in a short lock of its own. Where contract does not come about, and after undo, it holds
    for new rows at once; all rows are then checked against it, where they were before.
    """
    name = quote(key.name)
    again = _again(key)
    id_ = f"{key.table}.{key.name}"
    drop = Step(
        f"unlink:{id_}",
        "-",
        f"drop foreign key {name} of {key.table}",
        Transactional(
            (tables.drop_constraint(key.table, key.name),), tables.access_exclusive(table, key.table)
        ),
        reverse=again,
    )
    link = Step(
        f"link:{id_}",
        "+",
        f"new rows of {key.table} keep foreign key {name} again",
        Transactional(again, tables.locks(LockMode.SHARE_ROW_EXCLUSIVE, table, key.table)),
    )
    checked = (tables.validate(f"link:{id_}:validate", key.table, key.name),)
    valid = key.validated and key.enforced
    still = replace(checked[0], action=_if_there(key, checked[0].action))
    return Part(
        before_contract=(drop,),
        after_undo=(link, *checked) if valid else (link,),
        before_rollback=(still,) if valid else (),
    )


def _if_there(key: Constraint, action: Action) -> Action:
    """Where nothing was dropped, the key is valid; or somebody dropped it, and it is not missed."""
    if not isinstance(action, Transactional):
        return action
    (validate,) = action.statements
    statement = do(f"""BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_constraint k
               WHERE k.conrelid = pg_catalog.to_regclass({literal(key.table.sql)}) AND NOT k.convalidated
                 AND k.conname = {literal(key.name)}) THEN
        {validate};
    END IF;
END""")
    return replace(action, statements=(statement,))


def _again(key: Constraint) -> tuple[str, ...]:
    late = "" if not key.enforced or key.definition.endswith(" NOT VALID") else " NOT VALID"
    add = f"ALTER TABLE {key.table.sql} ADD CONSTRAINT {quote(key.name)} {key.definition}{late}"
    found = [add]
    if key.comment is not None:
        found.append(tables.comment_on("CONSTRAINT", f"{quote(key.name)} ON {key.table.sql}", key.comment))
    return tuple(OnTable(each, key.table.sql) for each in found)
