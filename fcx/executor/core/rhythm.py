"""When to look: when outcomes are expected; where nothing tells, quick after news, then slower."""

from __future__ import annotations

from .budget import Budget
from .forecast import Forecast, Outlook

QUICKEST = 0.03  # seconds between two looks
SHARE = 0.136  # of the time from the last news to the last look: so long the next one waits
PATIENT = 1.5  # at first; and after so many seconds
PATIENT_SHARE = 0.333  # this share of it
STREAM = 0.5  # seconds between looks while agents have more than they can run
SURPRISE = 0.25  # seconds, at least, between looks before anything is expected: tasks may fail
GROWS = 1.15  # so many times longer is each pause while every look brings news
APART = 8  # looks, about, in the time in which the last outcomes are expected


class Rhythm:
    """Tells how long to wait before the next look."""

    def __init__(self, longest: float, budget: Budget, forecast: Forecast) -> None:
        self.longest = max(QUICKEST, longest)
        self.budget = budget
        self.forecast = forecast
        self._news = 0.0
        self._streak = 0
        self._began = 0.0  # the last look

    def hurry(self, now: float) -> None:
        """The caller has asked for something: start from the quickest again."""
        self._news = now
        self._streak = 0

    def follow(self, now: float) -> bool:
        """More may have been sent: whether agents that had nothing soon have something to tell."""
        begins = self.forecast.follow(now)
        if begins:
            self.hurry(now)
        return begins

    def over(self, began: float, now: float, *, news: bool) -> None:
        """A look is over. Something new: look again soon, less so if that is so all the time."""
        if news:
            self._news = now
        self.forecast.looked(self._began, now)
        outlook = self.forecast.outlook
        queued = outlook is not None and outlook.queued
        self._streak = self._streak + 1 if news and not queued else 0
        self._began = began

    def pause(self, looked: float) -> float:
        """Seconds from the last look to the next."""
        wished = min(self.longest, max(QUICKEST, self._wished(looked)))
        return max(wished, self.budget.ready() - looked)

    def _wished(self, looked: float) -> float:
        outlook, waited = self.forecast.outlook, max(0.0, looked - self._news)
        if self.forecast.idle:
            return max(STREAM, waited)
        if outlook is None:
            until = self.forecast.begins() - looked
            soon = max(_share(waited), self._streaming(1.5))
            return max(soon, min(until, max(SURPRISE, waited)))
        if outlook.queued:
            left, known = outlook.over - looked, looked - outlook.began
            soon = max(min(STREAM, left / 2, known / 2), _share(waited))  # at both ends more often
            return max(soon, min(outlook.first - looked, max(STREAM, waited)))
        if looked < outlook.first:
            return min(outlook.first - looked, max(SURPRISE, waited))
        return self._expecting(outlook, looked)

    def _expecting(self, outlook: Outlook, looked: float) -> float:
        """The next outcome may be there, and in a while all are."""
        since = max(outlook.first, self._news)
        apart = max(QUICKEST, (outlook.last - outlook.first) / APART, self._streaming(GROWS))
        left = outlook.last - looked
        aimed = min(apart, left) if left > 0 else 0.0
        return max(aimed, _share(looked - since))

    def _streaming(self, grows: float) -> float:
        """While results stream in, looks need not be as quick as they can."""
        return min(STREAM, QUICKEST * grows**self._streak) if self._streak > 1 else 0.0


def _share(waited: float) -> float:
    return (SHARE if waited < PATIENT else PATIENT_SHARE) * waited
