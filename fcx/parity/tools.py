"""Commands that change an environment, in the tool that made it: uv, conda or pip (pure).

Each names the environment by its path, so that it works whether or not that one is activated.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True)
class Environment:
    """A Python environment and its tool, as a Snapshot has them (``live.tool``)."""

    tool: str
    executable: str
    prefix: str
    virtual: bool

    def install(self, *requirements: str, over: bool = False) -> str:
        """The command that installs requirements such as ``dill==0.4.1``.

        ``over``: what is there has no list of files, so that pip can only write over it.
        """
        if self.tool == "conda" and not any(" @ " in one for one in requirements):
            wanted = (requirement.replace("==", "=") for requirement in requirements)
            return shlex.join(["conda", "install", "--prefix", self.prefix, *wanted])
        if self.tool == "uv" and not over:
            return shlex.join(["uv", "pip", "install", "--python", self.executable, *requirements])
        options = ["--ignore-installed", "--no-deps"] if over else []
        return shlex.join([self.executable, "-m", "pip", "install", *options, *requirements])
