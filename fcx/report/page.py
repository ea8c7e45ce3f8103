"""A report as one HTML page that needs nothing else: scripts are only for comfort (pure).

What others wrote (names, exceptions, paths) is text in it and nothing more: it is escaped, and the
policy of the page lets only its own style and script be used, by their digests.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any

from . import charts, provenance, tables, words
from .axis import TimeAxis
from .lanes import Lanes, lanes
from .model import Report

MOST = 1_000_000  # bytes of a page
DETAILED = 15_000  # attempts of which each can be pointed at
TRACEBACKS = (120_000, 20_000, 0)  # characters of all of them, as there is room
KINDS = {"value": "done", "running": "running"}
SAID = {
    "value": "done",
    "raised": "raised an exception",
    "died": "its worker died",
    "lost": "lost with its job",
    "running": "running",
}


def page(report: Report, *, version: str = "") -> str:
    """The page, under a megabyte; ``version``: it is one that follows the run, and is this old."""
    detailed = len(report.attempts.data) <= DETAILED
    made = ""
    for room in TRACEBACKS:
        made = _page(report, version, room, detailed=detailed)
        if len(made.encode()) < MOST:
            break
        detailed = False
    return made


def _page(report: Report, version: str, room: int, *, detailed: bool) -> str:
    style = _resource("page.css")
    script = _resource("page.js") + (_resource("live.js") if version else "")
    policy = (
        "default-src 'none'; img-src data:; "
        f"style-src {_digest(style)}; script-src {_digest(script)}; "
        f"base-uri 'none'; form-action 'none'{'; connect-src ' + SELF if version else ''}"
    )
    refresh = '<noscript><meta http-equiv="refresh" content="5"></noscript>' if version else ""
    head = (
        '<!DOCTYPE html><html lang="en"'
        + (f' data-version="{words.shown(version)}"' if version else "")
        + f'><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
        f'content="{policy}"><meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f'<link rel="icon" href="data:image/svg+xml,{ICON}">'
        f"<title>{words.name(report.name)}: run report</title>{refresh}"
        f"<style>{style}</style></head><body>"
    )
    body = "".join(_main(report, room, detailed=detailed))
    return f"{head}<main>{body}</main><script>{script}</script></body></html>\n"


SELF = "'self'"
ICON = (
    "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Cpath d='M1 4h9M3 8h12M1 12h7' stroke='%232f7d5b' stroke-width='3'/%3E%3C/svg%3E"
)


@cache
def _resource(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _main(report: Report, room: int, *, detailed: bool) -> Iterable[str]:
    until = _until(report)
    yield _heading(report, until)
    yield tables.tiles(report)
    yield tables.notes(report)
    if not report.tasks.data:
        yield "<p>No task was submitted.</p>"
    else:
        yield from _drawings(report, until, detailed=detailed)
        yield tables.functions(report)
    yield tables.failures(report, room)
    yield tables.pilots(report)
    yield tables.requests(report)
    yield provenance.section(report)
    drawn = f"Drawn {words.moment(report.drawn)} by fcx {words.shown(report.fcx)}"
    yield f"<footer><p>{drawn}, from what it noted while it served the run.</p></footer>"


def _until(report: Report) -> float:
    """The last moment that is drawn."""
    column = {name: at for at, name in enumerate(report.attempts.columns)}
    ends = [
        row[column["begin"]] + (row[column["seconds"]] or 0.0)
        for row in report.attempts.data
        if row[column["begin"]] is not None
    ]
    last = report.began + report.totals.elapsed
    return float(max([report.began + 0.1, last, *ends]))


def _heading(report: Report, until: float) -> str:
    state = "broken" if report.broken else report.state
    said = {"open": "not ended", "ended": "ended", "running": "running", "broken": "broken"}[state]
    broken = f'<p class="differs">{words.shown(report.broken)}</p>' if report.broken else ""
    return (
        f'<h1>{words.name(report.name)}<span class="state {state}">{said}</span></h1>'
        f'<p class="sub">A run of fcx on <b>{words.name(report.system)}</b>, begun '
        f"{words.moment(report.began)}, {words.span(until - report.began)} long</p>{broken}"
    )


def _drawings(report: Report, until: float, *, detailed: bool) -> Iterable[str]:
    axis = TimeAxis(report.began, until, charts.LEFT, charts.INNER)
    yield "<h2>Tasks over time</h2>" + _key((kind, said) for kind, said in charts.FLOW)
    yield f'<div class="plot">{charts.flow(report, axis)}</div>'
    drawn = lanes(report, until)
    if drawn.lanes:
        yield from _timeline(report, drawn, axis, detailed=detailed)
    column = {name: at for at, name in enumerate(report.tasks.columns)}
    waits = [row[column["wait"]] for row in report.tasks.data if row[column["wait"]] is not None]
    works = [row[column["work"]] for row in report.tasks.data if row[column["work"]] is not None]
    if waits or works:
        yield "<h2>Waiting against work</h2>" + tables.quantiles(report)
        yield f'<div class="plot">{charts.histograms(waits, works)}</div>'
        yield '<p class="sub">The dashed line is the median.</p>'


def _timeline(report: Report, drawn: Lanes, axis: TimeAxis, *, detailed: bool) -> Iterable[str]:
    svg, tops = charts.timeline(drawn, axis)
    yield "<h2>What each worker did</h2>"
    key = [("done", "work"), ("failed", "failed or lost"), ("running", "running")]
    if drawn.kind != "worker":
        key = [("done", "work: the darker, the more of its workers")]
        yield (
            f'<p class="sub">There are more workers than lines have room: one line for each '
            f"{drawn.kind}.</p>"
        )
    yield _key([*key, ("life", "idle"), ("queue", "its job waits for Slurm")])
    tip = '<div class="tip" role="status"></div>'
    yield f'<div class="plot">{svg}{tip}</div>'
    if detailed and drawn.kind == "worker":
        yield (
            '<p class="hint">Point at a bar to see its task; drag to zoom in, double-click to go '
            "back.</p>"
        )
        told = words.data(_pointed_at(report, drawn, axis, tops))
        yield f'<script type="application/json" id="attempts">{told}</script>'


def _pointed_at(report: Report, drawn: Lanes, axis: TimeAxis, tops: list[float]) -> dict[str, Any]:
    """What the page's script knows of each attempt, by column: seconds since the run began."""
    functions = {row[0]: row[1] for row in report.tasks.data}
    names = list(dict.fromkeys(functions.values()))
    numbers = {name: number for number, name in enumerate(names)}
    outcomes = list(SAID)
    rows = report.attempts.data
    known = [(row[4] or axis.begin) - axis.begin for row in rows]
    seconds = [
        axis.end - axis.begin - begin if row[6] == "running" else row[5] or 0.0
        for row, begin in zip(rows, known, strict=True)
    ]
    return {
        "left": axis.left,
        "width": axis.width,
        "length": round(axis.end - axis.begin, 3),
        "unit": axis.unit[0],
        "pitch": charts.PITCH,
        "tops": tops,
        "functions": [name[: words.LONGEST] for name in names],
        "kinds": [KINDS.get(outcome, "failed") for outcome in outcomes],
        "words": list(SAID.values()),
        "lane": drawn.of,
        "begin": [round(one, 3) for one in known],
        "seconds": [round(one, 3) for one in seconds],
        "function": [numbers[functions[row[0]]] for row in rows],
        "outcome": [outcomes.index(row[6]) for row in rows],
        "task": [row[0] for row in rows],
    }


def _key(of: Iterable[tuple[str, str]]) -> str:
    each = (f'<span><i class="{kind}"></i>{said}</span>' for kind, said in of)
    return f'<p class="key">{"".join(each)}</p>'
