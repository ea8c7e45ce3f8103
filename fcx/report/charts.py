"""The drawings of a report, as SVG: what can be seen without any script (pure)."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from . import words
from .axis import LogAxis, TimeAxis, counts
from .lanes import Lane, Lanes, merged, occupancy
from .model import Report

WIDTH, LEFT, RIGHT = 960, 150, 14
INNER = WIDTH - LEFT - RIGHT
STEPS = 260  # of the tasks over time
BINS = 390  # of a lane that shows how many work
LEVELS = 5  # of that
BARS = 8  # of a decade
OUTCOME = {"value": "done", "raised": "failed", "died": "failed", "lost": "failed"}
LAYERS = (("done", "done"), ("failed", "failed or cancelled"), ("running", "running"))
FLOW = (*LAYERS, ("waiting", "waiting"))


@dataclass(frozen=True)
class Frame:
    """The size of a drawing, and what is said of it to whoever cannot see it."""

    height: float
    title: str
    name: str

    def drawn(self, inner: Iterable[str]) -> str:
        """The element."""
        return (
            f'<svg viewBox="0 0 {WIDTH} {self.height:g}" role="img" id="{self.name}" '
            f'aria-labelledby="{self.name}-title"><title id="{self.name}-title">'
            f"{words.shown(self.title)}</title>{''.join(inner)}</svg>"
        )


def number(value: float) -> str:
    """A coordinate to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


def text(x: float, y: float, what: str, kind: str = "") -> str:
    """Some text; ``kind`` is its class."""
    said = f' class="{kind}"' if kind else ""
    return f'<text x="{number(x)}" y="{number(y)}"{said}>{words.shown(what)}</text>'


def time_axis(axis: TimeAxis, top: float, bottom: float) -> list[str]:
    """Ticks, what they say, and the unit."""
    marks = [
        f'<path class="grid" d="M{number(axis.x(at))} {number(top)}V{number(bottom)}"/>'
        + text(axis.x(at), bottom + 15, told, "tick mid")
        for at, told in axis.ticks
    ]
    unit = f"{axis.unit[1]} since {words.moment(axis.begin)}"
    return [
        '<g class="time">',
        *marks,
        "</g>",
        text(LEFT + INNER / 2, bottom + 32, unit, "label mid"),
    ]


# -- tasks over time -------------------------------------------------------------------------


def flow(report: Report, axis: TimeAxis) -> str:
    """How many tasks wait, run and are done, one above the other."""
    top, height = 12.0, 190.0
    bottom = top + height
    most = max(1, report.totals.tasks)
    levels = _levels(report, axis)
    ticks = [
        f'<path class="grid" d="M{LEFT} {number(bottom - height * n / most)}h{INNER}"/>'
        + text(LEFT - 8, bottom - height * n / most + 4, words.count(n), "tick end")
        for n in counts(most)
    ]
    parts, base = [], [0] * (STEPS + 1)
    for kind, _ in FLOW:
        above = [low + more for low, more in zip(base, levels[kind], strict=True)]
        if any(levels[kind]):
            d = _band(base, above, lambda n: bottom - height * n / most)
            parts.append(f'<path class="fill {kind}" d="{d}"/>')
        base = above
    title = f"Tasks over time: {words.plural(report.totals.tasks, 'task')}, by what they were doing"
    side = f'<text class="label mid" transform="translate(14 {top + height / 2}) rotate(-90)">'
    inner = [*ticks, *time_axis(axis, top, bottom), *parts, f"{side}tasks</text>"]
    return Frame(bottom + 40, title, "flow").drawn(inner)


def _band(low: Sequence[int], high: Sequence[int], y: object) -> str:
    """The area between two steps, corners in the middle of nowhere left out."""
    assert callable(y)
    step = INNER / STEPS
    forth, back = _corners(high), _corners(low)
    d = [f"{number(LEFT + n * step)} {number(y(value))}" for n, value in forth]
    d += [f"{number(LEFT + n * step)} {number(y(value))}" for n, value in reversed(back)]
    return "M" + "L".join(d) + "Z"


def _corners(values: Sequence[int]) -> list[tuple[int, int]]:
    """Those that a line needs."""
    last = len(values) - 1
    return [
        (n, value)
        for n, value in enumerate(values)
        if n in (0, last) or not values[n - 1] == value == values[n + 1]
    ]


def _levels(report: Report, axis: TimeAxis) -> dict[str, list[int]]:
    """At each step, how many."""
    submitted: list[float] = []
    begun: list[float] = []
    done: list[float] = []
    failed: list[float] = []
    column = {name: at for at, name in enumerate(report.tasks.columns)}
    for row in report.tasks.data:
        since, wait = row[column["submitted"]], row[column["wait"]]
        ended, state = row[column["ended"]], row[column["state"]]
        if since is None:  # another machine knows: it is not shown before its end
            since = axis.begin if ended is None else ended
        submitted.append(since)
        if ended is not None:
            (done if state == "done" else failed).append(ended)
        if wait is not None or ended is not None:
            begun.append(ended if wait is None else since + wait)
    times = [axis.begin + (axis.end - axis.begin) * n / STEPS for n in range(STEPS + 1)]
    sums = [_sums(sorted(each), times) for each in (submitted, begun, done, failed)]
    found: dict[str, list[int]] = {kind: [] for kind, _ in FLOW}
    for all_, begins, well, badly in zip(*sums, strict=True):
        ended_ = min(well + badly, begins)
        found["done"].append(well)
        found["failed"].append(badly)
        found["running"].append(max(0, begins - ended_))
        found["waiting"].append(max(0, all_ - max(begins, well + badly)))
    return found


def _sums(moments: list[float], times: list[float]) -> list[int]:
    return [bisect_right(moments, at + 1e-6) for at in times]


# -- the timeline ----------------------------------------------------------------------------

PITCH, HEAD = 15.0, 20.0


def timeline(drawn: Lanes, axis: TimeAxis) -> tuple[str, list[float]]:
    """What each worker did when; and how far down each lane is."""
    y, group, tops = 4.0, "", []
    parts: list[str] = []
    spans: dict[str, list[str]] = {}
    for lane in drawn.lanes:
        if lane.group and lane.group != group:
            group = lane.group
            parts.append(text(4, y + 13, words.name(group), "group"))
            y += HEAD
        tops.append(y)
        parts.append(text(LEFT - 8, y + PITCH - 4.5, lane.label, "tick end"))
        _lane(lane, axis, y, spans)
        y += PITCH
    order = ("queue", "life", *(f"level{n}" for n in range(1, LEVELS + 1)), *("done", "running"))
    order = (*order, "failed")
    drawn_spans = [
        f'<path class="lane {kind}" d="{"".join(spans[kind])}"/>' for kind in order if kind in spans
    ]
    title = f"What each {drawn.kind} did when: {len(drawn.lanes)} in all"
    body = [*parts, *time_axis(axis, 2, y + 4), '<g class="spans">', *drawn_spans, "</g>"]
    return Frame(y + 44, title, "timeline").drawn(body), tops


def _lane(lane: Lane, axis: TimeAxis, top: float, spans: dict[str, list[str]]) -> None:
    """Strokes of one lane, by class."""
    middle = top + PITCH / 2

    def stroke(kind: str, begin: float, end: float) -> None:
        x, until = axis.x(begin), axis.x(end)
        width = max(0.6, until - x)
        spans.setdefault(kind, []).append(f"M{number(x)} {number(middle)}h{number(width)}")

    for begin, end in lane.waits:
        stroke("queue", begin, end)
    for begin, end in lane.lives:
        stroke("life", begin, end)
    if lane.workers > 1:
        edges = [axis.begin + (axis.end - axis.begin) * n / BINS for n in range(BINS + 1)]
        for level, begin, end in _alike(occupancy(lane, edges), edges):
            stroke(f"level{level}", begin, end)
        return
    gap = (axis.end - axis.begin) / INNER * 0.7
    for outcome, some in merged(lane.spans, gap).items():
        for begin, end in some:
            stroke(OUTCOME.get(outcome, outcome), begin, end)


def _alike(shares: list[float], edges: list[float]) -> list[tuple[int, float, float]]:
    """Neighbours of the same level as one; what is empty is left out."""
    found: list[tuple[int, float, float]] = []
    for n, share in enumerate(shares):
        level = math.ceil(share * LEVELS - 1e-6)
        if level and found and found[-1][0] == level and found[-1][2] == edges[n]:
            found[-1] = level, found[-1][1], edges[n + 1]
        elif level:
            found.append((level, edges[n], edges[n + 1]))
    return found


# -- waiting against work --------------------------------------------------------------------


def histograms(waits: list[float], works: list[float]) -> str:
    """How long tasks waited, and how long they worked, on one axis."""
    axis = LogAxis.over(waits + works, LEFT, INNER)
    parts, top, height = [], 22.0, 74.0
    for name, kind, values in (
        ("from submit to begin", "waiting", waits),
        ("work", "done", works),
    ):
        if not values:
            continue
        parts += _bars(axis, values, top, height, kind)
        parts.append(text(LEFT + 2, top - 8, name, "group"))
        top += height + 34
    bottom = top - 34
    for at, told in axis.ticks:
        parts.append(text(axis.x(at), bottom + 15, told, "tick mid"))
    parts.append(text(LEFT + INNER / 2, bottom + 32, "seconds a task, logarithmic", "label mid"))
    title = "How long tasks waited from their submit to their begin, and how long they worked"
    return Frame(bottom + 40, title, "histograms").drawn(parts)


def _bars(axis: LogAxis, values: list[float], top: float, height: float, kind: str) -> list[str]:
    decades = math.log10(axis.most / axis.least)
    bins = [0] * max(1, round(decades * BARS))
    for value in values:
        place = math.log10(max(value, axis.least) / axis.least) * BARS
        bins[min(len(bins) - 1, int(place))] += 1
    most, width, bottom = max(*bins, 1), INNER / len(bins), top + height
    parts = [
        f'<path class="grid" d="M{number(axis.x(at))} {number(top)}v{number(height)}"/>'
        for at, _ in axis.ticks
    ]
    for n in counts(most):
        y = bottom - height * n / most
        parts.append(f'<path class="grid" d="M{LEFT} {number(y)}h{INNER}"/>')
        parts.append(text(LEFT - 8, y + 4, words.count(n), "tick end"))
    for n, count in enumerate(bins):
        if count:
            x, tall = LEFT + n * width, height * count / most
            box = f'x="{number(x + 0.5)}" y="{number(bottom - tall)}" width="{number(width - 1)}"'
            said = f"<title>{words.plural(count, 'task')}</title>"
            parts.append(f'<rect class="fill {kind}" {box} height="{number(tall)}">{said}</rect>')
    if values:
        x = axis.x(sorted(values)[len(values) // 2])
        parts.append(f'<path class="median" d="M{number(x)} {number(top)}v{number(height)}"/>')
    side = f'<text class="label mid" transform="translate(70 {top + height / 2}) rotate(-90)">'
    return [*parts, f"{side}tasks</text>"]
