"""The site of the documents is built strictly, and has every page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from places import REPOSITORY


@pytest.mark.slow
def test_it_is_built_without_a_warning(tmp_path: Path):
    """A link that leads nowhere, a page that is not in the table, a name that the API lost."""
    build = ["-m", "mkdocs", "build", "--strict", "-f", str(REPOSITORY / ".ci/mkdocs.yml")]
    done = subprocess.run(
        [sys.executable, *build, "--site-dir", str(tmp_path / "site")],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    made = {path.stem for path in (tmp_path / "site").glob("*.html")}
    assert made >= {path.stem for path in (REPOSITORY / "docs").glob("*.md")}
    api = (tmp_path / "site/api.html").read_text("utf-8")
    assert "max_workers" in api
    assert not re.search(r"(?:src|href)=\"https?://[^\"]*\\.(?:css|js|woff2?)", api), "fetched"
