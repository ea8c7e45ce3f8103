"""A page needs nothing else, is under a megabyte, and what others wrote is text in it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from ledgers import BEGAN, beginning, drawn, ended, many, pilot, submitted

from fcx.report import lines, words
from fcx.report.page import MOST, page

HOSTILE = (
    "</script><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>'",
    "</title></svg><!--",
    "\x00\x1b[31m\x7f\x85",
    "\ud800 \u202e \u2066 \ufeff \u2028",
    "😀 日本語 é",
    "&lt;script&gt; ]]> {{7*7}}",
    "x" * 5000,
)


class Tags(HTMLParser):
    """Which elements and attributes a page has, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def parsed(text: str) -> Tags:
    tags = Tags()
    tags.feed(text)
    return tags


def hostile_run() -> list[lines.Line]:
    found = [*beginning("sweep", image=HOSTILE[0], findings=[["info", *HOSTILE[:3]]])]
    for n, words_ in enumerate(HOSTILE, 1):
        task = f"t{n}{HOSTILE[1]}"
        found += [
            submitted(BEGAN + 1, task, name=words_.encode("utf-8", "replace").decode()),
            lines.Failure(
                n, HOSTILE[0], words_.encode("utf-8", "replace").decode(), HOSTILE[2] + str(n)
            ),
        ]
    found += pilot(1)
    rows = [
        (f"t{n}{HOSTILE[1]}", 0, 0, BEGAN + 5 + n, 0.5, 5, n) for n in range(1, len(HOSTILE) + 1)
    ]
    found += [lines.Read(BEGAN + 30, "1001.0.0", done=rows), ended(1, BEGAN + 31)]
    return [*found, lines.Ended(BEGAN + 31, HOSTILE[0])]


def test_what_others_wrote_adds_no_element_and_no_attribute():
    tame, wild = parsed(page(drawn(many(8, 1, 1)))), parsed(page(drawn(hostile_run())))
    assert set(wild.tags) <= {*tame.tags, "details", "summary", "pre", "b", "ul", "li"}
    assert wild.tags.count("script") == 2
    assert not [name for name, _ in wild.attributes if name.startswith("on")]
    assert "alert(1)" in wild.text


def test_what_is_not_seen_is_shown_by_its_number():
    text = page(drawn(hostile_run()))
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text
    )
    assert "\\x1b[31m" in text
    assert "\\u202e" in text
    text.encode()


@pytest.mark.parametrize("told", HOSTILE)
def test_data_cannot_end_its_element(told):
    assert not set("<>&") & set(words.data([told]))


def test_a_page_asks_for_nothing():
    tags = parsed(page(drawn(many(100))))
    policy = next(
        value for name, value in tags.attributes if name == "content" and "default-src" in value
    )
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "connect-src" not in policy
    assert "unsafe" not in policy
    links = [value for name, value in tags.attributes if name in {"src", "href", "action", "data"}]
    assert all(value.startswith("data:") for value in links)
    assert not [name for name, _ in tags.attributes if name == "style"]


@pytest.mark.parametrize(("tasks", "pilots", "workers"), [(10_000, 12, 3)])
def test_ten_thousand_tasks_fit_with_each_of_them(tasks, pilots, workers):
    text = page(drawn(many(tasks, pilots, workers)))
    assert len(text.encode()) < MOST
    assert f"t{tasks:07d}" in text


def test_more_are_summed_up():
    report = drawn(many(20_000, 60, 8))
    text = page(report)
    assert len(text.encode()) < MOST
    assert "one line for each group of jobs" in text
    assert 'id="attempts"' not in text
    assert "20,000" in text


def test_many_long_tracebacks_give_way_to_their_words():
    found = many(400, 1, 1)
    at = next(n for n, line in enumerate(found) if isinstance(line, lines.Failure))
    rows = [
        lines.Failure(n, f"Error{n}", "too bad", "<frame>" * 2500 + str(n)) for n in range(1, 301)
    ]
    read = next(n for n, line in enumerate(found) if isinstance(line, lines.Read))
    failing = [(*row[:6], n % 300 + 1) for n, row in enumerate(found[read].done)]
    found[read] = lines.Read(found[read].at, found[read].log, done=failing)
    text = page(drawn([*found[:at], *rows, *found[at + 1 :]]))
    assert len(text.encode()) < MOST
    assert "The traceback is in the JSON" in text
    assert "200 more are in the JSON" in text


def test_totals_come_first():
    text = page(drawn(many(100)))
    assert text.index("tiles") < text.rindex("<svg")


def test_a_run_without_tasks_says_so():
    assert "No task was submitted" in page(drawn([*beginning(), lines.Ended(BEGAN + 1)]))


def test_the_image_the_build_and_the_code_can_be_cited():
    text = page(drawn(many(10)))
    for cited in (
        "registry.example/team/sim@sha256:" + "d" * 64,
        "b1d",
        "e" * 64,
        "c" * 64,
        "numpy 2.1.0",
    ):
        assert cited in text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.0319, "31.9 ms"),
        (1.0, "1 s"),
        (99.2, "99.2 s"),
        (303, "5 min 3 s"),
        (8040, "2 h 14 min"),
        (1e6, "11.6 days"),
    ],
)
def test_times_are_said_as_people_do(seconds, said):
    assert words.span(seconds) == said
