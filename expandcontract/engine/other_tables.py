"""The other tables that a change works on, as a step finds them: statements name tables, and what has a name
now may not be what had it when the change was planned.
"""

import re
from collections.abc import Collection, Iterator

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.engine.leased_work import Refusal, Work
from expandcontract.model.beside import moved_back
from expandcontract.model.errors import Refused
from expandcontract.model.names import RelationName
from expandcontract.model.site import Site
from expandcontract.model.step import Transactional
from expandcontract.postgres.message import Query
from expandcontract.postgres.query import rows

#: Under which name each of some tables is there.
_FOUND = """
SELECT c.oid::pg_catalog.int8, n.nspname::pg_catalog.text, c.relname::pg_catalog.text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE c.oid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.oid[])
"""
_ANOTHER = """
coalesce(pg_catalog.to_regclass($1::pg_catalog.text)::pg_catalog.oid OPERATOR(pg_catalog.<>)
    $2::pg_catalog.int8::pg_catalog.oid, true)
""".strip()


def named(statements: Collection[str], table: str) -> bool:
    """Pure. Whether one of the statements names the table, as SQL."""
    word = re.compile(rf'(?<![\w$".]){re.escape(table)}(?![\w$".])')
    return any(word.search(each) for each in statements)


async def not_standing(conn: AsyncConnection, work: Work) -> dict[str, RelationName | None]:
    """Return the other tables, as SQL, that are not called so any more, with their names of now; None for one
    that is gone.
    """
    sites = list(_sites(work))
    if not sites:
        return {}
    found = {oid: RelationName(*name) for oid, *name in await rows(conn, _FOUND, [oid for _, oid in sites])}
    return {site.table.sql: found.get(oid) for site, oid in sites if found.get(oid) != site.table}


def refusals(work: Work, action: Transactional) -> tuple[Refusal, ...]:
    """Return what the server refuses under the locks of a step: to do to another table what the statements
    were to do to one of the change's.
    """
    return tuple(
        Refusal(Query(_ANOTHER, (site.table.sql, oid)), _another(work, site))
        for site, oid in _sites(work)
        if any(lock.relation == site.table.sql for lock in action.locks)
        and named(action.statements, site.table.sql)
    )


async def stand(work: Work) -> None:
    """Do what `require` does, in a transaction of its own."""
    if work.plan.others:
        async with work.context.database.transaction() as conn:
            await require(conn, work)


async def require(conn: AsyncConnection, work: Work) -> None:
    """Raise Refused with what became of another table, where one is not there under its name."""
    for table, now in (await not_standing(conn, work)).items():
        (site,) = (site for site in work.plan.others if site.table.sql == table)
        if now is not None:
            raise Refused(
                f"{site.table} is called {now} now.",
                why="Somebody renamed or moved it. The statements of the plan name it as it was called then.",
                state="Nothing of this step was done.",
                next=f"{moved_back(site.table, now)}; then run the same command again.",
            )
        if not site.may_go:
            raise Refused(
                f"{site.table}, which {work.name} needs, is gone.",
                why="It was dropped. One that has its name now was never part of the change.",
                state="Nothing of this step was done.",
                next=f"ec rollback {work.name}",
            )


def _sites(work: Work) -> Iterator[tuple[Site, int]]:
    return zip(work.plan.others, work.situation.others, strict=True)


def _another(work: Work, site: Site) -> Refused:
    return Refused(
        f"{site.table} is another table than the one that {work.name} was started on.",
        why="The other one was renamed, moved or dropped, and this one took its name.",
        state="Nothing of this step was done.",
        next="Give the tables their names back, then run the same command again.",
    )
