"""The table [tool.expandcontract.throttle], and its variables EC_THROTTLE_*: what the throttles keep to."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from expandcontract.model.durations import parse_duration
from expandcontract.model.errors import BadSetting, EcError
from expandcontract.model.sizes import parse_size
from expandcontract.throttles.limits import Limits
from expandcontract.throttles.schedule import parse as parse_schedule
from expandcontract.throttles.signal_reader import NAMES


def _read(parse: Callable[[str], Any]) -> Callable[[object], object]:
    """Return what reads text by one of the program's own parsers, and leaves everything else alone."""

    def read(value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return parse(value)
        except EcError as error:
            raise ValueError(f"{error.message} {error.why}") from error

    return read


def _joined(value: object) -> object:
    """Names stand in one text, with commas between them; a list of TOML is taken as well."""
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        return ",".join(value)
    return value


def _split(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip())


def _throttles(names: str) -> str:
    for name in _split(names):
        if name not in NAMES:
            raise ValueError(f"{name!r} is not a throttle. There are: {', '.join(NAMES)}.")
    return names


def _http(url: SecretStr) -> SecretStr:
    if urlsplit(url.get_secret_value()).scheme not in ("http", "https"):
        raise ValueError("It has to begin with http:// or https://.")
    return url


def _schedule(text: str) -> str:
    _read(parse_schedule)(text)
    return text


Duration = Annotated[timedelta, BeforeValidator(_read(parse_duration))]
Size = Annotated[int, BeforeValidator(_read(parse_size))]
Names = Annotated[str, BeforeValidator(_joined)]
Throttles = Annotated[Names, AfterValidator(_throttles)]
_DEFAULT = Limits()


class ThrottleSettings(BaseModel):
    """Every setting of the throttles, with what it means."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    max_lag: Duration = Field(_DEFAULT.max_lag, description="No standby may be behind by more.")
    max_lag_bytes: Size = Field(
        _DEFAULT.max_lag_bytes, description="On no standby may more WAL be left to replay."
    )
    standbys: Names = Field(
        "",
        description="The standbys that count, by application_name; one that is missing stops the copy. "
        "Without names all that are there count.",
    )
    max_slot_wal: Size | None = Field(
        None,
        description="No replication slot may retain more WAL. Without it half of max_slot_wal_keep_size, "
        "where the server has that limit.",
    )
    max_archive_backlog: Size | None = Field(None, description="This much WAL may wait to be archived.")
    max_wal_rate: Size | None = Field(
        None, description="When the server writes more WAL in a second, the copy slows down."
    )
    max_active_sessions: int | None = Field(
        None, gt=0, description="When more sessions of others are active, the work slows down."
    )
    max_horizon: Duration | None = Field(
        None,
        description="When a transaction holds back the horizon for longer, the work slows down. Without it "
        "one is named after 5min.",
    )
    nice_ratio: float = Field(
        _DEFAULT.nice_ratio,
        ge=0,
        le=100,
        description="After each batch, this many times its duration is slept; goes before `courtesy`.",
    )
    schedule: Annotated[str, AfterValidator(_schedule)] = Field(
        "",
        description="Windows of the week in which it works: `Mon-Fri 22:00-06:00 Europe/Berlin; Sat,Sun "
        "00:00-24:00 UTC`.",
    )
    query: str | None = Field(
        None, min_length=1, description="It waits while this query returns a value over zero, or true."
    )
    http: Annotated[SecretStr, AfterValidator(_http)] | None = Field(
        None, description="It waits while this URL answers with another status than 200."
    )
    optional: Throttles = Field(
        "", description="Throttles, by name, that do not stop the work when they cannot be read."
    )
    off: Throttles = Field("", description="Throttles, by name, that are not asked at all.")
    max_wait: Duration = Field(
        _DEFAULT.max_wait,
        description="After this long one batch is done all the same, so that a signal that is stuck cannot "
        "stop the work for ever; 0: it can.",
    )

    @property
    def limits(self) -> Limits:
        """What the throttles keep to."""
        return Limits(
            max_lag=self.max_lag,
            max_lag_bytes=self.max_lag_bytes,
            standbys=_split(self.standbys),
            max_slot_wal=self.max_slot_wal,
            max_archive_backlog=self.max_archive_backlog,
            max_wal_rate=self.max_wal_rate,
            max_active_sessions=self.max_active_sessions,
            max_horizon=self.max_horizon,
            nice_ratio=self.nice_ratio,
            schedule=parse_schedule(self.schedule),
            query=self.query,
            http=self.http.get_secret_value() if self.http else None,
            optional=frozenset(_split(self.optional)),
            off=frozenset(_split(self.off)),
            max_wait=self.max_wait,
        )

    def changed(self, written: Mapping[str, str | None], options: Mapping[str, str]) -> Self:
        """Return the settings with what was written on the command line over them.

        `options` are the names of the options. Raises BadSetting that names one.
        """
        given = {name: value for name, value in written.items() if value is not None}
        try:
            return type(self).model_validate({**self.model_dump(), **given})
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False, include_context=False)[0]
            why = details["msg"].removeprefix("Value error, ")
            option = options[str(details["loc"][0])]
            raise BadSetting(f"The value of {option} is not valid.", why=why) from None
