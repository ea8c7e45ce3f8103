"""How a page is taken apart, and when a command has printed what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest
from documents.pages import Command, Saved, Script, is_like, read

PAGE = """
<!-- setup:
$ mkdir there
-->
<!-- prelude:
x = 1
-->
```python title="a.py"
print(1)
```

```python
print(x)
```

```console
$ python a.py
1
$ ls \\
    there
```

```console title="another terminal"
$ sleep 60
```

```text
$ not a command
```
"""


def test_a_page_is_what_a_reader_does(tmp_path: Path):
    """Files are saved, scripts have the prelude, commands what they print."""
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    (page,) = read(path)
    setup, saved, script, first, second, beside = page.steps
    assert setup == Command("mkdir there", 1)
    assert saved == Saved("a.py", "print(1)\n")
    assert isinstance(script, Script)
    assert script.text == "x = 1\n\nprint(x)\n"
    assert isinstance(first, Command)
    assert (first.text, first.prints) == ("python a.py", ("1",))
    assert isinstance(second, Command)
    assert second.text == "ls \\\n    there"
    assert isinstance(beside, Command)
    assert beside.beside


def test_a_page_is_a_story_for_each_thing_that_is_needed(tmp_path: Path):
    """What stands above the first such line is of its story; each has a setup of its own."""
    path = tmp_path / "page.md"
    first = "<!-- setup:\n$ a\n-->\n```console\n$ b\n```\n<!-- needs a Slurm -->\n"
    second = "<!-- needs a registry -->\n<!-- setup:\n$ c\n-->\n```console\n$ d\n```\n"
    path.write_text(first + second)
    stories = [(one.needs, [step.text for step in one.steps]) for one in read(path)]
    assert stories == [("Slurm", ["a", "b"]), ("registry", ["c", "d"])]
    assert read(path)[1].steps[1].line == 13
    path.write_text("Nothing is done here.\n")
    (page,) = read(path)
    assert (page.needs, page.tells) == ("", False)


@pytest.mark.parametrize(
    ("told", "wanted", "is_so"),
    [
        ("a\nb\n", ("a", "b"), True),
        ("a\nb\n", ("a",), False),
        ("a 1.5 s\n", ("a ... s",), True),
        ("a\nx\ny\nb\n", ("a", "...", "b"), True),
        ("a\nb\n", ("a", "...", "b"), True),
        ("a\nx\ny\n", ("a", "..."), True),
        ("a\n", ("a", "..."), True),
        ("x\ny\na\n", ("...", "a"), True),
        ("x\na\nb\n", ("...", "a"), False),
        ("a+\n", ("a.",), False),
    ],
)
def test_what_a_command_prints(told: str, wanted: tuple[str, ...], is_so: bool):
    """Three points stand for anything within a line, and on a line of their own for any lines."""
    assert is_like(told, wanted) == is_so
