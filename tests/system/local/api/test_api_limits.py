"""What is just small enough and what is too large, and how that is said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conformance.clients import clear_up
from conformance.exchanges import Scenario
from conformance.servers import script
from firecrest.v2 import Firecrest

pytest_plugins = ["conformance.fixtures"]
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


def test_sizes_at_each_limit(server, place, direct, tmp_path):
    """Direct transfers, views, heads and tails, scripts, variables."""
    scenario = Scenario(server, "limits", place)
    server.client.mkdir(server.system, f"{place}/d1")
    _direct_sizes(scenario, direct, tmp_path)
    _text_sizes(scenario, direct, tmp_path)
    _raw_views(scenario, direct, tmp_path)
    _script_sizes(scenario, direct)
    assert scenario.verdict() == ""


def _direct_sizes(scenario: Scenario, c: Firecrest, tmp_path: Any) -> None:
    system, folder = scenario.server.system, f"{scenario.home}/d1"
    down = tmp_path / "down"
    for size in (
        1048575, 1048576, 3932157, 3932158, 3932160, 5242879, 5242880, 5242881, 6000000,
    ):  # fmt: skip
        (tmp_path / "up").write_bytes(bytes(range(256)) * (size // 256) + b"z" * (size % 256))
        name = f"big{size}"
        scenario.ask(
            f"upload direct {size}",
            lambda name=name: c.upload(system, tmp_path / "up", folder, name),
        )
        scenario.ask(
            f"download direct {size}",
            lambda name=name: c.download(system, f"{folder}/{name}", down),
        )
        if size < 3932158:
            assert down.read_bytes() == (tmp_path / "up").read_bytes()


def _text_sizes(scenario: Scenario, c: Firecrest, tmp_path: Any) -> None:
    system, folder = scenario.server.system, f"{scenario.home}/d1"
    for size in (2621439, 2621440, 5242879, 5242880, 6000000):
        (tmp_path / "text").write_text("x" * size)
        name = f"txt{size}"
        scenario.ask(
            f"upload text {size}",
            lambda name=name: c.upload(system, tmp_path / "text", folder, name),
        )
        text = scenario.ask(
            f"view whole {size}", lambda name=name: c.view(system, f"{folder}/{name}")
        )
        if size < 5242880:
            assert text == "x" * size


def _raw_views(scenario: Scenario, c: Firecrest, tmp_path: Any) -> None:
    server, folder = scenario.server, f"{scenario.home}/d1"

    def ask(call: str, name: str, **params: int) -> Any:
        params = {"path": f"{folder}/{name}", **params}  # type: ignore[dict-item]
        return server.ask("GET", f"/filesystem/{{system}}/ops/{call}", params=params)

    for size in (1048576, 2621439, 2621440, 3145728, 5242880, 5242881):
        label = f"view file 5242880 size={size}"
        body = scenario.ask(label, lambda size=size: ask("view", "txt5242880", size=size))
        if size < 2621440:
            assert json.loads(body) == {"output": "x" * size}
    (tmp_path / "u8").write_text("é" * 100, encoding="utf-8")
    scenario.ask("upload u8", lambda: c.upload(server.system, tmp_path / "u8", folder, "u8"))
    for offset, size, length in ((0, 10, 10), (0, 11, 11), (10, 10, 10), (15, 10, 5), (3, 100, 97)):
        label = f"view utf8(2-byte chars) offset {offset} size {size}"
        body = scenario.ask(
            label, lambda offset=offset, size=size: ask("view", "u8", offset=offset, size=size)
        )
        assert json.loads(body) == {"output": "é" * length}
    beyond = scenario.ask("view beyond EOF", lambda: ask("view", "u8", offset=100000, size=10))
    assert json.loads(beyond) == {"output": ""}
    for call in ("head", "tail"):
        for size in (5242880, 5242879):
            label = f"{call} bytes={size}"
            scenario.ask(label, lambda call=call, size=size: ask(call, "txt5242880", bytes=size))


def _script_sizes(scenario: Scenario, c: Firecrest) -> None:
    server, home = scenario.server, scenario.home
    jobs = []
    for size in (100000, 1000000, 3900000, 4300000, 6000000):
        start = script(": padding")
        text = start + "#" + "x" * (size - len(start) - 2) + "\n"
        assert len(text) == size
        label = f"submit script of {size} bytes"
        jobs.append(
            scenario.ask(label, lambda text=text: c.submit(server.system, home, script_str=text))
        )
    for size in (10000, 100000, 130000, 200000):
        env = {"BIG": "v" * size}
        jobs.append(
            scenario.ask(
                f"submit env value of {size} bytes",
                lambda env=env: c.submit(
                    server.system, home, script_str=script("true"), env_vars=env
                ),
            )
        )
    clear_up(server, jobs)
