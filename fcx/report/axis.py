"""Axes: where ticks stand and what is written at them (pure)."""

from __future__ import annotations

import math
from dataclasses import dataclass

UNITS = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))
DECADES = (
    *((1e-3, "1 ms"), (1e-2, "10 ms"), (0.1, "0.1 s"), (1.0, "1 s"), (10.0, "10 s")),
    *((60.0, "1 min"), (600.0, "10 min"), (3600.0, "1 h"), (36000.0, "10 h")),
    *((864000.0, "10 d"),),
)


@dataclass(frozen=True)
class TimeAxis:
    """Seconds from ``begin`` to ``end`` on pixels from ``left`` on."""

    begin: float
    end: float
    left: float
    width: float

    def x(self, at: float) -> float:
        """Where a moment stands; what lies outside, at the edge."""
        length = max(self.end - self.begin, 1e-3)
        return self.left + self.width * min(1.0, max(0.0, (at - self.begin) / length))

    @property
    def unit(self) -> tuple[float, str]:
        """Seconds of the unit that is written, and its name."""
        length = self.end - self.begin
        return next((one for one in UNITS if length >= 2 * one[0]), UNITS[-1])

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """(moment, text)."""
        seconds, _ = self.unit
        step = nice((self.end - self.begin) / seconds / 8)
        count = int((self.end - self.begin) / seconds / step + 1e-9)
        return [(self.begin + n * step * seconds, f"{n * step:.6g}") for n in range(count + 1)]


def nice(least: float) -> float:
    """The next of 1, 2, 5, 10 ..."""
    if least <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least * 0.999)


def counts(most: int) -> list[int]:
    """Ticks of an axis that counts, the first 0."""
    step = max(1, int(nice(most / 4)))
    return list(range(0, most + 1, step))


@dataclass(frozen=True)
class LogAxis:
    """Seconds by their logarithm."""

    least: float
    most: float
    left: float
    width: float

    @classmethod
    def over(cls, values: list[float], left: float, width: float) -> LogAxis:
        """Whole decades round the values."""
        positive = [value for value in values if value > 0] or [1.0]
        least = max(1e-3, min(positive))
        low = 10.0 ** math.floor(math.log10(least))
        high = 10.0 ** math.ceil(math.log10(max(*positive, least * 1.01)))
        return cls(low, max(high, low * 10), left, width)

    def x(self, seconds: float) -> float:
        """Where it stands."""
        part = math.log(max(seconds, self.least) / self.least) / math.log(self.most / self.least)
        return self.left + self.width * min(1.0, part)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """(seconds, text)."""
        return [one for one in DECADES if self.least <= one[0] <= self.most * 1.001]
