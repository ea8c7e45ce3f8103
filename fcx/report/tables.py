"""Numbers of a report in tiles and tables, and its failures (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from . import words
from .model import Failure, Pilot, Report

SHOWN = 100  # pilots, failures and functions; the JSON has all
REQUESTS = {
    "ask for a job": "ask Slurm for a job",
    "ask for a job's files": "ask where a job writes",
    "ask who we are": "ask who the user is",
    "chmod": "make a folder private",
    "download": "read a file's bytes",
    "link": "make a link",
    "list": "list a folder",
    "look at": "look at a file",
    "make": "make a folder",
    "read": "read a log",
    "remove": "remove a file or folder",
    "submit the job": "submit a job",
    "write": "write a file",
}


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> str:
    """Cells that are HTML already; ``right``: columns of numbers."""
    kinds = [' class="n"' if n in set(right) else "" for n in range(len(heads))]
    head = "".join(f"<th{kind}>{one}</th>" for kind, one in zip(kinds, heads, strict=True))
    body = "".join(
        "<tr>"
        + "".join(f"<td{kind}>{one}</td>" for kind, one in zip(kinds, row, strict=True))
        + "</tr>"
        for row in rows
    )
    whole = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="wide"><table>{whole}</table></div>'


def tiles(report: Report) -> str:
    """The run in a few numbers."""
    totals, states = report.totals, report.totals.states
    parts = [
        f"{words.count(states[state])} {said}"
        for state, said in (
            *(("done", "done"), ("raised", "raised"), ("failed", "failed"), ("running", "running")),
            *(("waiting", "waiting"), ("cancelled", "cancelled"), ("unknown", "not known")),
        )
        if state in states
    ]
    least = "" if totals.sure else words.LEAST
    wait = totals.wait.median if totals.wait else None
    most = words.span(totals.wait.max if totals.wait else None)
    median = words.span(totals.seconds.median if totals.seconds else None)
    each = f"{totals.requests / totals.tasks:.2g} a task" if totals.tasks else ""
    repeated = f"{words.plural(totals.repeated, 'task')} begun again" if totals.repeated else ""
    shown = [
        ("Tasks", words.count(totals.tasks), ", ".join(parts)),
        ("From submit to begin", words.span(wait), f"median; longest {most}"),
        ("Work", words.span(totals.work), f"median {median} a task"),
        ("Workers at work", words.share(totals.utilisation), "of the time that they were there"),
        (
            "Node hours",
            f"{least}{words.hours(totals.node_hours)}",
            f"idle in {words.hours(totals.idle_node_hours)} of them",
        ),
        ("Requests", words.count(totals.requests), each),
    ]
    if repeated:
        lost = f"{words.span(totals.lost_work)} of work lost"
        shown.append(("Begun again", words.count(totals.repeated), lost))
    each_tile = (
        f'<div class="tile"><dt>{name}</dt><dd>{value}<small>{said}</small></dd></div>'
        for name, value, said in shown
    )
    return f'<dl class="tiles">{"".join(each_tile)}</dl>'


def notes(report: Report) -> str:
    """What a reader must know of the numbers."""
    told = report.notes
    if not told:
        return ""
    return f'<ul class="notes sub">{"".join(f"<li>{words.shown(one)}</li>" for one in told)}</ul>'


def quantiles(report: Report) -> str:
    """Both kinds of time in numbers."""
    rows = [
        (
            name,
            words.count(some.count),
            *(words.span(one) for one in (some.min, some.p10, some.median, some.p90, some.max)),
        )
        for name, some in (
            ("From submit to begin", report.totals.wait),
            ("Work", report.totals.seconds),
        )
        if some is not None
    ]
    heads = ("", "tasks", "shortest", "10 %", "median", "90 %", "longest")
    return table(heads, rows, range(1, 7))


def functions(report: Report) -> str:
    """What was called, and how it went."""
    shown = report.functions[:SHOWN]
    rows = [
        (
            f'<span class="mono">{words.name(one.name)}</span>',
            words.count(one.tasks),
            words.count(one.done),
            words.count(one.failed),
            words.span(one.median),
            words.span(one.work),
        )
        for one in shown
    ]
    heads = ("function", "tasks", "done", "failed", "median", "all work")
    return "<h2>Functions</h2>" + table(heads, rows, range(1, 6)) + _rest(report.functions, shown)


def _rest(all_: Sequence[object], shown: Sequence[object]) -> str:
    left = len(all_) - len(shown)
    return f'<p class="sub">{left:,} more are in the JSON.</p>' if left else ""


def failures(report: Report, room: int) -> str:
    """Those that are alike once; ``room``: characters for all tracebacks together."""
    if not report.failures:
        return ""
    shown = report.failures[:SHOWN]
    parts = []
    for one in shown:
        whole = len(one.traceback) <= room
        room -= len(one.traceback) if whole else 0
        parts.append(_failure(one, whole=whole))
    failed = sum(one.count for one in report.failures)
    kinds = words.plural(len(report.failures), "way")
    head = f"<h2>Failures</h2><p>{words.plural(failed, 'task')} failed in {kinds}.</p>"
    return head + "".join(parts) + _rest(report.failures, shown)


def _failure(one: Failure, *, whole: bool) -> str:
    """Its traceback where there is room, else its words."""
    told = one.traceback if one.traceback and whole else one.text
    cut = "" if whole or not one.traceback else " The traceback is in the JSON."
    first = " ".join(one.text.split())
    names = ", ".join(words.name(name) for name in one.functions[:5])
    some = ", ".join(words.name(task) for task in one.examples)
    count = f"{words.count(one.count)} {words.TIMES}"
    return (
        f'<details id="failure-{one.number}"><summary><b>{count}</b> '
        f'<span class="mono">{words.name(one.error)}</span>: {words.shown(first, 160)} '
        f'<span class="sub">in {names}</span></summary>'
        f'<p class="sub">The first of them, such as {some}.{cut}</p>'
        f"<pre>{words.shown(told.rstrip())}</pre></details>"
    )


def pilots(report: Report) -> str:
    """The jobs, and what became of their time."""
    if not report.pilots:
        return ""
    shown = report.pilots[:SHOWN]
    heads = ["job", "nodes", "state", "waited for Slurm", "lasted", "tasks begun", "node hours"]
    shaped = len(report.shapes) > 1
    heads = [*heads, "idle", *(("shape",) if shaped else ())]
    rows = [[*_pilot(one, report), *((str(one.shape),) if shaped else ())] for one in shown]
    jobs = words.plural(len(report.pilots), "job")
    return (
        f"<h2>Jobs</h2><p>{jobs}, in which agents ran the tasks. Lasted: by Slurm's word where it "
        "is known, else by that of the agents.</p>"
        + table(heads, rows, (1, 3, 4, 5, 6, 7, 8))
        + _rest(report.pilots, shown)
    )


def _pilot(one: Pilot, report: Report) -> list[str]:
    whys = ", ".join(dict.fromkeys(agent.why for agent in one.agents if agent.why))
    state = words.name(one.state.lower() or "not seen")
    if one.ended is None and report.ended and one.state:
        state += " when last seen"
    if whys:
        state += f' <span class="sub">({words.name(whys)})</span>'
    elif one.reason:
        state += f' <span class="sub">({words.name(one.reason)})</span>'
    if one.starts > 1:
        state += f', <span class="sub">begun {words.count(one.starts)} times</span>'
    waited = None
    if one.submitted is not None and one.began is not None:
        waited = max(0.0, one.began - one.submitted)
    lasted = one.node_hours * 3600 / one.nodes if one.nodes else None
    least = "" if one.sure or one.began is None else words.LEAST
    hosts = ", ".join(dict.fromkeys(words.name(agent.node) for agent in one.agents[:4]))
    job = f'<span class="mono">{words.name(one.job or "none yet")}</span>'
    return [
        f'{job} <span class="sub">{hosts}</span>',
        str(one.nodes or words.NONE),
        state,
        words.span(waited),
        f"{least}{words.span(lasted)}",
        words.count(sum(agent.tasks for agent in one.agents)),
        f"{least}{words.hours(one.node_hours)}",
        words.hours(one.idle_node_hours),
    ]


def requests(report: Report) -> str:
    """What was asked of FirecREST."""
    if not report.requests:
        return ""
    known = [(REQUESTS.get(what, what), count) for what, count in report.requests.items()]
    rows = [(words.name(what), words.count(count)) for what, count in known]
    sent, back = report.totals.bytes_sent, report.totals.bytes_returned
    return (
        f"<h2>Requests</h2><p>{words.count(report.totals.requests)} requests to FirecREST, "
        f"repeated ones among them. Payloads of tasks: {words.count(sent)} bytes; results: "
        f"{words.count(back)} bytes.</p>" + table(("for", "requests"), rows, (1,))
    )
