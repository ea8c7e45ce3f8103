"""Where uv looks for distributions, if only pip was told: pip's settings in uv's variables.

uv reads neither ``PIP_INDEX_URL`` nor pip.conf. Whoever has told uv itself is left alone.
"""

from __future__ import annotations

import ast
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "cert": "SSL_CERT_FILE",
}
_OF_UV = ("UV_INDEX", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_CONFIG_FILE")


def for_uv(env: Mapping[str, str], pip: list[str]) -> dict[str, str]:
    """The variables that tell uv what pip knows; ``pip`` is a command that starts one."""
    if any(name.startswith(_OF_UV) for name in env) or _has_file(env):
        return {}
    done = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, check=False)
    return translated(done.stdout) if done.returncode == 0 else {}


def translated(listing: str) -> dict[str, str]:
    """The same of what ``pip config list`` prints; a variable comes before a file."""
    found: dict[str, str] = {}
    for line in sorted(listing.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        known = NAMES.get(name.rpartition(".")[2])
        if known:
            found[known] = " ".join(str(ast.literal_eval(value)).split())
    if "UV_FIND_LINKS" in found:
        found["UV_FIND_LINKS"] = found["UV_FIND_LINKS"].replace(" ", ",")
    return found


def _has_file(env: Mapping[str, str]) -> bool:
    """Whether a uv.toml says where to look."""
    folder = Path.cwd()
    own = Path(env.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser(), "uv")
    places = (folder, *folder.parents, own, Path("/etc/uv"))
    return any((place / "uv.toml").is_file() for place in places)
