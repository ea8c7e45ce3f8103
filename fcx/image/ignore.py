"""Which files of a folder make the build context: ``.dockerignore`` as Docker reads it.

The SDK has a reader too, but it ignores case and misses what lies below a ``**`` pattern. Nothing
in this module opens a file: an ignored one costs a stat.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError

IGNORE_FILE = ".dockerignore"


@dataclass(frozen=True)
class Pattern:
    """One line of a ``.dockerignore``; ``keeps`` is true for a line that starts with ``!``."""

    text: str
    regex: re.Pattern[str]
    keeps: bool

    @classmethod
    def from_line(cls, line: str) -> Pattern | None:
        """Read one line; None for a comment or a blank one. Raises UsageError."""
        text = "" if line.startswith("#") else line.strip()
        keeps = text.startswith("!")
        text = text[1:].strip() if keeps else text
        if not text:
            if keeps:
                raise UsageError(f"{IGNORE_FILE}: a `!` stands alone on a line; name what to keep.")
            return None
        text = posixpath.normpath(text).lstrip("/")
        return cls(text, re.compile(_translate(text), re.DOTALL), keeps)


def read_patterns(context: Path) -> tuple[Pattern, ...]:
    """The patterns of a context's ``.dockerignore``; none without such a file."""
    path = context / IGNORE_FILE
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    patterns = (Pattern.from_line(line) for line in text.split("\n"))
    return tuple(pattern for pattern in patterns if pattern)


def ignored(path: str, patterns: Sequence[Pattern]) -> bool:
    """Whether the last pattern that names ``path`` or one of its parents ignores it."""
    parts = path.split("/")
    names = ["/".join(parts[: i + 1]) for i in range(len(parts))]
    result = False
    for pattern in patterns:
        if result is pattern.keeps and any(pattern.regex.fullmatch(name) for name in names):
            result = not pattern.keeps
    return result


def walk(context: Path, patterns: Sequence[Pattern]) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every entry that is not ignored, as (path with slashes, entry); links are not followed."""
    yield from _walk(str(context), "", patterns)


def _walk(
    folder: str, below: str, patterns: Sequence[Pattern]
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise UsageError(
            f"The build context has a folder that cannot be read: {folder} ({error.strerror}). "
            f"Set its permissions right, or name it in {IGNORE_FILE}."
        ) from error
    for entry in entries:
        path = below + entry.name
        skipped = ignored(path, patterns)
        if not skipped:
            yield path, entry
        if entry.is_dir(follow_symlinks=False) and not (skipped and _pruned(path, patterns)):
            yield from _walk(entry.path, path + "/", patterns)


def _pruned(path: str, patterns: Sequence[Pattern]) -> bool:
    """Whether no ``!`` line reaches into an ignored folder: Docker then does not look into it."""
    return not any(p.keeps and (p.text + "/").startswith(path + "/") for p in patterns)


def _translate(pattern: str) -> str:
    """Go's filepath.Match with ``**``, as a regular expression."""
    out, i = "", 0
    while i < len(pattern):
        char = pattern[i]
        i += 1
        if pattern.startswith("**", i - 1):
            suffix = i == 1 and not re.search(r"[*?\[\\/]", pattern[2:])  # Docker's `**a`
            i += 2 if pattern.startswith("/", i + 1) else 1
            out += ".*" if suffix or i == len(pattern) else "(?:.*/)?"
        elif char == "*":
            out += "[^/]*"
        elif char == "?":
            out += "[^/]"
        elif char == "[":
            text, i = _bracket(pattern, i)
            out += text
        elif char == "\\" and i < len(pattern):
            out += re.escape(pattern[i])
            i += 1
        else:
            out += re.escape(char)
    return out


def _bracket(pattern: str, start: int) -> tuple[str, int]:
    """A class such as ``[^a-z]``, from behind its bracket; the position behind it."""
    end, body = start, ""
    if pattern.startswith("^", end):
        body, end = "^", end + 1
    first = end
    while end < len(pattern) and (pattern[end] != "]" or end == first):
        if pattern[end] == "\\" and end + 1 < len(pattern):
            end += 1
            body += re.escape(pattern[end])
        else:
            body += pattern[end] if pattern[end] == "-" else re.escape(pattern[end])
        end += 1
    if end >= len(pattern):
        raise UsageError(f"{IGNORE_FILE}: `{pattern}` has a [ that is never closed.")
    return f"(?!/)[{body}]", end + 1
