"""docs/parity.md has every rule, and what becomes of it under either policy."""

from __future__ import annotations

import re

from places import REPOSITORY

from fcx.parity.rules import RULES


def test_the_table_is_that_of_the_rules():
    """Each code once, with both severities."""
    text = (REPOSITORY / "docs" / "parity.md").read_text("utf-8")
    table = text.partition("| finding |")[2].partition("\n\n")[0].splitlines()[2:]
    found = {}
    for line in table:
        codes, _about, strict, minor = line.strip("| ").split(" | ")
        for code in re.findall(r"`([\w-]+)`", codes):
            assert code not in found
            found[code] = (strict, minor)
    assert found == {code: tuple(map(str, severities)) for code, severities in RULES.items()}
