"""What users write: functions that make a new value of an old one. They run in a process of their own."""

import enum
import hashlib
import os
import secrets
import signal
import uuid
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

#: Where the tests leave their wishes for the function's process; its environment is the parent's.
FOLDER = "EC_TEST_FUNCTIONS"


def encrypt(value: str) -> bytes:
    """Make another value each time, as encryption with a nonce does."""
    nonce = secrets.token_bytes(4)
    return nonce + bytes(letter ^ nonce[at % 4] for at, letter in enumerate(value.encode()))


def decrypt(value: bytes) -> str:
    """Give back what was encrypted."""
    nonce, text = value[:4], value[4:]
    return bytes(letter ^ nonce[at % 4] for at, letter in enumerate(text)).decode()


def shout(value: str) -> str:
    """Make text of text."""
    return value.upper()


def digest(value: str) -> bytes:
    """Make the same value each time."""
    return hashlib.sha256(value.encode()).digest()


def parse(value: str) -> int:
    """Fail for what is no number."""
    return int(value)


def text_for_bytes(value: str) -> str:
    """Return a value of another type than bytea."""
    return value


def nothing(value: str) -> None:
    """Return no value."""
    del value


def long_text(value: str) -> str:
    """Return more than the column takes."""
    return value * 10


def dies_of_poison(value: str) -> bytes:
    """End the process at one row."""
    if value == "poison":
        os._exit(3)
    return digest(value)


def never_returns(value: str) -> bytes:
    """Say which process this is, and sleep."""
    del value
    (Path(os.environ[FOLDER]) / "begun").write_text(str(os.getpid()))
    signal.pause()
    return b""


def tells_its_process(value: str) -> bytes:
    """Say which process this is."""
    (Path(os.environ[FOLDER]) / "process").write_text(str(os.getpid()))
    return digest(value)


def unsendable(value: str) -> object:
    """Return what cannot be handed to another process."""
    return (letter for letter in value)


def kills_itself_once(value: str) -> bytes:
    """Die as if the machine had run out of memory, the first time."""
    once = Path(os.environ[FOLDER]) / "once"
    if not once.exists():
        once.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return digest(value)


class Letter(enum.StrEnum):
    """Text of a class of its own, which the process of `ec` does not have."""

    A = "a"


class Safe(str):
    """Text with marks that say where it may go."""

    __slots__ = ("marks",)


#: By what a text says: what no column takes, and what is the same value in another class.
STRANGE: dict[str, object] = {
    "list": [1, 2],
    "set": {1, 2},
    "dict": {"a": 1},
    "tuple": (1, 2),
    "generator": (each for each in "ab"),
    "bytes": b"ab",
    "surrogate": "\ud800",
    "nan": float("nan"),
    "huge": "x" * (200 << 20),
    "object": object(),
    "enum": Letter.A,
    "safe": Safe("a"),
    "int": 5,
    "decimal": Decimal("1.50"),
    "uuid": uuid.UUID(int=7),
    "zone": datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=5, minutes=30))),
}


def strange(value: str) -> object:
    """Return what the old value names, and text of anything else."""
    return STRANGE.get(value, f"text {value}")


def mixed(value: str) -> object:
    """Return two values for each row."""
    return [value, value * 2]


def of_a_row(row: dict[str, object]) -> object:
    """Return values of two columns of a row, of one, or none at all."""
    match row["name"]:
        case "less":
            return {"name": "A"}
        case "none":
            return None
        case name:
            return {"name": str(name).upper(), "n": 2}


def lower_and_count(row: dict[str, object]) -> dict[str, object]:
    """Make the text small, and count how often that was done."""
    return {"email": str(row["email"]).lower(), "n": int(str(row["n"])) + 1}


def loud_note(row: dict[str, object]) -> dict[str, object]:
    """Make a note of a name, and count how often that was done."""
    return {"note": str(row["name"]).upper(), "seen": int(str(row["seen"])) + 1}


def of_every_type(row: dict[str, object]) -> str:
    """Say of which types the values of a row came."""
    return " ".join(f"{name}={type(value).__name__}" for name, value in row.items())


def lower(row: dict[str, str]) -> str:
    """Make a text small; fail for what is no address, and leave what is to stay."""
    if row["email"].startswith("keep"):
        return row["email"]
    user, _, host = row["email"].partition("@")
    if not host:
        raise ValueError(row["email"])
    return f"{user}@{host}".lower()


NOT_A_FUNCTION = 5
