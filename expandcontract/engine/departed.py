"""Partitions and children that left the table since the plan was made, and others that it names and are gone.

Retention drops or detaches the oldest of them at any time. What a step would do to one is not missed: its
rows went with it. A statement that names it would fail for ever.
"""

from dataclasses import dataclass, replace

from expandcontract.engine import other_tables
from expandcontract.engine.leased_work import Work
from expandcontract.model.plan import Plan
from expandcontract.model.step import Elsewhere, Step, Transactional
from expandcontract.postgres.query import rows


@dataclass(frozen=True)
class Departed:
    """Names, as SQL: `missing` tables are not there any more, those `apart` stand by themselves now. One that
    the change works on and that is called otherwise was `moved`.
    """

    missing: frozenset[str] = frozenset()
    apart: frozenset[str] = frozenset()
    moved: frozenset[str] = frozenset()

    @property
    def all(self) -> frozenset[str]:
        """Those that are not part of the table, whether or not they are there."""
        return self.missing | self.apart


async def of(work: Work) -> Departed:
    """Return what left the table of a change."""
    planned = [name for name in work.plan.catalog.get("leaves", ()) if name != work.plan.table.sql]
    others = _beside(work.plan) - set(planned)
    if not planned and not others:
        return Departed()
    query = f"""SELECT name, pg_catalog.to_regclass(name) IS NULL
        FROM pg_catalog.unnest($2::pg_catalog.text[]) AS planned (name)
        WHERE NOT EXISTS (SELECT FROM {work.context.tables.qualified("leaves")}($1) leaf
            WHERE leaf OPERATOR(pg_catalog.=) pg_catalog.to_regclass(name)::pg_catalog.oid)"""
    async with work.context.database.transaction() as conn:
        found = await rows(conn, query, work.situation.relation, [*planned, *others])
        moved = await other_tables.not_standing(conn, work)
    dropped = {
        site.table.sql for site in work.plan.others if site.may_go and moved.get(site.table.sql, site) is None
    }
    own = {site.table.sql for site in work.plan.others}
    return Departed(
        frozenset(name for name, missing in found if missing and name not in own) | dropped,
        frozenset(name for name, missing in found if not missing and name not in others),
        frozenset(moved) - dropped,
    )


def _beside(plan: Plan) -> set[str]:
    """Return the other tables that the plan locks, such as those that refer to its table."""
    locked = {lock.relation for steps in plan.sections.values() for step in steps for lock in step.locks}
    return locked - {name.sql for name in plan.tables}


def without(step: Step, action: Transactional, departed: Departed) -> Transactional:
    """Pure. Return what is left of a step's action when nothing of those that left is locked or altered.

    From one that stands by itself our triggers are dropped all the same: it kept them if it was a child.
    """
    if not departed.all | departed.moved:
        return action
    elsewhere = {each.place: each for each in step.elsewhere}
    kept = tuple(
        (_present(each, elsewhere.get(place), departed), elsewhere.get(place))
        for place, each in enumerate(action.statements)
        if not _is_void(elsewhere.get(place), departed)
    )
    statements = tuple(statement for statement, _ in kept)
    about = {each.table for _, each in kept if each is not None}
    locks = tuple(
        lock
        for lock in action.locks
        if lock.relation not in departed.all | departed.moved
        or (lock.relation in departed.apart and lock.relation in about)
        or (lock.relation in departed.moved and other_tables.named(statements, lock.relation))
    )
    return replace(action, statements=statements, locks=locks)


def _is_void(elsewhere: Elsewhere | None, departed: Departed) -> bool:
    if elsewhere is None:
        return False
    left = elsewhere.table in departed.apart and not elsewhere.takes_down
    return left or elsewhere.table in departed.missing


def _present(statement: str, elsewhere: Elsewhere | None, departed: Departed) -> str:
    """Return what takes a trigger of ours down whether or not it is there, from one that stands by itself."""
    if elsewhere is None or elsewhere.table not in departed.apart or " IF EXISTS " in statement:
        return statement
    return statement.replace("DROP TRIGGER ", "DROP TRIGGER IF EXISTS ", 1)
