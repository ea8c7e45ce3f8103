"""Containers that killed processes have left in the engine."""

from __future__ import annotations

from contextlib import closing

import pytest
from cluster.bases import bare_image
from cluster.engine import Engine

from fcx.image import container as module
from fcx.image.container import container
from fcx.image.engine import connect

pytestmark = pytest.mark.docker


def test_they_go_when_the_next_is_made(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    """Not those of the last day, none that runs, and none of the user's own."""
    monkeypatch.setattr(module, "LABEL", "fcx.container-of-this-test")  # others use this engine
    image, waiting = bare_image(engine), ["sh", "-c", "read x"]
    with closing(connect(engine.env)) as client:
        users = client.containers.create(image, command=waiting)
        with container(client, image, command=waiting) as made:
            labels = made.labels
        ours = client.containers.create(image, command=waiting, labels=labels)
        running = client.containers.create(image, command=waiting, labels=labels, stdin_open=True)
        running.start()

        def left() -> set[str]:
            every = {one["Id"] for one in client.api.containers(all=True)}
            return every & {users.id, ours.id, running.id}

        try:
            with container(client, image, command=waiting):
                assert left() == {users.id, ours.id, running.id}
            monkeypatch.setattr(module, "LEFT_BEHIND", -1.0)
            with container(client, image, command=waiting):
                assert left() == {users.id, running.id}
        finally:
            for one in left():
                client.api.remove_container(one, force=True, v=True)
