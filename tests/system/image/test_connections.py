"""What is left open to the engine once its client is closed: nothing, whatever was read of it."""

from __future__ import annotations

import os
import socket
import stat
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

import pytest
from cluster.bases import base_image, interpreters, newest
from cluster.engine import Engine

from fcx.errors import ImageRefused
from fcx.image.container import container
from fcx.image.engine import connect
from fcx.image.probe import probe_image

pytestmark = pytest.mark.docker


def connections(engine: Engine) -> int:
    """How many this process has to the engine."""
    found = 0
    for fd in map(int, os.listdir("/proc/self/fd")):
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                with closing(socket.fromfd(fd, socket.AF_UNIX, socket.SOCK_STREAM)) as link:
                    found += f"unix://{link.getpeername()}" == engine.host
    return found


def probed(client: Any, image: Any) -> None:
    """What a container says is read from a connection that was taken over."""
    with pytest.raises(ImageRefused, match="dill"):
        probe_image(client, image)


def exported(client: Any, image: Any) -> None:
    """And no further read than the first bytes."""
    with container(client, image.id, command=["true"]) as made:
        assert next(made.export())


def told(client: Any, _image: Any) -> None:
    """Events that nobody reads to the end."""
    next(client.events(decode=True, since=0, until=time.time() + 60), None)


@pytest.mark.parametrize("used", [probed, exported, told])
def test_none_is_left(engine: Engine, used: Callable[[Any, Any], None]):
    """The SDK leaves those to the collector, which may find them in another's time."""
    image = base_image(engine, newest("3.11") or max(interpreters()))
    before = connections(engine)
    with closing(connect(engine.env)) as client:
        used(client, client.images.get(image))
        assert connections(engine) > before
    assert connections(engine) == before
