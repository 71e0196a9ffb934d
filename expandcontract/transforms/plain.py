"""What a function returned, as a value of one column: of a type that every process knows.

An array of values goes to the server. What is itself a list there would be taken for several of them, and
rows would get parts of each other's results; what is of a class of the user's own could not be read by a
process that does not have that class.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Any
from uuid import UUID

#: More bytes than that are no value of a row: they would have to fit into memory several times.
LARGEST = 64 * 1024 * 1024

_ADDRESSES = (IPv4Interface, IPv6Interface, IPv4Address, IPv6Address, IPv4Network, IPv6Network)
#: The driver's own classes that its arrays take for one value. Paths and polygons they take for several.
_OF_THE_DRIVER = frozenset({"Range", "BitString", "Point", "Box", "Line", "LineSegment", "Circle"})


class NoValue(Exception):
    """It is no value of a column. The message says what it is, and nothing of what is in it."""


def plain(value: object) -> object:
    """Return the value as an object of a type of Python's own. Raises NoValue, and what the value raises."""
    for kind, made in _KINDS:
        if isinstance(value, kind):
            return made(value)
    if type(value).__module__.startswith("asyncpg.") and type(value).__name__ in _OF_THE_DRIVER:
        return value
    if isinstance(value, tuple):
        # Of a composite type.
        return tuple(None if each is None else plain(each) for each in value)
    if hasattr(value, "__index__"):
        return operator.index(value)
    raise NoValue(f"it returned {_named(value)}, which is no value of a column")


def plain_row(made: object, columns: Sequence[str]) -> tuple[object, ...]:
    """Return what was made of a row as a value for each of the columns: of a mapping of them, or of one alone
    its value. None is NULL. Raises what `plain` raises.
    """
    if not isinstance(made, Mapping):
        if len(columns) > 1:
            raise NoValue(f"it returned {_named(made)}, and no mapping of {', '.join(columns)}")
        return (_or_null(made),)
    if set(made) != set(columns):
        raise NoValue(f"it returned a mapping that is not of {', '.join(columns)} alone")
    return tuple(_or_null(made[column]) for column in columns)


def _or_null(value: object) -> object:
    return None if value is None else plain(value)


def _text(value: str) -> str:
    text = str.__str__(value)
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise NoValue("it returned text with half of a surrogate pair, which is no UTF-8") from None
    _require_room(size)
    return text


def _bytes(value: bytes | bytearray | memoryview) -> bytes:
    _require_room(memoryview(value).nbytes)
    return bytes(memoryview(value))


def _require_room(size: int) -> None:
    if size > LARGEST:
        raise NoValue(
            f"it returned {size >> 20} MB, and a value of more than {LARGEST >> 20} MB is not taken"
        )


def _moment(value: datetime) -> datetime:
    # With a zone it is a moment, which is the same in all of them.
    naive = datetime(  # noqa: DTZ001 - its zone is set below
        *(value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond)
    )
    offset = value.utcoffset()
    return naive if offset is None else (naive - offset).replace(tzinfo=UTC)


def _time(value: time) -> time:
    offset = value.utcoffset()
    zone = None if offset is None else timezone(offset)
    return time(value.hour, value.minute, value.second, value.microsecond, tzinfo=zone)


#: The first that it is an instance of counts. What is of a class below is made one of the class itself.
_KINDS: tuple[tuple[Any, Callable[[Any], object]], ...] = (
    (str, _text),
    ((bytes, bytearray, memoryview), _bytes),
    (bool, bool),
    (int, int.__int__),
    (float, float.__float__),
    (Decimal, Decimal),
    (UUID, lambda value: UUID(int=value.int)),
    (datetime, _moment),
    (date, lambda value: date(value.year, value.month, value.day)),
    (time, _time),
    (timedelta, lambda value: timedelta(value.days, value.seconds, value.microseconds)),
    *((kind, kind) for kind in _ADDRESSES),
)


def _named(value: object) -> str:
    name = type(value).__qualname__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
