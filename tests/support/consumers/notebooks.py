"""A notebook that nbclient runs: functions and classes of its cells travel to the cluster."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from unittest.mock import patch

import nbclient
import nbformat

CELLS = {
    "import os\nfrom dataclasses import dataclass\nfrom fcx import FirecrestExecutor": "",
    """\
@dataclass
class Point:
    x: float
    def scaled(self, by):
        return Point(self.x * by)
""": "",
    "SCALE = 2\ndef scale(point):\n    return point.scaled(SCALE)": "",
    'executor = FirecrestExecutor(os.environ["WORKING_DIR"], sleep_interval=1)': "",
    "print(list(executor.map(scale, [Point(1), Point(2)])))": "[Point(x=2), Point(x=4)]\n",
    "SCALE = 10\nprint(await executor.submit(scale, Point(5)))": "Point(x=50)\n",
    "executor.shutdown()": "",
}
"""What each cell prints."""


def run(env: Mapping[str, str], folder: Path) -> list[str]:
    """Run the cells with these variables set; what each has printed."""
    own = {name: str(folder / name) for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR")}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    with patch.dict(os.environ, {**own, **env, "WORKING_DIR": str(folder)}):
        nbclient.NotebookClient(notebook, timeout=120).execute(cwd=str(folder))
    return [
        "".join(o.text for o in cell.outputs if o.get("name") == "stdout")
        for cell in notebook.cells
    ]
