"""What is said of an engine's failures: its own words, and what can be done about them (pure)."""

from __future__ import annotations

import re
import shutil
import sys

from .registry import HUB, HUB_API

FULL = "no space left on device"
_NO_NETWORK = re.compile(
    r"no such host|name resolution|name or service not known|network is unreachable|i/o timeout"
    r"|connection refused|no route to host|deadline exceeded|client\.timeout|tls handshake timeout"
    r"|proxyconnect",
    re.IGNORECASE,
)

_URL = re.compile(r'"https?://([^/"]+)([^"]*)"')


def explain(doing: str, words: str, registry: str = "") -> str:
    """``doing`` failed, in the engine's words, and what can be done where that is known.

    ``registry``: the host of the one that it was done with; else it may be in the words.
    """
    words = words.strip().rstrip(".")
    return f"{doing} failed: {words}." + _remedy(words, registry)


def _remedy(words: str, registry: str) -> str:
    low = words.lower()
    url = _URL.search(words)
    if FULL in low:
        return (
            " The disk that holds the engine's images is full: `docker system df` shows what "
            "takes the room, `docker system prune` frees what nothing uses."
        )
    if is_network(words) and "docker/dockerfile" in low:
        return (
            " The line `# syntax=` at the top of the Dockerfile has BuildKit fetch its reader from "
            "there. Without that line the engine's own reads it, and fcx says what that one lacks."
        )
    if is_network(words):
        return _unreached(url, registry)
    if "exec format error" in low:
        return f" The image is for another processor than this machine's. {remedy('all')}"
    if re.search("unauthorized|no basic auth|authentication required|access.* denied", low):
        host = registry or (_host(url) if url and _is_registrys(url) else "")
        login = f"docker login {host}".strip().removesuffix(f" {HUB}")
        return f" Log in first: `{login}`{'' if host else ', with the host of its registry'}."
    return ""


def _unreached(url: re.Match[str] | None, registry: str) -> str:
    """Who does not answer: a registry, or where the Dockerfile takes a file from."""
    if url and not registry and not _is_registrys(url):
        return (
            f" The engine does not reach {_host(url)}, where the Dockerfile takes that from: is "
            "the address right, as seen from the engine, and does it answer? Else it is the "
            "network of this machine, or a proxy that the engine was not told of."
        )
    host = registry or (_host(url) if url else "")
    return (
        f" The engine does not reach {'the registry ' + host if host else 'any registry'}: is the "
        "name right, and does it answer? Else it is the network of this machine, or a proxy that "
        "the engine was not told of, and nothing of the image's. Run the same again once it does."
    )


def _is_registrys(url: re.Match[str]) -> bool:
    """Whether an address is one of a registry's API, or of whom it sends for a token."""
    return bool(re.match(r"/v2(/|$)|/.*\btoken\b", url[2]))


def _host(url: re.Match[str]) -> str:
    return HUB if url[1] == HUB_API else url[1]


def remedy(architecture: str) -> str:
    """The two ways to an image for another processor."""
    return (
        "Either have it emulated: `sudo apt-get install qemu-user-static binfmt-support`, or, for "
        "any engine, `docker run --privileged --rm tonistiigi/binfmt --install "
        f"{architecture}`; or have it built on the cluster: --build-remote."
    )


def is_network(words: str) -> bool:
    """Whether an engine says that it cannot get anywhere."""
    return bool(_NO_NETWORK.search(words))


def reason(error: Exception) -> str:
    """The innermost cause, which is what a person can act on."""
    text = str(error)
    for word, meaning in (
        ("Permission", "permission denied"),
        ("No such file", "nothing there"),
        ("Connection refused", "nobody listens"),
    ):
        if word in text:
            return meaning
    return text.splitlines()[0] if text else type(error).__name__


def no_engine(tried: list[str]) -> str:
    """What was tried, and how to start an engine on this machine."""
    lines = "".join(f"\n  {line}" for line in tried)
    if any("permission denied" in line for line in tried):
        fix = "Let yourself use it: `sudo usermod -aG docker $USER`, then log in again."
    elif not any(shutil.which(program) for program in ("docker", "podman", "dockerd")):
        fix = "Install Docker (https://docs.docker.com/engine/install/) or Podman, and start it."
    elif sys.platform == "darwin":
        fix = "Start Docker Desktop, or `colima start`, or `podman machine start`."
    else:
        fix = (
            "Start one: `sudo systemctl start docker`, or `systemctl --user start podman.socket`; "
            "or set DOCKER_HOST to where it listens. Where there can be none, `fcx up "
            "--build-remote` has a job on the cluster build the image."
        )
    return f"No container engine answers. Tried:{lines}\n{fix}"
