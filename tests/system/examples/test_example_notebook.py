"""examples/notebook.ipynb, run by a real kernel, draws what its cells say."""

from __future__ import annotations

import base64
import io
import os

import nbclient
import nbformat
import pytest
from executors.deadline import WAIT
from PIL import Image
from places import EXAMPLES

NOTEBOOK = EXAMPLES / "notebook.ipynb"


def read() -> nbformat.NotebookNode:
    """As it lies in the repository."""
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_valid_and_has_no_outputs():
    """What a cell printed on somebody's machine is not in the repository."""
    notebook = read()
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert not [cell for cell in code if cell.outputs or cell.execution_count]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # theirs are not ours to fix
def test_its_cells_run(site, tmp_path, monkeypatch):
    """A picture with many points, and the window of period three."""
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    for name, value in {**site, "FCX_WORKING_DIR": os.fspath(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    notebook = read()
    nbclient.NotebookClient(notebook, timeout=WAIT).execute(cwd=str(tmp_path))
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", ())]
    pictures = [out.data["image/png"] for out in outputs if "image/png" in out.get("data", {})]
    (content,) = pictures
    with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
        dark = sum(picture.convert("L").histogram()[:100])
    assert dark > 1500
    said = "".join(out.text for out in outputs if out.get("name") == "stdout")
    x = [float(word) for word in said.partition("[")[2].partition("]")[0].split(",")]
    assert x[:3] == x[3:] and len(set(x)) == 3
