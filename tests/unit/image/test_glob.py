"""Patterns of a .dockerignore: odd ones mean what they mean to Docker, or are refused with the line.

What is expected here is what Docker's own client (28.2) left out of a context.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from fcx.errors import UsageError
from fcx.image.glob import Glob, matcher
from fcx.image.ignore import Pattern, Rules, read_rules

NAMES = "a ab aab foo x/y ax/y a^b 5 d * [ x/sub/y xay ^a aa/xx é".split()


def rules(text: str) -> Rules:
    patterns = (Pattern.from_line(line, number) for number, line in enumerate(text.split("\n"), 1))
    return Rules(pattern for pattern in patterns if pattern)


def matched(text: str) -> str:
    found = rules(text)
    return " ".join(name for name in NAMES if found.ignores(name))


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("x[^a]y", "x/y"),
        ("**oo", "foo"),
        ("**x/y", "x/y ax/y"),
        ("**/y", "x/y ax/y x/sub/y"),
        ("**x/y]", ""),
        ("a**b", "ab"),
        ("a**", "a ab aab ax/y a^b aa/xx"),
        ("*a*a*b", "aab"),
        ("a^b", "a^b"),
        ("a^*", ""),
        ("^a*", "a ab aab ax/y a^b aa/xx"),
        ("\\*", "*"),
        ("\\[", "["),
        ("[\\[\\*]", "* ["),
        ("[!-%]*", ""),
        ("?", "a x/y 5 d * [ x/sub/y é"),
        ("x/**/y", "x/y x/sub/y"),
        ("[^b-é]", "a x/y 5 * [".replace("x/y ", "")),
    ],
)
def test_means_what_it_means_to_docker(pattern: str, names: str):
    assert matched(pattern) == names


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("[${-z]*", "wrong way round"),
        ("[z-a]", "wrong way round"),
        ("[", "never closed"),
        ("a[b", "never closed"),
        ("[]a]", "nothing in it"),
        ("[^]", "nothing in them"),
        ("[-a]", "put a \\\\ before it"),
        ("[a-]", "put a \\\\ before it"),
        ("[a-c-e]", "put a \\\\ before it"),
        ("\\", "ends with a"),
        ("a*\\", "ends with a"),
        ("\\d*", "a meaning of its own"),
        ("[\\w]", "a meaning of its own"),
        ("[*]", "brackets"),
        ("[[:alpha:]]", "brackets"),
        ("\udcff[", "never closed"),
        ("[" * 100_000, "never closed"),
    ],
)
def test_is_refused_with_its_line(pattern: str, reason: str):
    with pytest.raises(UsageError, match=f"^.dockerignore:3: .*{reason}") as caught:
        rules(f"# a comment\n\n{pattern}\nb")
    assert len(str(caught.value).encode()) < 500


def test_takes_time_for_the_path_once():
    """What a regular expression tries in more ways than there is time for."""
    pattern, path = "*a" * 40 + "*b", "a" * 250
    looked = []

    class Counted(Glob):
        def _move(self, char):
            looked.append(char)
            return super()._move(char)

    glob = Counted(pattern)
    assert not glob.matches(path)
    assert glob.matches(path + "b")
    assert looked == ["a", "b"]
    assert not matcher("**/" * 60 + "b*")("a/" * 120 + "c")


def test_agrees_with_regular_expressions_that_do_not_backtrack_much():
    chance = random.Random(7)
    parts = {
        "a": "a",
        "b": "b",
        "/": "/",
        "*": "[^/]*",
        "?": "[^/]",
        "[^a]": "[^a]",
        "**/": "(.*/)?",
    }
    for _ in range(3000):
        chosen = [chance.choice(sorted(parts)) for _ in range(chance.randint(1, 6))]
        pattern = "".join(chosen)
        if "**" in pattern.replace("**/", "") or "***" in pattern or pattern[-1] == "/":
            continue  # how stars beside each other are read is another matter
        path = "".join(chance.choice("ab/") for _ in range(chance.randint(1, 8))).strip("/")
        regex = re.compile("(" + "".join(parts[part] for part in chosen) + ")(/.*)?")
        assert Glob(pattern).matches(path) == bool(regex.fullmatch(path)), (pattern, path)


def test_hundreds_of_thousands_of_lines(tmp_path: Path):
    """They are looked up rather than tried one after the other."""
    text = "".join(f"folder/file{number}\n" for number in range(200_000))
    (tmp_path / ".dockerignore").write_text(text + "!folder/file7\n*.log\n")
    found = read_rules(tmp_path)
    assert [found.ignores(f"folder/file{number}") for number in (6, 7, 199_999)] == [
        True,
        False,
        True,
    ]
    assert found.ignores("a.log")
    assert not any(found.ignores(f"other/file{number}") for number in range(20_000))
    assert not found.prunes("folder")


def test_bytes_that_are_no_text(tmp_path: Path):
    (tmp_path / ".dockerignore").write_bytes(b"\xff*\n!\xff\xfe\n")
    found = read_rules(tmp_path)
    assert found.ignores("\udcffa")
    assert not found.ignores("\udcff\udcfe")
    assert not found.ignores("ÿa")
