"""Run a few programs of fcx's own in an image, as a plain user without a network."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

from .container import container
from .engine import engine_errors

PLAIN_USER = "65534:65534"
AS_THE_EDF = {"PYTHONNOUSERSITE": "1"}
"""What the EDF sets, whatever the image: a task has no packages of a home's."""


def run_inside(
    client: Any, image: Any, script: str, programs: Mapping[str, str], *words: str, **options: Any
) -> tuple[bytes, str, int]:
    """(what it prints, what it complains of, exit code) of a shell script with these programs.

    ``programs``: where each lies in the image -> ``room/file.py`` of this package. Raises
    EngineError where the image does not start.
    """
    options |= {"entrypoint": ["sh", "-c", script, "sh", *words], "user": PLAIN_USER}
    options["network_mode"] = "none"
    options["environment"] = {**AS_THE_EDF, **options.get("environment", {})}
    with container(client, image.id, command=[], working_dir="/", **options) as made:
        with engine_errors("Putting the probe into the image"):
            made.put_archive("/", _archive(programs))
            output = client.api.attach(made.id, stdout=True, stderr=True, stream=True, demux=True)
        with engine_errors("Starting the image"):
            made.start()
        said, complaint = _drain(output)
        with engine_errors("Waiting for the probe"):
            code = int(made.wait()["StatusCode"])
    return said, complaint.decode(errors="replace"), code


def _drain(output: Iterable[tuple[bytes | None, bytes | None]]) -> tuple[bytes, bytes]:
    said, complaint = b"", b""
    for out, err in output:
        said += out or b""
        complaint += err or b""
    return said, complaint


def _archive(programs: Mapping[str, str]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for target, name in programs.items():
            source = (resources.files("fcx") / name).read_bytes()
            info = tarfile.TarInfo(target.lstrip("/"))
            info.size, info.mode = len(source), 0o644
            archive.addfile(info, io.BytesIO(source))
    return stream.getvalue()
