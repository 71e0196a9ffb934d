"""Regions of pages that are sent again whenever something is new: rendered once for however many tabs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import escape
from sse_starlette import EventSourceResponse
from starlette.exceptions import HTTPException

from expandcontract.web.poller import Poller

#: How often it is seen whether a poller looked. Where a thousand do, not each look is a rendering.
_SOON_SECONDS, _MANY_SECONDS = 0.5, 2.0
_PING_SECONDS = 15

#: What renders a region.
Render = Callable[[], Awaitable[str]]


@dataclass(frozen=True)
class Regions:
    """What was rendered of the newest look, by what it shows. When `ending` is set all streams end."""

    ending: asyncio.Event = field(default_factory=asyncio.Event)
    _kept: dict[str, tuple[int, "asyncio.Future[str]"]] = field(default_factory=dict)

    async def text(self, key: str, number: int, render: Render) -> str:
        """Return what a region reads by the look of that number. Raises what `render` raises."""
        kept = self._kept.get(key)
        if kept is None or kept[0] != number:
            kept = number, asyncio.ensure_future(render())
            self._kept[key] = kept
        return await asyncio.shield(kept[1])

    def stream(self, pollers: Sequence[Poller], key: str, render: Render) -> EventSourceResponse:
        """Answer with what sends a region at once, and whenever it reads otherwise after another look."""
        return EventSourceResponse(self._events(pollers, key, render), ping=_PING_SECONDS)

    async def _events(
        self, pollers: Sequence[Poller], key: str, render: Render
    ) -> AsyncIterator[Mapping[str, str]]:
        last, number = "", -1
        while not self.ending.is_set():
            looks = sum(poller.number for poller in pollers)
            if looks == number:
                await asyncio.sleep(_SOON_SECONDS if len(pollers) == 1 else _MANY_SECONDS)
                continue
            number = looks
            try:
                text = await self.text(key, number, render)
            except HTTPException as error:
                text = f'<p class="bad" role="status">{escape(error.detail)}</p>'
            if text != last:
                last = text
                yield {"event": "region", "data": text}
