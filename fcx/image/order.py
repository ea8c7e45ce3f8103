"""One order for the engine: build this context under this tag; which step failed, and why."""

from __future__ import annotations

import re
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import BuildFailed
from .advice import FULL, explain
from .context import Context
from .engine import engine_errors, find_image
from .progress import Progress, tell_layer

STEP = re.compile(r"step \d+/\d+ ?: ?(.*)", re.IGNORECASE | re.DOTALL)
COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
LAST_LINES = 15


@dataclass(frozen=True)
class Order:
    """All that the engine needs to know for one build."""

    context: Context
    dockerfile: str
    tag: str
    platform: str
    no_cache: bool
    build_args: Mapping[str, str] = field(default_factory=dict)


def run_build(client: Any, order: Order, progress: Progress) -> Any:
    """Build and return the image. Raises BuildFailed with the step, its last lines and its code."""
    doing = "Building the image"
    with tempfile.TemporaryFile() as archive:
        try:
            order.context.write_tar(archive)
        except OSError as error:
            raise BuildFailed(
                f"The build context cannot be packed: {error}. Is there room in "
                f"{tempfile.gettempdir()} (TMPDIR names another place)?"
            ) from error
        with engine_errors(doing):
            stream = client.api.build(
                fileobj=archive,
                custom_context=True,
                dockerfile=order.dockerfile,
                tag=order.tag,
                buildargs=dict(order.build_args),
                platform=order.platform or None,
                nocache=order.no_cache,
                rm=True,
                forcerm=True,
                decode=True,
            )
            _follow(stream, progress)
    image = find_image(client, order.tag)
    if image is None:
        raise BuildFailed(f"{doing} ended without an image and without an error; try again.")
    return image


def _follow(stream: Iterable[Mapping[str, Any]], progress: Progress) -> None:
    step, lines = "", deque[str](maxlen=LAST_LINES)
    for event in stream:
        if "error" in event:
            raise BuildFailed(_failure(step, list(lines), event))
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


def _failure(step: str, lines: list[str], event: Mapping[str, Any]) -> str:
    """The step, its last lines, its exit code, and what to do."""
    words = str(event["error"]).strip()
    detail = event.get("errorDetail") or {}
    code = detail.get("code") or _code(words)
    output = "".join(f"\n  | {line}" for line in lines)
    short = step if len(step) <= 300 else step[:300] + " ..."
    where = f"The build failed in {short!r}" if step else "The build failed before its first step"
    how = f" with exit code {code}" if code else ""
    if FULL in (words + output).lower():
        return explain(f"{where}{how}: the disk is full. Its last lines:{output}\nThe build", FULL)
    if "exec format error" in words + output:
        return explain(f"{where}{how}. Its last lines:{output}\nThe step", "exec format error")
    return (
        f"{where}{how}. Its last lines:{output}\n  {words}\nCorrect that step in the Dockerfile, "
        "or what it reads from the context, and build again: the steps before it are cached."
    )


def _code(words: str) -> str:
    match = re.search(r"(?:non-zero code:|exit(?:ed with)? (?:status|code))\s*(\d+)", words)
    return match.group(1) if match else ""
