"""What a notebook holds after it was run: the panel, below the cell that has waited."""

from __future__ import annotations

import os

import nbclient
import nbformat
import pytest

SETTLED = "\nwhile '0 task(s)' not in repr(executor):\n    time.sleep(0.05)"
CELLS = (
    """import os, time
from fcx import FirecrestExecutor

def slow():
    import time

    time.sleep(3)
    return 32""",
    'executor = FirecrestExecutor(os.environ["W"], ["--time=5"], sleep_interval=1)',
    "future = executor.submit(slow)\nprint('waits')\nprint(future.result())" + SETTLED,
    "executor",
    "future",
    "executor.submit(time.sleep, 3).result()" + SETTLED,
    "executor.shutdown()",
)


def html_of(cell) -> list[str]:
    """Its outputs that are HTML."""
    return [
        "".join(one.data["text/html"]) for one in cell.outputs if "text/html" in one.get("data", {})
    ]


@pytest.mark.slow
def test_the_panel_stands_below_the_cell_that_waits(site, tmp_path, monkeypatch):
    """One for each cell; what is printed is whole; nothing goes to stderr."""
    own = {name: str(tmp_path / name) for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR")}
    (tmp_path / "w").mkdir()
    for name, value in {**own, **site, "W": str(tmp_path / "w")}.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    nbclient.NotebookClient(notebook, timeout=120).execute(cwd=os.fspath(tmp_path))
    first, second = notebook.cells[2], notebook.cells[5]
    (panel,) = html_of(first)
    assert "1/1 done" in panel
    assert "╭─ fcx" in panel
    printed = [one.text for one in first.outputs if one.output_type == "stream"]
    assert "".join(printed) == "waits\n32\n"
    (panel,) = html_of(second)
    assert "2/2 done" in panel
    assert "node hours" in panel
    assert not [
        one for cell in notebook.cells for one in cell.outputs if one.get("name") == "stderr"
    ]
