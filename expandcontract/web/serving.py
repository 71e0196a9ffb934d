"""How pages are served: where, to whom, and what may be done. What would be unsafe is refused. Pure."""

import hmac
import ipaddress
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal, TypeAlias

from expandcontract.model.errors import UsageError
from expandcontract.postgres import secret_file

Network: TypeAlias = IPv4Network | IPv6Network
#: What may be allowed: pause, resume and tune; acknowledgements.
Permission = Literal["control", "ack"]
PERMISSIONS: tuple[Permission, ...] = ("control", "ack")
_SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class Serving:
    """How pages are served.

    `host` and `port` are listened at. Links begin with `prefix`, which is empty or begins with a slash and
    does not end in one. `allowed` is what may be done beside looking. `user_header` is where the proxies of
    `trusted` networks say who somebody is; `tokens` are those of people, by their names.
    """

    host: str = "127.0.0.1"
    port: int = 8090
    prefix: str = ""
    allowed: frozenset[Permission] = frozenset()
    user_header: str = ""
    trusted: tuple[Network, ...] = ()
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: Of this process: what it signed nobody else can have.
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    @property
    def loopback(self) -> bool:
        """Whether nobody but this host is listened to."""
        return is_loopback(self.host)

    def trusts(self, address: str) -> bool:
        """Return whether what a peer says of who somebody is, is believed."""
        try:
            peer = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(peer in network for network in self.trusted)

    def shows_to_nobody(self, *, proxied: bool) -> bool:
        """Return whether somebody who does not say who he is may look: on this host, or behind a proxy that
        is trusted to ask him.
        """
        return not self.tokens and (proxied or (self.loopback and not self.trusted))

    def owner(self, token: str) -> str | None:
        """Return whose token it is. Takes as long for each of them."""
        found = None
        for name, kept in self.tokens.items():
            if hmac.compare_digest(kept.encode(), token.encode()):
                found = name
        return found

    def sign(self, purpose: str, text: str) -> str:
        """Return the signature of a text for one purpose."""
        return hmac.new(self.secret, f"{purpose}\0{text}".encode(), sha256).hexdigest()

    def is_signed(self, purpose: str, text: str, signature: str) -> bool:
        """Return whether the signature is of this process."""
        return hmac.compare_digest(self.sign(purpose, text).encode(), signature.encode())


def serving(
    *,
    listen: str = "127.0.0.1:8090",
    prefix: str = "",
    allow: Iterable[str] = (),
    user_header: str = "",
    trusted_proxies: Iterable[str] = (),
    token_file: Path | None = None,
) -> Serving:
    """Return how pages are served. Raises UsageError for what cannot be read, or would be unsafe."""
    host, port = _listen(listen)
    found = Serving(
        host,
        port,
        _prefix(prefix),
        frozenset(map(_permission, allow)),
        user_header.strip().lower(),
        tuple(map(_network, trusted_proxies)),
        {} if token_file is None else _tokens(token_file),
    )
    _require_safe(found)
    return found


def is_loopback(host: str) -> bool:
    """Return whether a host is this one alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _require_safe(found: Serving) -> None:
    proxied = bool(found.user_header and found.trusted)
    if bool(found.user_header) != bool(found.trusted):
        raise UsageError(
            "--user-header and --trusted-proxy belong together.",
            why="A header says who somebody is only where it is known who may say so.",
            next="ec serve --user-header X-Forwarded-User --trusted-proxy 10.0.0.0/8",
        )
    if not (found.loopback or proxied or found.tokens):
        raise UsageError(
            f"Nobody is to be shown the database by {found.host} without saying who he is.",
            why="Whoever reaches that address would see every change of it.",
            next="ec serve --listen ADDRESS with --token-file FILE, or --user-header and --trusted-proxy",
        )
    if found.allowed and not (proxied or found.tokens):
        raise UsageError(
            "--allow needs to know who does something.",
            why="The ledger keeps who paused and who acknowledged.",
            next="ec serve --allow control --token-file FILE, or --user-header and --trusted-proxy",
        )


def _listen(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or not 0 <= int(port) < 2**16:
        raise UsageError(
            f"--listen {text} is no address with a port.", why="Write 127.0.0.1:8090 or [::1]:8090."
        )
    return host, int(port)


def _prefix(text: str) -> str:
    if text in ("", "/"):
        return ""
    if not text.startswith("/") or "//" in text or any(letter in text for letter in "?#%\\\"'<> "):
        raise UsageError(
            f"--prefix {text} is no path.", why="Write it as it stands in the address: /tools/ec."
        )
    return text.removesuffix("/")


def _permission(text: str) -> Permission:
    for permission in PERMISSIONS:
        if text == permission:
            return permission
    raise UsageError(f"--allow {text} is not valid.", why=f"Write one of {', '.join(PERMISSIONS)}.")


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise UsageError(
            f"--trusted-proxy {text} is no network.", why=f"{error}. Write 10.0.0.0/8."
        ) from error


def _tokens(path: Path) -> Mapping[str, str]:
    """Read a line `NAME TOKEN` for each person. No message has a token in it."""
    text = secret_file.read(path, "--token-file")
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for number, words in enumerate(lines, 1):
        if len(words) != 2 or len(words[1]) < _SHORTEST_TOKEN:  # noqa: PLR2004 - a name and a token
            raise UsageError(
                f"Entry {number} of {path} is not NAME TOKEN.",
                why=f"A token has {_SHORTEST_TOKEN} characters at least.",
                next="python -c 'import secrets; print(\"ada\", secrets.token_urlsafe())' >> FILE",
            )
    if not lines:
        raise UsageError(f"{path} has no token.")
    return dict(lines)
