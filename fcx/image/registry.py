"""A repository of a registry, over its HTTP API: manifests, and the small blobs behind them.

What the engine does not do: a list of images for several processors, and whether anybody may have
an image. A registry says by 401 how it is to be asked: with a name and password, or a token.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

from ..errors import EngineError

HUB = "docker.io"
HUB_API = "registry-1.docker.io"
PATIENCE = 30.0  # seconds for an answer
LARGE = 8 << 20  # bytes, more than any manifest has

DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
LISTS = (OCI_INDEX, DOCKER_LIST)
ACCEPT = {"Accept": ", ".join((*LISTS, OCI_IMAGE, DOCKER_IMAGE))}

_LOOPBACK = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?")
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


def split_host(repository: str) -> tuple[str, str]:
    """(registry, name there) as docker reads it: ``team/image`` is Docker Hub's."""
    host, slash, name = repository.partition("/")
    named = slash and re.search(r"[.:]|^localhost$", host)
    return (host, name) if named else (HUB, repository)


@dataclass(frozen=True)
class Login:
    """What `docker login` has kept for a registry: a name and password, or a token instead."""

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    def basic(self) -> str:
        """The header that says who asks."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


@dataclass(frozen=True)
class Stored:
    """A manifest as the registry has it: its bytes are what its digest is of."""

    kind: str
    body: bytes

    @property
    def digest(self) -> str:
        """``sha256:...``."""
        return "sha256:" + hashlib.sha256(self.body).hexdigest()

    def content(self) -> dict[str, Any]:
        """What it says. Raises EngineError where that is no manifest."""
        found = _object(self.body)
        if found is None:
            raise EngineError("The registry answered with a page that is no manifest; try again.")
        return found


class Repository:
    """``HOST/NAME``; ``insecure`` allows plain HTTP, as loopback addresses always do."""

    def __init__(
        self,
        host: str,
        name: str,
        login: Login | None = None,
        *,
        insecure: bool = False,
        patience: float = PATIENCE,
    ) -> None:
        self.shown = f"{host}/{name}"
        hub = host in (HUB, f"index.{HUB}")
        self._host = HUB_API if hub else host
        self._name = f"library/{name}" if hub and "/" not in name else name
        self._login = login
        self._patience = patience
        plain = insecure or _LOOPBACK.fullmatch(host)
        self._schemes = ["https", "http"] if plain else ["https"]
        self._authorization = ""
        self._service = ""  # the host that gives out tokens, where there is one

    def manifest(self, reference: str) -> Stored | None:
        """What lies under a tag or a digest; None for nothing. Raises EngineError."""
        answer = self._ask("GET", f"manifests/{reference}", headers=ACCEPT)
        if answer.status == 404:
            return None
        self._refuse(answer, f"reading {reference}")
        return Stored(answer.headers.get("content-type", "").partition(";")[0], answer.body)

    def put(self, reference: str, stored: Stored) -> None:
        """Have a manifest under a tag. Raises EngineError."""
        kind = {"Content-Type": stored.kind}
        answer = self._ask("PUT", f"manifests/{reference}", headers=kind, body=stored.body)
        self._refuse(answer, f"writing {reference}")

    def blob(self, digest: str) -> bytes:
        """The bytes of a small one. Raises EngineError."""
        answer = self._ask("GET", f"blobs/{digest}")
        self._refuse(answer, f"reading {digest}")
        return answer.body

    def wants_login(self, reference: str) -> tuple[str, ...]:
        """The hosts that want a name and password for an image; none if anybody may have it.

        The registry's own, and that of the service which gives out its tokens. Raises EngineError.
        """
        answer = self._ask("HEAD", f"manifests/{reference}", headers=ACCEPT)
        if answer.status not in (401, 403):
            return ()
        own = () if self._host == HUB_API else (self._host,)
        return tuple(dict.fromkeys((*own, *filter(None, (self._service,)))))

    def _ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> _Answer:
        """Ask, and once more as the registry wants to be asked."""
        for scheme in list(self._schemes):
            url = f"{scheme}://{self._host}/v2/{self._name}/{path}"
            try:
                answer = self._send(method, url, headers or {}, body)
            except (OSError, HTTPException, ValueError) as error:
                last = error
                continue
            self._schemes = [scheme]
            if answer.status == 401 and self._log_in(answer.headers, scheme, method):
                answer = self._sent_again(method, url, headers or {}, body)
            return answer
        raise EngineError(
            f"The registry {self._host} does not answer: {getattr(last, 'reason', last)}. Look at "
            "its name and at the network."
        ) from last

    def _sent_again(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> _Answer:
        try:
            return self._send(method, url, headers, body)
        except (OSError, HTTPException, ValueError) as error:
            raise EngineError(f"The registry {self._host} stopped answering: {error}.") from error

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> _Answer:
        request = _request(url, body or None, headers, method)
        if self._authorization:  # not for the place that a registry sends us to for a blob
            request.add_unredirected_header("Authorization", self._authorization)
        return _answer(request, self._patience)

    def _log_in(self, headers: Mapping[str, str], scheme: str, method: str) -> bool:
        """Have the header that the registry asks for; whether there is one."""
        kind, _, rest = headers.get("www-authenticate", "").partition(" ")
        if kind.lower() == "basic":
            usable = self._login if self._login and self._login.user else None
            self._authorization = usable.basic() if usable else ""
        elif kind.lower() == "bearer":
            self._authorization = self._token(dict(_PARAMETER.findall(rest)), scheme, method)
        return bool(self._authorization)

    def _token(self, challenge: Mapping[str, str], scheme: str, method: str) -> str:
        """A token of the registry's own service, for whoever is logged in or for anybody."""
        realm = challenge.get("realm", "")
        try:
            self._service = urllib.parse.urlsplit(realm).netloc
        except ValueError:
            return ""
        if not realm.startswith("https://") and not (
            scheme == "http" and realm.startswith("http:")
        ):
            return ""  # a password would go in the clear
        actions = "pull,push" if method == "PUT" else "pull"
        asked = {
            "service": challenge.get("service", ""),
            "scope": f"repository:{self._name}:{actions}",
        }
        login = self._login
        if login and login.token:
            form = {**asked, "grant_type": "refresh_token", "client_id": "fcx"}
            data = urllib.parse.urlencode({**form, "refresh_token": login.token}).encode()
            request = _request(realm, data)
        else:
            mark = "&" if "?" in realm else "?"
            request = _request(f"{realm}{mark}{urllib.parse.urlencode(asked)}")
            if login and login.user:
                request.add_unredirected_header("Authorization", login.basic())
        try:
            answer = _answer(request, self._patience)
        except (OSError, HTTPException, ValueError):
            return ""
        found = (_object(answer.body) or {}) if answer.status == 200 else {}
        token = found.get("token") or found.get("access_token")
        usable = isinstance(token, str) and token.isascii() and token.isprintable()  # in a header
        return f"Bearer {token}" if token and usable else ""

    def _refuse(self, answer: _Answer, doing: str) -> None:
        if answer.status < 400:
            return
        if answer.status in (401, 403):
            raise EngineError(
                f"{self.shown}: {doing} is refused ({answer.status}). Log in first: `docker login "
                f"{self._host}`, as somebody who may write there."
            )
        raise EngineError(
            f"{self.shown}: {doing} failed with {answer.status}: {_words(answer.body)}"
        )


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def _request(
    url: str,
    data: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    method: str | None = None,
) -> urllib.request.Request:
    """Of a URL whose scheme was looked at."""
    return urllib.request.Request(url, data, dict(headers or {}), method=method)  # noqa: S310


def _answer(request: urllib.request.Request, patience: float) -> _Answer:
    """What comes, whatever its status. Raises OSError where nothing does."""
    try:
        found: Any = urllib.request.urlopen(request, timeout=patience)  # noqa: S310 - of http(s) alone
    except urllib.error.HTTPError as error:
        found = error
    with closing(found):
        headers = {name.lower(): value for name, value in found.headers.items()}
        return _Answer(int(found.status), headers, found.read(LARGE))


def _object(body: bytes) -> dict[str, Any] | None:
    """The object that an answer is; None for anything else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _words(body: bytes) -> str:
    """What a registry says of an error, in one line."""
    try:
        first = (_object(body) or {})["errors"][0]
        return f"{first.get('code', '')} {first.get('message', '')}".strip()
    except (LookupError, TypeError, AttributeError):
        return body.decode("utf-8", "replace").strip()[:200] or "it said nothing"
