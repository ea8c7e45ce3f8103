"""A build through the SDK: the classic builder's events, and Podman's."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..errors import BuildFailed
from .failure import LAST_LINES, failure
from .progress import Progress, tell_layer

STEP = re.compile(r"step \d+/\d+ ?: ?(.*)", re.IGNORECASE | re.DOTALL)
COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def follow_events(events: Iterable[Mapping[str, Any]], progress: Progress) -> None:
    """Tell of a build as it goes on. Raises BuildFailed with the step and its last lines."""
    step, lines = "", deque[str](maxlen=LAST_LINES)
    for event in events:
        if "error" in event:
            code = (event.get("errorDetail") or {}).get("code")
            raise BuildFailed(failure(step, lines, str(event["error"]), code))
        for line in _lines(event):
            if STEP.match(line):
                step = line
                lines.clear()
                progress.step(step)
            else:
                lines.append(line)
                progress.line(line)
        tell_layer(event, progress)


def _lines(event: Mapping[str, Any]) -> Iterator[str]:
    for line in COLOUR.sub("", str(event.get("stream", ""))).splitlines():
        if line.strip():
            yield line.rstrip()
