"""What jobs and agents lasted, each start of a job by itself: a requeued one has several (pure).

Slurm tells of the start that it knows just now; what came before it, agents may have told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from . import model
from .history import Agent, Attempt, History, Pilot, Start

NEAR = 5.0  # seconds by which an agent may begin before its job did: two clocks tell
LAG = 30.0  # seconds for which Slurm may call a job pending whose agent has begun


@dataclass
class Spell:
    """One start of a job: what Slurm says of it, if it was asked then, and its agents."""

    word: Start | None
    agents: list[Agent] = field(default_factory=list)

    @property
    def began(self) -> float:
        """By the cluster's clock; 0: an older fcx did not tell."""
        begins = [agent.began for agent in self.agents if agent.began]
        return self.word.began if self.word else min(begins, default=0.0)

    @property
    def nodes(self) -> int:
        """As Slurm says, else those that had an agent."""
        return (self.word.nodes if self.word else 0) or len(self.agents)

    @property
    def ended(self) -> float:
        """When it did, by Slurm or by what all its agents said; 0: not known."""
        if self.word and self.word.ended:
            return self.word.ended
        ends = [agent.ended for agent in self.agents]
        return max(ends) if ends and all(ends) else 0.0


def spells(pilot: Pilot, agents: Iterable[Agent]) -> list[Spell]:
    """All starts of a pilot's job, the first one first."""
    found = [Spell(word) for word in pilot.starts]
    groups: dict[int, list[Agent]] = defaultdict(list)
    for agent in agents:
        groups[agent.start].append(agent)
    for _, group in sorted(groups.items()):
        own = Spell(None, group)
        free = [one for one in found if not one.agents and one.began <= own.began + NEAR]
        if not own.began:
            free = [one for one in found if not one.agents][-1:]
        nearest = min(free, key=lambda one: abs(one.began - own.began), default=None)
        if nearest is None:
            found.append(own)
        else:
            nearest.agents = group
    return sorted(found, key=lambda one: one.began)


class Hours:
    """The jobs of one history; ``now``: a process serves it, at this moment."""

    def __init__(self, history: History, shift: float, now: float | None) -> None:
        self._pilots = history.pilots
        self._shift = shift
        self._now = now
        self._agents: dict[str, list[Agent]] = defaultdict(list)
        for agent in history.agents.values():
            self._agents[agent.pilot].append(agent)

    def is_gone(self, agent: Agent) -> bool:
        """Whether its job has ended, or was begun again since, or waits to be."""
        pilot = self._pilots.get(agent.pilot)
        if pilot is None:
            return False
        again = any(other.start > agent.start for other in self._agents[agent.pilot])
        waits = pilot.waits and pilot.heard > agent.last + self._shift + LAG
        return pilot.has_ended or again or waits

    def pilot(
        self, pilot: Pilot, attempts: Mapping[str, Sequence[Attempt]], until: float
    ) -> model.Pilot:
        """One, with its agents; what still runs is drawn up to ``until``."""
        own = spells(pilot, self._agents[pilot.name])
        shown = [
            self._agent(one, spell, attempts[one.name], until)
            for spell in own
            for one in spell.agents
        ]
        seconds = sum(self._seconds(pilot, spell, last=spell is own[-1]) for spell in own)
        last = own[-1] if own else None
        ended = pilot.over or (last.ended if last and not pilot.waits else 0.0)
        idle = max(0.0, seconds - sum(one.busy for one in shown))
        return model.Pilot(
            *(pilot.name, pilot.job, pilot.shape, pilot.state, pilot.reason),
            moment(pilot.submitted),
            moment(own[0].began, self._shift) if own else None,
            moment(ended, self._shift),
            last.nodes if last else 0,
            *(round(seconds / 3600, 6), round(idle / 3600, 6)),
            _basis(own),
            all(spell.ended for spell in own),
            shown,
            len(own),
        )

    def _seconds(self, pilot: Pilot, spell: Spell, *, last: bool) -> float:
        """Of all its nodes; of a start whose end is not known, up to the last sign of it."""
        if not spell.began:
            return 0.0
        began, until = spell.began + self._shift, spell.ended + self._shift
        if not spell.ended:
            signs = [agent.last + self._shift for agent in spell.agents]
            until = max([spell.word.seen if spell.word else 0.0, began, *signs])
            gone = pilot.has_ended or (pilot.waits and spell.word)
            gone = gone or any(map(self.is_gone, spell.agents))
            if last and self._now is not None and not gone:
                until = self._now
            if spell.word:  # as Slurm counts: no more than it will
                until = float(int(until))
        return max(0.0, until - began) * spell.nodes

    def _agent(
        self, agent: Agent, spell: Spell, attempts: Sequence[Attempt], until: float
    ) -> model.Agent:
        shift = self._shift
        spans = [
            (one.begin, one.begin + (one.seconds or 0.0))
            if one.outcome != "running"
            else (one.begin, max(one.begin, until - shift))
            for one in attempts
            if one.begin
        ]
        ended = agent.ended or (spell.word.ended if spell.word else 0.0)
        goes_on = self._now is not None and not ended and not self.is_gone(agent)
        seen = self._now if goes_on else agent.last + shift
        return model.Agent(
            *(agent.name, agent.node, agent.cpus, agent.workers),
            moment(agent.began, shift) or 0.0,
            moment(ended, shift),
            round(seen or 0.0, 3),
            agent.why,
            round(covered(spans), 3),
            round(sum(end - begin for begin, end in spans), 3),
            len(attempts),
        )


def _basis(own: Sequence[Spell]) -> str:
    """Whose word the time is."""
    if own and all(spell.word and spell.word.ended for spell in own):
        return "Slurm"
    return "Slurm, agents" if any(spell.word for spell in own) else "agents"


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """The length of the union of intervals."""
    total, until = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total


def moment(seconds: float, shift: float = 0.0) -> float | None:
    """A moment that is known, by the client's clock."""
    return round(seconds + shift, 3) if seconds else None
