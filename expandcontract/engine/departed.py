"""Partitions and children that left the table since the plan was made, and others that it names and are gone.

Retention drops or detaches the oldest of them at any time. What a step would do to one is not missed: its
rows went with it. A statement that names it would fail for ever.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from expandcontract.engine import other_tables
from expandcontract.engine.leased_work import Work
from expandcontract.model.plan import Plan
from expandcontract.model.step import Transactional
from expandcontract.postgres.query import rows

#: A constant, or the body of a function: what it says is not what the statement is about. Quoted names are
#: passed over.
_CONSTANT = re.compile(
    r"""(?P<text>E?'(?:[^'\\]|\\.|'')*'|(?P<tag>\$(?:[^\W\d]\w*)?\$).*?(?P=tag))|"(?:[^"]|"")*\"""", re.DOTALL
)


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


def without(action: Transactional, departed: Departed) -> Transactional:
    """Pure. Return what is left of an action when nothing of those that left is locked or altered.

    From one that stands by itself our triggers are dropped all the same: it kept them if it was a child.
    """
    if not departed.all | departed.moved:
        return action
    kept = tuple(
        _if_there(each) if _about(each, departed.apart) else each
        for each in action.statements
        if not _is_void(each, departed)
    )
    locks = tuple(
        lock
        for lock in action.locks
        if lock.relation not in departed.all | departed.moved
        or (lock.relation in departed.apart and any(_about(each, {lock.relation}) for each in kept))
        or (lock.relation in departed.moved and other_tables.named(kept, lock.relation))
    )
    return replace(action, statements=kept, locks=locks)


def _is_void(statement: str, departed: Departed) -> bool:
    if _about(statement, departed.missing):
        return True
    return not statement.startswith("DROP TRIGGER ") and _about(statement, departed.apart)


def _if_there(drop: str) -> str:
    return drop if " IF EXISTS " in drop else drop.replace("DROP TRIGGER ", "DROP TRIGGER IF EXISTS ", 1)


def _about(statement: str, names: Collection[str]) -> bool:
    if not names:
        return False
    one = "|".join(map(re.escape, names))
    bare = _CONSTANT.sub(lambda found: "''" if found["text"] is not None else found[0], statement)
    return re.search(rf'(?<![\w$"])(?:TABLE|ON) (?:ONLY )?(?:{one})(?![\w$".])', bare) is not None
