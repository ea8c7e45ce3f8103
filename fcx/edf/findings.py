"""One thing to say about an EDF, and what is said of a file that is no EDF at all."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import Any

from ..errors import EdfError
from .document import UNNAMED
from .rules.context import ERROR


@dataclass(frozen=True)
class Finding:
    """One thing to say about an EDF. ``severity`` is error, warning or note; places from 1.

    ``parts`` are the findings that it stands for, where they are more than one.
    """

    file: str
    line: int
    column: int
    code: str
    severity: str
    what: str
    why: str
    fix: str
    parts: tuple[Finding, ...] = field(default=(), repr=False)

    def singles(self) -> list[Finding]:
        """The findings that it stands for, or itself."""
        return [one for part in self.parts for one in part.singles()] or [self]

    def message(self) -> str:
        """Three lines for a person."""
        place = f"{self.file}:{self.line}:{self.column}"
        lines = f"{place}: {self.severity}: {self.what} [{self.code}]", f"why: {self.why}"
        return "\n    ".join(map(_plain, (*lines, f"fix: {self.fix}")))

    def to_data(self) -> dict[str, Any]:
        """The fields but for the parts, for JSON."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "parts"}


def _plain(text: str) -> str:
    """What a file says goes to a terminal without control characters."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def unreadable(error: EdfError, file: str = "") -> Finding:
    """The finding for a file that has no text to check: absent, a folder, or not UTF-8.

    ``file`` is what was asked for, for an error that has no file because none was found.
    """
    place = file if error.file == UNNAMED else error.file, error.line, error.column
    why, fix = "there is nothing to check", "correct the name or the path"
    if isinstance(error.__cause__, UnicodeError):
        why, fix = "an EDF is a text file in UTF-8", "save the file as UTF-8"
    elif isinstance(error.__cause__, PermissionError):
        why, fix = "it may not be read", f"give yourself the right to read {place[0]}"
    return Finding(*place, "unreadable", ERROR, error.message, why, fix)


_HINTS = (
    (r"=\s*\[\s*\.\.\.\s*\]|\.\.\.", "replace ... by your own values, each in quotes"),
    ("[\u2018\u2019\u201c\u201d\u201e]", 'replace the typographic quotes by plain ones: "'),
    (r"=\s*(True|False)\b", "write true or false, in lower case and without quotes"),
    (r"=\s*(<|\$|/|~|\./)", 'put the value in quotes: "..."'),
    (r"""=\s*("[^"]*"|'[^']*'|\w+)\s*,\s*(#.*)?$""", "take the comma at the end of the line out"),
    (r"^\s*[\w.-]+\s*:", "write = between name and value, not a colon"),
    (r"""=\s*"[^"]*$|=\s*'[^']*$""", "close the quotes"),
    (r"\\", r"a backslash in double quotes must be doubled; or use single quotes"),
    (r"=\s*[A-Za-z]", 'put the value in quotes: "..."'),
)
_TWICE = re.compile(r"twice|overwrite|redefine|Duplicate|mutate|already", re.IGNORECASE)


def broken(error: EdfError, text: str) -> Finding:
    """The one finding of a text that is not TOML."""
    place = error.file, error.line, error.column
    why = "no engine can read the file, and neither can this check go on"
    if _TWICE.search(error.message):
        fix = "keep one form, dotted keys or a [table] of its own, and put all its keys there"
        return Finding(*place, "table-twice", ERROR, error.message, why, fix)
    if "Unclosed array" in error.message:
        fix = "put a comma between each two items, and a ] behind the last"
        return Finding(*place, "invalid-toml", ERROR, error.message, why, fix)
    lines = text.split("\n")
    line = lines[min(error.line, len(lines)) - 1].rstrip("\r")
    fix = next((hint for pattern, hint in _HINTS if re.search(pattern, line)), "")
    fix = fix or "look at this line and the one before: a quote, bracket or = is missing"
    return Finding(*place, "invalid-toml", ERROR, error.message, why, fix)
