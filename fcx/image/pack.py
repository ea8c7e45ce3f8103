"""Pack the image into a SquashFS file as enroot lays one out, the same bytes each time.

The engine's export is rewritten on its way to ``mksquashfs``: no copy on disk, no root needed.
What the engine itself puts into an export has the time of the export; it gets the image's.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any, cast

from ..errors import EngineError, UsageError
from ..files import remove_partials, replacing
from ..parity.manifest import Sqsh
from .advice import FULL, explain
from .container import Stream, container
from .engine import engine_errors
from .enroot import layout, mode_there

COMPRESSIONS: Mapping[str, tuple[str, ...]] = {
    "zstd": ("-comp", "zstd", "-Xcompression-level", "9"),
    "lzo": ("-comp", "lzo"),
    "gzip": ("-comp", "gzip"),
    "xz": ("-comp", "xz"),
    "lz4": ("-comp", "lz4"),
    "none": ("-noI", "-noId", "-noD", "-noF", "-noX"),
}
"""What --compression takes, and what it means to mksquashfs."""

# Everybody's is root, as enroot has it. The top folder is in no export, and would be 0777.
OPTIONS = ("-tar", "-all-root", "-root-mode", "0755", "-noappend", "-no-progress", "-quiet")

TOUCHED = {"dev", "etc", "proc", "sys"} | {
    f"etc/{name}" for name in ("hosts", "hostname", "resolv.conf", "mtab")
}
"""What an engine makes or touches in a container that was never started."""

LATEST = (1 << 32) - 1
"""The last second that SquashFS can hold; its first is that of 1970."""


def pack(client: Any, image: Any, output: Path, compression: str = "zstd") -> Sqsh:
    """Write ``output`` whole or not at all; its path and SHA-256."""
    if compression not in COMPRESSIONS:
        raise UsageError(f"No compression {compression!r}; known: {', '.join(COMPRESSIONS)}.")
    program = shutil.which("mksquashfs")
    if program is None:
        raise EngineError(
            "Packing needs mksquashfs, which this machine lacks. Install it: `sudo apt-get install "
            "squashfs-tools`, `sudo dnf install squashfs-tools` or `brew install squashfs`."
        )
    remove_partials(output)  # each as large as an image
    with replacing(output) as partial:
        command = [program, "-", str(partial), *OPTIONS, *COMPRESSIONS[compression]]
        with container(client, image.id, command=["true"]) as made:
            with engine_errors("Exporting the image"):
                chunks = made.export()
            _squash(command, chunks, layout(image.attrs), _created(image))
        digest = _sha256(partial)
    return Sqsh(str(output), digest)


def rewrite(
    source: IO[bytes], target: IO[bytes], added: Mapping[str, tuple[int, bytes]], time: int
) -> None:
    """Copy an exported file system, with enroot's files in place of any that are there."""
    with (
        tarfile.open(fileobj=source, mode="r|") as old,
        tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in old:
            name = member.name.removeprefix("./").strip("/")
            if name in ("", ".", ".dockerenv", *added) or name.startswith("dev/"):
                continue
            if name in TOUCHED or name.startswith(("proc/", "sys/")):
                _set_time(member, time)
            elif not 0 <= member.mtime <= LATEST:
                _set_time(member, min(max(member.mtime, 0), LATEST))
            if not member.issym():
                member.mode = mode_there(member.mode, name, folder=member.isdir())
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
        for name, (mode, content) in sorted(added.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(content), mode, time
            new.addfile(info, io.BytesIO(content))


def _set_time(member: tarfile.TarInfo, time: float) -> None:
    """Give an entry a time, also where its own stands apart, as one with fractions does."""
    member.mtime = time
    member.pax_headers = {k: v for k, v in member.pax_headers.items() if k != "mtime"}


def _squash(
    command: list[str], chunks: Any, added: Mapping[str, tuple[int, bytes]], time: int
) -> None:
    # Nothing is newer than the image. Older files keep their times, which .pyc files know them by.
    env = {**os.environ, "SOURCE_DATE_EPOCH": str(time)}
    pipe, both = subprocess.PIPE, subprocess.STDOUT
    with subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, stderr=both) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            # A broken pipe means that mksquashfs went first: its own words say why.
            with engine_errors("Exporting the image"), suppress(BrokenPipeError), process.stdin:
                rewrite(cast("IO[bytes]", Stream(chunks)), process.stdin, added, time)
        except BaseException:
            process.kill()
            raise
        words = process.stdout.read().decode(errors="replace").strip()
    if process.returncode != 0:
        raise EngineError(_why(words or f"exit code {process.returncode}", Path(command[2]).parent))


def _why(words: str, place: Path) -> str:
    """What mksquashfs complained of, and what can be done about it."""
    doing, low = "Packing with mksquashfs", words.lower()
    if FULL in low or "write failed" in low:
        return f"{doing} failed: no room in {place}. --output names another place."
    if "invalid option" in low:
        return f"{doing} failed: it must be 4.5 or later (`mksquashfs -version`)."
    return explain(doing, words)


def _created(image: Any) -> int:
    """When the image was made, in seconds; the same for the same image id."""
    text = str(image.attrs.get("Created") or "")[:19]
    try:
        return int(datetime.fromisoformat(text + "+00:00").timestamp())
    except ValueError:
        return 0


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    for chunk in _chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        yield from iter(lambda: stream.read(1 << 20), b"")
