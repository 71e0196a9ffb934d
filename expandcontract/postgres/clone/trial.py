"""Runs on the empty clone what a user wrote, and reads what the server made of it."""

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.errors import BadExpression
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone.judgement import Answers, Trial
from expandcontract.postgres.clone.table import evaluating, text
from expandcontract.postgres.owner_rights import trying
from expandcontract.postgres.query import execute, rows
from expandcontract.postgres.settings import NO_PATH, own_path
from expandcontract.postgres.sqlstate import in_words, is_disconnect, is_lock_failure


async def tried(conn: AsyncConnection, snapshot: Snapshot, trial: Trial) -> Answers:
    """Return what the server said. The caller's transaction is as before afterwards.

    Raises BadExpression where it refuses a statement.
    """
    async with trying(conn, snapshot.table.sql):
        await execute(conn, own_path())
        await execute(conn, f"CREATE TEMPORARY TABLE ec_clone (LIKE {snapshot.table.sql})")
        try:
            for statement in trial.statements:
                await _run(conn, statement)
        except DBAPIError as error:
            if is_disconnect(error) or is_lock_failure(error):
                raise
            raise BadExpression(
                f"PostgreSQL does not take {trial.what}.", why=in_words(error), state="Nothing was changed."
            ) from error
        await execute(conn, NO_PATH)
        about = (snapshot.table.sql,) if "$1" in trial.query else ()
        found = await rows(conn, trial.query, *about)
        await execute(conn, own_path())
    return Answers(tuple(tuple(None if each is None else text(each) for each in row) for row in found))


async def _run(conn: AsyncConnection, statement: str) -> None:
    """Run a statement; what is only explained may call a function of constants that is declared immutable."""
    if not statement.startswith("EXPLAIN"):
        await execute(conn, statement)
        return
    async with evaluating(conn):
        await execute(conn, statement)
