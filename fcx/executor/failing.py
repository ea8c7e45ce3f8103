"""How tasks of a run have failed: each way once, with the words of the first that failed so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from ..report.lines import Failure
from .core.events import Trouble
from .wire import Outcome

MOST = 500  # ways; what fails in yet another is one of these, called OTHER
TEXT, TRACEBACK = 2_000, 12_000  # characters of each that are kept
OTHER = "failures of further kinds"
_FRAME = re.compile(r'^ *File "(.+)", line (\d+), in (.+)$', re.MULTILINE)
_VARIES = re.compile(r"0x[0-9a-fA-F]+|\d+")


class Failures:
    """Numbers for ways to fail; ``note`` hears of each that is new."""

    def __init__(self, note: Callable[[Failure], None]) -> None:
        self._note = note
        self._numbers: dict[tuple[str, ...], int] = {}

    def raised(self, outcome: Outcome | None) -> int:
        """A task that ended with an exception, by its name and where it was raised."""
        error, text, traceback = told(outcome)
        frames = [":".join(frame) for frame in _FRAME.findall(traceback)]
        return self._number((error, *frames), error, text, traceback)

    def trouble(self, trouble: Trouble) -> int:
        """A task that something else ended, by the kind and the words of it but for numbers."""
        alike = _VARIES.sub("#", trouble.message)
        return self._number((trouble.error, alike), trouble.error, trouble.message, "")

    def _number(self, what: tuple[str, ...], error: str, text: str, traceback: str) -> int:
        known = self._numbers.get(what)
        if known is not None:
            return known
        if len(self._numbers) >= MOST:
            what, error, text, traceback = (OTHER,), OTHER, "", ""
            if what in self._numbers:
                return self._numbers[what]
        number = self._numbers[what] = len(self._numbers) + 1
        self._note(Failure(number, error, cut(text, TEXT), cut(traceback, TRACEBACK)))
        return number


def cut(text: str, most: int) -> str:
    """Its beginning and its end, which tells more."""
    if len(text) <= most:
        return text
    head, tail = most // 4, most - most // 4
    return f"{text[:head]}\n[... {len(text) - most} characters left out ...]\n{text[-tail:]}"


def told(outcome: Outcome | None) -> tuple[str, str, str]:
    """Name, text and traceback of an exception, by what stands in for it: nothing is unpickled."""
    if outcome is None or not isinstance(outcome.data, bytes):
        return "an exception whose words are too large to be noted", "", ""
    head = outcome.data[: outcome.lengths[0]].partition(b"\n")[0]
    try:
        words = json.loads(head)
    except (ValueError, RecursionError):
        words = None
    if not isinstance(words, list) or not all(isinstance(one, str) for one in words):
        return "an exception that cannot be read", "", ""
    # Half a character may stand in a text, and in no file.
    words = [one.encode("utf-8", "backslashreplace").decode() for one in words]
    if outcome.kind == "unpicklable":
        return "a result that cannot be pickled", ": ".join(words), ""
    error, text, traceback = [*words, "", "", ""][:3]
    return error, text, traceback
