"""A Dockerfile read line by line as BuildKit's own reader does it (pure).

Comments and blank lines within a continued line, heredocs, another escape character, Windows' line
ends: what is an instruction to docker is one here, and nothing else is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$")
DIRECTIVES = ("escape", "syntax", "check")
SPACE = "\t\v\f\r "
WORD = re.compile(r"(?:\\.|\"(?:\\.|[^\"\\])*\"|'[^']*'|[^\s\"'\\]|[\"'\\])+", re.DOTALL)
HEREDOC = re.compile(r"\d*<<(-?)([^<]+)")
HEREDOC_WORDS = ("ADD", "COPY", "RUN")
MARK = re.compile(r"#\s*fcx:")
"""A comment that says of the instruction below it that fcx may fill it in."""


@dataclass(frozen=True)
class Instruction:
    """One of them: its word in capitals, and its arguments on one line without heredocs."""

    word: str
    rest: str
    line: int
    heredocs: tuple[str, ...] = ()
    marked: bool = False

    def flags(self) -> dict[str, list[str]]:
        """The values of each ``--flag=value`` before its arguments."""
        found: dict[str, list[str]] = {}
        for word in self._flag_words():
            name, _, value = word[2:].partition("=")
            found.setdefault(name.lower(), []).append(value)
        return found

    def arguments(self) -> list[str]:
        """The words after the flags, as they stand."""
        return WORD.findall(self.rest)[len(self._flag_words()) :]

    def _flag_words(self) -> list[str]:
        words = WORD.findall(self.rest)
        end = next((i for i, word in enumerate(words) if not word.startswith("--")), len(words))
        return words[:end]


@dataclass(frozen=True)
class Dockerfile:
    """Its instructions, what its first lines say to the reader, and where it ends."""

    text: str
    instructions: tuple[Instruction, ...]
    syntax: str = ""

    @classmethod
    def from_text(cls, text: str) -> Dockerfile:
        """Read it; a line that it leaves unfinished is finished, so that more can follow."""
        text = text.removeprefix("\ufeff")
        reader = _Reader(text)
        instructions = tuple(reader.instructions())
        return cls(reader.finished(), instructions, reader.directives.get("syntax", ""))

    def stages(self) -> list[str]:
        """The name of each stage, or its number where it has none."""
        found = []
        for number, start in enumerate(one for one in self.instructions if one.word == "FROM"):
            words = start.arguments()
            found.append(words[2] if [w.upper() for w in words[1:-1]] == ["AS"] else str(number))
        return found

    def up_to(self, stage: str) -> Dockerfile | None:
        """The same without what comes after a stage of this name or number; None: no such."""
        starts = [one.line for one in self.instructions if one.word == "FROM"]
        names = [name.lower() for name in self.stages()]
        wanted = {stage.lower(), *([names[int(stage)]] if _is_index(stage, names) else [])}
        found = next((number for number, name in enumerate(names) if name in wanted), None)
        if found is None or found + 1 == len(starts):
            return None if found is None else self
        lines = self.text.split("\n")[: starts[found + 1] - 1]
        return Dockerfile.from_text("\n".join([*lines, ""]))


def _is_index(text: str, items: list[str]) -> bool:
    return text.isdecimal() and int(text) < len(items)


class _Reader:
    """Goes through the lines once."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._at = 0
        self._open = -1  # the last line that said it goes on, where none came after it
        self.directives: dict[str, str] = {}
        for line in self._lines:
            match = DIRECTIVE.match(line.lstrip(SPACE))
            if not match:
                break
            if match[1].lower() in DIRECTIVES:
                self.directives.setdefault(match[1].lower(), match[2])
        mark = re.escape("`" if self.directives.get("escape") == "`" else "\\")
        self._continued = re.compile(rf"(?:^|(?<=[^{mark}])){mark}[ \t\r]*$")

    def instructions(self) -> Iterator[Instruction]:
        marked = False
        while self._at < len(self._lines):
            line = self._lines[self._at].strip(SPACE)
            if not line or line.startswith("#"):
                marked = bool(line) and (marked or bool(MARK.match(line)))
                self._at += 1
                continue
            start = self._at + 1
            word, _, rest = re.sub(f"[{SPACE}]+", " ", self._logical(), count=1).partition(" ")
            rest = rest.strip(SPACE)
            names = tuple(self._heredocs(word.upper(), rest))
            yield Instruction(word.upper(), rest, start, names, marked)
            marked = False

    def finished(self) -> str:
        """The text, without the mark of a line that was to go on and does not."""
        lines = list(self._lines)
        if self._open >= 0:
            lines[self._open] = self._continued.sub("", lines[self._open])
        return "\n".join(lines)

    def _logical(self) -> str:
        """One line with all that continue it."""
        whole, more = "", True
        while more and self._at < len(self._lines):
            line = self._lines[self._at]
            self._at += 1
            bare = line.strip(SPACE)
            if whole and (not bare or bare.startswith("#")):
                continue
            line = line if whole else line.lstrip(SPACE)
            part = self._continued.sub("", line)
            more = part != line
            self._open = self._at - 1 if more else -1
            whole += part
        return whole

    def _heredocs(self, word: str, rest: str) -> Iterator[str]:
        """The names of those that a line begins; their bodies are passed over."""
        if word == "ONBUILD":
            word = rest.partition(" ")[0].upper()
        if word not in HEREDOC_WORDS or "<<" not in rest or rest.startswith("["):
            return
        for text in WORD.findall(rest):
            match = HEREDOC.fullmatch(text)
            if not match:
                continue
            name = re.sub("[\"']", "", match[2])
            while self._at < len(self._lines):
                line = self._lines[self._at].rstrip("\r")
                self._at += 1
                if (line.lstrip("\t") if match[1] else line) == name:
                    break
            yield name
