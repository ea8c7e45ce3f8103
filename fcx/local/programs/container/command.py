"""From the command line to the command in its container."""

from __future__ import annotations

import argparse
import os
import re
import sys
from typing import NoReturn

from . import bubblewrap, docker, edf
from .edf import Problem
from .settings import Settings


def main() -> None:
    """Become the command, in its container."""
    options = _options()
    try:
        run(options, options.command)
    except Problem as problem:
        fail(str(problem))


def fail(text: str) -> NoReturn:
    """End with a reason on standard error, as an engine's plugin does."""
    sys.stderr.write(f"slurmstepd: error: container engine (stand-in): {text}\n")
    sys.exit(1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="container")
    parser.add_argument("--store", required=True)
    parser.add_argument("--docker", default="")
    parser.add_argument("--docker-host", default="")
    parser.add_argument("--bwrap", default="")
    parser.add_argument("--environment", required=True)
    parser.add_argument("command", nargs="+")
    return parser.parse_args()


def run(options: argparse.Namespace, command: list[str]) -> NoReturn:
    """Choose by what the image is; without an image there is no container."""
    cwd = os.getcwd()
    settings = Settings(edf.read(options.environment, os.environ, cwd), cwd)
    image = edf.expand(settings.image, os.environ)
    if not image:
        os.execvp(command[0], command)
    if image.startswith(("/", "./", "../")) or re.search(r"\.(sqsh|sqfs|squashfs)$", image):
        engine = bubblewrap.Engine(options.bwrap, options.store)
        sys.exit(engine.run(os.path.join(cwd, image), settings, command))
    docker.become(options.docker, options.docker_host, image, settings, command)
