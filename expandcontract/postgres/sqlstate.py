"""What a server error means, judged by its SQLSTATE alone: messages are translated, codes are not."""

import re
from contextvars import ContextVar

import asyncpg
from sqlalchemy.exc import DBAPIError

from expandcontract.model.errors import (
    ColumnOwned,
    ConnectionLost,
    EcError,
    GuardRefused,
    MissingPrivilege,
    NotConnected,
    StepFailed,
    Stopped,
)
from expandcontract.model.words import one_line

LOCK_NOT_AVAILABLE = "55P03"
QUERY_CANCELED = "57014"
SERIALIZATION_FAILURE = "40001"
DEADLOCK_DETECTED = "40P01"
INSUFFICIENT_PRIVILEGE = "42501"
PASSWORD_REFUSED = "28P01"  # noqa: S105 - no password
READ_ONLY_TRANSACTION = "25006"
NOT_NULL_VIOLATION = "23502"
FOREIGN_KEY_VIOLATION = "23503"
CHECK_VIOLATION = "23514"
UNDEFINED_TABLE = "42P01"
#: A schema, relation, column or function is not there.
UNDEFINED = frozenset({"3F000", "42P01", "42703", "42883"})

#: What the guards inside the ledger raise: the code of the error is its SQLSTATE.
_GUARDS = {kind.code: kind for kind in (GuardRefused, ColumnOwned)}

#: After these the session is gone: shutdown, crash, dropped database, and timeouts that end the session.
_SESSION_GONE = frozenset({"57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04"})

#: What timeouts of a role end a statement or a session with.
TIMED_OUT = frozenset({QUERY_CANCELED, "25P03", "25P04", "57P05"})

#: A server that is there and takes no connection: it starts up or shuts down, or has too many already.
_AWAY = frozenset({"57P03", "57P01", "57P02", "53300"})

#: By which the text of a statement that has the rights of a table's owner is known, and the way to it.
ERRAND = "/* ec: with the rights of the owner */"
_ERRAND = re.compile(rf"{re.escape(ERRAND)}|\bec_(?:on_)?errand\(|\bec_as_owner\(")

#: Whether the operator asked for the values of rows in what is said (`--show-values`).
values_shown: ContextVar[bool] = ContextVar("values_shown", default=False)

#: Classes: data exception, integrity constraint, WITH CHECK OPTION, raised by a PL/pgSQL function.
_OF_THE_VALUE = frozenset({"22", "23", "44", "P0"})


def sqlstate(error: BaseException) -> str | None:
    """Return the five characters that the server sent, or None when the error is not the server's."""
    source = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(source, "sqlstate", None)
    return code if isinstance(code, str) else None


def is_lock_failure(error: BaseException) -> bool:
    """Whether lock_timeout or statement_timeout ended it (or somebody cancelled it: the code is the same)."""
    return sqlstate(error) in {LOCK_NOT_AVAILABLE, QUERY_CANCELED}


def is_retryable(error: BaseException) -> bool:
    """Whether the same transaction may succeed when it is run again from its beginning."""
    return sqlstate(error) in {SERIALIZATION_FAILURE, DEADLOCK_DETECTED}


def is_disconnect(error: BaseException) -> bool:
    """Whether the session is gone, so that nothing more can be said to it."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    code = sqlstate(error)
    if code is not None:
        return code in _SESSION_GONE or code.startswith("08")
    source = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(source, OSError) or isinstance(getattr(source, "__cause__", None), OSError)


def is_away(error: BaseException) -> bool:
    """Whether a connection was refused for a reason that passes; of several servers, that none takes writes
    yet.
    """
    return sqlstate(error) in _AWAY or isinstance(error, asyncpg.TargetServerAttributeNotMatched)


def is_of_the_value(error: BaseException) -> bool:
    """Whether a value that was sent is at fault: its type, a constraint, or a trigger that refuses it."""
    code = sqlstate(error)
    if code is not None:
        return code[:2] in _OF_THE_VALUE
    source = error.orig if isinstance(error, DBAPIError) else error
    cause = getattr(source, "__cause__", None)
    return isinstance(source, ValueError | TypeError) or isinstance(cause, ValueError | TypeError)


def context(error: BaseException | None) -> str:
    """Return where the server was when the error arose: the functions that it had called, innermost first.
    Empty for an error of the statement itself, also of one that had the rights of a table's owner.
    """
    source = error.orig if isinstance(error, DBAPIError) else error
    answer = source if isinstance(source, asyncpg.PostgresError) else getattr(source, "__cause__", None)
    lines = str(getattr(answer, "context", None) or "").split("\n")
    ours = next((n for n, line in enumerate(lines) if _ERRAND.search(line)), len(lines))
    return "\n".join(lines[:ours])


def in_words(error: DBAPIError) -> str:
    """Return the server's message and its code, as a sentence."""
    return f"{server_message(error)[0]} (SQLSTATE {sqlstate(error)})."


def server_message(error: BaseException) -> tuple[str, str]:
    """Return the server's message, and its detail and hint as one text (empty without any).

    Where a value is at fault, the detail holds it (a duplicate key, a failing row): it is left out unless
    `values_shown`.
    """
    source = error.orig if isinstance(error, DBAPIError) else error
    answer = source if isinstance(source, asyncpg.PostgresError) else getattr(source, "__cause__", None)
    if not isinstance(answer, asyncpg.PostgresError):
        return str(source), ""
    detail, hint = getattr(answer, "detail", None), getattr(answer, "hint", None)
    if detail and not values_shown.get() and (sqlstate(error) or "")[:2] in _OF_THE_VALUE:
        detail = "The detail holds values of rows: --show-values shows it, where the verb has it."
    message = getattr(answer, "message", None) or str(answer)
    return one_line(message), one_line(" ".join(part for part in (detail, hint) if part))


def translate(error: BaseException) -> EcError:  # noqa: PLR0911 - one return for each meaning
    """Return the error of `ec` for one of the server or the connection. Ours are returned as they are."""
    if isinstance(error, EcError):
        return error
    message, why = server_message(error)
    if is_disconnect(error):
        return ConnectionLost(
            f"The connection to the server broke: {message}",
            state="What was committed is in the ledger; an open transaction was rolled back by the server.",
            next="Run the same command again.",
        )
    code = sqlstate(error)
    if code in _GUARDS:
        return _GUARDS[code](message, why=why)
    if code == INSUFFICIENT_PRIVILEGE:
        return MissingPrivilege(
            f"PostgreSQL refused: {message}.",
            why=why,
            state="The transaction was rolled back; what was done before it stays.",
        )
    if code == READ_ONLY_TRANSACTION:
        return NotConnected(
            f"The server does not take writes: {message}.",
            why=why or "Is it a standby, or is default_transaction_read_only on?",
        )
    if is_lock_failure(error) or is_retryable(error):
        return Stopped(f"PostgreSQL ended a statement: {message} (SQLSTATE {code}).", why=why)
    suffix = f" (SQLSTATE {code})" if code else ""
    return StepFailed(f"{message}{suffix}", why=why, state="The transaction was rolled back.")
