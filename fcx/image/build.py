"""Let the engine build: pull the bases, stream the steps, say which step failed and why."""

from __future__ import annotations

import re
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from docker.utils import parse_repository_tag

from ..errors import BuildFailed, EngineError
from .context import Context
from .engine import FULL, engine_errors, explain, find_image

STEP = re.compile(r"step \d+/\d+ ?: ?(.*)", re.IGNORECASE | re.DOTALL)
COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
LAST_LINES = 15
NO_IMAGE = "scratch"  # what a FROM line calls the empty image


class Progress:
    """What is told while something goes on; a silent one, for the command line to override."""

    def step(self, text: str) -> None:
        """A step begins."""

    def line(self, text: str) -> None:
        """A line of output of the step."""

    def layer(self, name: str, status: str, done: int, total: int) -> None:
        """A layer being moved: bytes ``done`` of ``total`` (0: not known)."""


@dataclass(frozen=True)
class Order:
    """All that the engine needs to know for one build."""

    context: Context
    dockerfile: str
    tag: str
    platform: str
    no_cache: bool
    build_args: Mapping[str, str] = field(default_factory=dict)


def base_images(
    client: Any, names: Iterable[str], platform: str, *, pull: bool, progress: Progress
) -> dict[str, Any]:
    """{name: image} of the bases, pulled where the engine lacks them or ``pull`` asks for it."""
    found = {}
    for name in names:
        if name == NO_IMAGE:
            continue
        image = None if pull else find_image(client, name)
        if image is None or (platform and not _serves(image, platform)):
            image = _pull(client, name, platform, progress)
        found[name] = image
    return found


def _serves(image: Any, platform: str) -> bool:
    parts = platform.split("/")
    return bool(parts[0] == image.attrs.get("Os") and parts[1:2] == [image.attrs["Architecture"]])


def _pull(client: Any, name: str, platform: str, progress: Progress) -> Any:
    repository, tag = parse_repository_tag(name)
    progress.step(f"Pulling {name}")
    doing = f"Pulling the base image {name}" + (f" for {platform}" if platform else "")
    try:
        with engine_errors(doing):
            events = client.api.pull(
                repository, tag or "latest", stream=True, decode=True, platform=platform or None
            )
            follow_layers(events, doing, progress)
    except EngineError as error:
        raise EngineError(f"{error}{_other_base(name)}") from error
    image = find_image(client, name)
    if image is None or (platform and not _serves(image, platform)):
        raise EngineError(f"{doing} brought another platform: the image is not made for it.")
    return image


def _other_base(name: str) -> str:
    if re.search(r"(^|/)python:\d+\.\d+\.\w+-slim$", name):
        minor = name.rpartition(":")[2].rpartition(".")[0]
        return (
            " Is there a base for this Python? `--build-arg PYTHON_VERSION=" + minor + "` takes "
            "the newest patch of it, `--build-arg BASE_IMAGE=NAME` another base."
        )
    return " Look at its name and at the network; a private registry needs `docker login`."


def follow_layers(events: Iterable[Mapping[str, Any]], doing: str, progress: Progress) -> None:
    """Follow a pull to its end. Raises EngineError when it says that it failed."""
    for event in events:
        if "error" in event:
            raise EngineError(explain(doing, str(event["error"])))
        tell_layer(event, progress)


def tell_layer(event: Mapping[str, Any], progress: Progress) -> None:
    """Pass on what a pull or a push says of a layer."""
    if event.get("id") and event.get("status"):
        detail = event.get("progressDetail") or {}
        done, total = detail.get("current") or 0, detail.get("total") or 0
        progress.layer(str(event["id"]), str(event["status"]), int(done), int(total))


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
        f"{where}{how}. Its last lines:{output}\n  {words}\nMend that step in the Dockerfile, or "
        "what it reads from the context, and build again: the steps before it are cached."
    )


def _code(words: str) -> str:
    match = re.search(r"(?:non-zero code:|exit(?:ed with)? (?:status|code))\s*(\d+)", words)
    return match.group(1) if match else ""
