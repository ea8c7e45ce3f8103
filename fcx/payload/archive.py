"""The archive that carries the user's own modules to the cluster, and how large it may be."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable

from ..errors import PayloadError
from .places import MAX_FILES, File
from .shipped import Shipped

MAX_BYTES = 64 * 2**20
"""The most that the files of all shipped modules may come to, before compression."""

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold


def refuse_too_large(files: list[File]) -> None:
    """Raise PayloadError for more than may travel, before any of it is read."""
    if _size(files) > MAX_BYTES or len(files) > MAX_FILES:
        raise _too_large(files)


def archive(shipped: Iterable[Shipped]) -> bytes:
    """A zip of the modules, the same bytes for the same contents; empty bytes for none.

    Its root belongs on ``sys.path``. Raises PayloadError if a file went away or grew too large.
    """
    files = sorted({file.name: file for one in shipped for file in one.files}.values())
    if not files:
        return b""
    buffer = io.BytesIO()
    room = MAX_BYTES
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for folder in sorted({parent for file in files for parent in _parents(file.name)}):
            target.writestr(zipfile.ZipInfo(folder + "/", _EPOCH), b"")  # for namespace packages
        for file in files:
            content = _content(file)
            room -= len(content)
            if room < 0:
                raise _too_large(files)
            target.writestr(_entry(file.name), content)
    return buffer.getvalue()


def archive_name(data: bytes) -> str:
    """The file name of an archive: different contents never share one."""
    return f"modules-{hashlib.sha256(data).hexdigest()[:20]}.zip"


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    entry.create_system = 3
    return entry


def _parents(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def _content(file: File) -> bytes:
    try:
        return file.read()
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise PayloadError(
            f"{file.path} is part of a module that the task needs, and cannot be read: {error}. "
            "Restore it, or restart Python if the module is gone on purpose."
        ) from error


def _size(files: Iterable[File]) -> int:
    return sum(max(file.stamp()[1], 0) for file in files if not file.member)


def _too_large(files: list[File]) -> PayloadError:
    largest = sorted(files, key=lambda file: -file.stamp()[1])[:3]
    shown = ", ".join(f"{file.path} ({file.stamp()[1] / 2**20:.1f} MiB)" for file in largest)
    modules = ", ".join(sorted({file.name.partition("/")[0] for file in files}))
    return PayloadError(
        f"The task needs modules of your own that are too large to ship ({modules}: "
        f"{len(files)} files, {_size(files) / 2**20:.1f} MiB; the limits are {MAX_FILES} files and "
        f"{MAX_BYTES // 2**20} MiB). The largest: {shown}. Move the data out of the package, or "
        "install the package in the image."
    )
