"""A Dockerfile read as docker's own reader does it."""

from __future__ import annotations

import pytest

from fcx.image.dockerfile import Dockerfile


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("FROM a\nRUN x", ["FROM a", "RUN x"]),
        ("from a\r\nrun x \\\r\n  y\r\n", ["FROM a", "RUN x   y"]),
        ("\ufeffFROM a", ["FROM a"]),
        ("  FROM\ta", ["FROM a"]),
        ("RUN a\\\nb", ["RUN ab"]),
        ("RUN a \\ \t\n b", ["RUN a  b"]),
        ("RUN a \\\n# no\n\n  # no\n b\nUSER c", ["RUN a  b", "USER c"]),
        ("RUN a \\\\\nUSER c", ["RUN a \\\\", "USER c"]),
        ("RUN a # b \\\nc", ["RUN a # b c"]),
        ("# escape=`\nRUN a `\n b\\\nUSER c", ["RUN a  b\\", "USER c"]),
        ("# no\n# escape=`\nRUN a `\nUSER c", ["RUN a `", "USER c"]),
        ("# syntax=x\n# escape=`\nRUN a `\nb", ["RUN a b"]),
        ("\n# escape=`\nRUN a `\nUSER c", ["RUN a `", "USER c"]),
        ("ENV A=1 \\", ["ENV A=1"]),
        ("ENV A=1 \\\n# more\n\n", ["ENV A=1"]),
        ("RUN cat <<EOF\nFROM b\n# c \\\nEOF\nUSER c", ["RUN cat <<EOF", "USER c"]),
        ("RUN <<-'E' sh\nFROM b\n\tE\nUSER c", ["RUN <<-'E' sh", "USER c"]),
        ("COPY <<a <<b /x/\nFROM a1\na\nFROM b1\nb\nUSER c", ["COPY <<a <<b /x/", "USER c"]),
        ("RUN cat <<E\r\nFROM b\r\nE\r\nUSER c", ["RUN cat <<E", "USER c"]),
        ("RUN python3 - \\\n  <<'E'\nE \nE\nUSER c", ["RUN python3 -   <<'E'", "USER c"]),
        ("RUN echo $((1<<2)) '<<EOF' \"x <<EOF\"\nUSER c", None),
        ("RUN cat <<<EOF\nUSER c", None),
        ("RUN a << EOF\nUSER c", None),
        ('RUN ["cat", "<<EOF"]\nUSER c', None),
        ("CMD cat <<EOF\nUSER c", None),
        ("ONBUILD RUN cat <<EOF\nFROM b\nEOF\nUSER c", ["ONBUILD RUN cat <<EOF", "USER c"]),
    ],
)
def test_instructions(text: str, wanted: list[str] | None):
    """Where they begin and end; None: each line is one."""
    file = Dockerfile.from_text(text)
    found = [f"{one.word} {one.rest}" for one in file.instructions]
    assert found == (wanted or text.split("\n"))


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("FROM a\nENV A=1 \\", "ENV A=1 "),
        ("FROM a\nENV A=1 \\\n# more\n\n", "ENV A=1 "),
        ("# escape=`\nFROM a\nENV A=1 `\r\n", "ENV A=1 "),
        ("FROM a\nENV A=1 \\\n  B=2\n", "  B=2"),
    ],
)
def test_what_is_left_unfinished_is_finished(text: str, more: str):
    """So that what is added to the file is no part of its last line."""
    file = Dockerfile.from_text(text)
    assert more in file.text.split("\n")
    longer = Dockerfile.from_text(file.text + "\nCOPY x /y\n")
    assert longer.instructions[-1].rest == "x /y"
    assert [one.word for one in longer.instructions[:-1]] == [o.word for o in file.instructions]


def test_lines_flags_and_syntax():
    """For messages that name a line."""
    text = (
        "#syntax = docker/dockerfile:1 \n\nFROM a\nCOPY --chmod=1 --from=x --from=y \\\n  b --c\n"
    )
    file = Dockerfile.from_text(text)
    assert file.syntax == "docker/dockerfile:1"
    copy = file.instructions[1]
    assert (copy.line, copy.flags()) == (4, {"chmod": ["1"], "from": ["x", "y"]})
    assert copy.arguments() == ["b", "--c"]


STAGES = "FROM a AS One\nRUN 1\nFROM b\nRUN 2\nFROM c as three\nRUN 3\n"


@pytest.mark.parametrize(
    ("stage", "last"),
    [("one", "1"), ("0", "1"), ("1", "2"), ("three", "3"), ("2", "3"), ("x", None), ("3", None)],
)
def test_stages(stage: str, last: str | None):
    """By name or by number, and nothing that comes after."""
    file = Dockerfile.from_text(STAGES)
    assert file.stages() == ["One", "1", "three"]
    found = file.up_to(stage)
    assert (found and found.instructions[-1].rest) == last
