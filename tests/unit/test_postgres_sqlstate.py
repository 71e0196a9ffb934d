"""Errors are judged by SQLSTATE, whatever library carries it and whatever language the message has."""

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from expandcontract.model.errors import (
    ConnectionLost,
    EcError,
    LeaseLost,
    MissingPrivilege,
    NotConnected,
    StepFailed,
    Stopped,
)
from expandcontract.postgres.sqlstate import is_disconnect, is_lock_failure, is_retryable, sqlstate, translate


def wrapped(code: str, message: str = "Sperre nicht verfügbar") -> DBAPIError:
    """Return what SQLAlchemy raises for a server error, as far as it is looked at."""
    original = asyncpg.PostgresError.new(
        {"C": code, "M": message, "S": "FEHLER", "D": "Detail.", "H": "Hint."}
    )
    return DBAPIError("SELECT", (), original)


@pytest.mark.parametrize(
    ("code", "lock", "retry", "lost"),
    [
        ("55P03", True, False, False),
        ("57014", True, False, False),
        ("40001", False, True, False),
        ("40P01", False, True, False),
        ("57P01", False, False, True),
        ("08006", False, False, True),
        ("23505", False, False, False),
    ],
)
def test_the_code_decides(code: str, lock: bool, retry: bool, lost: bool) -> None:
    """Each class of errors has its codes, also when the error comes without SQLAlchemy around it."""
    for error in (wrapped(code), wrapped(code).orig):
        assert error is not None
        assert sqlstate(error) == code
        assert (is_lock_failure(error), is_retryable(error), is_disconnect(error)) == (lock, retry, lost)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (wrapped("42501"), MissingPrivilege),
        (wrapped("25006"), NotConnected),
        (wrapped("57P01"), ConnectionLost),
        (ConnectionResetError("reset"), ConnectionLost),
        (wrapped("55P03"), Stopped),
        (wrapped("40P01"), Stopped),
        (wrapped("22012"), StepFailed),
        (ValueError("x"), StepFailed),
        (LeaseLost("mine"), LeaseLost),
    ],
    ids=lambda value: getattr(value, "__name__", None) or sqlstate(value) or type(value).__name__,
)
def test_every_error_becomes_one_of_ours(error: Exception, expected: type[EcError]) -> None:
    """What the command line shows has a code and an exit code of ours; our own errors stay as they are."""
    assert type(translate(error)) is expected


def test_detail_and_hint_of_the_server_are_kept() -> None:
    """The server's own explanation is the reason that is shown."""
    error = translate(wrapped("42P07", "gibt es schon"))
    assert error.message == "gibt es schon (SQLSTATE 42P07)"
    assert error.why == "Detail. Hint."
