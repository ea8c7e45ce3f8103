"""Run one of the programs: `python FOLDER NAME [ARGUMENT...]`, FOLDER being this one."""

from __future__ import annotations

import importlib
import os
import sys

folder = os.path.dirname(os.path.abspath(__file__))
sys.path[0:1] = []  # Python put this folder there: its files are no modules of their own
sys.path.append(os.path.dirname(folder))
name = sys.argv.pop(1)
code: str | int | None = 0
try:
    importlib.import_module(f"{os.path.basename(folder)}.{name}").main()
except SystemExit as leaving:
    code = leaving.code
try:
    sys.stdout.flush()
    sys.stderr.flush()
except OSError:  # a full disk: Python would try it once more, and change the code
    os._exit(code if isinstance(code, int) else 1)
sys.exit(code)
