"""What templates get: the site, the request, and how times and numbers are written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from expandcontract.cli.redaction import redact
from expandcontract.cli.views.format import count, moment, percent, seconds, span
from expandcontract.model.words import one_line
from expandcontract.web.live import Regions
from expandcontract.web.poller import OpenChange, Poller, Seen
from expandcontract.web.serving import Serving

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Site:
    """What all pages have in common."""

    serving: Serving
    databases: Mapping[str, Poller]
    who: str
    #: What streams send; they end when the server is to, and browsers come back when there is another one.
    regions: Regions = field(default_factory=Regions)

    @cached_property
    def environment(self) -> Environment:
        """The templates. Everything that they are given is escaped: names and errors are anybody's text."""
        made = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        made.filters |= {
            "count": count,
            "percent": percent,
            "seconds": seconds,
            "moment": moment,
            "ago": ago,
            "slug": lambda word: word.replace(" ", "-").replace("_", "-"),
            "told": lambda text: one_line(redact(str(text))),
        }
        made.globals |= {
            "prefix": self.serving.prefix,
            "serving": self.serving,
            "path": path,
            "databases": [*self.databases],
        }
        return made

    def poller(self, request: Request) -> Poller:
        """Return the poller of the database that the path names. Raises HTTPException."""
        found = self.databases.get(request.path_params["database"])
        if found is None:
            raise HTTPException(404, "There is no database of that name here.")
        return found

    def page(
        self, request: Request, template: str, values: Mapping[str, object], status: int = 200
    ) -> HTMLResponse:
        """Return a page for whoever asks."""
        return HTMLResponse(self.render(template, {"user": request.state.user, **values}), status)

    def render(self, template: str, values: Mapping[str, object]) -> str:
        """Return a template's text."""
        return self.environment.get_template(template).render(values)


def site_of(request: Request) -> Site:
    """Return the site of a request."""
    found: Site = request.app.state.site
    return found


def open_change(seen: Seen | None, name: str) -> OpenChange | None:
    """Return a change that goes on."""
    return None if seen is None else seen.open.get(name)


def path(*parts: str) -> str:
    """Return a path of which each part is quoted, without the prefix."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


def ago(at: datetime | None, now: datetime | None = None) -> Markup:
    """Return how long ago something was, with the moment for whoever wants it to the second."""
    if at is None:
        return Markup("")
    passed = (now or datetime.now(UTC)) - at
    words = f"{span(passed)} ago" if passed >= timedelta(0) else f"in {span(-passed)}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(at.isoformat(), moment(at), words)
