"""Which changes of a type PostgreSQL makes at once: it looks at no row, and builds no index. Pure."""

from typing import Any

from sqlalchemy import types
from sqlalchemy.dialects import postgresql

#: A length that nothing exceeds.
_ANY = 1 << 31


def at_once(was: Any, to: Any) -> bool:  # noqa: ANN401 - SQLAlchemy's types
    """Say whether a column of type `was` becomes one of `to` without a look at its rows.

    As `ATColumnChangeRequiresRewrite` and the length coercions' planner support functions of the server have
    it (manual, "ALTER TABLE", notes). What is not known to be so, is not.
    """
    if isinstance(was, types.String) and isinstance(to, types.String):
        return _text(was, to)
    if isinstance(was, types.Numeric) and isinstance(to, types.Numeric):
        return _numeric(was, to)
    if isinstance(was, postgresql.CIDR) and isinstance(to, postgresql.INET):
        return True
    same = type(was) is type(to) or {type(was), type(to)} <= {types.DateTime, postgresql.TIMESTAMP}
    if same and isinstance(was, types.DateTime):
        zones = getattr(was, "timezone", False), getattr(to, "timezone", False)
        return zones[0] == zones[1] and _precision(was) <= _precision(to)
    return False


def _text(was: types.String, to: types.String) -> bool:
    if isinstance(was, types.Enum) or isinstance(to, types.Enum) or _padded(was) or _padded(to):
        return False
    if was.collation != to.collation and to.collation is not None:
        return False
    return (was.length or _ANY) <= (to.length or _ANY)


def _padded(type_: Any) -> bool:  # noqa: ANN401
    return isinstance(type_, types.CHAR)


def _numeric(was: Any, to: Any) -> bool:  # noqa: ANN401
    if isinstance(was, types.Float) or isinstance(to, types.Float):
        return False
    if to.precision is None:
        return True
    if was.precision is None:
        return False
    return (was.scale or 0) == (to.scale or 0) and int(was.precision) <= int(to.precision)


def _precision(type_: Any) -> int:  # noqa: ANN401
    found = getattr(type_, "precision", None)
    return 6 if found is None else int(found)
