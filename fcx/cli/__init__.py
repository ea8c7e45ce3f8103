"""The command line: the only place that prints or exits.

A file per verb, imported only when that verb is called, so that ``fcx --help`` stays quick and a
missing extra hurts only the verb that needs it. What everybody asks first, ``--help`` and
``--version``, is answered here: without the library that all else goes through (``root.py``).
"""

from __future__ import annotations

import errno
import os
import sys

from .. import __version__
from .streams import complain, give_up_lost, make_ready

VERBS = {
    "demo": "Run the five-line example on a cluster of this machine's own.",
    "init": "Lay out fcx.toml, containers/ and edf/ in this folder.",
    "doctor": "Say what is wrong, here or on the cluster, and what repairs it.",
    "up": "Build, ship, write the EDF, preflight: what is not done yet.",
    "run": "Run a script, or a function of a module, on the cluster.",
    "image": "Build, inspect, run, push, pack and ship the one image.",
    "lock": "Write the image's releases into containers/, for later builds.",
    "env": "Make or repair a virtual environment that equals the image.",
    "edf": "Write, check and render the EDF for `srun --environment`.",
    "preflight": "Prove that the remote side is the environment of the client.",
    "runs": "Runs: list, show, report, watch, follow, attach, cancel, clean.",
    "local": "A FirecREST v2 cluster on this machine.",
}

OPTIONS = {
    "-v, --verbose": "Say each request, and all else that is logged.",
    "--version": "Say which fcx.",
    "--help": "Show this message and exit.",
}
HELP = "Python functions on a supercomputer, in the image you have at hand."
UNWRITTEN = (errno.EPIPE, errno.ENOSPC, errno.EIO)  # nobody reads it any more, or it has no room
WIDTH = 80  # columns that the help takes: in fewer its lines are broken


def main() -> None:
    """Entry point."""
    make_ready()
    try:
        _answer()
    except OSError as error:
        if error.errno not in UNWRITTEN or error.filename:
            raise
        if error.errno != errno.EPIPE:
            fix = "Make room where its output goes, and its state (`FCX_STATE_DIR`)."
            complain(f"fcx: Writing failed: {error.strerror}. {fix}")
        sys.exit(1)
    finally:
        give_up_lost()
    sys.exit(0)


def _answer() -> None:
    if sys.argv[1:] == ["--help"] and _is_wide():
        print(glance(), flush=True)  # noqa: T201 - this is the place that prints
    elif sys.argv[1:] == ["--version"]:
        print(f"fcx {__version__}", flush=True)  # noqa: T201
    else:
        from .root import run

        run()
    sys.exit(0)


def glance() -> str:
    """The help of the root, as ``root.py`` would give it."""
    sections = {"Options": OPTIONS, "Commands": VERBS}
    lines = ["Usage: fcx [OPTIONS] COMMAND [ARGS]...", "", f"  {HELP}"]
    for title, rows in sections.items():
        space = max(map(len, rows)) + 2
        lines += ["", f"{title}:", *(f"  {name:<{space}}{told}" for name, told in rows.items())]
    return "\n".join(lines)


def _is_wide() -> bool:
    try:
        return os.get_terminal_size().columns >= WIDTH
    except (OSError, ValueError):  # no terminal
        told = os.environ.get("COLUMNS", "")
        return not told.isdecimal() or int(told) >= WIDTH
