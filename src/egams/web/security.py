"""Who may speak to the workbench, by the headers of a request; and the headers of its answers."""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "::1")
SAFE = ("GET", "HEAD")
"""Methods that change nothing."""
COOKIE = "egams-token"
API = "/api/"

PLOTLY_STYLES = (
    "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",  # empty: filled through the object model
    "ji27qzEtxXZW+7dun6UwjHXJ18e6WAin1VvNtkzIE/o=",  # of maps
    "AR/cKIZjWPcPmBUPDA6oti9XBiTbJvz0Cro2J1VzzS8=",  # image-rendering, tried on an image
    "S+l+cz1wXqs2B0FcjqqT7NvjwGmhD1UjJswXjlSkj0s=",  # font-size: 70 %, of powers of ten
)
"""SHA-256 of the styles that plotly sets in the page; without the first it draws nothing right."""
_STYLES = " ".join(f"'sha256-{digest}'" for digest in PLOTLY_STYLES)
POLICY = "; ".join(
    (
        *("default-src 'none'", "script-src 'self'", "connect-src 'self'", "font-src 'self'"),
        *("img-src 'self' data: blob:", f"style-src 'self' 'unsafe-hashes' {_STYLES}"),
        *("base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"),
    )
)
"""Nothing is loaded from elsewhere; no script and no style stands in the page but plotly's."""
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
"""Of every answer."""


@dataclass(frozen=True)
class Refusal:
    """Why a request is not answered.

    Parameters
    ----------
    status
        Of HTTP.
    problem, hint
        In words.
    """

    status: int
    problem: str
    hint: str | None = None


@dataclass(frozen=True)
class Rules:
    """Who may speak to a server.

    Parameters
    ----------
    names
        What requests may call it, ports left out.
    any_address
        Whether they may also call it by any number, and by its names in any domain. Only where a
        token is needed, which a page under another name does not have.
    token
        That requests have to carry; None where none is needed.
    """

    names: frozenset[str]
    any_address: bool = False
    token: str | None = None

    def refusal(self, method: str, path: str, headers: Mapping[str, str]) -> Refusal | None:
        """Return why a request is refused; None where it is not.

        Parameters
        ----------
        method, path
            Of the request.
        headers
            Of the request, their names in small letters.
        """
        host = headers.get("host", "")
        if not self._is_ours(name_in(host)):
            return Refusal(
                421,
                f"this server is not called '{host[:80]}'",
                "Open the address that egams serve printed.",
            )
        foreign = headers.get("sec-fetch-site", "none") not in ("same-origin", "none")
        if foreign and (method not in SAFE or path.startswith(API)):
            return Refusal(403, "the request comes from another page")
        origin = headers.get("origin")
        if method not in SAFE and origin is not None and not _is_of(origin, host):
            return Refusal(403, "the request comes from another page")
        if self.token is not None and not self._is_known(headers):
            return Refusal(
                401, "this needs the token", "Open the address that egams serve printed, as it is."
            )
        return None

    def is_token(self, given: str) -> bool:
        """Whether a text is the token."""
        known = (self.token or "").encode()
        return bool(known) and secrets.compare_digest(given.encode(), known)

    def _is_ours(self, name: str) -> bool:
        if name in self.names or not self.any_address:
            return name in self.names
        return _address(name) is not None or name.partition(".")[0] in self.names

    def _is_known(self, headers: Mapping[str, str]) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_token(given.strip()):
            return True
        return any(map(self.is_token, cookies_in(headers.get("cookie", ""))))


def rules_for(host: str, machine: str, *, with_token: bool = False) -> Rules:
    """Return who may speak to a server that is bound to `host`.

    Parameters
    ----------
    host
        Address or name that it is bound to.
    machine
        Name of this machine.
    with_token
        Whether a token is needed on this machine, too.
    """
    token = secrets.token_urlsafe(24)
    if is_loopback(host):
        return Rules(frozenset(LOOPBACK), token=token if with_token else None)
    names = {*LOOPBACK, host.lower(), machine.lower()}
    return Rules(frozenset(names), any_address=True, token=token)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address or name.

    Parameters
    ----------
    host
        As given to ``--host``.
    """
    address = _address(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def name_in(host: str) -> str:
    """Return the name or address of a ``Host`` header, without its port.

    Parameters
    ----------
    host
        The header.
    """
    found = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](:\d{1,5})?|([^:\[\]/@]+)(:\d{1,5})?", host)
    return "" if found is None else (found[1] or found[3]).lower()


def cookies_in(header: str) -> list[str]:
    """Return the values of our cookie.

    Parameters
    ----------
    header
        ``Cookie`` of a request.
    """
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return [value for name, _, value in pairs if name == COOKIE]


def _is_of(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
