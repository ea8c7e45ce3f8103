"""A container of an image for as long as it is needed, and its export as a file to read from."""

from __future__ import annotations

import io
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..errors import EngineError
from ..files import LEFT_BEHIND
from .engine import engine_errors

LABEL = "fcx.container"
"""What tells fcx's containers from the user's own, which have an image's labels alone."""


@contextmanager
def container(client: Any, image_id: str, **options: Any) -> Iterator[Any]:
    """A container that is made but not started, removed at the end whatever happens."""
    _remove_abandoned(client)
    with engine_errors("Making a container of the image"):
        made = client.containers.create(image_id, labels={LABEL: ""}, **options)
    try:
        yield made
    finally:
        with engine_errors("Removing a container"):
            made.remove(force=True, v=True)


def _remove_abandoned(client: Any) -> None:
    """Those that killed processes have left, unless they run; they are in nobody's way."""
    asked = {"label": LABEL, "status": ["created", "exited"]}
    with suppress(EngineError), engine_errors("Removing what was left"):
        for one in client.api.containers(all=True, filters=asked):
            if time.time() - one["Created"] > LEFT_BEHIND:
                client.api.remove_container(one["Id"], v=True)


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
