"""What is simulated: work, pilots, and what the site is like."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One run; ``row`` is the bench's row that a real machine runs, where it can."""

    name: str
    count: int
    seconds: float = 0.0
    every: float = 0.0  # seconds between two submits; 0: as fast as it goes
    one_by_one: bool = False  # each waits for the one before
    workers: int = 8
    per_node: int = 8
    cores: int = 0  # of a node; 0: as many as the machine has that was measured
    latency: float = 0.0
    quota: float = 0.0  # requests a minute; 0: no limit
    used: int = 0  # of the first ten seconds' requests, by others
    queue: float = 0.05  # seconds until a job begins, at least
    spread: float = 0.0  # and at most so many more
    begins: float | None = None  # seconds until a job does, as was measured; the queue then
    row: str = ""
    site: str = "loopback"

    @property
    def ideal(self) -> float:
        """Seconds that the queue and the tasks take by themselves; 0 where there is nothing of it."""
        if self.one_by_one or self.every or not self.seconds:
            return 0.0
        return self.count * self.seconds / self.workers + (self.queue if self.queue > 1.0 else 0.0)


SLOW, FEW = {"latency": 0.3, "site": "300 ms"}, {"latency": 0.3, "quota": 60}
FEW = {**FEW, "site": "300 ms, 60/min"}
BOTH = (  # a real machine runs these, too
    Case("1 no-op", 1, workers=1, per_node=1, row="noops-1"),
    Case("100 no-ops", 100, row="noops-100"),
    Case("1,000 no-ops", 1_000, row="noops-1000"),
    Case("10,000 no-ops", 10_000, row="noops-10000"),
    Case("100,000 no-ops", 100_000, row="noops-100000"),
    Case("1,000 x 0.1 s", 1_000, 0.1, row="1000x0.1s"),
    Case("200 x 1 s", 200, 1.0, row="200x1s"),
    *(
        Case(f"{name}, {site['site']}", count, seconds, row=row, **site)
        for site in (SLOW, FEW)
        for name, count, seconds, row in (
            ("1,000 no-ops", 1_000, 0.0, "noops-1000"),
            ("1,000 x 0.1 s", 1_000, 0.1, "1000x0.1s"),
            ("200 x 1 s", 200, 1.0, "200x1s"),
        )
    ),
    Case("60 in a row, each", 60, one_by_one=True, row="series"),
    Case("one every 0.2 s, median", 300, every=0.2, row="trickle"),
)
LARGE = {"workers": 1_000, "per_node": 100, "cores": 100}
SITES = {  # that no machine of ours is
    "": {},
    ", 300 ms": {"latency": 0.3},
    ", 1 s": {"latency": 1.0},
    ", 300 ms, 600/min": {"latency": 0.3, "quota": 600},
    ", 300 ms, 60/min": {"latency": 0.3, "quota": 60},
    ", 1 s, 600/min": {"latency": 1.0, "quota": 600},
    ", 1 s, 60/min": {"latency": 1.0, "quota": 60},
}
QUEUES = {  # each job waits by itself, about so long
    ", 300 ms, 600/min, 2 to 5 min of queue": {"latency": 0.3, "quota": 600},
    ", 1 s, 60/min, 2 to 5 min of queue": {"latency": 1.0, "quota": 60},
}
ALONE = (  # and these not
    *(
        Case(f"1,000,000 no-ops{name}", 1_000_000, **SITES[name])
        for name in ("", ", 300 ms", ", 1 s", ", 300 ms, 60/min")
    ),
    *(
        Case(f"100,000 x 1 s on 1,000 workers{name}", 100_000, 1.0, **LARGE, **site)
        for name, site in SITES.items()
    ),
    *(
        Case(
            f"100,000 x 1 s on 1,000 workers{name}",
            100_000,
            1.0,
            **LARGE,
            **site,
            queue=120.0,
            spread=180.0,
        )
        for name, site in QUEUES.items()
    ),
    Case("1,000 x 10 s on 100 pilots, 300 ms", 1_000, 10.0, workers=100, per_node=1, latency=0.3),
    Case("200 x 1 s, 1 s a request", 200, 1.0, latency=1.0),
    Case("200 x 1 s, 1 s, 60/min", 200, 1.0, latency=1.0, quota=60),
    Case("200 x 1 s, 300 ms, 3 min of queue", 200, 1.0, latency=0.3, queue=180.0),
    Case("one every 0.2 s, 15 min, 300 ms, 60/min", 4_500, every=0.2, latency=0.3, quota=60),
    Case("60 in a row, 300 ms, each", 60, one_by_one=True, latency=0.3),
)
