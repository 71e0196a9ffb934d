"""Settings: command line, then EC_*, then [tool.expandcontract] in pyproject.toml, then defaults."""

import difflib
import os
from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from expandcontract import gates
from expandcontract.model.durations import parse_duration
from expandcontract.model.errors import BadSetting, EcError
from expandcontract.model.hooks import VARIABLES
from expandcontract.model.policy import Policy
from expandcontract.model.versions import Requirement, parse_requirements
from expandcontract.settings.hooks import HookSettings
from expandcontract.settings.project_file import ProjectFile
from expandcontract.settings.throttles import ThrottleSettings

PREFIX = "EC_"
TABLE = "[tool.expandcontract]"
#: The tables within it.
THROTTLE, HOOKS = "throttle", "hooks"
TABLES: Mapping[str, type[BaseModel]] = {THROTTLE: ThrottleSettings, HOOKS: HookSettings}


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    try:
        return parse_duration(str(value))
    except EcError as error:
        raise ValueError(f"{error.message} {error.why}") from error


def _requirements(value: object) -> object:
    try:
        return parse_requirements(value) if isinstance(value, str) else value
    except EcError as error:
        raise ValueError(f"{error.message} {error.why}") from error


Duration = Annotated[timedelta, BeforeValidator(_duration)]


def _sight(value: object) -> object:
    """Names of gates, with commas between them or as a list of TOML; anything else is yes or no."""
    names = value if isinstance(value, list) else str(value).split(",")
    known = tuple(str(name).strip() for name in names)
    if all(name in gates.ALL for name in known):
        return known
    if isinstance(value, list) or "," in str(value) or "-" in str(value):
        raise ValueError(f"{value!r} names no gates. There are: {', '.join(gates.ALL)}.")
    return value


Requirements = Annotated[tuple[Requirement, ...], NoDecode, BeforeValidator(_requirements)]
Sight = Annotated[bool | tuple[str, ...], NoDecode, BeforeValidator(_sight)]
_DEFAULT = Policy()


class Settings(BaseSettings):
    """Every setting of `ec`, with what it means."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        extra="forbid",
        frozen=True,
    )

    database_url: SecretStr | None = Field(
        None, description="The database: a SQLAlchemy or libpq URL, or key=value pairs."
    )
    database_url_file: Path | None = Field(
        None, description="A file that holds the URL; read anew for each connection."
    )
    password_file: Path | None = Field(
        None,
        description="A file that holds the password, where a URL has none; read anew for each connection.",
    )
    require_tls: bool = Field(
        default=False, description="A connection without TLS is refused, but for one by a unix socket."
    )
    direct_url: SecretStr | None = Field(
        None,
        description="The same database past a pooler in transaction mode, for CREATE INDEX CONCURRENTLY.",
    )
    standby: SecretStr | None = Field(
        None, description="A hot standby: its queries are waited for before a lock that it would replay."
    )
    ledger_schema: str = Field("expandcontract", min_length=1, description="The schema of the ledger.")
    phases: Path = Field(Path("phases"), description="The folder of change plans.")
    fleet: Path = Field(
        Path("fleet.toml"), description="The inventory of `ec fleet`: which databases there are."
    )
    replication_origin: str = Field(
        "",
        pattern="^([a-z][a-z0-9_]{0,40})?$",
        description="Rows are copied under replication origins of this name (`NAME_0`, `NAME_1`, ...), so "
        "that consumers of logical replication can tell.",
    )
    lock_timeout: Duration = Field(
        _DEFAULT.lock_timeout, description="No statement of an application waits longer for a lock of ours."
    )
    lock_budget: Duration = Field(
        _DEFAULT.lock_budget,
        description="For how long a lock is tried for before `ec` stops with exit code 5.",
    )
    quiet_for: Duration = Field(
        _DEFAULT.quiet_for,
        description="Nobody may have been seen to use the old side for this long before contract; it counts "
        "from when looking began.",
    )
    soak: Duration = Field(
        _DEFAULT.soak,
        description="Contract wants this much time since ready. It also stands for new code that nobody can "
        "see.",
    )
    proof_max_age: Duration = Field(
        _DEFAULT.proof_max_age, description="A proof older than this does not count."
    )
    undo_window: Duration = Field(
        _DEFAULT.undo_window, description="After contract, purge waits for this long unless it is told --now."
    )
    require_version: Requirements = Field(
        _DEFAULT.require_version,
        description="Contract wants every instance of these applications at these versions or later: "
        "`web>=42, worker>=1.3`. Instances are known by their heartbeats.",
    )
    deployed_at: AwareDatetime | None = Field(
        None,
        description="When the new code was deployed, with its time zone: `2031-05-06T12:00Z`. Sessions that "
        "are older are named. Without it, the first write through the new side counts.",
    )
    approval: bool | Literal["other"] = Field(
        _DEFAULT.approval,
        description="Contract wants `ec ack CHANGE approval`; with `other`, by somebody who did not start "
        "it: under another name, and as another role of the server.",
    )
    require_sight: Sight = Field(
        _DEFAULT.require_sight,
        description="Contract does not go past a gate that is blind, unless somebody acknowledges it: `true` "
        'for all gates, or the names of some, `["old-readers"]`.',
    )
    confidential: bool = Field(
        _DEFAULT.confidential, description="The queries of blockers stay out of messages and ledger."
    )
    fresh: bool = Field(
        _DEFAULT.fresh,
        description="No application runs here, as in CI and on a laptop: soft gates pass, and a revision may "
        "contract in the run that began the change.",
    )
    log_format: Literal["json", "logfmt", "text"] | None = Field(
        None,
        description="How each line on stderr is written. Without it: sentences on a terminal, logfmt off it.",
    )
    hooks: HookSettings = Field(
        HookSettings(), description="What is called around the turns of a change: a table of its own."
    )
    throttle: ThrottleSettings = Field(
        ThrottleSettings(), description="What the throttles keep to: a table of its own."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources, the strongest first."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, _ProjectSource(settings_cls, ProjectFile.find(Path.cwd()))

    @property
    def names_database(self) -> bool:
        """Whether it was said which database is meant."""
        return self.database_url is not None or self.database_url_file is not None

    @property
    def policy(self) -> Policy:
        """The limits and waiting times of a run."""
        return Policy(**{each.name: getattr(self, each.name) for each in fields(Policy)})


class _ProjectSource(PydanticBaseSettingsSource):
    def __init__(self, settings_cls: type[BaseSettings], file: ProjectFile) -> None:
        super().__init__(settings_cls)
        self._file = file

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        del field
        return self._file.values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return self._file.values


def load(given: Mapping[str, Any]) -> Settings:
    """Read the settings; `given` are those of the command line. BadSetting names where a value came from."""
    _check_environment()
    try:
        return _one_url(Settings(**given), given)
    except ValidationError as error:
        # An error quotes its input only here, not in the exception: the input may be a URL with a password.
        details = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise _bad_setting(_field(details["loc"]), details["type"], details["msg"], given) from None


def _one_url(loaded: Settings, given: Mapping[str, Any]) -> Settings:
    """Return the settings with the URL or the file that has it, whichever was named in the stronger place.
    Raises BadSetting where both were named in one.
    """
    if loaded.database_url is None or loaded.database_url_file is None:
        return loaded
    url, file = (_place(name, given) for name in ("database_url", "database_url_file"))
    if url == file:
        raise BadSetting(
            "Both database_url and database_url_file are set.",
            why=f"One is {_origin('database_url', given)}, the other {_origin('database_url_file', given)}.",
        )
    return loaded.model_copy(update={"database_url_file" if url < file else "database_url": None})


def _place(field: str, given: Mapping[str, Any]) -> int:
    """Return where a setting was named: the smaller, the stronger."""
    return 0 if field in given else 1 if os.environ.get(_variable(field)) else 2


def _field(place: tuple[int | str, ...]) -> str:
    """Return the field of a setting, or `TABLE.FIELD`."""
    return ".".join(map(str, place[: 2 if place[0] in TABLES else 1]))


def _bad_setting(field: str, kind: str, message: str, given: Mapping[str, Any]) -> BadSetting:
    origin = _origin(field, given)
    if kind == "extra_forbidden":
        return BadSetting(f"{field} in {origin} is not a setting.", why=_nearest(field, names()))
    return BadSetting(f"The value of {origin} is not valid.", why=message.removeprefix("Value error, "))


def _origin(field: str, given: Mapping[str, object]) -> str:
    if field in given:
        return f"--{field.replace('_', '-')}"
    variable = _variable(field)
    if os.environ.get(variable):
        return variable
    path = ProjectFile.find(Path.cwd()).path
    return f"{TABLE} in {path}" if field not in names() else f"{field} of {TABLE} in {path}"


def _check_environment() -> None:
    """Refuse a variable that is nearly one of ours. Other programs may have variables that begin with EC_,
    and a hook has some.
    """
    known = [_variable(field) for field in names()]
    for name in os.environ:
        if not name.startswith(PREFIX) or name in known or name in VARIABLES:
            continue
        if difflib.get_close_matches(name, known, cutoff=0.9):
            raise BadSetting(f"{name} in the environment is not a setting.", why=_nearest(name, known))


def names() -> list[str]:
    """Return the names of all settings; those of a table as `TABLE.NAME`."""
    own = [name for name in Settings.model_fields if name not in TABLES]
    return own + [f"{table}.{name}" for table, of in TABLES.items() for name in of.model_fields]


def origins(given: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Return each setting that is not left at its default, with where it comes from; values are not told."""
    file = ProjectFile.find(Path.cwd())
    inner = {f"{table}.{name}" for table in TABLES for name in file.values.get(table) or {}}
    in_file = {*file.values, *inner} - set(TABLES)
    return tuple(
        (name, _origin(name, given))
        for name in names()
        if name in given or os.environ.get(_variable(name)) or (name in in_file and file.path is not None)
    )


def left_out() -> tuple[str, ...]:
    """Return the settings of the project's file that are not used, each with why."""
    file = ProjectFile.find(Path.cwd())
    return tuple(f"{name} of {TABLE} in {file.path}: {file.doubt}" for name in file.left_out)


def _variable(field: str) -> str:
    return f"{PREFIX}{field.upper().replace('.', '_')}"


def _nearest(word: str, known: list[str]) -> str:
    match difflib.get_close_matches(word, known, n=1, cutoff=0.5):
        case [near]:
            return f"Did you mean {near}?"
        case _:
            return f"There are: {', '.join(known)}."
