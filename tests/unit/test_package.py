"""The package as a whole: `import fcx` stays light."""

from __future__ import annotations

import subprocess
import sys


def test_import_is_light():
    """`import fcx` loads neither docker nor a web server nor rich nor pyfirecrest."""
    heavy = "docker", "fastapi", "uvicorn", "rich", "typer", "firecrest", "tomlkit", "httpx"
    code = f"import sys, fcx; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
