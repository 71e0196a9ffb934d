"""Tenants by schema: which schema the names of a change mean, and what its sessions are given for it."""

from dataclasses import dataclass
from urllib.parse import quote

from expandcontract.postgres.whereabouts import Whereabouts


@dataclass(frozen=True)
class Home:
    """The `schema` that comes first, and the search_path that a new session has to be given for it; empty
    where it has that by itself.
    """

    schema: str
    path: str = ""

    def key(self, change: str) -> str:
        """Return what the ledger calls a change that every tenant begins by the same revision."""
        return change if self.schema == "public" else f"{change}@{self.schema}"

    def leading(self, url: str) -> str:
        """Return a URL whose sessions find what is in the schema; other options of it stay in force.

        Raises UsageError where the URL cannot be read.
        """
        if not self.path:
            return url
        escaped = self.path.replace("\\", "\\\\").replace(" ", "\\ ")
        options = f"{Whereabouts(url).address().options or ''} -csearch_path={escaped}".strip()
        if "://" not in url:  # libpq's key=value, where a backslash has to be doubled once more
            doubled = options.replace("\\", "\\\\").replace("'", "\\'")
            return f"{url} options='{doubled}'"
        return f"{url}{'&' if '?' in url else '?'}options={quote(options, safe='')}"


PUBLIC = Home("public")
