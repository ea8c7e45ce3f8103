"""docs/troubleshooting.md quotes what fcx says, and has every error."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from places import PACKAGE, REPOSITORY

import fcx.errors

PAGE = REPOSITORY / "docs" / "troubleshooting.md"
ABSTRACT = {"FcxError", "ClusterError", "TaskError"}  # nothing raises these themselves
NO_MESSAGE = "a name and a text, with no class of yours"


def rows() -> list[list[str]]:
    """The cells of every table, without its head."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    return [row for row in cells if row[0] not in {"it says", "---"}]


@cache
def said() -> tuple[str, ...]:
    """Every text in the code of fcx, with a `...` for what is put into it."""
    return tuple(text for path in sorted(PACKAGE.rglob("*.py")) for text in texts(path))


def texts(path: Path) -> Iterator[str]:
    """Of one file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.JoinedStr):
            parts = (
                part.value if isinstance(part, ast.Constant) else "..." for part in node.values
            )
            yield plain("".join(map(str, parts)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield plain(node.value)


def plain(text: str) -> str:
    """In one line, without the marks of code."""
    return " ".join(text.replace("`", "").split())


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0][:40])
def test_a_message_is_one_that_fcx_says(row: list[str]):
    """Word for word, but for what differs from case to case."""
    if row[0] == NO_MESSAGE:
        return
    parts = [re.escape(part.strip()) for part in plain(row[0]).split("...") if part.strip(" .:")]
    assert parts
    wanted = re.compile(".*".join(parts))
    assert any(wanted.search(text) for text in said()), row[0]


@pytest.mark.parametrize(
    "row", [row for row in rows() if len(row) > 2], ids=lambda row: row[0][:40]
)
def test_its_class_and_exit_code_are_right(row: list[str]):
    """As the tree has them; nothing stands there for 1."""
    name, _, code = row[1].replace("`", "").partition(", ")
    kind = getattr(fcx.errors, name, None)
    if kind is None:
        assert name == "FileNotFoundError"
    elif code:
        assert kind.exit_code == int(code)
    else:
        assert kind.exit_code in {1, 2} if issubclass(kind, fcx.errors.UsageError) else {1, 4}


def test_every_error_is_on_the_page():
    """By its name."""
    kinds = {name for name, value in vars(fcx.errors).items() if isinstance(value, type)
             and issubclass(value, fcx.errors.FcxError)}  # fmt: skip
    named = set(re.findall(r"`(\w+)`", PAGE.read_text("utf-8")))
    assert kinds - ABSTRACT - named == set()
