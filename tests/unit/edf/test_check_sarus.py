"""What the check says for the Sarus suite, compared with the Bash that expands values there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fcx.edf.check import check
from fcx.edf.lookup import finder


def test_sarus_wants_an_image_or_a_base_in_each_file(tmp_path: Path):
    """Also in those that it is based on; the fix makes it go."""
    base, top = tmp_path / "base.toml", 'image = "me/x:fcx-0123456789ab"\nentrypoint = false\n'
    base.write_text('[env]\nA = "1"\n')
    text = f'base_environment = "{base}"\n{top}'
    lookup = finder({}, tmp_path)
    assert check(text, dialect="ce", lookup=lookup) == []
    (finding,) = check(text, dialect="sarus", lookup=lookup)
    assert (finding.code, finding.severity) == ("base-level", "error")
    assert 'write image = "me/x:fcx-0123456789ab" above the first [table]' in finding.fix
    base.write_text(f'image = "me/x:fcx-0123456789ab"\n{base.read_text()}')
    assert check(text, dialect="sarus", lookup=lookup) == []


@pytest.mark.parametrize(
    "value", ["${HOME#/}", "${A-x}", "${A:1}", "\\\\$HOME", "$HOME", "a,b:c", "${A:+x}", "${A%%.*}"]
)
def test_what_bash_expands_is_fine_on_sarus(value: str):
    """Most of it is documented."""
    text = f'image = "me/x:fcx-0123456789ab"\nentrypoint = false\n[env]\nB = "{value}"'
    assert check(text, dialect="sarus") == []


BASH = {"HOME": "/users/me", "A": "some.thing"}


def expanded_by_bash(value: str) -> tuple[int, str]:
    """What the Sarus suite's parser gets of a value: that of a restricted Bash."""
    words = ["bash", "-r", "-c", f'set -u; echo -n "{value}"']
    done = subprocess.run(words, env=BASH, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("${HOME#/}", "users/me"),
        ("${A-x}", "some.thing"),
        ("${B-/x}", "/x"),
        ("${A+/x}", "/x"),
        ("${A:1}", "ome.thing"),
        ("${A%%.*}", "some"),
        (r"\$HOME", "$HOME"),
        (r"say \"x\"", 'say "x"'),
    ],
)
def test_bash_takes_values_as_the_check_says_of_sarus(value: str, result: str):
    """Asked of Bash itself; and there is nothing to say of them."""
    assert expanded_by_bash(value) == (0, result)
    text = f"image = 'me/x:fcx-0123456789ab'\nentrypoint = false\n[env]\nB = '{value}'"
    assert check(text, dialect="sarus") == []


@pytest.mark.parametrize("value", ["${HOME", "${MISSING}", "$MISSING/x"])
def test_what_bash_cannot_expand_is_empty_as_the_check_says(value: str):
    """The whole value, and the parser does not look at Bash's exit code."""
    code, result = expanded_by_bash(value)
    assert (code != 0, result) == (True, "")
    text = f"image = 'me/x:fcx-0123456789ab'\nentrypoint = false\n[env]\nB = '{value}'"
    (finding,) = check(text, dialect="sarus")
    assert "empty" in finding.why


def test_two_dollars_are_a_number_on_sarus():
    """The CE makes one dollar of them; the fix gives one on Sarus."""
    assert expanded_by_bash("5$$")[1] != "5$"
    text = "image = 'me/x:fcx-0123456789ab'\nentrypoint = false\n[env]\nB = '5$$'"
    (finding,) = check(text, dialect="sarus")
    assert (finding.code, finding.fix) == ("dollar", r'write "5\\$"')
    assert expanded_by_bash(r"5\$") == (0, "5$")
    assert check(text, dialect="ce") == []
