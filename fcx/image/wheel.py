"""The running fcx as a wheel, so that the image gets it without asking an index.

Made of the files of the installed package, whether they lie in a checkout or in site-packages;
the same files give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from ..errors import UsageError
from ..install import DEMO, NAME, PACKAGE, TEMPLATES, command, shipped

WHEEL = "Wheel-Version: 1.0\nGenerator: fcx\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def fcx_wheel() -> tuple[str, bytes]:
    """(file name, bytes) of a wheel of this fcx. Raises UsageError if it is not installed."""
    try:
        installed = distribution(NAME)
    except PackageNotFoundError as error:
        raise UsageError(
            f"fcx runs from {PACKAGE} without being installed, so that its requirements are not "
            f"known. Install it: {command()}"
        ) from error
    stem = f"{NAME.replace('-', '_')}-{installed.version}"
    files = _package_files() | {
        f"{stem}.dist-info/METADATA": _metadata(installed),
        f"{stem}.dist-info/entry_points.txt": (
            installed.read_text("entry_points.txt") or ""
        ).encode(),
        f"{stem}.dist-info/WHEEL": WHEEL.encode(),
    }
    files[f"{stem}.dist-info/RECORD"] = _record(files, f"{stem}.dist-info/RECORD")
    return f"{stem}-py3-none-any.whl", _zip(files)


def _package_files() -> dict[str, bytes]:
    found = {}
    for path in sorted(PACKAGE.rglob("*")):
        inside = path.relative_to(PACKAGE)
        if path.is_file() and "__pycache__" not in inside.parts:
            found[f"fcx/{inside.as_posix()}"] = path.read_bytes()
    for name in (DEMO, *TEMPLATES):
        found[f"fcx/{name}"] = shipped(name).read_bytes()
    return dict(sorted(found.items()))  # the same from a checkout and from site-packages


def _metadata(installed: Distribution) -> bytes:
    """The headers alone: the description is the README, which does not change what runs."""
    headers = (installed.read_text("METADATA") or "").split("\n\n", 1)[0]
    return (headers + "\n").encode()


def _record(files: dict[str, bytes], own_name: str) -> bytes:
    lines = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(content)}\n")
    return "".join([*lines, f"{own_name},,\n"]).encode()


def _zip(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)  # 1980-01-01, whatever the clock says
            info.external_attr = 0o644 << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()
