"""A build by BuildKit's client, the docker command or buildx, told as any other build is.

Its progress in plain text has a number for each step, because several run side by side::

    #5 [2/3] RUN make
    #5 0.312 a line of its output
    #5 ERROR: process "/bin/sh -c make" did not complete successfully: exit code: 2
"""

from __future__ import annotations

import re
import subprocess
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import IO

from ..errors import BuildFailed, EngineError
from .failure import LAST_LINES, failure
from .progress import Progress

STEP = re.compile(r"#(\d+) \[(?:stage-\d+ )?([\w./ -]*\d+/\d+)\] (.*)")
OUTPUT = re.compile(r"#(\d+) \d+\.\d+ (.*)")
ERROR = re.compile(r"#(\d+) ERROR: (.*)")
LAYERS_OF_ITS_OWN = re.compile(
    r"^(ERROR: |rpc error: code = \w+ desc = |failed to solve(?: with frontend [\w.]+)?: "
    r"|failed to create LLB definition: )*"
)
NUMBERED = re.compile(r"#\d+( |$)")
COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
ELSEWHERE = ("DOCKER_CONTEXT", "BUILDX_BUILDER", "DOCKER_DEFAULT_PLATFORM", "BUILDKIT_PROGRESS")
"""Variables that would have the build done by another engine, or otherwise than was asked."""


def run_client(
    command: Sequence[str],
    archive: IO[bytes],
    build_args: Mapping[str, str],
    env: Mapping[str, str],
    progress: Progress,
) -> None:
    """Build an archive, and follow. Raises BuildFailed with the step and its last lines."""
    known = {name: value for name, value in env.items() if name not in ELSEWHERE}
    known |= {"DOCKER_BUILDKIT": "1", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    # By the environment, where they may: a command line is for everybody to read.
    hidden = {name: value for name, value in build_args.items() if name not in known}
    words = [name if name in hidden else f"{name}={value}" for name, value in build_args.items()]
    options = [option for word in words for option in ("--build-arg", word)]
    try:
        process = subprocess.Popen(
            [*command, "--progress", "plain", *options, "-"],
            env={**known, **hidden},
            stdin=archive,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise EngineError(f"{command[0]} cannot be started: {error.strerror}.") from error
    with process:
        assert process.stderr is not None
        try:
            said = Said()
            said.follow(process.stderr, progress)
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise BuildFailed(said.failure() or f"{command[0]} ended with {process.returncode}.")


class Said:
    """What a build has said so far: its steps by number, and what belongs to none."""

    def __init__(self) -> None:
        self._steps: dict[str, str] = {}
        self._lines: dict[str, deque[str]] = {}
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._failed = ""
        self._words = ""

    def follow(self, lines: Iterable[str], progress: Progress) -> None:
        """Tell of each line."""
        for raw in lines:
            line = COLOUR.sub("", raw).rstrip()
            step, output, error = (form.match(line) for form in (STEP, OUTPUT, ERROR))
            if step and step[1] not in self._steps:
                self._steps[step[1]] = f"Step {step[2]} : {step[3]}"
                progress.step(self._steps[step[1]])
            elif output and not self._failed:  # the client says all of a failed step once more
                self._lines.setdefault(output[1], deque(maxlen=LAST_LINES)).append(output[2])
                progress.line(output[2])
            elif error and not error[2].startswith("context canceled"):
                self._failed = self._failed or error[1]
                self._words = self._words or error[2]
            elif line.strip() and not NUMBERED.match(line):
                self._last.append(line)

    def failure(self) -> str:
        """What to say of it; empty if it has said nothing."""
        step = self._steps.get(self._failed, "")
        last = [one for one in self._last if one.startswith("ERROR:")] or ["", *self._last]
        words = self._words if step else LAYERS_OF_ITS_OWN.sub("", last[-1])
        return failure(step, self._lines.get(self._failed, ()), words) if words else ""
