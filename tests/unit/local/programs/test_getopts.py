"""Command lines as getopt_long reads them."""

from __future__ import annotations

import pytest

from fcx.local.programs.getopts import OptionProblem, Table


def test_long_options_may_be_shortened_while_they_are_clear():
    """As getopt_long does it."""
    table = Table("n|name= number verbose k|kill?")
    assert table.parse(["--nam", "x", "--verb", "-k1", "-k", "rest", "--name"]) == (
        [("name", "x"), ("verbose", None), ("kill", "1"), ("kill", None)],
        ["rest", "--name"],
    )
    with pytest.raises(OptionProblem, match="ambiguous"):
        table.parse(["--n"])
    with pytest.raises(OptionProblem, match="requires an argument"):
        table.parse(["--name"])
