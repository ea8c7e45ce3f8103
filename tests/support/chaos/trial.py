"""One trial: a client behind the proxy, killed and started again until all of it is done.

PYTHONPATH=tests/support python -m chaos.trial [--seeds 10] [--tasks 2000] [--kills 3]
    [--share 0.3] [--strikes 2] [--scheduler process|slurm]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster.slurm import slurm_cluster

from chaos.proxy import chaos_proxy
from chaos.strikes import Strikes
from fcx.local import Environment, cluster

CLIENT = Path(__file__).with_name("client.py")
LONGEST = 900.0  # seconds for a client's last life
LAST_LINES = 12  # of the log, shown of a trial that went wrong
KILLED = 1.0, 6.0  # seconds until a client is killed, and before each strike
AGAIN = 0.2  # seconds after a strike that met nobody


@dataclass(frozen=True)
class Plan:
    """What is tried."""

    seed: int
    tasks: int
    kills: int
    share: float  # of the requests that go wrong
    strikes: int = 0  # how often in each life something befalls a job, a process, or Slurm
    kinds: tuple[str, ...] = ()  # of strikes; all, if empty


@dataclass
class Outcome:
    """What became of it."""

    seed: int
    seconds: float = 0.0
    kills: int = 0
    strikes: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    missing: list[int] = field(default_factory=list)  # never came back
    wrong: list[int] = field(default_factory=list)  # came back with another value
    twice: list[int] = field(default_factory=list)  # came back with two outcomes
    errors: list[str] = field(default_factory=list)
    more_than_once: int = 0  # runs beyond one for each task
    untold: list[int] = field(default_factory=list)  # begun more often than ``attempts`` says
    ended: bool = False  # the last client by itself, and well
    log: list[str] = field(default_factory=list)  # the last lines of the clients' log

    @property
    def good(self) -> bool:
        """Nothing lost, nothing wrong."""
        bad = self.missing or self.wrong or self.twice or self.errors or self.untold
        return self.ended and not bad

    def __str__(self) -> str:
        lost = f"missing {len(self.missing)}, wrong {len(self.wrong)}, twice {len(self.twice)}"
        faults = sum(self.faults.values())
        return (
            f"seed {self.seed}: {lost}, errors {len(self.errors)}, runs beyond one "
            f"{self.more_than_once} ({len(self.untold)} untold), kills {self.kills}, "
            f"strikes {dict(self.strikes)}, {faults} of {self.requests} requests faulted, "
            f"{self.seconds:.0f} s"
            f"{'' if self.ended else ', the last client did not end well'}"
            f"{f', first error: {self.errors[0]}' if self.errors else ''}"
            f"{'' if self.good else chr(10).join(['', *self.log])}"
        )


def attempt(plan: Plan, env: Environment, folder: Path, slurm: Any = None) -> Outcome:
    """Run the client to its end, whatever becomes of it."""
    outcome, began = Outcome(plan.seed), time.monotonic()
    tended = slurm.tended() if slurm is not None else contextlib.nullcontext()
    with tended, chaos_proxy(env.url, plan.share, plan.seed) as proxy:
        rng = random.Random(plan.seed)
        strikes = Strikes(env, folder, slurm, rng, plan.kinds)
        surroundings = {**os.environ, **proxy.env(env), "FCX_STATE_DIR": str(folder / "state")}
        for kill in [True] * plan.kills + [False]:
            life = _begin(plan, folder, surroundings)
            for _ in range(plan.strikes):
                _wait(life, rng.uniform(*KILLED))
                outcome.strikes[_struck(strikes, life)] += 1
            _wait(life, rng.uniform(*KILLED) if kill else LONGEST)
            ended = life.poll()
            life.kill()
            life.wait()
            outcome.kills += ended is None
            outcome.ended = ended == 0
            if ended == 0:
                break
        outcome.requests, outcome.faults = proxy.requests, proxy.faults
    del outcome.strikes[""]  # those that met nobody
    _judge(outcome, plan, folder)
    outcome.seconds = time.monotonic() - began
    return outcome


def _struck(strikes: Strikes, life: subprocess.Popen[bytes]) -> str:
    """Something that meets somebody: on a busy machine, jobs may not have begun yet."""
    while not (name := strikes.strike()) and life.poll() is None:
        _wait(life, AGAIN)
    return name


def _wait(life: subprocess.Popen[bytes], seconds: float) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        life.wait(seconds)


def _begin(plan: Plan, folder: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(CLIENT), str(folder), str(plan.tasks), str(plan.seed)]
    with (folder / "stderr").open("ab") as errors:
        return subprocess.Popen(command, env=env, stderr=errors)


def _judge(outcome: Outcome, plan: Plan, folder: Path) -> None:
    outcome.log = _lines(folder / "log")[-LAST_LINES:]
    came: dict[int, list[tuple[str, str]]] = {}  # life and token
    for line in _lines(folder / "results"):
        life, number, *rest = line.split()
        if number == "error":
            outcome.errors.append(line)
            continue
        came.setdefault(int(number), []).append((life, rest[1]))
        if int(rest[0]) != int(number) ** 2:
            outcome.wrong.append(int(number))
    outcome.missing = [number for number in range(plan.tasks) if number not in came]
    outcome.twice = [number for number, found in came.items() if _twice(found)]
    ran = Counter(int(line.split()[0]) for line in _lines(folder / "ran"))
    outcome.more_than_once = sum(ran.values()) - len(ran)
    known = dict(map(int, line.split()) for line in _lines(folder / "attempts"))
    outcome.untold = [number for number, times in ran.items() if times > known.get(number, 0)]


def _twice(found: list[tuple[str, str]]) -> bool:
    """Two outcomes of one task, or one that came twice in the same life."""
    lives, tokens = zip(*found, strict=True)
    return len(set(tokens)) > 1 or len(set(lives)) < len(lives)


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


@contextlib.contextmanager
def _back_end(name: str) -> Any:
    slurm = None
    with contextlib.ExitStack() as stack:
        if name == "slurm":
            slurm = stack.enter_context(slurm_cluster())
            os.environ.update(slurm.env)
        yield stack.enter_context(cluster(scheduler=name, nodes=8)), slurm


def main() -> int:
    """Try seed after seed; the exit status says whether all were good."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--strikes", type=int, default=0, help="so many in each life")
    parser.add_argument("--scheduler", choices=["process", "slurm"], default="process")
    parser.add_argument("--keep", help="a folder in which everything is left")
    given = parser.parse_args()
    good = True
    for seed in range(given.first, given.first + given.seeds):
        with _back_end(given.scheduler) as (env, slurm), contextlib.ExitStack() as stack:
            scratch = given.keep or stack.enter_context(tempfile.TemporaryDirectory())
            folder = Path(scratch) / f"seed-{seed}"
            folder.mkdir()
            plan = Plan(seed, given.tasks, given.kills, given.share, given.strikes)
            outcome = attempt(plan, env, folder, slurm)
        print(outcome, flush=True)
        good = good and outcome.good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
