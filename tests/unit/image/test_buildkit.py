"""What BuildKit's clients say, told as the classic builder's events are."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from noted import Noted

from fcx.errors import BuildFailed, EngineError
from fcx.image.buildkit import Said, run_client
from fcx.image.classic import follow_events
from fcx.image.progress import Silent

OF_DOCKER_20 = """\
#1 [internal] load remote build context
#1 sha256:1a4d6cf4bd94568b3b0b109ab530bb6e2ebf0478249e489e32f40c095264fe20
#1 DONE 0.0s

#4 [1/2] FROM docker.io/library/bare:1
#4 CACHED

#5 [2/2] RUN echo before; exit 42
#5 sha256:e598dd90817831a135497f5c4213693fe130519bf1afc7a0e62d0cfb67dfd186
#5 0.556 before
#5 ERROR: executor failed running [/bin/sh -c echo before; exit 42]: exit code: 42
------
 > [2/2] RUN echo before; exit 42:
------
executor failed running [/bin/sh -c echo before; exit 42]: exit code: 42
"""
OF_BUILDX = """\
#0 building with "default" instance using docker driver

#1 [internal] load remote build context
#1 DONE 0.1s

#4 [stage-1 1/2] FROM docker.io/library/bare:1
#4 DONE 0.1s

#6 [other 1/1] RUN sleep 9
#5 [stage-1 2/2] RUN echo before; exit 42
#5 0.564 before

#6 0.564 of another step
#5 ERROR: process "/bin/sh -c echo before; exit 42" did not complete successfully: exit code: 42
#6 CANCELED
------
 > [stage-1 2/2] RUN echo before; exit 42:
0.564 before
------
Dockerfile:2
--------------------
   1 |     FROM bare:1
   2 | >>> RUN echo before; exit 42
--------------------
ERROR: failed to solve: process "/bin/sh -c echo before; exit 42" did not complete: exit code: 42
"""
OF_CLASSIC = [
    {"stream": "Step 1/2 : FROM bare:1\n"},
    {"stream": "Step 2/2 : RUN echo before; exit 42\n"},
    {"stream": "\x1b[91mbefore\x1b[0m\n"},
    {"error": "non-zero code: 42", "errorDetail": {"code": 42, "message": "non-zero code: 42"}},
]


@pytest.mark.parametrize("text", [OF_DOCKER_20, OF_BUILDX])
def test_a_failed_step_is_told_as_by_the_classic_builder(text: str):
    """The same steps, lines, code, and first line of the message."""
    said, by_client, by_classic = Said(), Noted(), Noted()
    said.follow(io.StringIO(text), by_client)
    with pytest.raises(BuildFailed) as caught:
        follow_events(OF_CLASSIC, by_classic)
    first = said.failure().splitlines()
    assert first[:2] == str(caught.value).splitlines()[:2]
    assert first[0].startswith(
        "The build failed in 'Step 2/2 : RUN echo before; exit 42' with exit"
    )
    assert "code 42" in first[0]
    assert first[1] == "  | before"
    assert by_client.steps[-1] == by_classic.steps[-1]
    assert by_client.lines[0] == by_classic.lines[0] == "before"


@pytest.mark.parametrize(
    "last",
    [
        "failed to solve with frontend dockerfile.v0: failed to create LLB definition: unknown: FOO",
        "rpc error: code = Unknown desc = failed to solve with frontend dockerfile.v0: unknown: FOO",
        "ERROR: failed to solve: unknown: FOO",
    ],
)
def test_what_is_wrong_before_the_first_step(last: str):
    """Is told without the layers that it came through."""
    said = Said()
    text = f"#1 [internal] load remote build context\n#1 DONE 0.1s\n------\n{last}\n"
    said.follow(io.StringIO(text), Silent())
    assert said.failure() == "Building the image failed: unknown: FOO."


def client(tmp_path: Path, code: str) -> list[str]:
    """A command of ours in the place of docker's."""
    program = tmp_path / "client.py"
    program.write_text(code)
    return [sys.executable, str(program)]


def test_values_of_arguments_are_on_no_command_line(tmp_path: Path):
    """Unless the client itself would be misled by a variable of that name."""
    code = "import os, sys; print('#1 1.0', sys.argv[1:], os.environ['TOKEN'], file=sys.stderr)\n"
    code += "print('#1 1.0', os.environ['PATH'], 'DOCKER_CONTEXT' in os.environ, file=sys.stderr)\n"
    code += "print('#1 1.0', sys.stdin.read(), file=sys.stderr)"
    noted = Noted()
    with (tmp_path / "archive").open("w+b") as archive:
        archive.write(b"tar")
        archive.seek(0)
        args, env = {"TOKEN": "s3cret", "PATH": "/own"}, {"PATH": "/bin", "DOCKER_CONTEXT": "x"}
        run_client(client(tmp_path, code), archive, args, env, noted)
    options = "['--progress', 'plain', '--build-arg', 'TOKEN', '--build-arg', 'PATH=/own', '-']"
    assert noted.lines == [f"{options} s3cret", "/bin False", "tar"]


def test_a_client_that_fails_without_a_word(tmp_path: Path):
    """And one that cannot be started."""
    with (tmp_path / "archive").open("w+b") as archive:
        with pytest.raises(BuildFailed, match="ended with 3"):
            run_client(client(tmp_path, "raise SystemExit(3)"), archive, {}, {}, Silent())
        with pytest.raises(EngineError, match="cannot be started: No such file"):
            run_client([str(tmp_path / "none")], archive, {}, {}, Silent())
