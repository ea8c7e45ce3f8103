"""Programs that run as processes of their own, with the standard library alone.

`srun`, `squeue`, `scontrol`, `scancel` and `sinfo` are what a job finds on its PATH; they speak to
the server through `controller.py`, over loopback. `supervisor` owns the processes of one job,
`container` enters an EDF's container, `stager` moves large files. They import nothing outside this
folder, which may be copied elsewhere and run by another Python.
"""

from __future__ import annotations

import os
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))


def command(name: str) -> list[str]:
    """The command line that runs a program, to which its arguments are added."""
    return [sys.executable, "-I", "-S", FOLDER, name]
