"""The fleet that a command is about: its inventory, read and resolved, and how each target is opened."""

import difflib
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import SecretStr

from expandcontract.cli.fleet.listener import Hearing
from expandcontract.cli.session import Session
from expandcontract.fleet import inventory, labels
from expandcontract.fleet.inventory import Inventory
from expandcontract.fleet.resolving import resolve
from expandcontract.fleet.target import Round, Target, rounds
from expandcontract.model.errors import BadFleetFile, UsageError
from expandcontract.postgres.whereabouts import Whereabouts
from expandcontract.settings import databases

if TYPE_CHECKING:
    from expandcontract.engine.context import Context


@dataclass(frozen=True)
class Selection:
    """Which targets are meant; what is empty leaves none out."""

    wave: str | None = None
    names: tuple[str, ...] = ()
    match: labels.Match = labels.EVERY

    @classmethod
    def of(cls, wave: str | None, names: Sequence[str] | None, match: str | None) -> "Selection":
        """Read the options. Raises UsageError."""
        try:
            read = labels.EVERY if match is None else labels.parse(match)
        except ValueError as error:
            raise UsageError(f"--match: {error}") from None
        return cls(wave, tuple(names or ()), read)


@dataclass(frozen=True)
class Fleet:
    """Every target, and the waves in which the selected ones go."""

    session: Session
    inventory: Inventory
    every: tuple[Target, ...]
    rounds: tuple[Round, ...]

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets that were selected, in the order in which they go."""
        return tuple(target for each in self.rounds for target in each.targets)

    def open(self, target: Target) -> "AbstractAsyncContextManager[Context]":
        """Give the context of a target."""
        return opened(self.session, target)

    def whereabouts(self, target: Target) -> Whereabouts:
        """Return how a target is reached where one question is all that is asked."""
        return databases.whereabouts(of_target(self.session, target).settings)


@asynccontextmanager
async def opened(session: Session, target: Target) -> "AsyncIterator[Context]":
    """Give the context of a target, with what the settings say of every database."""
    async with of_target(session, target).context(Hearing(session, target.name)) as context:
        yield context


def of_target(session: Session, target: Target) -> Session:
    """Return the session whose database is the target."""
    urls = {
        "database_url": target.leading(target.url),
        "direct_url": None if target.direct_url is None else target.leading(target.direct_url),
        "standby": target.standby,
    }
    secrets = {name: None if url is None else SecretStr(url) for name, url in urls.items()}
    update = {**secrets, "database_url_file": None}
    return replace(session, settings=session.settings.model_copy(update=update))


async def read(session: Session, selection: Selection = Selection()) -> Fleet:
    """Read the inventory, ask where it says so, and select.

    Raises BadFleetFile for what does not fit, and for a selection that leaves nothing.
    """
    found = inventory.read(session.settings.fleet)
    every = await resolve(found, lambda target: opened(session, target))
    return Fleet(session, found, every, _selected(rounds(found, every), selection))


def _selected(found: Sequence[Round], selection: Selection) -> tuple[Round, ...]:
    waves = [each.wave.name for each in found]
    if selection.wave is not None and selection.wave not in waves:
        raise BadFleetFile(
            f"There is no wave {selection.wave!r}.",
            why=_nearest(selection.wave, waves),
            next="ec fleet targets",
        )
    every = [target.name for each in found for target in each.targets]
    for name in selection.names:
        if name not in every:
            raise BadFleetFile(
                f"There is no target {name!r}.", why=_nearest(name, every), next="ec fleet targets"
            )
    kept = [
        replace(each, targets=tuple(target for target in each.targets if _meant(target, selection)))
        for each in found
        if selection.wave in (None, each.wave.name)
    ]
    if not any(each.targets for each in kept):
        raise BadFleetFile(f"No target is meant by {selection.match}.", next="ec fleet targets")
    return tuple(each for each in kept if each.targets)


def _meant(target: Target, selection: Selection) -> bool:
    return (not selection.names or target.name in selection.names) and selection.match.fits(target.labels)


def _nearest(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"Did you mean {near[0]}?" if near else f"There are {', '.join(known[:8])}."
