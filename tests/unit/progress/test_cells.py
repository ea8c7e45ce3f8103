"""Outputs of a notebook: one for each cell, whatever the version of IPython counts."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

pytest.importorskip("IPython")

from fcx.progress import notebook
from fcx.progress.snapshot import Snapshot


class Kernel:
    """Answers one request after the other, as ipykernel tells of it."""

    def __init__(self) -> None:
        self.header = {"msg_type": "execute_request", "msg_id": "one"}

    def get_parent(self, _channel: str) -> dict[str, dict[str, str]]:
        return {"header": self.header}


@pytest.fixture
def shown(monkeypatch):
    """A kernel, its shell, what was displayed, and an output."""
    displayed: list[str] = []

    def display(drawing, display_id):
        displayed.append("new")
        return SimpleNamespace(update=lambda drawing: displayed.append("update"))

    events = SimpleNamespace(register=lambda *_: None, unregister=lambda *_: None)
    shell = SimpleNamespace(kernel=Kernel(), execution_count=1, events=events)
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: shell)
    monkeypatch.setattr("IPython.display.display", display)
    return shell, displayed, notebook.Output(lambda: None)


def test_a_cell_has_one_output_though_the_shell_counts_on_before_it_is_over(shown):
    shell, displayed, output = shown
    output.put([Snapshot("", 2)])
    shell.execution_count += 1  # IPython 8 does that before it says that the cell has run
    output.put([Snapshot("", 2, 1)])
    assert displayed == ["new", "update"]


def test_another_cell_has_another(shown):
    shell, displayed, output = shown
    output.put([Snapshot("", 2)])
    shell.kernel.header = {"msg_type": "complete_request", "msg_id": "tab"}
    output.put([Snapshot("", 2, 1)])
    shell.kernel.header = {"msg_type": "execute_request", "msg_id": "two"}
    output.put([Snapshot("", 2, 2)])
    assert displayed == ["new", "update", "new"]
