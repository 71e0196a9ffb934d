"""What is true of changes now: the ledger joined with the catalog, in a constant number of queries."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.engine.context import Context
from expandcontract.engine.soft_evidence import around
from expandcontract.ledger import migrate, reader
from expandcontract.model.change import Pair
from expandcontract.model.errors import UnknownChange
from expandcontract.model.live import Live
from expandcontract.model.phases import Phase, Stage, State, Status
from expandcontract.model.plan import Plan
from expandcontract.model.situation import Situation
from expandcontract.model.upkeep import KeptUp
from expandcontract.postgres.live import WatchedTable, observe
from expandcontract.postgres.old_side import Planned
from expandcontract.postgres.sqlstate import UNDEFINED, sqlstate


async def load(context: Context, names: Sequence[str] | None = None) -> tuple[Situation, ...]:
    """Return the changes of those names, or all, oldest first.

    Raises LedgerMissing, LedgerTooNew, NotConnected.
    """
    try:
        async with context.database.transaction() as conn:
            return await around(conn, context, await load_on(conn, context, names))
    except DBAPIError as error:
        if sqlstate(error) in UNDEFINED:
            # No ledger, or that of an earlier program.
            async with context.database.transaction() as conn:
                await migrate.check(conn, context.tables)
        raise


async def load_on(
    conn: AsyncConnection, context: Context, names: Sequence[str] | None = None
) -> tuple[Situation, ...]:
    """The same, in the caller's transaction, without what only soft gates look at: two queries."""
    return await _lively(conn, context, await reader.load(conn, context.tables, context.policy, names))


async def _lively(
    conn: AsyncConnection, context: Context, situations: Sequence[Situation]
) -> tuple[Situation, ...]:
    """Return them with what the catalog says."""
    lives = await observe(conn, context.tables.schema, [_subject(situation) for situation in situations])
    return tuple(replace(each, live=_joined(each, lives[each.change_id])) for each in situations)


async def load_if_current(
    conn: AsyncConnection, context: Context, names: Sequence[str]
) -> tuple[Situation, ...] | None:
    """The same; None where there is no ledger of this program's version, which is no error."""
    found = await reader.load_if_current(conn, context.tables, context.policy, names)
    return None if found is None else await _lively(conn, context, found)


async def one(context: Context, name: str) -> Situation:
    """Return the change of that name. Raises UnknownChange with the nearest."""
    found = await load(context, [name])
    if found:
        return found[0]
    raise await unknown(context, name)


async def unknown(context: Context, name: str) -> UnknownChange:
    """Return the error for a change that is not in the ledger; it names the nearest that is."""
    import difflib

    every = [situation.name for situation in await load(context)]
    near = difflib.get_close_matches(name, every, n=1)
    return UnknownChange(
        f"There is no change {name!r} in the ledger.",
        why=f"Did you mean {near[0]}?" if near else "",
        next="ec status",
    )


def _subject(situation: Situation) -> WatchedTable:
    plan = situation.plan
    needed = plan.columns_in(situation.state)
    types = () if _unkept(situation) or plan.pair is None else _types(plan.pair)
    kept = _kept(situation)
    return WatchedTable(
        change_id=situation.change_id,
        table=situation.table,
        relation=situation.relation,
        old_columns=plan.old_columns_in(situation.state),
        columns=(
            *zip_longest(needed, types),
            *((name, None) for name in (*_beside(situation), *plan.catalog.get("primary_key", ()))),
        ),
        trigger=kept.trigger or None,
        functions=kept.functions,
        planned=_planned(plan) if situation.state == State.ACTIVE and plan.pair is not None else None,
        front=_front(situation),
        first=kept.first_trigger,
        others=tuple(_others(situation)),
        views=_views(situation),
    )


def _views(situation: Situation) -> tuple[str, ...]:
    """Return the views that are in nobody's way. While contract is at work what it hides is under way."""
    plan = situation.plan
    if situation.state == State.HIDDEN:
        return plan.hidden_views
    return (*plan.follows, *plan.goes_along, *plan.hidden_views)


def _kept(situation: Situation, site: int = 0) -> KeptUp:
    """Return what there must be now of what the change keeps up on one of its tables."""
    kept = situation.plan.kept_up(site)
    if _unkept(situation):
        return replace(kept, trigger="", first_trigger="", functions=())
    if situation.state != State.HIDDEN:
        return kept
    trigger = kept.trigger if Stage.HIDDEN in kept.stages else ""
    return replace(kept, trigger=trigger, first_trigger="", functions=kept.hidden_functions)


def _others(situation: Situation) -> Iterator[WatchedTable]:
    """Return the other tables of a change that is not over, with what it needs of them."""
    if situation.state not in (State.ACTIVE, State.HIDDEN):
        return
    others = zip(situation.plan.others, situation.others, strict=True)
    for number, (site, relation) in enumerate(others, 1):
        sides = () if site.pair is None or _unkept(situation) else (*site.pair.olds, *site.pair.news)
        kept = _kept(situation, number)
        yield WatchedTable(
            change_id=situation.change_id,
            table=site.table,
            relation=relation,
            old_columns=(),
            trigger=kept.trigger or None,
            functions=kept.functions,
            columns=(
                *((name, None) for name in site.uses),
                *((side.at(situation.state), side.type) for side in sides),
            ),
            first=kept.first_trigger,
        )


def _beside(situation: Situation) -> tuple[str, ...]:
    """Return the columns of neither side that the expressions of a pair read, while anything is kept up."""
    pair = situation.plan.pair
    return () if pair is None or _unkept(situation) else tuple(each.column for each in pair.beside)


def _types(pair: Pair) -> tuple[str, ...]:
    return tuple(each.type for each in (*pair.olds, *pair.news))


def _front(situation: Situation) -> str:
    """Return by which name, as SQL, old code means the table, where contract takes that as a whole: a view,
    or the table itself, which purge then drops under its hidden name.
    """
    plan = situation.plan
    if situation.state == State.ACTIVE and len(plan.tables) > 1:
        return plan.table.sql
    dropped = situation.state == State.HIDDEN and plan.aside is None and plan.final_table is not None
    return situation.table.sql if dropped else ""


def _planned(plan: Plan) -> Planned:
    """What the old side had when the plan was made, from the part of the catalog that the plan keeps."""
    indexes, constraints = plan.catalog.get("indexes", ()), plan.catalog.get("constraints", ())
    standing = {i["constraint"]: i.get("constraint_definition") for i in indexes if i["constraint"]}
    return Planned(
        indexes=frozenset(index["name"] for index in indexes),
        constraints=standing | {each["name"]: each["definition"] for each in constraints},
        defaults={each.column: each.default for each in plan.sides.olds},
        not_null=frozenset(each.column for each in plan.sides.olds if each.not_null),
    )


def _unkept(situation: Situation) -> bool:
    """Whether nothing keeps the sides in sync: before dual_write, and after the end."""
    if situation.state in (State.PURGED, State.ROLLED_BACK, State.FINISHED):
        return True
    return situation.state == State.ACTIVE and situation.phases[Phase.DUAL_WRITE].status != Status.DONE


def _joined(situation: Situation, live: Live) -> Live:
    """The catalog's part with what only the ledger knows."""
    if situation.to_come:
        # Nobody misses it.
        live = replace(live, table_exists=True, sync_faults=())
    return replace(
        live,
        sync_faults=(*live.sync_faults, *situation.live.sync_faults, *live.retyped),
        lost=situation.live.lost,
        leaves=tuple(replace(leaf, swept=leaf.oid in situation.covered) for leaf in live.leaves),
        is_copy=situation.live.is_copy,
    )
