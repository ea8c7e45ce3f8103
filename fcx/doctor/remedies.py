"""What to set, for errors of the way to the server: by the variable that their words name."""

from __future__ import annotations

import re

from ..firecrest.network import CA_VARIABLES

_PROXY = re.compile(r"\b(\w+_proxy)\b", re.IGNORECASE)
_LOCAL = "fcx local up --env-file env.sh, and in another terminal: . ./env.sh (it has ended)"
_SILENCE = (
    "curl -v --max-time 5 $AUTH_TOKEN_URL $FIRECREST_URL shows who is silent: a firewall, a VPN "
    "that is not up, or the server itself"
)
_REFUSED = (
    "export FIRECREST_CLIENT_ID=... FIRECREST_CLIENT_SECRET=... as the FirecREST application has "
    "them now: a secret that was renewed there is to be renewed here"
)
_ADDRESSES = {
    "AUTH_TOKEN_URL": "export AUTH_TOKEN_URL=... as the site's documentation has it",
    "FIRECREST_URL": "export FIRECREST_URL=... as the site's documentation has it: mostly "
    "https://<host>/<path>/v2",
}


_BY_WORDS = (
    ("no answer within", _SILENCE),
    ("Nothing listens at", _LOCAL),
    ("CERTIFICATE_VERIFY_FAILED", "export SSL_CERT_FILE=<your centre's CA certificates>"),
    ("does not accept the client id", _REFUSED),
)


def of_the_way(said: str) -> str:
    """A command for an error's words."""
    by_words = [fix for words, fix in _BY_WORDS if words in said]
    trusted = [name for name in CA_VARIABLES if said.startswith(name)]
    if trusted:
        return f"unset {trusted[0]} (or have it name a file of CA certificates in PEM form)"
    if proxy := _PROXY.search(said):
        return f"unset {proxy[1]}, or correct it, or export NO_PROXY=<the server's host>"
    named = sorted(filter(said.__contains__, _ADDRESSES), key=said.index)
    return next(iter([*by_words, *map(_ADDRESSES.__getitem__, named)]), _REFUSED)
