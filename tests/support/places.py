"""Where things of this repository lie, whatever the test's own folder is."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "fcx"
EXAMPLES = REPOSITORY / "examples"
