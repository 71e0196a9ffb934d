"""Where a database is: SQLAlchemy URLs, libpq URIs and key=value strings, read into one form. Pure.

No error of this module contains a value that was given, only the names of parameters: the value may be a
password.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias
from urllib.parse import unquote, urlencode

from expandcontract.model.errors import UsageError

_SCHEME = re.compile(r"(?:postgresql|postgres)(?:\+[a-z0-9_]+)?://", re.IGNORECASE)
_PAIR = re.compile(r"\s*([a-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s\\']|\\.)*))(?=\s|$)", re.DOTALL)
_HOST = re.compile(r"(\[[^\]]*\]|/[^,]*|[^:]*)(?::(\d*))?")

#: Read into fields of their own.
_OWN = ("host", "port", "user", "password", "dbname", "connect_timeout", "options")
#: Name a section of a file with more parameters.
_SERVICE = ("service", "servicefile")
#: Handed to asyncpg in a URI, which is the only way by which it takes some of them.
_TLS = (
    *("sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword", "sslnegotiation"),
    *(
        "ssl_min_protocol_version",
        "ssl_max_protocol_version",
        "target_session_attrs",
        "krbsrvname",
        "gsslib",
        "passfile",
    ),
)
#: Tuning of another driver, or settled here: the application name, the encoding (always UTF-8), no cached
#: statements.
_IGNORED = (
    *(
        "application_name",
        "fallback_application_name",
        "client_encoding",
        "load_balance_hosts",
        "sslcompression",
    ),
    *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"),
    *(
        "prepared_statement_cache_size",
        "statement_cache_size",
        "prepared_statement_name_func",
        "async_fallback",
    ),
    *(
        "command_timeout",
        "max_cached_statement_lifetime",
        "max_cacheable_statement_size",
        "prepare_threshold",
    ),
)
#: Would change what is connected to, or how safely, and is not supported: better no connection than another
#: one.
_REFUSED = (
    "hostaddr",
    "requirepeer",
    "require_auth",
    "sslcertmode",
    "sslsni",
    "replication",
)
_WEAK_ONLY = {"gssencmode": ("disable", "prefer"), "channel_binding": ("disable", "prefer")}
_ALIASES = {"database": "dbname", "username": "user", "timeout": "connect_timeout", "ssl": "sslmode"}
#: Looks up a service: its name and its file, where the URL has them; returns what the file says of it.
LookUp: TypeAlias = Callable[[str | None, str | None], Mapping[str, str]]
#: How much TLS each sslmode asks for, from none to a server whose certificate has its name.
_STRICT = ("require", "verify-ca", "verify-full")
_SSL_WORDS = {"true": "require", "1": "require", "false": "disable", "0": "disable"}


@dataclass(frozen=True)
class Address:
    """Where to connect and as whom. What is None or empty is left to PGHOST, PGUSER, ... and ~/.pgpass."""

    hosts: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    user: str | None = None
    database: str | None = None
    password: str | None = field(default=None, repr=False)
    connect_timeout_seconds: float | None = None
    options: str | None = None
    tls: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        ports = self.ports or (5432,) * len(self.hosts)
        where = ", ".join(f"{host}:{port}" for host, port in zip(self.hosts, ports, strict=True))
        known = (("server", where), ("database", self.database), ("role", self.user))
        return (
            ", ".join(f"{word} {value}" for word, value in known if value)
            or "the server of the PG* variables"
        )

    def connect_arguments(self) -> dict[str, Any]:
        """Return what asyncpg.connect() takes."""
        return {
            # Without a path: asyncpg reads an empty one as an empty database name.
            "dsn": "postgresql://" + (f"?{urlencode(self.tls)}" if self.tls else ""),
            "host": list(self.hosts) or None,
            "port": list(self.ports) or None,
            "user": self.user,
            "password": self.password,
            "database": self.database,
        }

    def over_tls(self, default: str | None) -> "Address":
        """Return the address under which no connection is made without TLS, but by a unix socket. `default`
        is the sslmode where this one has none. What asks for more than TLS stays.

        Raises UsageError where TLS is ruled out.
        """
        mode = self.tls.get("sslmode") or default
        if mode in _STRICT:
            return self
        if mode == "disable":
            raise UsageError(
                "require_tls is set, and the database URL or PGSSLMODE says sslmode=disable.",
                why="One of them is wrong.",
                next="sslmode=verify-full, with sslrootcert=FILE",
            )
        return replace(self, tls={**self.tls, "sslmode": "require"})


def _no_service(name: str | None, file: str | None) -> Mapping[str, str]:
    del file
    if name is None:
        return {}
    raise UsageError("The database URL has a service, which is not looked up here.")


def parse(text: str, look_up: LookUp = _no_service) -> Address:
    """Read a SQLAlchemy URL, a libpq URI or a key=value string; what a service says counts where it says
    nothing. Raises UsageError, which shows no value, and what `look_up` raises.
    """
    values = _merged(_pairs(text.strip()))
    below = look_up(values.pop("service", None), values.pop("servicefile", None))
    known = _merged(below.items())
    if "service" in known or "servicefile" in known:
        raise UsageError("A service cannot name another service.")
    return _address(known | values)


def _pairs(text: str) -> Iterable[tuple[str, str]]:
    match = _SCHEME.match(text)
    if match is not None:
        return _from_uri(text[match.end() :])
    if "://" not in text and "=" in text:
        return _from_pairs(text)
    raise UsageError(
        "The database URL is not one of PostgreSQL.",
        why="Write postgresql://role@host:port/database or key=value pairs. SQLAlchemy URLs serve too.",
    )


def _from_uri(rest: str) -> Iterator[tuple[str, str]]:
    """Yield the parameters of what follows `postgresql://`."""
    place, _, query = rest.partition("?")
    authority, _, database = place.partition("/")
    login, at, hosts = authority.rpartition("@")
    user, colon, password = login.partition(":")
    given = (
        ("user", user, at),
        ("password", password, colon),
        ("host", hosts, hosts),
        ("dbname", database, database),
    )
    yield from ((name, unquote(value)) for name, value, there in given if there and value)
    for item in filter(None, query.split("&")):
        name, equals, value = item.partition("=")
        if not equals:
            raise UsageError(
                "The database URL has a query parameter without a value.", why=f"Look at {_safe(name)}."
            )
        yield unquote(name), unquote(value)


def _from_pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield the pairs of a key=value string; a backslash makes the next character literal."""
    position = 0
    while position < len(text):
        match = _PAIR.match(text, position)
        if match is None:
            raise UsageError(
                "The connection string is not a list of key=value pairs.",
                why="A value with blanks stands in quotes; a quote in it is written \\'.",
            )
        value = match[2] if match[2] is not None else match[3]
        yield match[1], re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
        position = match.end()


def _merged(given: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return what is given under libpq's names. Of what is given twice the last counts; hosts add up, as
    SQLAlchemy writes them.
    """
    values: dict[str, str] = {}
    for raw_name, raw_value in given:
        name, value = _checked(raw_name, raw_value)
        repeated = name == "host" and name in values and value
        values[name] = f"{values[name]},{value}" if repeated else value
    return values


def _address(values: Mapping[str, str]) -> Address:
    hosts, ports = _places(values.get("host", ""), values.get("port", ""))
    return Address(
        hosts=hosts,
        ports=ports,
        user=values.get("user") or None,
        password=values.get("password") or None,
        database=values.get("dbname") or None,
        connect_timeout_seconds=_seconds(values.get("connect_timeout", "")),
        options=values.get("options") or None,
        tls={name: values[name] for name in _TLS if values.get(name)},
    )


def _checked(name: str, value: str) -> tuple[str, str]:
    """Return the parameter under libpq's name, or raise UsageError."""
    name = _ALIASES.get(name, name)
    if name == "sslmode":
        return name, _SSL_WORDS.get(value.lower(), value)
    if name in _WEAK_ONLY and value not in _WEAK_ONLY[name]:
        raise UsageError(f"{name} can only be {' or '.join(_WEAK_ONLY[name])} in a database URL of ec.")
    if name in _REFUSED:
        raise UsageError(
            f"The database URL has {name}, which ec does not support.",
            why="Write host, port and database out.",
        )
    known = (*_OWN, *_TLS, *_IGNORED, *_WEAK_ONLY, *_SERVICE)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        raise UsageError(
            f"The database URL has an unknown parameter{_safe(name)}.",
            why=f"Did you mean {near[0]}?" if near else "",
        )
    return name, value


def _places(hosts: str, ports: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Split lists of hosts (each perhaps with its port) and of ports."""
    found = [match.groups() for match in map(_HOST.fullmatch, hosts.split(",")) if match] if hosts else []
    if hosts and len(found) != len(hosts.split(",")):
        raise UsageError(
            "The database URL has a host that cannot be read.", why="Write host, host:port or [IPv6]:port."
        )
    listed = [port for port in ports.split(",") if port]
    if len(listed) not in {0, 1, len(found)}:
        raise UsageError(f"The database URL has {len(found)} hosts and {len(listed)} ports.")
    default = listed * max(len(found), 1) if len(listed) == 1 else listed
    texts = [own or (default[at] if default else "5432") for at, (_, own) in enumerate(found)] or default
    if not all(text.isdecimal() and 0 < int(text) < 1 << 16 for text in texts):
        raise UsageError("The database URL has a port that is not a number from 1 to 65535.")
    return tuple((host or "localhost").strip("[]") for host, _ in found), tuple(map(int, texts))


def _seconds(text: str) -> float | None:
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        raise UsageError("connect_timeout in the database URL is not a number of seconds.") from None
    return seconds if seconds > 0 else None


def _safe(name: str) -> str:
    """Return the name for a message when it can only be one: a mangled password could stand in its place."""
    return f": {name}" if re.fullmatch(r"[a-z_]{1,32}", name) else ""
