"""The pages. What they show was seen before anybody asked, but for the history of one change."""

import asyncio
import base64
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from sqlalchemy.exc import DBAPIError
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from expandcontract.cli.views.log import LogView
from expandcontract.cli.views.report import ReportView
from expandcontract.engine.context import Context
from expandcontract.engine.state_words import OVER
from expandcontract.engine.verbs import log as log_verb
from expandcontract.engine.verbs import report as report_verb
from expandcontract.ledger import summary
from expandcontract.ledger.summary import Summary
from expandcontract.metrics import exposition, looking
from expandcontract.metrics.watched import WatchedDatabase
from expandcontract.model.errors import EcError, UnknownChange
from expandcontract.model.phases import Phase
from expandcontract.postgres.sqlstate import translate
from expandcontract.web import charts, details
from expandcontract.web.actions import form_key
from expandcontract.web.charts import Chart
from expandcontract.web.poller import OpenChange, Poller, Seen
from expandcontract.web.rendering import Site, site_of

PAGE = 50
MOST_ENTRIES = 500


@dataclass(frozen=True)
class Row:
    """A change of a database in a line among others."""

    database: str
    change: str
    kind: str
    table: str
    state: str
    way: str = ""
    since: datetime | None = None


@dataclass(frozen=True)
class Listing:
    """The changes that are asked for, a page of them, and how many there are of each state."""

    rows: Sequence[Row]
    total: int
    number: int
    states: Mapping[str, int]
    unreachable: Mapping[str, str]
    asked: Mapping[str, str]

    @property
    def pages(self) -> int:
        return max(-(-self.total // PAGE), 1)

    def query(self, **changed: str | int) -> str:
        """Return the query of a page with the same filters but for some."""
        kept = {key: value for key, value in {**self.asked, **changed}.items() if value}
        return f"?{urlencode(kept)}" if kept else "?"


async def index(request: Request) -> Response:
    """All changes of all databases."""
    site = site_of(request)
    return site.page(request, "index.html", {"listing": _listing(site, request.query_params)})


async def index_live(request: Request) -> Response:
    """The same again whenever something is new."""
    site, asked = site_of(request), request.query_params

    async def rendered() -> str:
        return site.render("index_region.html", {"listing": _listing(site, asked)})

    return site.regions.stream([*site.databases.values()], f"?{asked}", rendered)


async def database(request: Request) -> Response:
    """The changes of one database."""
    site, poller = site_of(request), site_of(request).poller(request)
    asked = QueryParams({**request.query_params, "database": poller.name})
    return site.page(
        request, "database.html", {"poller": poller, "seen": poller.seen, "listing": _listing(site, asked)}
    )


async def change_everywhere(request: Request) -> Response:
    """One change over all databases that have it."""
    site, name = site_of(request), request.path_params["change"]
    found = [row for row in _rows(site) if row.change == name]
    if not found:
        raise HTTPException(404, "No database has a change of that name.")
    return site.page(request, "everywhere.html", {"name": name, "rows": found, "states": _counted(found)})


async def change(request: Request) -> Response:
    """One change of one database."""
    site = site_of(request)
    poller, seen, found = _found(request)
    more = await _details(poller, found) if isinstance(found, OpenChange) else None
    shown = _shown(poller, seen, found, more)
    return site.page(request, "change.html", {**shown, "key": form_key(site, request.state.user)})


async def change_live(request: Request) -> Response:
    """The same again whenever something is new."""
    site = site_of(request)
    poller, _, _ = _found(request)

    async def rendered() -> str:
        _, seen, found = _found(request)
        more = await _details(poller, found) if isinstance(found, OpenChange) else None
        return site.render("change_region.html", _shown(poller, seen, found, more))

    return site.regions.stream([poller], request.url.path, rendered)


async def plan(request: Request) -> Response:
    """The statements of a change."""
    site = site_of(request)
    poller, _, found = _found(request)
    if not isinstance(found, OpenChange):
        raise HTTPException(404, "The plan of a change that is over is in its report.")
    return site.page(request, "plan.html", {"poller": poller, "change": found})


async def log(request: Request) -> Response:
    """The history of a change, the newest first."""
    site, name = site_of(request), request.path_params["change"]
    poller = site.poller(request)
    kind = request.query_params.get("kind", "")
    async with _asked(poller) as context:
        view = LogView.of(name, await log_verb.read(context, name))
    kinds = sorted({entry.kind for entry in view.entries})
    entries = [entry for entry in reversed(view.entries) if kind in ("", entry.kind)]
    shown = {"entries": entries[:MOST_ENTRIES], "total": len(entries), "kinds": kinds, "kind": kind}
    return site.page(request, "log.html", {"poller": poller, "name": name, **shown})


async def report(request: Request) -> Response:
    """The record of a change, as `ec report --html` writes it."""
    name = request.path_params["change"]
    async with _asked(site_of(request).poller(request)) as context:
        view = ReportView.of(*await report_verb.read(context, name))
    text = view.html()
    style = text.partition("<style>")[2].partition("</style>")[0]
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{allowed}'; base-uri 'none'; frame-ancestors 'none'"
    return HTMLResponse(text, headers={"content-security-policy": policy})


async def status_of_all(request: Request) -> Response:
    """What `ec status --json` says of what goes on, of each database; of what is over its last word."""
    site = site_of(request)
    told = {
        name: {
            "at": seen.at.isoformat() if seen else None,
            "error": seen.error.message if seen and seen.error else None,
            "changes": [each.view.model_dump(mode="json") for each in seen.open.values()] if seen else [],
            "over": {each.name: each.word for each in seen.over.values()} if seen else {},
        }
        for name, poller in site.databases.items()
        for seen in [poller.seen]
    }
    return JSONResponse({"schema": "ec.serve/1", "databases": told})


async def metrics(request: Request) -> Response:
    """The series of all databases, or of the one that `target` names, looked at now."""
    site, wanted = site_of(request), request.query_params.get("target")
    asked = [poller for name, poller in site.databases.items() if wanted in (None, name)]
    if not asked:
        raise HTTPException(404, "There is no database of that name here.")
    found = await asyncio.gather(*map(_watched, asked))
    return Response(exposition.text(found), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _watched(poller: Poller) -> WatchedDatabase:
    try:
        async with poller.opened() as context:
            return await looking.look(context, poller.name)
    except (EcError, DBAPIError, OSError):
        # The page of the database says why.
        return WatchedDatabase(poller.name, 0.0)


@dataclass(frozen=True)
class Details:
    """What is asked for when somebody has the page of a change open."""

    copied: Sequence[details.CellRow]
    compared: Sequence[details.CellRow]
    charts: Sequence[Chart]
    wish: details.LastWish
    log: LogView


async def _details(poller: Poller, change: OpenChange) -> Details:
    situation = change.situation
    async with _asked(poller) as context:
        tables = context.tables
        async with context.database.transaction() as conn:
            copied, compared = [
                [] if record is None else await details.block_map(conn, tables, situation.change_id, purpose)
                for purpose, record in (("copy", situation.copy), ("compare", situation.compare))
            ]
            samples = await summary.samples(conn, tables, situation.name, situation.now - charts.SPAN)
            wish = await details.last_wish(conn, tables, situation.name)
        log = LogView.of(situation.name, await log_verb.read(context, situation.name))
    return Details(copied, compared, charts.charts(samples, situation.now), wish, log)


def _shown(
    poller: Poller, seen: Seen, change: OpenChange | Summary, more: Details | None
) -> dict[str, object]:
    """Return what the templates of a change are given."""
    return {
        "poller": poller,
        "seen": seen,
        "over": change if isinstance(change, Summary) else None,
        "change": change if isinstance(change, OpenChange) else None,
        "more": more,
        "phases": [*Phase],
        "newest": [*reversed(more.log.entries)][:20] if more else [],
    }


@asynccontextmanager
async def _asked(poller: Poller) -> AsyncIterator[Context]:
    """Give the database of a page. What is wrong then is told as a page is."""
    try:
        async with poller.opened() as context:
            yield context
    except UnknownChange as error:
        raise HTTPException(404, error.message) from error
    except (EcError, DBAPIError) as error:
        told = translate(error)
        raise HTTPException(502, f"{told.message} {told.why}") from error


def _found(request: Request) -> tuple[Poller, Seen, OpenChange | Summary]:
    poller, name = site_of(request).poller(request), request.path_params["change"]
    seen = poller.seen
    if seen is None:
        raise HTTPException(503, "This database was not looked at yet.", {"Retry-After": "2"})
    if seen.error is not None:
        raise HTTPException(502, f"{seen.error.message} {seen.error.why}")
    found = seen.open.get(name) or seen.over.get(name)
    if found is None:
        raise HTTPException(404, f"{poller.name} has no change of that name.")
    return poller, seen, found


def _rows(site: Site) -> Iterator[Row]:
    for name, poller in site.databases.items():
        if poller.seen is None:
            continue
        for each in poller.seen.open.values():
            _, word, way = each.view.row()
            yield Row(name, each.view.name, each.view.kind, each.view.table, word, way)
        for over in poller.seen.over.values():
            yield Row(name, over.name, over.kind, over.table_name, over.word, since=over.last_progress_at)


def _counted(found: Sequence[Row]) -> Mapping[str, int]:
    return dict(Counter(row.state for row in found).most_common())


def _listing(site: Site, asked: QueryParams) -> Listing:
    """Return the page that is asked for. What it does not know it does not filter by."""
    wanted = {key: asked.get(key, "") for key in ("state", "database", "change", "q", "all")}
    every = [row for row in _rows(site) if wanted["database"] in ("", row.database)]
    shown = [row for row in every if _is_wanted(row, wanted)]
    number = max(int(page), 1) if (page := asked.get("page", "1")).isdecimal() else 1
    return Listing(
        rows=shown[(number - 1) * PAGE : number * PAGE],
        total=len(shown),
        number=number,
        states=_counted(every),
        unreachable={
            name: poller.seen.error.message
            for name, poller in site.databases.items()
            if poller.seen is not None and poller.seen.error is not None
        },
        asked=wanted,
    )


def _is_wanted(row: Row, wanted: Mapping[str, str]) -> bool:
    if wanted["state"]:
        if row.state != wanted["state"]:
            return False
    elif row.state in OVER and not wanted["all"]:
        return False
    words = wanted["q"].lower()
    text = f"{row.database} {row.change} {row.kind} {row.table}".lower()
    return wanted["change"] in ("", row.change) and all(word in text for word in words.split())
