"""The lanes of the timeline: one for each worker, or for more where there are too many (pure)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from .model import Agent, Pilot, Report

MOST = 40  # lanes that a page has room for
Span = tuple[float, float, str]  # begin, end, outcome


@dataclass
class Lane:
    """What lies side by side. ``workers``: that it stands for; over 1, it shows how many work."""

    label: str
    group: str  # a heading above the first of its lanes
    workers: int
    lives: list[tuple[float, float]] = field(default_factory=list)
    waits: list[tuple[float, float]] = field(default_factory=list)  # for Slurm
    spans: list[Span] = field(default_factory=list)


@dataclass(frozen=True)
class Lanes:
    """All of them, and of each attempt in which it is."""

    lanes: list[Lane]
    kind: str  # what one stands for: worker | node | job | jobs
    of: list[int]  # lane of each attempt of the report; -1: in none, for it is not known when


def lanes(report: Report, until: float) -> Lanes:
    """As fine as there is room for."""
    pilots = [pilot for pilot in report.pilots if pilot.agents or pilot.submitted]
    agents = [agent for pilot in pilots for agent in pilot.agents]
    if sum(max(1, agent.workers) for agent in agents) <= MOST:
        made, where = _by_worker(pilots, until)
        kind = "worker"
    elif len(agents) <= MOST:
        made, where = _by_agent(pilots, until)
        kind = "node"
    else:
        made, where = _by_pilots(pilots, until)
        kind = "job" if len(pilots) <= MOST else "group of jobs"
    of = []
    for _task, _number, agent, worker, begin, seconds, outcome, _size in report.attempts.data:
        lane = where.get((agent, worker), where.get((agent, -1), -1))
        if begin is None or lane < 0:
            of.append(-1)
            continue
        of.append(lane)
        end = until if outcome == "running" else begin + (seconds or 0.0)
        made[lane].spans.append((begin, end, outcome))
    for one in made:
        one.spans.sort()
    return Lanes(made, kind, of)


Made = tuple[list[Lane], dict[tuple[str, int], int]]


def _heading(pilot: Pilot, agent: Agent | None) -> str:
    node = f" on {agent.node}" if agent and agent.node else ""
    return f"job {pilot.job or '?'}{node}"


def _life(agent: Agent) -> tuple[float, float]:
    return agent.began, agent.ended or agent.seen


def _queued(pilot: Pilot, until: float) -> list[tuple[float, float]]:
    """Until Slurm began it, or the first word of an agent."""
    begins = [agent.began for agent in pilot.agents]
    begin = min(begins, default=pilot.began or until)
    return [(pilot.submitted, begin)] if pilot.submitted and begin > pilot.submitted else []


def _by_worker(pilots: Sequence[Pilot], until: float) -> Made:
    made: list[Lane] = []
    where: dict[tuple[str, int], int] = {}
    for pilot in sorted(pilots, key=lambda one: not one.agents):  # what never began may be cut off
        for agent in pilot.agents:
            for worker in range(max(1, agent.workers)):
                where[agent.name, worker] = len(made)
                waits = _queued(pilot, until)
                lives = [_life(agent)]
                made.append(Lane(f"worker {worker}", _heading(pilot, agent), 1, lives, waits))
        if not pilot.agents:
            made.append(Lane("", _heading(pilot, None), 1, [], _queued(pilot, until)))
    return made[: MOST * 2], where


def _by_agent(pilots: Sequence[Pilot], until: float) -> Made:
    made: list[Lane] = []
    where: dict[tuple[str, int], int] = {}
    for pilot in pilots:
        for agent in pilot.agents:
            where[agent.name, -1] = len(made)
            lives, waits = [_life(agent)], _queued(pilot, until)
            made.append(Lane(_heading(pilot, agent), "", max(1, agent.workers), lives, waits))
    return made, where


def _by_pilots(pilots: Sequence[Pilot], until: float) -> Made:
    """One after the other, as many in each lane as there must be."""
    each = -(-len(pilots) // MOST)
    made: list[Lane] = []
    where: dict[tuple[str, int], int] = {}
    for first in range(0, len(pilots), each):
        some = pilots[first : first + each]
        label = _heading(some[0], None)
        label += f" and {len(some) - 1} more" if len(some) > 1 else ""
        agents = [agent for pilot in some for agent in pilot.agents]
        for agent in agents:
            where[agent.name, -1] = len(made)
        workers = sum(max(1, agent.workers) for agent in agents)
        lives = [_life(agent) for agent in agents]
        waits = [wait for pilot in some for wait in _queued(pilot, until)]
        made.append(Lane(label, "", max(1, workers), lives, waits))
    return made, where


def merged(spans: Sequence[Span], gap: float) -> dict[str, list[tuple[float, float]]]:
    """Spans of one lane by outcome, those that are nearer than ``gap`` as one."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for begin, end, outcome in spans:
        known = found[outcome]
        if known and begin - known[-1][1] < gap:
            known[-1] = known[-1][0], max(known[-1][1], end)
        else:
            known.append((begin, end))
    return found


def occupancy(lane: Lane, edges: Sequence[float]) -> list[float]:
    """Which share of a lane's workers is at work between each two of these moments."""
    width = edges[1] - edges[0]
    bins = [0.0] * (len(edges) - 1)
    for begin, end, _ in lane.spans:
        first = max(0, int((begin - edges[0]) / width))
        last = min(len(bins) - 1, int((end - edges[0]) / width))
        for number in range(first, last + 1):
            low, high = max(begin, edges[number]), min(end, edges[number + 1])
            bins[number] += max(0.0, high - low)
    return [min(1.0, one / width / lane.workers) for one in bins]
