"""A user's project in a folder of its own, and the `fcx` command in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from fcx.config import VARIABLES
from fcx.parity.manifest import Manifest

FCX = (sys.executable, "-c", "from fcx.cli import main; main()")


@dataclass
class Project:
    """A folder, and the environment in which `fcx` is called there."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> Path:
        """A file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def environment(self) -> dict[str, str]:
        """The caller's own without credentials and engines of this machine's."""
        dropped = {*VARIABLES, "DOCKER_HOST", "CONTAINER_HOST"}
        kept = {name: value for name, value in os.environ.items() if name not in dropped}
        return {**kept, **self.env}

    def fcx(self, *words: str, code: int = 0, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Call `fcx`, and hold it to its exit code."""
        done = subprocess.run(
            [*FCX, *words],
            cwd=self.root,
            env=self.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{done.returncode}, not {code}:\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def build(self, *words: str) -> dict:
        """Build, and return what `fcx image build --json` prints."""
        return json.loads(self.fcx("image", "build", "--json", *words).stdout)

    def manifest(self, name: str = "fcx-image") -> Manifest:
        """The manifest that the build has written."""
        return Manifest.from_json((self.root / f"edf/{name}.manifest.json").read_bytes())
