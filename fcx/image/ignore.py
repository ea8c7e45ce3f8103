"""Which files of a folder make the build context: ``.dockerignore`` as Docker reads it.

The SDK has a reader too, but it ignores case and misses what lies below a ``**`` pattern. Nothing
in this module opens a file: an ignored one costs a stat.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from .glob import SPECIAL, BadPattern, Takes, matcher

IGNORE_FILE = ".dockerignore"
OURS = "**/.fcx-*"
"""What runs and builds leave where the project is a directory of the cluster's, too."""

MOST_SHOWN = 80  # characters of a pattern in a message


@dataclass(frozen=True)
class Pattern:
    """One line of a ``.dockerignore``; ``keeps`` is true for a line that starts with ``!``."""

    text: str
    keeps: bool
    matches: Takes | None  # None: a path as it stands

    @classmethod
    def from_line(cls, line: str, number: int = 1) -> Pattern | None:
        """Read one line; None for a comment or a blank one. Raises UsageError."""
        text = "" if line.startswith("#") else line.strip()
        keeps = text.startswith("!")
        text = text[1:].strip() if keeps else text
        text = posixpath.normpath(text).lstrip("/") if text else ""
        if not text:  # of / nothing is left: it ignores nothing, and Docker refuses to keep it
            if keeps:
                raise UsageError(
                    f"{IGNORE_FILE}:{number}: `{line.strip()[:MOST_SHOWN]}` has a `!` and names "
                    "nothing below this folder; name what to keep (`!**` for all of it)."
                )
            return None
        try:
            return cls(text, keeps, matcher(text) if SPECIAL.intersection(text) else None)
        except BadPattern as error:
            shown = text if len(text) < MOST_SHOWN else f"{text[:MOST_SHOWN]}..."
            shown = shown.encode("utf-8", "backslashreplace").decode()
            raise UsageError(
                f"{IGNORE_FILE}:{number}: `{shown}` {error}. Docker could not use it; correct the "
                "line."
            ) from None


class Rules:
    """All patterns of a file: the last that names a path, or a folder it lies in, counts."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self._keeps: list[bool] = []
        self._plain: dict[str, int] = {}  # path -> number of its last line
        self._above: set[str] = set()  # folders that lead to what is kept
        others: dict[str, tuple[int, Takes]] = {}
        for number, pattern in enumerate(patterns):
            self._keeps.append(pattern.keeps)
            if pattern.matches is None:
                self._plain[pattern.text] = number
            else:
                others[pattern.text] = number, pattern.matches
            if pattern.keeps:
                self._above.update(_with_parents(pattern.text))
        self._others = sorted(others.values(), key=lambda found: -found[0])

    def ignores(self, path: str) -> bool:
        """Whether a path does not belong to the context."""
        last = max(self._plain.get(name, -1) for name in _with_parents(path))
        for number, matches in self._others:
            if number < last:
                break
            if matches(path):
                last = number
                break
        return last >= 0 and not self._keeps[last]

    def prunes(self, path: str) -> bool:
        """Whether no ``!`` line reaches into an ignored folder: Docker does not look into it."""
        return path not in self._above


def _with_parents(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[: count + 1]) for count in range(len(parts)))


def read_rules(context: Path, dockerfile: Path | None = None) -> Rules:
    """What a context's ``.dockerignore`` says, or a Dockerfile's own; OURS goes before it all."""
    own = dockerfile and dockerfile.with_name(dockerfile.name + IGNORE_FILE)
    path = own if own and own.is_file() else context / IGNORE_FILE
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except FileNotFoundError:
        text = ""
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    lines = enumerate([OURS, *text.split("\n")])
    patterns = (Pattern.from_line(line, number) for number, line in lines)
    return Rules(pattern for pattern in patterns if pattern)


def walk(context: Path, rules: Rules) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every entry that is not ignored, as (path with slashes, entry); links are not followed."""
    yield from _walk(str(context), "", rules)


def _walk(folder: str, below: str, rules: Rules) -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise UsageError(
            f"The build context has a folder that cannot be read: {folder} ({error.strerror}). "
            f"Set its permissions right, or name it in {IGNORE_FILE}."
        ) from error
    for entry in entries:
        path = below + entry.name
        skipped = rules.ignores(path)
        if not skipped:
            yield path, entry
        if entry.is_dir(follow_symlinks=False) and not (skipped and rules.prunes(path)):
            yield from _walk(entry.path, path + "/", rules)
