"""The inventory, `fleet.toml`: where the databases are, by name or by a query, and in which waves they go."""

import difflib
import tomllib
from datetime import timedelta
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from expandcontract.fleet import labels
from expandcontract.model.durations import parse_duration
from expandcontract.model.errors import BadFleetFile, EcError
from expandcontract.model.words import one_line

SCHEMA: Literal["ec.fleet/1"] = "ec.fleet/1"
#: What a URL may have in braces; each stands for a field of the target.
PLACES = ("name", "host", "port", "database", "schema")


def _duration(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse_duration(value)
    except EcError as error:
        raise ValueError(f"{error.message} {error.why}") from error


def _match(value: object) -> object:
    return labels.parse(value) if isinstance(value, str) else value


def _texts(value: object) -> object:
    """Labels are compared as text: a number of TOML or of a query is one, too."""
    if not isinstance(value, dict):
        return value
    return {str(key): _text(each) for key, each in value.items() if each is not None}


def _text(value: object) -> object:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case _:
            return value


def _template(value: SecretStr) -> SecretStr:
    """A password may hold a brace: what is none of the places is said without a word of the URL."""
    try:
        fields = [name for _, name, _, _ in Formatter().parse(value.get_secret_value()) if name is not None]
    except ValueError:
        raise ValueError(
            "It has a brace without its other one; write {{ for a brace that is meant."
        ) from None
    if any(name not in PLACES for name in fields):
        raise ValueError(f"In braces it may have {', '.join(PLACES)}; {{{{ is a brace that is meant.")
    return value


def _printable(value: str) -> str:
    if not value.strip() or one_line(value) != value:
        raise ValueError("A name is not empty, and has no line breaks or controls.")
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Matching = Annotated[labels.Match, BeforeValidator(_match)]
Labels = Annotated[dict[str, str], BeforeValidator(_texts)]
Url = Annotated[SecretStr, AfterValidator(_template)]
Name = Annotated[str, AfterValidator(_printable)]
Few = Annotated[int, Field(ge=1, le=1000)]


class _Table(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True,
        populate_by_name=True,
    )  # fmt: skip


class Defaults(_Table):
    """What holds where a target or a wave says nothing."""

    url: Url | None = Field(None, description="How a URL is made of a target's fields, in braces.")
    direct_url: Url | None = Field(None, description="The same past a pooler in transaction mode.")
    per_server: Few | None = Field(None, description="So many targets of one server are at work at once.")
    parallel: Few = Field(4, description="So many targets are at work at once.")


class Listed(_Table):
    """A target: `[[targets]]`, or a row of a query of `[[discover]]`."""

    name: Name
    host: str | None = None
    port: int | None = Field(None, ge=1, le=65535)
    database: str | None = None
    schema_: str | None = Field(None, alias="schema", min_length=1)
    url: Url | None = None
    direct_url: Url | None = None
    standby: SecretStr | None = None
    labels: Labels = Field(default_factory=dict)


class Discover(_Table):
    """Where targets are found: by a query of a registry, or the schemas of targets that are known."""

    from_: SecretStr | None = Field(None, alias="from", description="The URL of the database to ask.")
    query: str | None = Field(None, min_length=1, description="Its columns are fields of a target.")
    in_: Matching | None = Field(None, alias="in", description="The targets whose schemas are asked for.")
    schemas: str | None = Field(None, min_length=1, description="A query; its first column is a schema.")
    labels: Labels = Field(default_factory=dict, description="Every target that is found has them, too.")

    @model_validator(mode="after")
    def _of_one_sort(self) -> Self:
        rows = self.from_ is not None and self.query is not None and self.in_ is None and self.schemas is None
        schemas = self.schemas is not None and self.from_ is None and self.query is None
        if not rows and not schemas:
            raise ValueError("Write from and query, or schemas with in.")
        return self


class Wave(_Table):
    """Targets that go together: those that `match`, and that no wave before it has."""

    name: Name
    match: Matching = labels.EVERY
    parallel: Few | None = None
    per_server: Few | None = None
    soak: Duration = Field(timedelta(0), description="The next wave waits for this long after it.")
    max_failed: int = Field(0, ge=0, description="With more that did not get there no further one begins.")


class Inventory(_Table):
    """The whole file."""

    schema_: Literal["ec.fleet/1"] = Field(alias="schema")
    defaults: Defaults = Defaults()
    targets: tuple[Listed, ...] = ()
    discover: tuple[Discover, ...] = ()
    waves: tuple[Wave, ...] = ()

    @property
    def rounds(self) -> tuple[Wave, ...]:
        """The waves; one of everything where the file names none."""
        return self.waves or (Wave(name="all"),)


def read(path: Path) -> Inventory:
    """Read the inventory. Raises BadFleetFile that names file and key, and quotes no URL."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadFleetFile(
            f"{path} cannot be read.",
            why=getattr(error, "strerror", None) or str(error),
            next="ec fleet targets --fleet FILE, or EC_FLEET=FILE",
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise BadFleetFile(f"{path} is not TOML.", why=str(error)) from error
    try:
        found = Inventory.model_validate(data)
    except ValidationError as error:
        raise _bad(path, error) from None
    _refuse_twice(path, found)
    return found


def row(fields: dict[str, Any], where: str) -> Listed:
    """Read a row of a registry's query. Raises BadFleetFile that names the column."""
    try:
        return Listed.model_validate(fields)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, details["loc"]))
        raise BadFleetFile(
            f"{where}: the column {place or 'name'} of a row does not fit.",
            why=f"{_said(details['msg'])} The columns may be {', '.join(_fields(Listed))}.",
        ) from None


def _bad(path: Path, error: ValidationError) -> BadFleetFile:
    """Return what is wrong first, by its place in the file; an unknown key may be why another is missing."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    details = min(found, key=lambda each: each["type"] != "extra_forbidden")
    place = _place(details["loc"])
    if details["type"] == "extra_forbidden":
        known = _known(details["loc"])
        near = difflib.get_close_matches(str(details["loc"][-1]), known, n=1)
        why = f"Did you mean {near[0]}?" if near else f"Known keys: {', '.join(known)}."
        return BadFleetFile(f"{path}, {place}: unknown.", why=why)
    if details["loc"] == ("schema",):
        return BadFleetFile(f"{path}, schema: has to be {SCHEMA!r}.")
    if details["type"] == "missing":
        return BadFleetFile(f"{path}, {place}: is missing.")
    return BadFleetFile(f"{path}, {place}: is not valid.", why=_said(details["msg"]))


def _said(message: str) -> str:
    return message.removeprefix("Value error, ")


def _place(location: tuple[int | str, ...]) -> str:
    """Return a place as it is written: `targets[1].name`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".") or "the file"


_TABLES: dict[str, type[BaseModel]] = {
    "defaults": Defaults,
    "targets": Listed,
    "discover": Discover,
    "waves": Wave,
}


def _known(location: tuple[int | str, ...]) -> list[str]:
    return _fields(_TABLES.get(str(location[0]), Inventory) if len(location) > 1 else Inventory)


def _fields(table: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in table.model_fields.items()]


def _refuse_twice(path: Path, found: Inventory) -> None:
    for key, names in (
        ("targets", [each.name for each in found.targets]),
        ("waves", [each.name for each in found.waves]),
    ):
        twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
        if twice is not None:
            raise BadFleetFile(f"{path}, {key}: {twice!r} is there twice.")
    if not found.targets and not found.discover:
        raise BadFleetFile(f"{path} names no database.", why="It needs [[targets]] or [[discover]].")
