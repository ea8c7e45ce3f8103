"""A page's blocks: files to save, scripts to run, commands with what they print.

::

    ```python title="a.py"     saved under that name           ```toml title=...   likewise
    ```python                  a script of its own, after what the page's prelude says
    ```console                 `$ command`, then what it prints; `...` stands for anything
    ```console title="another terminal"                        a command that goes on beside the others
    <!-- prelude: ... -->      Python that goes before each script, and that readers need not see
    <!-- setup: ... -->        commands, likewise, before all else
    <!-- needs an engine -->   or: a uenv, a Slurm, a registry, a building job

A page is one story, and one more from each further line that says what is needed: what comes after
that is done by another reader, who has this and has not read what stands before it. What has another language, or none, is there to be read alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt

NEEDS = re.compile(r"<!-- needs an? ([\w ]+) -->")
HIDDEN = re.compile(r"<!-- (prelude|setup):\s*\n?(.*?)-->", re.DOTALL)
TITLE = re.compile(r'title="([^"]+)"')
BESIDE = "another terminal"


@dataclass(frozen=True)
class Saved:
    """A file of the reader's."""

    name: str
    text: str


@dataclass(frozen=True)
class Script:
    """Python that is run as a program of its own."""

    text: str
    line: int


@dataclass(frozen=True)
class Command:
    """What is typed, and what the page says that it prints; ``beside``: in another terminal."""

    text: str
    line: int
    prints: tuple[str, ...] = ()
    beside: bool = False


@dataclass(frozen=True)
class Page:
    """All that a reader does of a page, or of the part of it that needs one thing."""

    path: Path
    needs: str = ""  # beside an account
    steps: list[Saved | Script | Command] = field(default_factory=list)

    @property
    def tells(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.steps)


def read(path: Path) -> list[Page]:
    """The stories of a page of the documents."""
    text = path.read_text("utf-8")
    needs = list(NEEDS.finditer(text))
    words = [one[1] for one in needs] or [""]
    cuts = [0, *(one.start() for one in needs[1:]), len(text)]
    return [
        _story(path, word, text[begin:end], text.count("\n", 0, begin))
        for word, begin, end in zip(words, cuts, cuts[1:], strict=False)
    ]


def _story(path: Path, needs: str, text: str, above: int) -> Page:
    """``above``: how many lines of the page stand before it."""
    hidden = {"prelude": "", "setup": ""}
    for kind, said in HIDDEN.findall(text):
        hidden[kind] += said
    page = Page(path, needs)
    page.steps.extend(_commands(hidden["setup"], 0, beside=False))
    for token in MarkdownIt().enable("table").parse(text):
        if token.type == "fence":
            line = above + (token.map[0] + 1 if token.map else 0)
            page.steps.extend(_steps(token.info, token.content, line, hidden["prelude"]))
    return page


def _steps(info: str, text: str, line: int, prelude: str) -> list[Saved | Script | Command]:
    language = info.split()[0] if info.split() else ""
    title = TITLE.search(info)
    if language == "console":
        return _commands(text, line, beside=bool(title) and title[1] == BESIDE)
    if title:
        return [Saved(title[1], text)]
    return [Script(f"{prelude}\n{text}", line)] if language == "python" else []


def _commands(text: str, line: int, *, beside: bool) -> list[Saved | Script | Command]:
    """Each with the lines up to the next."""
    found: list[Saved | Script | Command] = []
    typed, prints, at = "", [], line

    def whole() -> None:
        if typed:
            while prints and not prints[-1].strip():
                prints.pop()
            found.append(Command(typed, at, tuple(prints), beside))
            prints.clear()

    for number, each in enumerate(text.splitlines(), line + 1):
        if each.startswith("$ "):
            whole()
            typed, at = each[2:], number
        elif typed.endswith("\\"):
            typed += f"\n{each}"
        elif typed:
            prints.append(each)
    whole()
    return found


def is_like(told: str, wanted: tuple[str, ...]) -> bool:
    """Whether a command has printed what the page says: `...` stands for anything, also for lines."""
    lines = [
        r"(?:.*\n)*" if each.strip() == "..." else re.escape(each.rstrip()) + r"\n"
        for each in wanted
    ]
    pattern = "".join(lines).replace(re.escape("..."), ".*")
    said = "".join(f"{each.rstrip()}\n" for each in told.rstrip().splitlines())
    return re.fullmatch(pattern, said) is not None
