"""A container of an image for as long as it is needed, and its export as a file to read from."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from .engine import engine_errors


@contextmanager
def container(client: Any, image_id: str, **options: Any) -> Iterator[Any]:
    """A container that is made but not started, removed at the end whatever happens."""
    with engine_errors("Making a container of the image"):
        made = client.containers.create(image_id, **options)
    try:
        yield made
    finally:
        with engine_errors("Removing a container"):
            made.remove(force=True, v=True)


def image_env(image: Any) -> dict[str, str]:
    """The environment that the image sets."""
    pairs = (image.attrs.get("Config") or {}).get("Env") or []
    return dict(pair.partition("=")[::2] for pair in pairs)


class Stream(io.RawIOBase):
    """An iterator of byte chunks as a file to read from."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Exactly ``size`` bytes unless the end comes first; all of them for -1."""
        parts, have = [self._rest], len(self._rest)
        while size < 0 or have < size:
            chunk = next(self._chunks, b"")
            if not chunk:
                break
            parts.append(chunk)
            have += len(chunk)
        data = b"".join(parts)
        cut = len(data) if size < 0 else size
        self._rest = data[cut:]
        return data[:cut]
