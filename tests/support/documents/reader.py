"""A reader who does all that a page says, in a folder and a home of his own, on a cluster's account."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from documents.pages import Command, Page, Saved, Script, is_like

WAIT = 300  # seconds that a step may take
SHELL = """set -o pipefail -o allexport
test ! -f "$2" || . "$2"
eval "$1"
code=$?
export -p > "$2"
exit $code"""  # variables are kept from one command to the next, as in a terminal
DIRECTORY = "/users/me/runs"  # what pages call the reader's own directory on the cluster
REGISTRY = "registry.example.org"  # and what they call a registry


class Reader:
    """Where he sits: each of his commands runs there."""

    def __init__(self, folder: Path, env: Mapping[str, str], registry: str = REGISTRY) -> None:
        self.folder = folder / "thing"  # as the pages on images have it
        home = folder / "home"
        for each in (self.folder, home):
            each.mkdir(exist_ok=True)
        self._kept = home / "variables"
        self._registry = registry
        own = {"HOME": str(home), "FCX_STATE_DIR": str(home / "state"), "COLUMNS": "100"}
        own["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.env = {**os.environ, **env, **own, "WORKING_DIR": str(self.folder)}

    def follow(self, page: Page) -> None:
        """Do what it says, from its beginning to its end. AssertionError: it is not as it says."""
        with self._beside() as beside:
            for number, step in enumerate(page.steps):
                if isinstance(step, Saved):
                    path = self.folder / step.name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(self._own(step.text), "utf-8")
                elif isinstance(step, Script):
                    self._run(page, step, number)
                elif step.beside:
                    beside.append(self._begin(step.text))
                else:
                    self._type(page, step)

    def _run(self, page: Page, script: Script, number: int) -> None:
        name = f"block_{number}.py"
        (self.folder / name).write_text(self._own(script.text), "utf-8")
        done = self._done([sys.executable, name])
        assert done.returncode == 0, f"{page.path.name}:{script.line}\n{done.stdout}"

    def _type(self, page: Page, command: Command) -> None:
        done = self._done(["bash", "-c", SHELL, "bash", self._own(command.text), str(self._kept)])
        where = f"{page.path.name}:{command.line}: {command.text}\n{done.stdout}"
        assert done.returncode == 0, where
        wanted = tuple(map(self._own, command.prints))
        assert not wanted or is_like(done.stdout, wanted), where

    def _own(self, text: str) -> str:
        return text.replace(DIRECTORY, self.env["WORKING_DIR"]).replace(REGISTRY, self._registry)

    def _done(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=WAIT,
            check=False,
        )

    def _begin(self, text: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["bash", "-c", f"exec {text}"],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @contextlib.contextmanager
    def _beside(self) -> Iterator[list[subprocess.Popen[bytes]]]:
        """What goes on in other terminals, until the page is read."""
        running: list[subprocess.Popen[bytes]] = []
        try:
            yield running
        finally:
            for each in running:
                each.send_signal(signal.SIGINT)
                each.wait(60)
