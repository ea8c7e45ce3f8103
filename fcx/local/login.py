"""What a job's shell finds: `python3` is the cluster's interpreter, in login shells too.

/etc/profile and ~/.profile set PATH anew, so a directory put first in PATH is lost in `bash -l`.
Bash reads the file that BASH_ENV names after those, whether it is a login shell or not.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

_USER_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/games"
_ROOT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Where a container mounts the cluster's directory, the interpreter isn't there: leave PATH alone.
# Any other shell has the PATH of its parent, and what that put in front of it stays there.
LOGIN = """\
if shopt -q login_shell && [ -x {python} ]; then PATH={bin}:"$PATH"; fi
"""


def system_path() -> str:
    """The PATH that a fresh login of this user has."""
    return _USER_PATH if os.geteuid() else _ROOT_PATH


def install(root: Path, python: str) -> tuple[Path, Path]:
    """Write `root`/bin with python3 and python, and the login file; return both paths."""
    folder = root / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("python3", "python"):
        # A script, not a link: a link would hide from a virtual environment what it is.
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(python)} "$@"\n')
        program.chmod(0o755)
    login = root / "login.sh"
    login.write_text(LOGIN.format(bin=shlex.quote(str(folder)), python=shlex.quote(python)))
    return folder, login
