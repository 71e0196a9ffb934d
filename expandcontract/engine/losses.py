"""What undo would lose: asked before it does anything, and once more under its lock."""

from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.engine.context import Context
from expandcontract.engine.leased_work import Refusal
from expandcontract.ledger import change as change_writer
from expandcontract.ledger.conflict import ConflictKind
from expandcontract.model.errors import EcError, NameTaken, Refused, WouldLose
from expandcontract.model.names import RelationName, literal, quote, split
from expandcontract.model.phases import Section, State
from expandcontract.model.plan import Plan
from expandcontract.model.situation import Situation
from expandcontract.model.step import Step, Transactional
from expandcontract.postgres import owner_rights
from expandcontract.postgres.catalog.column import types_of
from expandcontract.postgres.message import Query
from expandcontract.postgres.query import rows, value
from expandcontract.postgres.sqlstate import is_disconnect, server_message, translate
from expandcontract.steps import undoing, view_sql

#: How many rows are named.
NAMED = 10
_HIDDEN = "The old side stays hidden; no row was changed."


async def refuse(context: Context, situation: Situation, *, accept: bool) -> tuple[Refusal, ...]:
    """Raise WouldLose when undo would lose something, unless `accept`; return what is judged again under
    the lock.

    What the hidden side could not hold was noted when it was written, so that the table is read from end to
    end only where nothing took notes: for a one-way change, and where the trigger did not stand, were it for
    a moment.

    Raises:
        NameTaken: the old side's name is another column's now.
        Refused: the hidden column is gone, or rows that the old side's own constraints would refuse.
    """
    _refuse_names(situation)
    if situation.plan.views_anew:
        async with context.database.transaction() as conn:
            await _refuse_built_on(conn, situation)
    if situation.plan.pair is None:
        async with context.database.transaction() as conn:
            if situation.plan.hidden_column:
                await _refuse_taken(conn, situation)
            if situation.plan.final_table is not None:
                await _refuse_taken_table(conn, situation)
        return ()
    try:
        last, kept = await _ask(context, situation, accept=accept)
    except DBAPIError as error:
        raise translate(error) from error

    def refusal(condition: Query, what: str) -> Refusal:
        sentence = f"{what} at this very moment."
        return Refusal(condition, WouldLose(sentence, state=_HIDDEN, next=f"ec undo {situation.name}"))

    noted = _last_note(context, situation)
    name = situation.name
    return (
        refusal(
            Query(f"({noted.sql}) <> {last}", noted.values),
            f"New code wrote what the old side of {name} cannot hold",
        ),
        refusal(
            change_writer.kept_differs(context.tables, situation.change_id, kept),
            f"Somebody changed what keeps the old side of {name} current",
        ),
    )


async def _ask(context: Context, situation: Situation, *, accept: bool) -> tuple[int, dict[str, Any]]:
    """Return the newest note, and what kept the hidden side current when the rows were looked at."""
    async with context.database.transaction(patient=True) as conn:
        await _refuse_taken(conn, situation)
        await _refuse_keys(conn, situation)
        kept, differences = await change_writer.since_hidden(conn, context.tables, situation.change_id)
        if not accept:
            if differences:
                await _refuse_drift(conn, situation, f"Since contract {'; '.join(differences)}.")
            _refuse_one_way(situation)
            await _refuse_equal(conn, situation)
        noted = _last_note(context, situation)
        last: int = await value(conn, noted.sql, *noted.values)
        if situation.plan.sides.one_way or last:
            source = await _noted(conn, context, situation) if last else _every_row(situation.plan)
            await _refuse_barred(conn, situation, source)
            if last and not accept:
                await _refuse_not_held(conn, situation, source)
    return last, kept


def _refuse_names(situation: Situation) -> None:
    plan = situation.plan
    if not situation.live.table_exists:
        raise Refused(f"{plan.table} is gone, and what was hidden of it.", next=f"ec log {situation.name}")
    for hidden in plan.old_columns_in(State.HIDDEN):
        if hidden in situation.live.missing_columns:
            raise Refused(
                f"The hidden column {quote(hidden)} of {plan.table} is gone.",
                why="Somebody dropped or renamed it.",
                next="Rename it back, if it was renamed.",
            )


async def _refuse_taken(conn: AsyncConnection, situation: Situation) -> None:
    """Raise NameTaken when a name that undo gives back to the old side is another column's by now."""
    plan = situation.plan
    names = plan.sides.new_columns if plan.swap else plan.old_columns
    query = """SELECT attname::text FROM pg_catalog.pg_attribute
        WHERE attrelid = $1::pg_catalog.oid AND attname = ANY ($2::text[]) AND NOT attisdropped"""
    for (name,) in await rows(conn, query, situation.relation, list(names)):
        raise NameTaken(
            f"{plan.table} has another column {quote(name)} by now: the hidden one cannot be called so.",
            why="It was added, or renamed so, after contract.",
            state=_HIDDEN,
            next=f"ALTER TABLE {plan.table} RENAME COLUMN {quote(name)} TO ...; "
            f"then: ec undo {situation.name}",
        )


async def _refuse_taken_table(conn: AsyncConnection, situation: Situation) -> None:
    """Raise NameTaken when the name that old code knows the table by is another relation's by now."""
    table = situation.plan.table
    if await value(conn, "SELECT pg_catalog.to_regclass($1) IS NOT NULL", table.sql):
        raise NameTaken(
            f"{table} is the name of another relation by now.",
            why="It was made, or renamed so, after contract.",
            state="Nothing was changed.",
            next=f"Give it another name; then: ec undo {situation.name}",
        )


#: What stands on views that contract made anew ($1, each with what it is called while hidden in $2), and is
#: none of those that follow ($3): it knows the view, or the type of its rows, by number.
_BUILT_ON = """
SELECT a.name, CASE WHEN r.rulename = '_RETURN'
           THEN pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, r.ev_class, 0)
           ELSE pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) END
FROM ROWS FROM (
    pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])
) AS a(name, hidden)
JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(a.name)
JOIN pg_catalog.pg_type y ON y.oid = c.reltype
JOIN pg_catalog.pg_depend d ON d.deptype = 'n' AND (
    d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = c.oid
    OR d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.refobjid IN (y.oid, y.typarray))
LEFT JOIN pg_catalog.pg_rewrite r
    ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.oid = d.objid
WHERE pg_catalog.to_regclass(a.hidden) IS NOT NULL AND (r.oid IS NULL OR r.ev_class NOT IN (
    SELECT f.oid FROM pg_catalog.unnest($3::pg_catalog.text[]) AS w(name)
    JOIN pg_catalog.pg_class f ON f.oid = pg_catalog.to_regclass(w.name)))
ORDER BY 1, 2
LIMIT 1
"""


async def _refuse_built_on(conn: AsyncConnection, situation: Situation) -> None:
    """Raise Refused for what somebody built on a view that contract made anew: undo brings the one of before
    back, and drops that one.
    """
    plan = situation.plan
    hidden = [view_sql.hidden(RelationName(*split(view))).sql for view in plan.views_anew]
    for view, what in await rows(conn, _BUILT_ON, list(plan.views_anew), hidden, list(plan.follows)):
        raise Refused(
            f"{what[0].upper()}{what[1:]} stands on view {view}, which contract made anew.",
            why="It was made after contract. Undo brings the view of before back, and drops the one on which "
            "that stands.",
            state=_HIDDEN,
            next=f"Keep what makes it, drop it, and make it again after undo: ec undo {situation.name}",
        )


#: Foreign keys on the new column ($2) of the table ($1), those that refer to it first.
_KEYS = """
SELECT k.conname::text, k.conrelid::pg_catalog.regclass::text, k.confrelid = $1::pg_catalog.oid AND
       a.attnum = ANY (k.confkey)
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_constraint k ON k.contype = 'f' AND k.conparentid = 0
    AND (k.confrelid = a.attrelid AND a.attnum = ANY (k.confkey)
         OR k.conrelid = a.attrelid AND a.attnum = ANY (k.conkey))
WHERE a.attrelid = $1::pg_catalog.oid AND a.attname = $2 AND NOT a.attisdropped
ORDER BY 3 DESC, 1
"""


async def _refuse_keys(conn: AsyncConnection, situation: Situation) -> None:
    """Raise Refused for a foreign key that somebody put on the new column: it would hold undo up after the
    indexes were built, or refuse what old code writes.
    """
    plan = situation.plan
    final = plan.final_column
    known = {each["name"] for each in plan.catalog.get("constraints", ())}
    told = "\n".join(s for steps in plan.sections.values() for step in steps for s in _statements(step))
    for name, table, inbound in await rows(conn, _KEYS, situation.relation, final):
        if inbound or (name not in known and f"ADD CONSTRAINT {quote(name)} " not in told):
            what = f"refers to {quote(final)}" if inbound else f"holds {quote(final)} to another table"
            raise Refused(
                f"Foreign key {quote(name)} of {table} {what}, and the plan does not know it.",
                why="Somebody added it after contract; undo takes the unique index away that it stands on, "
                "or old code's writes would have to satisfy it.",
                state=_HIDDEN,
                next=f"ALTER TABLE {table} DROP CONSTRAINT {quote(name)}; then: ec undo {situation.name}",
            )


def _statements(step: Step) -> tuple[str, ...]:
    return step.action.statements if isinstance(step.action, Transactional) else ()


async def _refuse_equal(conn: AsyncConnection, situation: Situation) -> None:
    """Raise WouldLose where back made equal of values that the old side's UNIQUE held apart: before an index
    is built, which would find that out at its end.
    """
    for step in _unique_again(situation.plan):
        listed, filled = ", ".join(step.unique), _filled(step)
        equal = f"SELECT {listed} FROM {situation.plan.table} WHERE {filled} GROUP BY {listed}"
        ours = ", ".join(f"t.{column}" for column in step.unique)
        await _refuse_rows(
            conn,
            situation,
            f"{situation.plan.table} t",
            f"({ours}) IN ({equal} HAVING pg_catalog.count(*) > 1)",
            f"are equal on the old side of {situation.name}, which is UNIQUE there",
            f"Correct them through the new side; or, without that UNIQUE on the old side: "
            f"ec undo {situation.name} --accept-loss",
        )


def _unique_again(plan: Plan) -> list[Step]:
    """Return the steps of undo that build a unique index again which the rows may not fit."""
    return [step for step in plan.steps(Section.UNDO) if step.unique]


def _filled(step: Step) -> str:
    return " AND ".join(f"{column} IS NOT NULL" for column in step.unique)


async def not_unique_again(context: Context, situation: Situation) -> tuple[Step, ...]:
    """Return the steps of undo whose unique index the rows do not fit."""
    found = []
    async with context.database.transaction(patient=True) as conn:
        for step in _unique_again(situation.plan):
            listed = ", ".join(step.unique)
            equal = f"SELECT FROM {situation.plan.table} WHERE {_filled(step)} GROUP BY {listed}"
            query = f"SELECT EXISTS ({equal} HAVING pg_catalog.count(*) > 1)"
            ((is_equal,),) = await owner_rights.rows(conn, situation.plan.table.sql, query)
            if is_equal:
                found.append(step)
    return tuple(found)


def _refuse_one_way(situation: Situation) -> None:
    plan = situation.plan
    if plan.sides.one_way:
        raise WouldLose(
            f"Nothing leads back from {quote(plan.sides.new.column)} to {_olds(plan)}: what "
            "new code wrote since contract is not on the old side.",
            why="The change is one-way. The new side keeps its values; old code sees those of before.",
            state=_HIDDEN,
            next=f"ec undo {situation.name} --accept-loss",
        )


async def _refuse_drift(conn: AsyncConnection, situation: Situation, why: str) -> None:
    """Where the trigger did not stand, the two sides themselves have to tell."""
    plan = situation.plan
    if set(plan.columns_in(State.HIDDEN)) & set(situation.live.missing_columns):
        return
    asked = undoing.completed(plan)
    try:
        async with conn.begin_nested():
            await _refuse_rows(
                conn,
                situation,
                f"{plan.table} t",
                asked.drifted,
                f"hold on the old side of {situation.name} what they held before: old code, and the next "
                "write, would take the new values away",
                f"{asked.mend} WHERE {asked.drifted}; then: ec undo {situation.name}",
                why=why,
            )
    except DBAPIError as error:
        if is_disconnect(error):
            raise
        raise WouldLose(
            f"What undo of {situation.name} would lose cannot be told: {server_message(error)[0]}",
            why=why,
            state=_HIDDEN,
            next=f"ec undo {situation.name} --accept-loss",
        ) from error


def _last_note(context: Context, situation: Situation) -> Query:
    """The newest note of a value that the hidden side could not hold; 0 without any since contract."""
    query = f"""SELECT coalesce(pg_catalog.max(id), 0) FROM {context.tables.qualified("conflict")}
        WHERE change_id = $1 AND kind = $2 AND at >= $3"""
    return Query(query, (situation.change_id, ConflictKind.NOT_HELD.value, situation.hidden_at))


def _olds(plan: Plan, *, types: bool = False) -> str:
    each = (f"{quote(o.column)} {o.type}" if types else quote(o.column) for o in plan.sides.olds)
    return " and ".join(each)


def _every_row(plan: Plan) -> str:
    return f"{plan.table} t"


async def _noted(conn: AsyncConnection, context: Context, situation: Situation) -> str:
    """Return, as FROM, the rows that were noted since contract; every row without a primary key, and where
    the rights with which they are read do not reach the notes.
    """
    plan = situation.plan
    if await owner_rights.of(conn, plan.table.sql) != owner_rights.OWN:
        return _every_row(plan)
    names = plan.catalog["primary_key"]
    types = await types_of(conn, situation.relation, names)
    if not names or set(types) != set(names):
        return _every_row(plan)
    match = " AND ".join(f"t.{quote(n)} = (noted.key->>{literal(n)})::{types[n]}" for n in names)
    return f"""(SELECT DISTINCT f.key FROM {context.tables.qualified("conflict")} f
        WHERE f.change_id = {situation.change_id} AND f.kind = {literal(ConflictKind.NOT_HELD)}
          AND f.at >= {literal(str(situation.hidden_at))} AND pg_catalog.jsonb_typeof(f.key) = 'object'
    ) noted JOIN {plan.table} t ON {match}"""


async def _refuse_barred(conn: AsyncConnection, situation: Situation, source: str) -> None:
    plan = situation.plan
    await _refuse_rows(
        conn,
        situation,
        source,
        plan.undo.barred,
        f"would break the old side's own NOT NULL or CHECK, and no write of them would succeed after undo of "
        f"{situation.name}",
        f"Correct them through the new side, then: ec undo {situation.name}",
        kind=Refused,
    )


async def _refuse_not_held(conn: AsyncConnection, situation: Situation, source: str) -> None:
    plan = situation.plan
    await _refuse_rows(
        conn,
        situation,
        source,
        plan.undo.not_held,
        f"have a value that {_olds(plan, types=True)} cannot hold: old code would see NULL",
        f"ec conflicts {situation.name} --show-values; then: ec undo {situation.name} --accept-loss",
    )


async def _refuse_rows(  # noqa: PLR0913 - a sentence has its parts
    conn: AsyncConnection,
    situation: Situation,
    source: str,
    condition: str,
    what: str,
    next_: str,
    *,
    why: str = "",
    kind: type[EcError] = WouldLose,
) -> None:
    """Raise `kind`, with the number of rows and the keys of some, when there are any."""
    if condition == "false":
        return
    rights = await owner_rights.of(conn, situation.plan.table.sql)
    ((found,),) = await rights.rows(conn, f"SELECT pg_catalog.count(*) FROM {source} WHERE {condition}")
    if not found:
        return
    names = situation.plan.catalog["primary_key"]
    shown = [f"t.{quote(name)}::text" for name in names] or ["t.ctid::text"]
    query = f"SELECT {', '.join(shown)} FROM {source} WHERE {condition} LIMIT {NAMED}"
    keys = [_named(names, row) for row in await rights.rows(conn, query)]
    more = "" if found <= NAMED else ", ..."
    raise kind(
        f"{found:,} {'row' if found == 1 else 'rows'} of {situation.plan.table} {what}.",
        why=" ".join(filter(None, (why, f"Rows: {', '.join(keys)}{more}."))),
        state=_HIDDEN,
        next=next_,
    )


def _named(names: list[str], row: tuple[Any, ...]) -> str:
    return " ".join(f"{name}={cell}" for name, cell in zip(names or ["ctid"], row, strict=True))
