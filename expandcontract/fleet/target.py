"""One database of a fleet, or one schema of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from urllib.parse import quote

from expandcontract.fleet.inventory import Defaults, Inventory, Listed, Wave
from expandcontract.model.errors import BadFleetFile, UsageError
from expandcontract.postgres.address import Address
from expandcontract.postgres.home import Home
from expandcontract.postgres.whereabouts import Whereabouts


@dataclass(frozen=True)
class Target:
    """Where a change is carried out. No repr and no text of it has a password.

    With a `schema` the names in a change mean what is in that, and in the ledger, which the schemas of a
    database share, the change has the schema in its name.
    """

    name: str
    url: str = field(repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)
    schema: str | None = None
    direct_url: str | None = field(default=None, repr=False)
    standby: str | None = field(default=None, repr=False)

    @cached_property
    def address(self) -> Address:
        """Where it is."""
        return Whereabouts(self.url).address()

    @property
    def server(self) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """What targets of one server have in common."""
        return self.address.hosts, self.address.ports

    @property
    def database(self) -> tuple[object, ...]:
        """What targets of one database have in common: its schemas are asked by one question."""
        there = self.address
        return there.hosts, there.ports, there.database, there.user, there.options

    @property
    def where(self) -> str:
        """Where it is, for people."""
        return f"{self.address}{f', schema {self.schema}' if self.schema else ''}"

    @property
    def home(self) -> Home | None:
        """The schema that comes first there, where one was named."""
        return None if self.schema is None else Home(self.schema, _path(self.schema))

    def key(self, change: str) -> str:
        """Return what the ledger calls the change there."""
        return change if self.home is None else self.home.key(change)

    def plain(self, key: str) -> str | None:
        """Return the name that a change of the ledger has everywhere; None where another schema's it is."""
        name, at, schema = key.rpartition("@")
        if self.schema in (None, "public"):
            return None if at else key
        return name if schema == self.schema and at else None

    def leading(self, url: str) -> str:
        """Return a URL of the database whose sessions find what is in the schema."""
        return url if self.home is None else self.home.leading(url)

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Whether the target has all of these labels."""
        return all(self.labels.get(name) == value for name, value in labels.items())


def _path(schema: str) -> str:
    return '"' + schema.replace('"', '""') + '"'


def listed(entry: Listed, defaults: Defaults, where: str, labels: Mapping[str, str] | None = None) -> Target:
    """Return the target of an entry. Raises BadFleetFile where its URL cannot be made or read."""
    fields = {
        "name": entry.name,
        "host": entry.host,
        "port": None if entry.port is None else str(entry.port),
        "database": entry.database,
        "schema": entry.schema_,
    }
    own = None if entry.url is None else entry.url.get_secret_value()
    given = None if defaults.url is None else defaults.url.get_secret_value()
    direct = entry.direct_url or defaults.direct_url
    template = own or given
    if template is None:
        raise BadFleetFile(
            f"{where}: {entry.name!r} has no url.",
            why="Write one, or url in [defaults] with {host}, {database}.",
        )
    made = Target(
        name=entry.name,
        url=_filled(template, fields, where),
        labels={**(labels or {}), **entry.labels},
        schema=entry.schema_,
        direct_url=None if direct is None else _filled(direct.get_secret_value(), fields, where),
        standby=None if entry.standby is None else entry.standby.get_secret_value(),
    )
    _require_readable(made, where)
    return _with_own_labels(made)


def _filled(template: str, fields: Mapping[str, str | None], where: str) -> str:
    """Put the fields into a URL, each quoted as a URL wants it."""

    class _Fields(dict[str, str]):
        def __missing__(self, name: str) -> str:
            raise BadFleetFile(
                f"{where}: {fields['name']!r} has no {name}.", why="Its url has that in braces."
            )

    known = _Fields({name: quote(value, safe="") for name, value in fields.items() if value is not None})
    return template.format_map(known)


def _require_readable(target: Target, where: str) -> None:
    for url in filter(None, (target.url, target.direct_url, target.standby)):
        try:
            Whereabouts(url).address()
        except UsageError as error:
            raise BadFleetFile(f"{where}: {target.name!r}: {error.message}", why=error.why) from None


def _with_own_labels(target: Target) -> Target:
    """A match may also mean the name, the database and the schema, unless labels of these names are given."""
    own = {"name": target.name, "database": target.address.database or "", "schema": target.schema or ""}
    own["host"] = ",".join(target.address.hosts)
    return replace(target, labels={**own, **target.labels})


def schema_of(target: Target, schema: str, labels: Mapping[str, str]) -> Target:
    """Return the target that is a schema of another one."""
    labels = {**target.labels, **labels, "name": f"{target.name}/{schema}", "schema": schema}
    return replace(target, name=f"{target.name}/{schema}", schema=schema, labels=labels)


@dataclass(frozen=True)
class Round:
    """A wave with its targets in the order in which they go."""

    wave: Wave
    targets: tuple[Target, ...]

    def parallel(self, defaults: Defaults) -> int:
        """How many are at work at once."""
        return self.wave.parallel or defaults.parallel

    def per_server(self, defaults: Defaults) -> int | None:
        """How many of one server are."""
        return self.wave.per_server or defaults.per_server


def rounds(inventory: Inventory, targets: Sequence[Target]) -> tuple[Round, ...]:
    """Return the waves with their targets: each is in the first one that it fits.

    Raises BadFleetFile for a wave that none fits, and for a target that fits none: somebody would forget it.
    """
    left, made = list(targets), []
    for wave in inventory.rounds:
        mine = [target for target in left if wave.match.fits(target.labels)]
        if not mine:
            raise BadFleetFile(
                f"The wave {wave.name!r} has no target.",
                why=_unmatched(wave, targets),
                next="ec fleet targets",
            )
        left = [target for target in left if target not in mine]
        made.append(Round(wave, tuple(sorted(mine, key=order))))
    if left:
        names = ", ".join(target.name for target in left[:5])
        raise BadFleetFile(
            f"{len(left)} targets are in no wave: {names}{', ...' if len(left) > 5 else ''}.",  # noqa: PLR2004
            why="A last wave without match takes all that are left.",
        )
    return tuple(made)


def _unmatched(wave: Wave, targets: Sequence[Target]) -> str:
    if not wave.match.terms:
        return "The waves before it take them all."
    known = _values(term.label for term in wave.match.terms)
    for label in known:
        known[label] = {target.labels[label] for target in targets if label in target.labels}
    told = (f"{name} is {', '.join(sorted(v)[:8]) or 'a label of none'}" for name, v in known.items())
    return f"match = {wave.match}; {'; '.join(told)}."


def _values(names: Iterable[str]) -> dict[str, set[str]]:
    return {name: set() for name in names}


def order(target: Target) -> tuple[str, str]:
    """Return where a target goes within its wave: by a digest, so that no name or server is always first."""
    return sha256(target.name.encode()).hexdigest(), target.name
