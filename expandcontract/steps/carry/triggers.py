"""Triggers of the user: that name the column in UPDATE OF or WHEN, or whose functions know its type."""

from expandcontract.model.names import RelationName, dollar_quote, literal, quote
from expandcontract.postgres import watchers
from expandcontract.postgres.catalog.trigger import Trigger
from expandcontract.postgres.descendants import tree
from expandcontract.steps import tables
from expandcontract.steps.carry.subject import Subject
from expandcontract.steps.parts import Part

#: pg_trigger.tgenabled, where it is not as CREATE TRIGGER leaves it.
_ENABLED = {"A": "ENABLE ALWAYS", "R": "ENABLE REPLICA", "D": "DISABLE"}


def part(subject: Subject) -> Part:
    """PostgreSQL knows a trigger's columns by number, not by name: without this it would go on with the
    hidden one.

    Where the new column takes over the name, the same text made anew means the new column; at undo once more
    the old one. So do functions in plpgsql, which name columns as text. But a session compiles one for each
    trigger, with the types that the row's columns have then, and every write fails in it, for as long as it
    lasts, when one of them is another (42804). A trigger that is made anew is another one.
    """
    # Under a new name the text would mean nothing.
    if not subject.swap:
        return Part()
    made = _remade(subject)
    anew = (*(s for trigger in made for s in _anew(subject, trigger)), _compiled_anew(subject))
    return Part(contract=anew, undo=anew, remade=tuple(_named(subject, each) for each in made))


def _remade(subject: Subject) -> tuple[Trigger, ...]:
    named = (t for t in subject.snapshot.triggers if subject.column.name in t.uses and t.definition)
    return tuple(trigger for trigger in named if not trigger.name.startswith(watchers.OURS))


def _named(subject: Subject, trigger: Trigger) -> str:
    """Return the trigger as dependents are named."""
    return f"{quote(trigger.name)} ON {_table(subject, trigger).sql}"


def _table(subject: Subject, trigger: Trigger) -> RelationName:
    return trigger.child or subject.table


def _compiled_anew(subject: Subject) -> str:
    """Make the triggers that stand by then anew, as they stand by then. One whose function the role may not
    execute stays.
    """
    table = f"SELECT {literal(subject.table.sql)}::pg_catalog.regclass::pg_catalog.oid"
    ours = "^[~!]e[crs]_"
    return "DO " + dollar_quote(
        f"""
-- Sessions compile the functions of these triggers once more: with the column's type as it is now.
DECLARE
    made record;
    part record;
BEGIN
    FOR made IN
        WITH RECURSIVE {tree(table)}
        SELECT t.tgname, t.tgrelid::pg_catalog.regclass AS relation,
            pg_catalog.pg_get_triggerdef(t.oid) AS definition,
            pg_catalog.obj_description(t.oid, 'pg_trigger') AS remark,
            ARRAY(
                SELECT pg_catalog.format(
                    'ALTER TABLE ONLY %s %s TRIGGER %I', c.tgrelid::pg_catalog.regclass,
                    CASE c.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA'
                        ELSE 'ENABLE ALWAYS' END,
                    c.tgname
                )
                FROM tree b JOIN pg_catalog.pg_trigger c ON c.tgrelid = b.relation
                WHERE c.tgname = t.tgname AND c.tgfoid = t.tgfoid AND c.tgenabled <> 'O'
                    AND (c.oid = t.oid OR c.tgparentid <> 0)
            ) AS enabled
        FROM tree JOIN pg_catalog.pg_trigger t ON t.tgrelid = tree.relation
        JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
        JOIN pg_catalog.pg_language l ON l.oid = p.prolang
        WHERE NOT t.tgisinternal AND t.tgparentid = 0
            AND l.lanname = 'plpgsql' AND t.tgname !~ {literal(ours)}
        ORDER BY t.tgrelid, t.tgname
    LOOP
        BEGIN
            EXECUTE pg_catalog.format('DROP TRIGGER %I ON %s', made.tgname, made.relation);
            EXECUTE made.definition;
            FOR part IN SELECT pg_catalog.unnest(made.enabled) AS alter LOOP
                EXECUTE part.alter;
            END LOOP;
            IF made.remark IS NOT NULL THEN
                EXECUTE pg_catalog.format(
                    'COMMENT ON TRIGGER %I ON %s IS %L', made.tgname, made.relation, made.remark
                );
            END IF;
        EXCEPTION WHEN insufficient_privilege THEN
            NULL;
        END;
    END LOOP;
END
"""
    )


def _anew(subject: Subject, trigger: Trigger) -> tuple[str, ...]:
    table, name = _table(subject, trigger).sql, quote(trigger.name)
    before, after = trigger.definition
    statements = [f"DROP TRIGGER {name} ON {table}", f"{before} ON {table} {after}"]
    if trigger.enabled in _ENABLED:
        statements.append(f"ALTER TABLE {table} {_ENABLED[trigger.enabled]} TRIGGER {name}")
    if trigger.comment is not None:
        statements.append(tables.comment_on("TRIGGER", f"{name} ON {table}", trigger.comment))
    return tuple(statements)
