"""A command's standard streams: they are there, spell whatever is said, and may be lost."""

from __future__ import annotations

import os
import sys

STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def make_ready() -> None:
    """Those that are closed lead nowhere; a letter that one lacks is written as its number.

    Else the next file or socket that is opened would have the place of a stream that is closed,
    and whatever a program that we start writes would go there.
    """
    for number, (name, mode) in enumerate(STREAMS):
        stream = getattr(sys, name)
        if stream is None:
            _to_nowhere(number)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
        elif mode == "w" and getattr(stream, "errors", "") == "strict":
            stream.reconfigure(errors="backslashreplace")


def complain(text: str) -> None:
    """On standard error, if that takes it."""
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except OSError:
        pass  # the exit code says it


def give_up_lost() -> None:
    """What is still to be written to those that take nothing more goes nowhere.

    The interpreter would try once more at its end, and change the exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            if not stream.closed:
                stream.flush()
        except OSError:
            _to_nowhere(stream.fileno())


def _to_nowhere(number: int) -> None:
    opened = os.open(os.devnull, os.O_RDWR)
    if opened == number:
        os.set_inheritable(number, True)
        return
    os.dup2(opened, number)
    os.close(opened)
