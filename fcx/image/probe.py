"""Ask an image what it is: run the probe inside as a plain user, or read its files.

What an image lacks is told: no ``sh``, no Python, no dill, each with what to do about it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from typing import Any

from ..errors import EngineError, ImageRefused
from ..parity.snapshot import Interpreter, Snapshot
from .container import Stream, container, image_env
from .elsewhere import Other, advice, other_pythons
from .engine import engine_errors
from .inside import run_inside
from .static import Reading
from .tree import DEFAULT_PATH, Files

PROBE, CONTENT = "/fcx-probe.py", "/fcx-content.py"
PROGRAMS = {PROBE: "protocol/probe.py", CONTENT: "protocol/content.py"}
SILENT = (
    "it said nothing, as one that lies below a folder of its owner's alone, such as /root (mode "
    "0700): install Python elsewhere (uv: `ENV UV_PYTHON_INSTALL_DIR=/opt/python`)"
)
SCRIPT = (
    f'if [ -n "$1" ]; then "$1" {PROBE} && exec "$1" {CONTENT}; exit; fi; '
    'for python in python3 python; do if command -v "$python" >/dev/null; '
    f'then "$python" {PROBE} && exec "$python" {CONTENT}; exit; fi; done; exit 127'
)


def probe_image(client: Any, image: Any, own: str = "") -> Snapshot | Reading:
    """What is in the image: a Snapshot if it runs on this machine, else a Reading of its files.

    ``own`` is the path of its Python, if not the one that PATH leads to. Raises ImageRefused where
    it lacks what fcx needs: sh, a Python that answers, dill.
    """
    said, failure = _run_probe(client, image, own)
    if said:
        snapshot = Snapshot.from_probe(said)
        if snapshot.dill is None:
            raise without_dill(snapshot.python.executable, other_pythons(*_files(client, image)))
        return snapshot
    files, path = _files(client, image)
    reading, others = Reading.from_files(files, path, own), other_pythons(files, path)
    python = _python_of(reading, own, others).executable
    if reading.architecture in ("", image_native(client)):
        raise ImageRefused(
            f"The image's Python, {python}, does not answer the probe: "
            f"{failure.strip() or SILENT}. It must be 3.6 or later and run for a user who is not "
            "root."
        )
    if reading.dill is None:  # said last: where Python does not answer, its files may mislead
        raise without_dill(python, others)
    return reading


def _files(client: Any, image: Any) -> tuple[Files, str]:
    """The image's files, without running any of it; and its PATH."""
    with container(client, image.id, command=["true"]) as made, engine_errors("Exporting"):
        files = Files.from_tar(Stream(made.export()))
    return files, image_env(image).get("PATH") or DEFAULT_PATH


def image_native(client: Any) -> str:
    """The architecture that this engine runs without emulation: ``amd64``, ``arm64``."""
    with engine_errors("Asking the engine for its platform"):
        return str(client.version().get("Arch", ""))


def _run_probe(client: Any, image: Any, own: str) -> tuple[dict[str, Any], str]:
    """(what the probe found, with what is imported there, or nothing; why there is none)."""
    try:
        said, complaint, code = run_inside(client, image, SCRIPT, PROGRAMS, own)
    except EngineError as error:
        return {}, str(error)
    return (answers_in(said) if code == 0 else {}), complaint


def answers_in(said: bytes) -> dict[str, Any]:
    """What the probe found, with what is imported there; empty where it has not answered.

    Both programs answer in a line each, whatever a sitecustomize prints before them.
    """
    answers: list[Any] = []
    for line in said.splitlines():
        with contextlib.suppress(ValueError):
            answers.append(json.loads(line[max(line.find(b'{"'), 0) :]))
    objects = [one for one in answers if isinstance(one, dict) and {"schema", "files"} & one.keys()]
    return {**objects[0], "content": objects[1]} if len(objects) == 2 else {}


def _python_of(reading: Reading, own: str, others: list[Other]) -> Interpreter:
    """Raises ImageRefused without one, and without a shell to start it."""
    if not reading.shell:
        raise ImageRefused(
            "The image has no `sh`. Wanted: a POSIX shell on PATH, with which `srun "
            "--environment` starts everything; found: none. Add one (Debian: `RUN apt-get install "
            "-y dash`), or take a base that has it, such as python:3.12-slim."
        )
    if reading.python is None and own:
        raise ImageRefused(
            f"The image has no {own}, which [image] in fcx.toml names. {advice(others)}".rstrip()
        )
    if reading.python is None and others:
        raise ImageRefused(
            "The image has no Python on its PATH. Wanted: python3; found: neither python3 nor "
            f"python. {advice(others)}"
        )
    if reading.python is None:
        raise ImageRefused(
            "The image has no Python. Wanted: python3 on its PATH; found: neither python3 nor "
            "python. Take a base that has one (`--build-arg BASE_IMAGE=python:3.12-slim`), or "
            "install it in the Dockerfile (Debian: `RUN apt-get install -y python3 python3-pip`)."
        )
    return reading.python


def without_dill(python: str, others: Sequence[Other] = ()) -> ImageRefused:
    """Why an image is refused whose Python has none; ``others``: what else is in it."""
    return ImageRefused(
        "The image has no dill. Wanted: dill in the image's Python, which unpickles the tasks; "
        f"found: none that {python} can import as a plain user; what `pip install --user` puts "
        "into a home does not count, as on the cluster (PYTHONNOUSERSITE). Add three lines to the "
        "Dockerfile, before any `USER`: `# fcx: the dill of the laptop`, `ARG DILL_VERSION`, "
        f"`RUN {python} -m pip install dill==$DILL_VERSION`. {advice(list(others))}".rstrip()
    )
