"""Rhythm: when the core looks, asks, repeats and complains, told anew from what is promised.

Each has a soonest and a latest time. An inquest looks out of turn: only looks by the clock, in a step
in which nothing but time has passed, have a soonest.
"""

from __future__ import annotations

import math
import re
from typing import Any

from fcx.executor.core import actions as act
from fcx.executor.core import events as ev

from .invariants import Checks

LATE = 0.5  # seconds that a look may be late
ROUNDING = 1e-6
QUICKEST = 0.03  # seconds between two looks
FIRST_SHARE, LATER_SHARE, LATER = 0.136, 0.333, 1.5  # of the time from news to the last look
STREAM = 0.5  # seconds between looks while results stream in, at most; and while none are expected
BURST = 60.0  # requests that may be made at once; one a second is earned
DEBT = 4.0  # that may be owed
STAGED = 20.0  # requests of a transfer through the staging area
OWN_SHARE = 5.0  # seconds after which a look is due whatever is owed: uploads must not starve it
LISTING_SHARE, SHORTEST, LONGEST = 0.02, 2.0, 30.0  # listings of jobs
FIRST_PAUSE, LONGEST_PAUSE, JITTER = 0.5, 30.0, (0.75, 1.25)  # before a request is repeated
SECONDS = re.compile(r"usable for ([0-9]+) s")
COMPLAINTS = 30.0  # seconds between two words about requests that fail


class Allowance:
    """The budget of requests: what recurs is charged, and earned again at the rate that is allowed."""

    def __init__(self) -> None:
        self._rate, self._burst, self._rest = 1.0, BURST, 0.0
        self._level = BURST
        self._at = 0.0
        self._renewed, self._fresh = math.inf, False

    def told(self, event: ev.Allowed, now: float) -> None:
        """The server allows another rate."""
        more = event.renews > 0.0 and event.burst > self._burst
        fresh = more or self._fresh or now >= self._renewed
        self._level = event.burst if fresh else min(event.burst, self._now(now))
        self._renewed = now + event.renews if event.renews else math.inf
        self._fresh = False
        self._rate, self._burst, self._rest, self._at = (
            event.rate,
            event.burst,
            now + event.rest,
            now,
        )

    def _now(self, now: float) -> float:
        level = min(self._burst, self._level + (now - self._at) * self._rate)
        return max(1.0, level) if now >= self._renewed else level

    def spend(self, action: Any, now: float) -> None:
        """A request is made."""
        cost = float(isinstance(action, CHARGED))
        if isinstance(action, act.Fetch):
            cost = action.parts if action.external is None else STAGED
        if isinstance(action, act.ListJobs):
            cost = max(1, len(action.jobs))  # each asked for by itself
        self._pay(cost, now)

    def in_parts(self, parts: int, now: float) -> None:
        """They had to be fetched after all."""
        self._pay(parts, now)

    def _pay(self, cost: float, now: float) -> None:
        if cost:
            debt = min(DEBT, max(0.0, OWN_SHARE * self._rate - 1.0))
            self._level = max(-debt, self._now(now) - cost)
            self._at = now
            if now >= self._renewed:
                self._renewed, self._fresh = math.inf, True

    def paid(self) -> float:
        """When the next look is earned, and no rest is asked for."""
        earned = self._at + max(0.0, 1.0 - self._level) / self._rate
        return max(self._rest, min(earned, self._renewed))

    def longest(self) -> float:
        """Seconds from one look to the next, however much is owed."""
        return max(OWN_SHARE, 1.0 / self._rate)

    def rests(self, now: float) -> float:
        """Seconds for which the server wants to be left alone."""
        return max(0.0, self._rest - now)


class Rhythm:
    """Looks into the logs: quick after news, then slower and slower."""

    def __init__(self, checks: Checks) -> None:
        self.checks = checks
        self.longest = max(QUICKEST, checks.scenario.limits.sleep_interval)
        self._news = self._looked = self._sent = 0.0
        self._streak = 0
        self._open: dict[int, Any] = {}  # requests of the look that is under way
        self._brought = False  # news
        self._running: dict[str, None] = {}  # pilots that were heard to run
        self._ended = False  # no request of it is under way, for the moment
        self._counts = False  # the core looks: there is work, and the run is open
        self._works = False  # there is work
        self._first = True  # the last look was not seen from here
        self._up = False  # an agent was, or it is known how long one takes: that tells when to look

    def told(self, event: Any, asked: Any, core: Any) -> None:
        """An answer to a look, or new work where there was none."""
        if isinstance(event, ev.Submitted | ev.Attached) and not self._works:
            self._news, self._streak = self.checks.world.now, 0
        alone = isinstance(asked, act.UploadBundle) and core.tasks.bundles() == [asked.bundle]
        if alone and self._up and not isinstance(event, ev.Failed):
            self._news = self._sent = self.checks.world.now  # nothing else is under way
            self._streak = 0
        if isinstance(event, ev.JobsListed) and self._begins(event, core):
            self._news = self._sent = self.checks.world.now
            self._streak = 0
        if asked is None or not is_look(asked):
            return
        if not (isinstance(event, ev.Failed) and event.kind == "passing" and core_repeats(core)):
            self._open.pop(asked.id, None)
            self._ended = not self._open
        if isinstance(event, ev.LogRead) and event.used:
            self._brought = True

    def _begins(self, event: ev.JobsListed, core: Any) -> bool:
        """Whether a pilot is heard to run for the first time, though not by its agent."""
        pilots = [core.fleet.of_job(seen.job) for seen in event.jobs if seen.state == "RUNNING"]
        waits = [pilot for pilot in pilots if pilot is not None and pilot.phase == "queued"]
        new = [pilot.name for pilot in waits if pilot.name not in self._running]
        self._running.update(dict.fromkeys(new))
        return bool(new)

    def asked(self, action: Any, event: Any, now: float, paid: float) -> None:
        """A look begins, or goes on; ``paid``: when it is earned."""
        if not is_look(action):
            return
        if self._ended and isinstance(action, act.ListFolder):
            self.over(now)  # another follows at once
        if not self._open and not self._first and isinstance(event, ev.Ticked):
            since = now - self._looked
            hurried = self._sent > self._looked  # a pilot has begun, or something was sent
            least = QUICKEST if self._up or hurried else self.pause()
            fine = since >= least - ROUNDING
            self.checks.demand(fine, "looks too soon", f"after {since:.3f} s, not {least:.3f}")
            early = paid - now
            self.checks.demand(early <= ROUNDING, "looks on credit", f"{early:.2f} s too early")
        self._open[action.id] = action

    def pause(self) -> float:
        """Seconds until the next look, the budget aside."""
        waited = max(0.0, self._looked - self._news)
        share = FIRST_SHARE if waited < LATER else LATER_SHARE
        streaming = min(STREAM, QUICKEST * 1.5**self._streak) if self._streak > 1 else 0.0
        return min(self.longest, max(QUICKEST, share * waited, streaming))

    def longest_pause(self) -> float:
        """An outcome is expected some time, but tasks may fail: as long again as was waited."""
        waited = max(0.0, self._looked - self._news)
        return min(self.longest, max(STREAM, waited)) if self._up else self.pause()

    def after(self, core: Any, now: float, allowance: Allowance, *, excused: bool) -> None:
        """Whether a look is over, and whether the next is late, which may be excused."""
        jobs = any(pilot.job for pilot in core.fleet.pilots) or core.logs.listed_only
        wanted = bool(core.tasks.wanted) or core.adoption.hopes()
        counts = core._works() and wanted and jobs
        if self._ended and not self._open:
            self.over(now)
        self._ended = False
        self._works = bool(core.tasks.wanted)
        pilots = core.fleet.pilots
        self._up = self._up or any(pilot.phase == "up" or pilot.start for pilot in pilots)
        if counts and not self._counts:
            self._looked, self._first = now, True
        elif counts and not self._open and not excused:
            own = self._looked + allowance.longest()
            since = max(self._looked, self._sent)
            due = max(since + self.longest_pause(), min(allowance.paid(), own))
            due = max(due, now + allowance.rests(now))
            text = f"{now - self._looked:.2f} s after the last, not {due - self._looked:.2f}"
            self.checks.demand(now <= due + LATE, "looks late", text)
        self._counts = counts

    def over(self, now: float) -> None:
        """The last answer of a look has come."""
        self._first, self._ended = not self._counts, False
        if self._brought:
            self._news = now
        self._streak = self._streak + 1 if self._brought else 0
        self._looked, self._brought = now, False


class Listings:
    """Listings of jobs: by what they cost."""

    def __init__(self, checks: Checks) -> None:
        self.checks = checks
        self._asked: float | None = None
        self._pause = SHORTEST

    def told(self, event: Any, asked: Any, now: float) -> None:
        """One is answered."""
        if isinstance(event, ev.JobsListed):
            self._asked = now
            self._pause = min(LONGEST, max(SHORTEST, event.seconds / LISTING_SHARE))
        elif isinstance(asked, act.ListJobs) and event.kind != "passing":
            self._asked, self._pause = now, LONGEST

    def asked(self, action: Any, event: Any, now: float, *, ends: bool) -> None:
        """One is asked for, again perhaps; a run that ends asks who has begun since."""
        last = isinstance(event, ev.Done) or ends  # of the run: whether nobody is left
        if isinstance(action, act.ListJobs) and self._asked is not None and not last:
            since = now - self._asked
            fine = since >= self._pause - ROUNDING
            self.checks.demand(
                fine, "lists too soon", f"after {since:.2f} s, not {self._pause:.2f}"
            )


class Repeats:
    """Requests that failed and may succeed later."""

    def __init__(self, checks: Checks) -> None:
        self.checks = checks
        self._tries: dict[int, int] = {}
        self._failed: dict[int, tuple[float, float, float]] = {}  # when, pause, end
        self._usable: float | None = None
        self._unusable: float | None = None
        self._complained = float("-inf")
        self._leaving = False
        self._again: dict[int, int] = {}  # how often it had failed when it was tried at the end

    def leaves(self) -> None:
        """Nothing is owed any more: each request is tried once more, and no further."""
        self._leaving = True

    @property
    def waiting(self) -> list[int]:
        """Those that wait to be made again."""
        return list(self._failed)

    def told(self, event: Any, asked: Any, now: float) -> None:
        """An answer, usable or not."""
        if asked is None:
            return
        passing = isinstance(event, ev.Failed) and event.kind == "passing"
        if passing:
            since = now if self._unusable is None else self._unusable
            self._failed[asked.id] = now, event.after, since + self._patience()
            self._tries[asked.id] = self._tries.get(asked.id, 0) + 1
        if isinstance(asked, act.Request):
            if not passing:
                self._usable, self._unusable = now, None
            elif self._unusable is None:
                self._unusable = now

    def asked(self, action: Any, now: float, leaving: bool) -> None:
        """A request is made, again perhaps: not too soon, and not too late."""
        if action.id not in self._failed:
            return
        if self._leaving:
            again = self._again.setdefault(action.id, self._tries[action.id])
            fine = again == self._tries[action.id] or not isinstance(action, act.Request)
            self.checks.demand(fine, "repeated at the end", action)
        when, after, end = self._failed.pop(action.id)
        waited = now - when
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (self._tries[action.id] - 1))
        low, high = max(after, pause * JITTER[0]), max(after, pause * JITTER[1])
        low = min(low, end - when)  # once more when patience is at its end
        fine = leaving or low - ROUNDING <= waited
        self.checks.demand(fine, "repeated too soon", f"{action}: {waited:.2f} s, not {low:.2f}")
        high = min(high, max(low, end - when))
        asleep = "laptop_sleeps" in self.checks.struck
        fine = asleep or waited <= high + LATE
        self.checks.demand(fine, "repeated late", f"{action}: {waited:.2f} s, not {high:.2f}")

    def gives_up(self, text: str, now: float) -> None:
        """The run is called unreachable: not before the caller's patience is at its end.

        Whoever never reached the server should look at its address, whoever did at the server.
        """
        since = now - (self._unusable if self._unusable is not None else now)
        least = self._patience() - LONGEST_PAUSE * JITTER[1]
        self.checks.demand(since >= least, "impatient", f"{since:.0f} s, not {least:.0f}")
        fine = ("status page" in text) is (self._usable is not None)
        self.checks.demand(fine, "another remedy", f"{text}; it answered at {self._usable} s")
        said = SECONDS.search(text)
        fine = said is not None and abs(float(said.group(1)) - since) <= 1.0
        self.checks.demand(fine, "another time", f"{text}, it was {since:.0f} s")

    def after(self, now: float) -> None:
        """Nobody tries for ever."""
        if self._unusable is not None:
            most = self._patience() + 2 * LONGEST_PAUSE + 120.0
            fine = now - self._unusable <= most or "laptop_sleeps" in self.checks.struck
            self.checks.demand(fine, "too patient", f"{now - self._unusable:.0f} s")

    def said(self, note: act.Say, now: float) -> None:
        """Complaints about requests are rare."""
        if note.text.endswith("Trying again"):
            fine = now - self._complained >= COMPLAINTS
            self.checks.demand(fine, "complains", note.text)
            self._complained = now

    def _patience(self) -> float:
        patience = self.checks.scenario.limits.patience
        return min(60.0, patience) if self._usable is None else patience


CHARGED = (act.SubmitPilot, act.ListJobs, act.ListFolder, act.ReadLog, act.UploadBundle)


def is_look(action: Any) -> bool:
    """Whether it is part of a look into the logs."""
    if isinstance(action, act.ListFolder):
        return action.folder == "logs"
    return isinstance(action, act.ReadLog)


def core_repeats(core: Any) -> bool:
    """Whether requests that fail are repeated still."""
    return not core.requests.leaving
