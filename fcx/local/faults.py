"""Faults on request: which requests go wrong, how, and how often; seeded, so that a run repeats.

A fault is KIND.EFFECT=VALUE: `fcx local up --fault submit.ghost=1`, or in tests
`cluster(faults={"submit.ghost": 1})`, or at run time `env.faults.set("submit", ghost=1)`. KIND is a
kind of request (api/kinds.py) or `*` for all of them. Effects that take a number of times (True:
always):

crash     500, done or not: nothing is done; the connection closes after the answer, as the real
          server's does after an error that it did not foresee
drop      the connection closes without an answer, and nothing is done
lost      the request is carried out, but its answer never arrives
ghost     (submit) the job is created, and the answer is a crash
limit     (submit) sbatch refuses: the user has too many jobs in the queue
half      (upload) half of the file is written, and the answer is a crash
fails     (transfer.*) the job that is made for it ends with an error, and does nothing
spoil     (stage.get, stage.post) a byte in the middle of the object becomes another

Effects that take a value, for each request until they are cleared:

latency   seconds more that the answer takes, drawn between half and one and a half of it
status    this status is answered instead, and nothing is done
rate      429, with Retry-After of so many seconds
quota     so many requests in each ten seconds, and 429 beyond; each answer has RateLimit headers
unsaid    the same, but that nothing tells of it until it is used up
hang      seconds that the command behind it takes: past the limit (5 s) it fails as a hung one does
appears   (submit) the answer is a crash, and the job appears so many seconds later
pending   (submit, transfer.*) seconds that the job waits before it may start
expires   (transfer.upload, transfer.download) seconds for which the object's addresses are good
missing   (job, jobs) a job is not found for so many seconds after its submission
bogus     (job, jobs) for so many seconds after its start, a job's record is the early, wrong one
lag       (ls) the listing is so many seconds old
down      (partitions) all of them are told to be down
skew      seconds by which the answer's Date is ahead

Jobs themselves go wrong through KIND `run`: node_fail, preempt, requeue, oom take the probability
that it happens to a job within `within` seconds (2) of its submission. KIND `token` has lifetime
(seconds) and refuse (True). KIND `health` has scheduler, ssh, filesystem and s3 (True): what the
server says of that service, although it works. `seed` (no kind) is the seed, 0 by default.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

COUNTED = frozenset({"crash", "drop", "lost", "ghost", "half", "limit", "fails", "spoil"})
VALUED = frozenset(
    {
        *("latency", "status", "rate", "quota", "unsaid"),
        *("hang", "appears", "pending", "expires", "missing", "bogus", "lag", "down", "skew"),
    }
)
RUN_EFFECTS = frozenset({"node_fail", "preempt", "requeue", "oom"})
TOKEN_EFFECTS = frozenset({"lifetime", "refuse"})
SERVICES = ("scheduler", "ssh", "filesystem", "s3")
EFFECTS = {"run": RUN_EFFECTS, "health": frozenset(SERVICES)}
"""Those of kinds that are no requests."""


@dataclass
class Rule:
    """One fault that is in force; `times` None is for ever."""

    kind: str
    effect: str
    value: float
    times: int | None
    probability: float


class Faults:
    """The faults in force, and what they did so far."""

    def __init__(self, seed: int = 0) -> None:
        self.rules: list[Rule] = []
        self.injected: list[dict[str, Any]] = []
        self.within = 2.0
        self.random = random.Random(seed)

    def seed(self, seed: int) -> None:
        """Begin the sequence of chances anew."""
        self.random.seed(seed)

    def set(
        self,
        kind: str,
        effects: Mapping[str, Any],
        *,
        times: int | None = None,
        probability: float = 1.0,
    ) -> None:
        """Put faults in force, in the place of the same ones. ValueError for an unknown one."""
        for effect, value in effects.items():
            rule = _rule(kind, effect, value, times, probability)
            self.clear(kind, effect)
            if value is not False and rule.times != 0:
                self.rules.append(rule)

    def clear(self, kind: str | None = None, effect: str | None = None) -> None:
        """Lift the faults of a kind and effect, or all of them."""
        self.rules = [
            rule
            for rule in self.rules
            if kind not in {None, rule.kind} or effect not in {None, rule.effect}
        ]

    def draw(self, kind: str) -> dict[str, float]:
        """The effects that hit the next request of a kind, each with its value."""
        hit: dict[str, float] = {}
        for rule in self.rules:
            if rule.kind not in {kind, "*"} or rule.times == 0:
                continue
            if rule.probability < 1 and self.random.random() >= rule.probability:
                continue
            if rule.times is not None:
                rule.times -= 1
            hit[rule.effect] = rule.value
        if hit:
            self.rules = [rule for rule in self.rules if rule.times != 0]
            self.note(kind, hit)
        return hit

    def in_force(self, kind: str) -> frozenset[str]:
        """The effects of a kind that is no request's, as long as they last."""
        return frozenset(rule.effect for rule in self.rules if rule.kind == kind)

    def fate_of_a_job(self) -> tuple[str, float] | None:
        """What befalls a job that was just submitted, and after how many seconds; or nothing."""
        for rule in self.rules:
            if rule.kind == "run" and self.random.random() < rule.value:
                return rule.effect, self.random.uniform(0, self.within)
        return None

    def spread(self, seconds: float) -> float:
        """A latency around the given one."""
        return seconds * self.random.uniform(0.5, 1.5)

    def note(self, kind: str, effects: Mapping[str, Any]) -> None:
        """Remember what was done to whom."""
        self.injected.append({"time": time.time(), "kind": kind, "effects": dict(effects)})


def _rule(kind: str, effect: str, value: Any, times: int | None, probability: float) -> Rule:
    known = EFFECTS.get(kind, COUNTED | VALUED)
    if effect not in known:
        raise ValueError(
            f"no fault is called {kind}.{effect}; there are {', '.join(sorted(known))}"
        )
    number = float(value)
    if effect in COUNTED and value is not True and value is not False:
        times = int(number) if times is None else times
    return Rule(kind, effect, number, times, probability)


def split(name: str) -> tuple[str, str]:
    """`submit.ghost` -> its kind and effect; the kind may have dots. ValueError for other forms."""
    kind, dot, effect = name.rpartition(".")
    if name == "seed":
        return "", "seed"
    if not dot or not kind or not effect:
        raise ValueError(f"a fault is named KIND.EFFECT, not {name!r}")
    return kind, effect


def validate(name: str, value: Any) -> None:
    """ValueError unless there is such a fault."""
    kind, effect = split(name)
    if effect == "seed" and not kind:
        return
    if kind != "token":
        _rule(kind, effect, value, None, 1.0)
    elif effect not in TOKEN_EFFECTS:
        known = ", ".join(sorted(TOKEN_EFFECTS))
        raise ValueError(f"no fault is called {name}; of tokens there are {known}")


def parse(text: str) -> tuple[str, Any]:
    """`submit.ghost=1` -> its name and value; ValueError if it is not of that form."""
    name, equals, value = text.partition("=")
    split(name)
    if not equals:
        raise ValueError(f"a fault is given as KIND.EFFECT=VALUE, not {text!r}")
    try:
        number = True if value.lower() in {"true", "always"} else float(value)
    except ValueError:
        raise ValueError(
            f"the value of fault {name} is a number or `always`, not {value!r}"
        ) from None
    validate(name, number)
    return name, number
