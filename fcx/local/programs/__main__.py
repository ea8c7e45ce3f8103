"""Run one of the programs: `python FOLDER NAME [ARGUMENT...]`, FOLDER being this one."""

from __future__ import annotations

import importlib
import os
import sys

folder = os.path.dirname(os.path.abspath(__file__))
sys.path[0:1] = []  # Python put this folder there: its files are no modules of their own
sys.path.append(os.path.dirname(folder))
name = sys.argv.pop(1)
importlib.import_module(f"{os.path.basename(folder)}.{name}").main()
