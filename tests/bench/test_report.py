"""What the table says of figures: ratios, goals that are missed, rows that got worse."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from .chart import drawn
from .page import page
from .report import told
from .rows import ROWS, SITES, chosen

MACHINE = dict.fromkeys(
    ("processor", "cores", "memory_GB", "system", "kernel", "python", "slurm", "commit"), "x"
)


def figures(fcx: float, row: str = "noops-1", site: str = "loopback", **more):
    """A row as it stands in the JSON."""
    common = {"row": row, "site": site, "memory_MB": 60.0, **more}
    return [
        {**common, "who": "floor", "seconds": 1.0, "requests": 8, "share": 1.0},
        {**common, "who": "fcx", "seconds": fcx, "requests": 12, "share": 1.0 / fcx},
    ]


def test_a_row_that_got_worse_is_red():
    """By the ratio to its base: a slower machine is no worse."""
    text, worse = told(figures(1.4), figures(1.1))
    assert worse == ["noops-1"]
    red = next(line for line in text.splitlines() if "\x1b[31m" in line)
    assert "fcx" in red
    assert "1.40" in red
    assert "stored 1.10" in red


def test_a_row_that_did_not_is_plain():
    """Within a fifth, or not stored at all."""
    for stored in (figures(1.2), figures(1.2, site="300 ms"), []):
        text, worse = told(figures(1.4), stored)
        assert not worse
        assert "\x1b" not in text


def test_a_goal_that_is_missed_is_told():
    """By how much."""
    assert "misses ratio 1.4, not 1.1" in told(figures(1.4), [])[0]
    assert "misses" not in told(figures(1.05), [])[0]


def test_keys_of_rows_differ():
    """A figure belongs to one row."""
    assert len({row.key for row in ROWS}) == len(ROWS)
    assert {row.site for row in ROWS} == set(SITES)
    assert not [row for row in ROWS if row.base not in row.who]


def test_the_longest_rows_are_left_out_unless_they_are_named():
    """And the short form has fewer."""
    sites = list(SITES)
    most = {row.name for row in chosen([], quick=False, sites=sites)}
    assert "trickle-15" not in most
    assert {row.name for row in chosen([], quick=True, sites=sites)} < most
    assert [row.name for row in chosen(["trickle-15"], quick=False, sites=sites)] == ["trickle-15"]


def test_the_page_has_all_parts():
    """The table, what is missed, the sites, and the processor."""
    rows = [each for site in SITES for each in figures(1.4, "noops-1000", site)]
    client = {"tasks": 100_000, "parts": {"pickle": 10.0, "core": 5.5}, "all": 15.5}
    text = page({"machine": MACHINE, "when": "2026-01-01", "rows": rows, "client": client})
    assert "**1.4 s**" in text
    assert "seconds 1.4, not 1.3" in text
    assert text.count("1.4 s, 12 requests") == len(SITES)
    assert "| pickle | 10.0 |" in text
    assert "| all | 15.5, wanted: 60 |" in text


def test_the_picture_has_a_dot_for_each():
    """It is well-formed, and each dot says what it is."""
    root = ET.fromstring(drawn(figures(1.4)))
    said = [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")]
    assert said == ["noops-1, floor: 1 s, 1.00 times", "noops-1, fcx: 1.4 s, 1.40 times"]
