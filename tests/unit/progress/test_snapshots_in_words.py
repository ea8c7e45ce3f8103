"""What is said of a snapshot, and what of it there is room for."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from fcx.progress import words
from fcx.progress.panel import html, panel
from fcx.progress.snapshot import Pilots, Snapshot

SEEN = Snapshot(
    "sweep",
    total=1000,
    done=340,
    failed=2,
    cancelled=1,
    running=8,
    pilots=Pilots(3, (("for free nodes", 1), ("jobs of a higher priority come first", 4)), 1.25),
    requests=41,
    seconds=83.0,
)


def test_all_of_it_in_a_line():
    """Tasks first, then pilots and why they wait, then what it costs."""
    assert words.line(SEEN) == (
        "fcx sweep: 340/1000 done, 8 running, 652 waiting, 2 failed, 1 cancelled | "
        "3 pilots up, 5 wait: jobs of a higher priority come first; for free nodes | "
        "41 requests, 1.25 node hours | 1:23"
    )


def test_a_narrow_line_keeps_what_matters_most():
    """Whole parts are left out, the last first; never a letter too many."""
    for width in range(4, 200):
        line = words.line(SEEN, width)
        assert len(line) <= width
        assert line.startswith("fcx ") or width < 7
    assert words.line(SEEN, 100).endswith("1 cancelled")
    assert words.line(SEEN, 40) == "fcx sweep: 340/1000 done, 8 running, ..."


@pytest.mark.parametrize("name", ["漢字" * 20, "größe" * 10, "e\u0301" * 40])
def test_a_narrow_line_has_room_for_letters_of_any_width(name: str):
    """What is wider than it says would break, and stay when it is wiped."""
    seen = [Snapshot(name, 5, 1), Snapshot("other", 5)]
    for width in range(10, 100):
        assert cell_len(words.line(seen[0], width)) <= width
        assert cell_len(words.summary(seen[0], width)) <= width
        assert cell_len(words.lines(seen, width)) <= width


def test_one_of_each_and_none():
    """Numbers agree with their words; a run without a name has none."""
    one = Snapshot("", 1, pilots=Pilots(0, (("for free nodes", 1),)), requests=1)
    assert words.line(one) == (
        "fcx: 0/1 done, 1 waiting | 1 pilot waits: for free nodes | 1 request, 0.000 node hours | 0:00"
    )
    assert words.pilots(Snapshot("", 1)) == "no pilot yet"
    assert words.pilots(Snapshot("", 1, 1)) == ""
    assert words.clock(3 * 3600 + 62) == "3:01:02"


def test_several_share_a_line():
    """Each has its part of it."""
    line = words.lines([SEEN, SEEN], 80)
    assert len(line) <= 80
    assert line.count("fcx sweep: 340/1000") == 2


def test_a_summary_says_nothing_of_pilots():
    """They are on their way out."""
    assert "pilot" not in words.summary(SEEN)
    assert words.summary(SEEN).endswith("1.25 node hours | 1:23")


def test_html_is_escaped_and_has_no_colours_of_its_own_ground():
    """A name is text; it is to be read on dark and on light."""
    text = html([Snapshot("<b>", 3, 1, failed=1)])
    assert "fcx &lt;b&gt;" in text
    assert "<b>" not in text
    assert "background:none" in text
    assert "1/3 done" in text


def test_a_panel_of_two_runs_has_a_block_for_each():
    """One display for all."""
    assert panel([SEEN], 60).title.plain == "fcx sweep"
    both = html([SEEN, Snapshot("other", 7)])
    assert "340/1000 done" in both
    assert "0/7 done" in both
    assert "other" in both
