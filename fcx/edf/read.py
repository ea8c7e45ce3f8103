"""From a file or a text to an Edf; what cannot be read is an EdfError with its place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date, time
from pathlib import Path
from typing import Any

from ..errors import EdfError
from .document import UNNAMED, Edf
from .index import Index
from .schema import KEYS, leaves, wrong_types
from .toml import load, place


def read(path: str | os.PathLike[str]) -> Edf:
    """Read a file. Raises EdfError, with line and column where the content is to blame."""
    return parse(text_of(path), file=os.fspath(path))


def parse(text: str, file: str = UNNAMED) -> Edf:
    """Read a text. Raises EdfError for broken TOML and for values of a wrong type."""
    return from_data(load(text, file), text, file)


def text_of(path: str | os.PathLike[str]) -> str:
    """The text of a file. Raises EdfError if it cannot be read, or is not UTF-8."""
    file = os.fspath(path)
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise EdfError(f"the EDF cannot be read: {error.strerror}", file) from error
    except ValueError as error:  # a NUL in the name
        raise EdfError(f"the EDF cannot be read: {error}", file) from error
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = place(data[: error.start].decode("utf-8"), error.start)
        message = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise EdfError(message, file, line, max(column, 1)) from error


def from_data(data: Mapping[str, Any], text: str, file: str) -> Edf:
    """An Edf of TOML data. Raises EdfError, with its place, for a value of a wrong type."""
    for path, message in wrong_types(data):
        raise EdfError(message, file, *Index(text).place(path))
    base = data.get("base_environment", [])
    bases = [base] if isinstance(base, str) else base
    return Edf(
        base_environment=tuple(name for name in bases if name),
        image=data.get("image"),
        workdir=data.get("workdir"),
        entrypoint=data.get("entrypoint"),
        writable=data.get("writable"),
        mounts=tuple(data.get("mounts", ())),
        devices=tuple(data.get("devices", ())),
        env={name: _string(value) for name, value in data.get("env", {}).items()},
        annotations={".".join(p): _string(v) for p, v in leaves(data.get("annotations", {}))},
        other={name: value for name, value in data.items() if name not in KEYS},
        text=text,
        file=file,
    )


def _string(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, (date, time)) else str(value)
