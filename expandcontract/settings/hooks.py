"""The table [tool.expandcontract.hooks], and its variables EC_HOOKS_*: what is called around each turn."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from expandcontract.model.durations import parse_duration
from expandcontract.model.errors import EcError
from expandcontract.model.hooks import NAMES, Hooks

_DEFAULT = Hooks()


def _duration(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse_duration(value)
    except EcError as error:
        raise ValueError(f"{error.message} {error.why}") from error


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("It has to be longer than nothing.")
    return value


class HookSettings(BaseModel):
    """Every setting of the hooks, with what it means."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    before_start: SecretStr | None = Field(None, description="Has to agree before the new side is added.")
    after_start: SecretStr | None = Field(None, description="Is told that both sides are kept in sync.")
    before_ready: SecretStr | None = Field(
        None, description="Has to agree, with all rows copied, before indexes are made."
    )
    after_ready: SecretStr | None = Field(
        None, description="Is told that the change is ready: new code may be deployed."
    )
    before_contract: SecretStr | None = Field(
        None, description="Has to agree, after all gates, before the old side is hidden."
    )
    after_contract: SecretStr | None = Field(None, description="Is told that the old side is hidden.")
    before_undo: SecretStr | None = Field(
        None, description="Has to agree before a hidden old side comes back, also when a canary wants it."
    )
    after_undo: SecretStr | None = Field(None, description="Is told that the old side is back.")
    before_purge: SecretStr | None = Field(
        None, description="Has to agree before the old side is dropped for good."
    )
    after_purge: SecretStr | None = Field(None, description="Is told that the old side is gone.")
    before_rollback: SecretStr | None = Field(
        None, description="Has to agree before what start added is removed."
    )
    after_rollback: SecretStr | None = Field(None, description="Is told that the new side is gone.")
    canary: SecretStr | None = Field(
        None,
        description="Is asked every 10 s while `ec contract --canary` watches; when it fails, contract is "
        "undone.",
    )
    timeout: Annotated[timedelta, BeforeValidator(_duration), AfterValidator(_positive)] = Field(
        _DEFAULT.timeout, description="Each hook has this long to answer."
    )

    with_database: bool = Field(
        _DEFAULT.with_database,
        description="Commands get the variables that lead to the database, as `ec` has them: for hooks that "
        "run `ec` or psql themselves.",
    )

    @property
    def hooks(self) -> Hooks:
        """What is called."""
        calls: dict[str, SecretStr | None] = {name: getattr(self, name) for name in NAMES}
        return Hooks(
            {name: call.get_secret_value() for name, call in calls.items() if call},
            self.timeout,
            self.with_database,
        )
