"""Why a job waits, as Slurm says it and as a person would (pure)."""

from __future__ import annotations

import re
from typing import NamedTuple


class Reason(NamedTuple):
    """Some of Slurm's reasons, and what is the matter."""

    pattern: re.Pattern[str]
    words: str

    def fits(self, reason: str) -> bool:
        """Whether it is one of these."""
        return bool(self.pattern.fullmatch(plain(reason)))


BUDGET = Reason(
    re.compile(r"(assoc|qos)(grp|max)\w*(minutes|runmins)\w*"),
    "the budget of node hours of the account is used up, or what is left of it does not do",
)
HELD = Reason(re.compile(r"job ?held\w*|.*requeued.* held.*"), "it is held")
NODES = Reason(
    re.compile(
        r"reqnodenotavail.*|partition(inactive|nodelimit)|reserv.*|.*(down|drained|maintenance).*"
    ),
    "its nodes are down, drained or reserved, perhaps for maintenance",
)
LIMIT = Reason(
    re.compile(r"(assoc|qos|max)\w*(limit|jobs?|cpu|node|gres|tres|mem|billing|wall)\w*"),
    "a limit on what may run at once",
)
USUAL = (
    Reason(re.compile(r"priority"), "jobs of a higher priority come first"),
    Reason(re.compile(r"resources"), "for free nodes"),
    Reason(re.compile(r"dependency"), "for another job to end"),
    Reason(re.compile(r"begintime|cleaning"), "its time has not come"),
    Reason(re.compile(r"licenses"), "for a licence"),
)
"""What passes by itself, and is on every queue."""


def plain(reason: str) -> str:
    """Without what differs between the places where Slurm says it."""
    return reason.lower().replace("_", " ").strip("() ")


def in_words(reason: str) -> str:
    """What is the matter; Slurm's own word for what is not known here."""
    if plain(reason) in {"", "none"}:
        return "in the queue"
    known = (BUDGET, HELD, NODES, LIMIT, *USUAL)
    return next((each.words for each in known if each.fits(reason)), reason)
