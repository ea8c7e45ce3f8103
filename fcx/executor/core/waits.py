"""Why a pilot waits in the queue, and when people are told of it.

What passes by itself is said once; what somebody has to do something about is said again and again,
for as long as it lasts. Nothing of it is final: Slurm starts the job once the reason is gone.
"""

from __future__ import annotations

from ...jobscript.reasons import BUDGET, HELD, LIMIT, NODES
from .events import JobSeen
from .requests import Requests

REMIND = 600.0  # seconds after which what needs somebody is said again
HEED = (  # (reason, what to do)
    (BUDGET, "Ask for more, or name another account (FIRECREST_ACCOUNT) in a new run"),
    (HELD, "Ask the site why, and release it with `scontrol release {job}`"),
    (NODES, "Look at the site's status page, or ask for another --partition or --nodelist"),
)


class Waits:
    """What was said of waiting pilots, and when."""

    def __init__(self, requests: Requests) -> None:
        self.requests = requests
        self._said: dict[str, float] = {}  # by what is the matter

    def heard(self, job: str, state: JobSeen, before: str) -> None:
        """Slurm says why a job waits; ``before``: as it said when it was last asked."""
        reason = state.reason
        if reason in {"", "None"}:
            return
        for known, fix in HEED:
            if known.fits(reason):
                text = f"Job {job} waits: {reason}, that is, {known.words}. {fix.format(job=job)}; "
                self.remind(reason, f"{text}it starts by itself once that is over.")
                return
        if LIMIT.fits(reason):
            text = f"Job {job} waits: {reason}, {LIMIT.words}. It passes by itself"
            self.once(reason, f"{text} as other jobs end; nothing is lost meanwhile.")
        elif reason != before:
            self.requests.say(f"Job {job} waits: {reason}")

    def remind(self, matter: str, text: str) -> None:
        """A warning, unless it was said lately."""
        if self.requests.now >= self._said.get(matter, float("-inf")) + REMIND:
            self._said[matter] = self.requests.now
            self.requests.say(text, "warning")

    def once(self, matter: str, text: str) -> None:
        """A warning, unless it was ever said."""
        if matter not in self._said:
            self._said[matter] = self.requests.now
            self.requests.say(text, "warning")
