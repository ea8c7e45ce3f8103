"""Images by name: run by Docker's client, which this process becomes."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
from collections.abc import Mapping
from typing import Any, NoReturn

from .edf import Mount, Problem
from .settings import SHELL_STATE, Settings

# The first process of a Docker container. Signals that docker passes on reach the command; when
# docker's client is killed, its end of standard input closes and everything in here ends.
FIRST_PROCESS = """
exec 3<&0 </dev/null
"$@" 3<&- &
child=$!
for name in HUP INT QUIT TERM USR1 USR2; do
  trap "kill -$name $child 2>/dev/null" $name
done
{ read -r line <&3; kill -KILL -1; } &
exec 3<&-
while :; do
  wait $child
  status=$?
  kill -0 $child 2>/dev/null || exit $status
done
"""


def become(program: str, host: str, image: str, settings: Settings, command: list[str]) -> NoReturn:
    """Become docker's client, which runs the command in the image."""
    if not program:
        raise Problem(
            f"the image {image} is named by a reference, which needs Docker, and none was "
            "found; pack the image (fcx image pack) and name the file"
        )
    if host:
        os.environ["DOCKER_HOST"] = host
    reference = image.replace("#", "/")
    config = _config(program, reference)
    if settings.entrypoint:
        command = [*(config.get("Entrypoint") or []), *command]
    image_env = dict(pair.split("=", 1) for pair in config.get("Env") or [] if "=" in pair)
    words = _words(reference, settings, image_env)
    _keep_input_open()
    os.execv(program, [program, *words, *command])


def _config(program: str, reference: str) -> dict[str, Any]:
    """What the image says of itself; pulls it if Docker does not have it."""
    inspect = [program, "image", "inspect", "--format={{json .Config}}", reference]
    found = subprocess.run(inspect, capture_output=True, text=True, check=False)
    if found.returncode != 0 and "no such image" in found.stderr.lower():
        pull = [program, "pull", "--quiet", reference]
        pulled = subprocess.run(pull, capture_output=True, text=True, check=False)
        if pulled.returncode != 0:
            told = pulled.stderr.strip()
            raise Problem(f"Docker has no image {reference}: {told}{_which_docker()}")
        found = subprocess.run(inspect, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        raise Problem(f"Docker does not answer: {found.stderr.strip()}{_which_docker()}")
    return dict(json.loads(found.stdout) or {})


def _which_docker() -> str:
    """Which one was asked: an image may have been built in another."""
    host = os.environ.get("DOCKER_HOST")
    asked = f"the Docker at {host} was asked" if host else "the machine's usual Docker was asked"
    return (
        f"\n{asked}. If `docker` is another one where you built the image, set DOCKER_HOST in the "
        "terminal of `fcx local up` as it is there, and start that again"
    )


def _words(reference: str, settings: Settings, image_env: Mapping[str, str]) -> list[str]:
    """The words of `docker run`, up to the command's own."""
    variables = settings.variables(image_env)
    env = settings.env(variables)
    words = ["run", "--rm", "--interactive", "--pull=never"]
    words += ["--network=host", "--ipc=host", f"--user={os.getuid()}:{os.getgid()}"]
    words += [f"--group-add={group}" for group in os.getgroups() if group != os.getgid()]
    words += [] if settings.writable else ["--read-only"]
    words += [f"--mount={_mount(mount)}" for mount in settings.mounts(variables)]
    workdir = settings.workdir(variables)
    words += [f"--workdir={workdir}"] if workdir else []
    host = set(os.environ) - set(image_env) - SHELL_STATE - {"DOCKER_HOST"} - set(env)
    words += [f"--env={name}" for name in sorted(host)]
    words += [f"--env={name}={value}" for name, value in env.items() if value]
    return [*words, "--entrypoint=sh", reference, "-c", _unsetting(env) + FIRST_PROCESS, "sh"]


def _unsetting(env: Mapping[str, str]) -> str:
    """Shell lines that unset what `[env]` leaves empty."""
    names = [name for name, value in env.items() if not value]
    return "".join(f"unset {name}\n" for name in names if re.fullmatch(r"[A-Za-z_]\w*", name))


def _mount(mount: Mount) -> str:
    if "sqsh" in mount.flags:
        raise Problem(f"{mount.source}: a .sqsh cannot be mounted into a Docker container")
    fields = ["type=tmpfs" if mount.source == "tmpfs" else "type=bind", f"target={mount.target}"]
    fields += [] if mount.source == "tmpfs" else [f"source={mount.source}"]
    fields += ["readonly"] if "ro" in mount.flags else []
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)  # docker reads it as CSV
    return line.getvalue()


def _keep_input_open() -> None:
    """Give docker an input that ends when docker's client ends, and not before."""
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    os.set_inheritable(writing, True)
