"""The package as a whole: `import fcx` stays light."""

from __future__ import annotations

import subprocess
import sys

import fcx


def test_import_is_light():
    """`import fcx` loads neither docker nor a web server nor rich nor pyfirecrest."""
    heavy = "docker", "fastapi", "uvicorn", "rich", "typer", "firecrest", "tomlkit", "httpx"
    code = f"import sys, fcx; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_it_shows_is_what_it_has():
    """Of what it is made of nothing; and nothing that is not there."""
    shown = {name for name in dir(fcx) if not name.startswith("_")}
    assert shown == set(fcx.__all__)
    assert all(getattr(fcx, name) for name in shown)


def test_errors_need_no_import_of_their_own():
    """``except fcx.errors.TaskError`` where nothing else has brought them yet."""
    code = "import fcx; print(fcx.errors.TaskError.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "TaskError"
