"""What goes on while the engine works, told to whoever shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from ..errors import EngineError
from .advice import explain


class Progress(Protocol):
    """Is told of a build, a pull or a push as it happens."""

    def step(self, text: str) -> None:
        """A step begins."""

    def line(self, text: str) -> None:
        """A line of output of the step."""

    def layer(self, name: str, status: str, done: int, total: int) -> None:
        """A layer being moved: bytes ``done`` of ``total`` (0: not known)."""


class Silent:
    """Shows nothing."""

    def step(self, text: str) -> None:
        """Pass over it."""

    def line(self, text: str) -> None:
        """Pass over it."""

    def layer(self, name: str, status: str, done: int, total: int) -> None:
        """Pass over it."""


def follow_layers(
    events: Iterable[Mapping[str, Any]], doing: str, progress: Progress, registry: str = ""
) -> str:
    """Follow a pull or a push to its end; the digest that the registry answered with, if any.

    Raises EngineError when it says that it failed.
    """
    digest = ""
    for event in events:
        if "error" in event:
            raise EngineError(explain(doing, str(event["error"]), registry))
        tell_layer(event, progress)
        digest = str((event.get("aux") or {}).get("Digest") or digest)
    return digest


def tell_layer(event: Mapping[str, Any], progress: Progress) -> None:
    """Pass on what an event says of a layer."""
    if event.get("id") and event.get("status"):
        detail = event.get("progressDetail") or {}
        done, total = detail.get("current") or 0, detail.get("total") or 0
        progress.layer(str(event["id"]), str(event["status"]), int(done), int(total))
