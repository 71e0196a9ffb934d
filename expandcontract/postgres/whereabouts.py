"""Where a database is, and by which password: found out anew each time a connection is opened, so that who
changes a secret need stop nobody.
"""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from expandcontract.postgres import secret_file, service_file
from expandcontract.postgres.address import Address, parse


@dataclass(frozen=True)
class Whereabouts:
    """What leads to a database.

    Args:
        url: its URL; without one it is in `url_file`.
        url_file: holds the URL.
        password_file: holds the password, where the URL has none.
        require_tls: whether a connection without TLS is refused, but for one by a unix socket.
    """

    url: str | None = field(default=None, repr=False)
    url_file: Path | None = None
    password_file: Path | None = None
    require_tls: bool = False

    @property
    def rotates(self) -> bool:
        """Whether the password may be another one a moment later."""
        return self.url_file is not None or self.password_file is not None

    def address(self) -> Address:
        """Read what is there now. Raises UsageError, which shows no value."""
        found = parse(self._text(), service_file.look_up)
        if found.password is None and self.password_file is not None:
            found = replace(found, password=secret_file.read(self.password_file, "password_file"))
        return found.over_tls(os.environ.get("PGSSLMODE")) if self.require_tls else found

    def _text(self) -> str:
        if self.url is not None:
            return self.url
        assert self.url_file is not None  # noqa: S101 - one of them leads there
        return secret_file.read(self.url_file, "database_url_file")


def of(where: "str | Whereabouts") -> Whereabouts:
    """Return what leads to the database of a URL."""
    return Whereabouts(where) if isinstance(where, str) else where
