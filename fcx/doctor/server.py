"""The way to the server, and the server: address, token, API, clock."""

from __future__ import annotations

import logging
import sys
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from ..firecrest import network
from ..firecrest.client import Client
from .case import Case
from .check import Found, fine, warning

PATIENCE = 6.0  # seconds for which a request that fails is repeated
FAR = 60.0  # seconds that a clock may be off

SILENT = logging.getLogger("fcx.doctor")
"""That something is tried again is no news here: what it comes to is told."""
SILENT.setLevel(logging.CRITICAL)

_HINT = "sudo timedatectl set-ntp true" if sys.platform == "linux" else "set the clock by the net"


def address(case: Case) -> Found:
    """Both URLs, the proxies and the CAs on the way. Raises ConfigError for what cannot be."""
    known = case.credentials
    case.server.client = Client(known, PATIENCE, SILENT)
    urls = {"FIRECREST_URL": known.api_url, "AUTH_TOKEN_URL": known.token_url}
    details = tuple(f"{name}: {_way(url)}" for name, url in urls.items())
    trusted = network.named_cas()
    details += tuple(f"certificates: those of {path} ({name})" for name, path in trusted)
    for name, url in urls.items():
        parts = urlsplit(url)
        if parts.scheme == "http" and not network.is_loopback(parts.hostname or ""):
            said = f"{name} begins with http://: the secret and the token can be read on the way"
            return warning(said, f"export {name}=https://{parts.netloc}{parts.path}", details)
    return fine("both URLs can be gone to", details)


def _way(url: str) -> str:
    proxy = network.proxy_for(url)
    return f"through {proxy}" if proxy else "directly"


async def token(case: Case) -> Found:
    """With a client of its own: that a token came says nothing of the API's address."""
    client = Client(case.credentials, PATIENCE, SILENT)
    try:
        await client.about.log_in()
    finally:
        await client.close()
    return fine("the token endpoint accepts the client id and secret")


async def api(case: Case) -> Found:
    """The first request."""
    case.server.health = await case.client.about.health()
    heard = case.client.about.heard
    version = heard.version if heard and heard.version else "of a version that it does not tell"
    return fine(f"FirecREST {version} at {case.credentials.api_url}")


def clock(case: Case) -> Found:
    """The one of this machine against the server's, as its answers have it."""
    heard = case.client.about.heard
    try:
        off = parsedate_to_datetime(heard.date).timestamp() - heard.came if heard else None
    except (ValueError, TypeError, OverflowError):
        off = None
    if off is None:
        return fine("the server does not tell the time")
    if abs(off) <= FAR:
        return fine("as the server's, within a minute")
    side = "behind" if off > 0 else "ahead of"
    said = f"this machine's clock is {_spoken(abs(off))} {side} the server's"
    more = "certificates may count as outdated, and ages of runs and verdicts are wrong"
    return warning(f"{said}: {more}", _HINT)


def _spoken(seconds: float) -> str:
    """``1 h 5 min``."""
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
