"""sinfo of the process back end, in its default form."""

# ruff: noqa: T201  # what a program prints is its answer

from __future__ import annotations

from .controller import ask
from .queue_program import run


def main() -> None:
    """Run as a program."""
    run("sinfo", sinfo)


def sinfo(_words: list[str]) -> None:
    """Partitions and their nodes."""
    print("PARTITION AVAIL  TIMELIMIT  NODES  STATE NODELIST")
    for line in ask("sinfo"):
        print(line)
