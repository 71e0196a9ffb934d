"""A connection with a plan that no longer fits is given up after one error, instead of failing for ever.

When a change turns a table, statements that were prepared before may not fit any more: those that read `*`,
and at a swap those that read the column. PostgreSQL refuses them until somebody prepares them again. psycopg
3 does not while it is in autocommit, and nobody can for what a session compiled of functions in plpgsql.
"""

from collections.abc import Iterator

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

#: The routine of the server that refused, by SQLSTATE: `0A000` alone is said of much else, and the message is
#: in the server's language.
_REFUSED_BY = {
    # cached plan must not change result type
    "0A000": "RevalidateCachedQuery",
    # type of parameter 3 (bigint) does not match that when preparing the plan (integer)
    "42804": "plpgsql_param_eval_recfield",
}


def survive(engine: Engine | AsyncEngine) -> None:
    """Have connections of the engine given up when they keep a plan that no longer fits.

    Args:
        engine: of any driver, with asyncio or without. Called again, it changes nothing.

    The statement fails once, with SQLAlchemy's DBAPIError whose `connection_invalidated` is true, and the
    transaction is over; the pool opens another connection in place of that one, and keeps the others. Each of
    them may fail once. `retrying` runs what failed again.
    """
    of = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
    if not event.contains(of, "handle_error", _give_up):
        event.listen(of, "handle_error", _give_up)


def outdated(error: BaseException) -> bool:
    """Return whether the server refused a plan that no longer fits; `error` is SQLAlchemy's or a driver's."""
    return any(said in _REFUSED_BY.items() for said in _said(error))


def sqlstates(error: BaseException) -> frozenset[str]:
    """Return what the server said of an error of SQLAlchemy's or of a driver's; of most one SQLSTATE."""
    return frozenset(sqlstate for sqlstate, _ in _said(error))


def _give_up(context: ExceptionContext) -> None:
    if not context.is_disconnect and outdated(context.original_exception):
        context.is_disconnect = True
        # Others may have no such plan, or fail once each: all at once would be a storm of connections.
        context.invalidate_pool_on_disconnect = False


def _said(error: BaseException) -> Iterator[tuple[str, str | None]]:
    """Yield SQLSTATE and routine, of the driver's own error, which SQLAlchemy wraps once, or twice."""
    found = error.orig if isinstance(error, DBAPIError) else error
    for each in (found, getattr(found, "__cause__", None)):
        sqlstate = getattr(each, "sqlstate", None) or getattr(each, "pgcode", None)
        if sqlstate:
            told = getattr(each, "diag", None) or getattr(each, "__cause__", None)
            routine = getattr(told, "source_function", None) or getattr(each, "server_source_function", None)
            yield str(sqlstate), routine
