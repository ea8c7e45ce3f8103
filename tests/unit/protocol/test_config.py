"""What a pilot's agents are told."""

from __future__ import annotations

import json

import pytest

from fcx.protocol.config import Config
from fcx.protocol.names import PROTOCOL

CONFIG = Config("p", (2, 1), 30.0, 300.0, b"p" * 32, b"i" * 32, guard={"python": "cpython 3.11."})


def test_there_and_back():
    """Keys included, as ASCII."""
    text = CONFIG.encode()
    assert text.isascii()
    assert json.loads(text)["v"] == PROTOCOL
    assert Config.decode(text) == CONFIG


def test_its_keys_never_show():
    """Neither in a message nor in a traceback."""
    for text in repr(CONFIG), str(CONFIG), f"{CONFIG}":
        assert "ppp" not in text
        assert "70707" not in text


@pytest.mark.parametrize(("node", "workers"), [(0, 2), (1, 1), (7, 1)])
def test_workers_of_each_node(node, workers):
    """The last number counts for all further nodes."""
    assert CONFIG.workers_on(node) == workers


@pytest.mark.parametrize(
    "change",
    [
        {"v": 1},
        {"v": None},
        {"workers": None},
        {"pilot_key": 5},
        {"unknown": 1},
        {"inbox_key": "x"},
        {"workers": []},
        {"workers": [float("inf")]},
        {"workers": [-1]},
        {"workers": [1 << 40]},
        {"workers": "12"},
        {"max_tasks_per_child": "5"},
        {"idle_timeout": None},
        {"gate_timeout": float("nan")},
        {"pilot": None},
        {"edf": 5},
        {"guard": []},
    ],
)
def test_what_is_no_config(change):
    """ValueError says so; a missing name too."""
    with pytest.raises(ValueError, match=r"configuration of a pilot|hexadecimal"):
        Config.decode(json.dumps({**json.loads(CONFIG.encode()), **change}).encode())


def test_never_is_a_time():
    """An executor's idle_timeout may be that."""
    never = CONFIG._replace(idle_timeout=float("inf"))
    assert Config.decode(never.encode()) == never


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"v": 2}', b"\xff", b"[" * 100_000])
def test_what_is_not_whole(text):
    """Nor is half of it."""
    with pytest.raises(ValueError):
        Config.decode(text)
