"""Imports point down only, and `import fcx` stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "fcx"

LAYERS = {
    6: {"cli", "pytest_plugin"},
    5: {"executor"},
    4: {"pilots", "preflight", "image"},
    3: {"cluster", "script", "payload", "modules", "edf", "journal"},
    2: {"parity"},
    1: {"config", "manifest", "mend", "rundir"},
    0: {"errors"},
}
LEVEL = {name: level for level, names in LAYERS.items() for name in names}
ELSEWHERE = {"remote", "local"}  # run somewhere else: import nothing of fcx


def unit(path: Path) -> str:
    """The unit a file belongs to: its folder below fcx, else its name up to an underscore part."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if first in LEVEL or first in ELSEWHERE or first == "__init__":
        return first
    return first.split("_")[0]  # image_recipe belongs to image, edf_check to edf


def imported(path: Path) -> set[str]:
    """Names of the fcx modules that a file imports."""
    depth = len(path.relative_to(PACKAGE).parts) - 1
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level > depth:
            found |= {node.module.split(".")[0]} if node.module else {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "fcx":
            parts = (node.module or "").split(".")
            found |= {parts[1]} if len(parts) > 1 else {a.name for a in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("fcx.")}
    return found


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path: Path):
    """A module imports modules of its own unit or of lower layers."""
    me = unit(path)
    others = {unit(PACKAGE / f"{name}.py") for name in imported(path)} - {me, "__init__"}
    if me in ELSEWHERE:
        assert not others
    elif me != "__init__":
        assert me in LEVEL, f"{path.name} has no place in the layers"
        upward = {o for o in others if o not in ELSEWHERE and LEVEL[o] >= LEVEL[me]}
        assert not upward
        if me != "cli":
            assert "local" not in others


def test_import_is_light():
    """`import fcx` loads neither docker nor a web server nor rich nor pyfirecrest."""
    heavy = "docker", "fastapi", "uvicorn", "rich", "typer", "firecrest", "tomlkit", "httpx"
    code = f"import sys, fcx; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
