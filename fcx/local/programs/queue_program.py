"""What the programs that look at the queue have in common: how each begins and how it fails."""

# ruff: noqa: T201  # what a program prints is its answer

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

from .controller import Refused, Unreachable
from .getopts import OptionProblem


def run(program: str, work: Callable[[list[str]], None]) -> None:
    """Do the work with the command line's words; whatever is wrong ends it in Slurm's words."""
    try:
        work(sys.argv[1:])
    except OptionProblem as problem:
        print(f'{program}: {problem}\nTry "{program} --help" for more information', file=sys.stderr)
        sys.exit(1)
    except Refused as problem:
        fail(program, str(problem))
    except Unreachable as problem:
        fail(program, f"Unable to contact slurm controller ({problem})")


def fail(program: str, text: str) -> NoReturn:
    """End with the program's name and the reason."""
    print(text if program == "squeue" else f"{program}: error: {text}", file=sys.stderr)
    sys.exit(1)
