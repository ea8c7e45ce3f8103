"""One life of a caller, as a scenario has it: submits, cancels, closes, aborts, dies.

Arguments: folder, number of the life. Each time that a task runs it leaves a line in ``ran``; the
life leaves what it was given in ``told-<life>``, a line for each outcome, and in ``end-<life>`` how
it ended.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import msgspec
from simulation.scenario import Plan, Scenario

import fcx
from fcx import FirecrestExecutor
from fcx.errors import ParityError
from fcx.executor.future import FirecrestFuture
from scenarios import patience
from scenarios.site import options_of

LARGE = 300_000  # bytes that do not fit into a record
GROWS = 320 << 20  # bytes for which a worker is replaced
HELD = 0.9  # of the memory of the job, when a worker is killed for it
NAME = "scenario"  # of a run that has one


# -- what tasks do ---------------------------------------------------------------------------


def f(folder: str, number: int, seconds: float, how: str, *rest: Any) -> tuple[int, str, bytes]:
    """One task: leaves a trace of each time that it runs, and ends as its plan says."""
    import os
    import signal
    import time
    import uuid
    from pathlib import Path

    ran, token = Path(folder) / f"ran-{number}", uuid.uuid4().hex
    before = len(ran.read_text().splitlines()) if ran.exists() else 0
    with ran.open("a") as file:
        file.write(f"{token} {os.environ['SLURM_JOB_ID']}\n")
    time.sleep(seconds)
    if how == "exits":
        os._exit(3)
    if how == "stale":
        __import__("sys").held = bytearray(b"x") * (320 << 20)
    if how == "memory":
        held = bytearray(b"x") * int(0.9 * int(os.environ["SLURM_MEM_PER_NODE"]) * (1 << 20))
        os.kill(os.getpid(), len(held) and signal.SIGKILL)
    if how == "stubborn" or (how == "killed" and not before):
        alone = how == "killed" and seconds % 0.1 > 0.05
        os.kill(os.getpid(), signal.SIGTERM if alone else signal.SIGKILL)
        time.sleep(60)
    return number, token, os.urandom(300_000) if how == "large" else b""


g = FunctionType(f.__code__, globals(), "g")  # another function, as far as running times go


def first(seed: int, likely: float, until: float) -> None:
    """The initializer; in some jobs it fails."""
    import os
    import random
    import time

    chance = random.Random(f"{seed} {os.environ['SLURM_JOB_ID']}").random()
    if chance < likely and time.time() < until:
        raise ZeroDivisionError


def function_of(plan: Plan) -> Callable[..., Any]:
    """Its function, which may say how long it takes at most."""
    function = {"f": f, "g": g}[plan.function]
    if plan.walltime is None:
        return function
    timed = FunctionType(function.__code__, globals(), function.__name__)
    timed.walltime = plan.walltime  # type: ignore[attr-defined]
    return timed


# -- the caller ------------------------------------------------------------------------------


class Life:
    """One process of the caller."""

    def __init__(self, scenario: Scenario, folder: Path, life: int) -> None:
        self.scenario = scenario
        self.folder = folder
        self.life = life
        self.futures: dict[int, FirecrestFuture[Any]] = {}
        self._told = os.open(folder / f"told-{life}", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        self._random = random.Random(f"{scenario.seed} {life}")
        began = folder / "began"  # not while the remote side is only looked at
        self._began = float(began.read_text()) if began.exists() else 0.0

    @property
    def now(self) -> float:
        """Seconds since the scenario began."""
        return time.time() - self._began

    def executor(self) -> FirecrestExecutor:
        """As the scenario has it."""
        scenario, limits = self.scenario, self.scenario.limits
        likely = dict(scenario.faults).get("initializer_dies", 0.0)
        begins = first if limits.initializer else None
        return FirecrestExecutor(
            self.folder / "work",
            options_of(scenario),
            max_workers=limits.max_workers,
            workers_per_node=limits.workers_per_node,
            sleep_interval=limits.sleep_interval,
            task_retries=limits.task_retries,
            inline=limits.inline,
            idle_timeout=scenario.idle_timeout,
            gate_timeout=scenario.gate_timeout,
            max_tasks_per_child=scenario.tasks_per_child,
            initializer=begins,
            initargs=(scenario.seed, likely, self._began + scenario.calm) if begins else (),
            run=NAME if limits.durable else None,
        )

    def submit(self, executor: FirecrestExecutor, number: int) -> None:
        """A task, unless the run takes none any more."""
        plan, folder = self.scenario.tasks[number], self.folder
        helper = getattr(__import__(f"module_{plan.archive}"), "help") if plan.archive else None
        arguments = (str(folder), number, plan.seconds, plan.how)
        padding = random.Random(number).randbytes(plan.size)
        try:
            future = executor.submit_as(
                f"task {number}", function_of(plan), *arguments, helper, padding
            )
        except ParityError as error:
            self.tell(number, type(error).__name__)
        except RuntimeError:
            pass  # it was not submitted: the executor is broken, or shut down
        else:
            self.expect(number, future)

    def expect(self, number: int, future: FirecrestFuture[Any]) -> None:
        """Wait for it."""
        self.futures[number] = future
        with (self.folder / "ids").open("a") as file:
            file.write(f"{future.task_id} {number}\n")
        future.add_done_callback(functools.partial(self._settled, number))

    def _settled(self, number: int, future: FirecrestFuture[Any]) -> None:
        self.tell(number, fate_of(number, future))
        likely = dict(self.scenario.faults).get("slow_callback", 0.0)
        if self.now < self.scenario.calm and self._random.random() < likely:
            time.sleep(self._random.uniform(0.1, 30.0))

    def tell(self, number: int, fate: str) -> None:
        """A line, whatever happens next."""
        os.write(self._told, f"{number} {fate}\n".encode())

    def cancel(self, number: int) -> None:
        """A task that was submitted and has no outcome."""
        future = self.futures.get(number)
        if future is not None:
            future.cancel()

    def at(self, when: float) -> None:
        """Wait for a time of the scenario."""
        time.sleep(max(0.0, when - self.now))

    def end(self, run: Any) -> None:
        """Wait for its end, and say how it was."""
        run.finished.wait()
        time.sleep(0.1)  # callbacks of the last outcomes
        attempts = {number: len(future.attempts) for number, future in self.futures.items()}
        broken = type(run.broken).__name__ if run.broken is not None else ""
        self.say_end(broken, str(run.broken), attempts)
        (self.folder / f"trace-{self.life}").write_bytes(run.recorder.pack())

    def say_end(self, broken: str, words: str, attempts: dict[int, int]) -> None:
        """In a file that is there as a whole."""
        told = {"broken": broken, "words": words, "attempts": attempts}
        (self.folder / f"end-{self.life}").write_text(json.dumps(told))


def fate_of(number: int, future: FirecrestFuture[Any]) -> str:
    """One word: a value, or the type of an error."""
    if future.cancelled():
        return "cancelled"
    error = future.exception()
    if error is not None:
        return type(error).__name__
    return "value" if future.result()[0] == number else "wrong"


def begins(life: Life) -> None:
    """The first life: everything at its time."""
    scenario, executor = life.scenario, life.executor()
    caller = scenario.caller
    todo: list[tuple[float, int, Callable[[], None]]] = []

    def add(when: float, do: Callable[..., None], *values: Any) -> None:
        todo.append((when, len(todo), functools.partial(do, *values)))

    for number, plan in enumerate(scenario.tasks):
        add(plan.at, life.submit, executor, number)
    for when, number in caller.cancels:
        add(when, life.cancel, number)
    add(caller.close, functools.partial(executor.shutdown, wait=False))
    if caller.abort is not None:
        add(caller.abort, executor.abort)
    if caller.dies is not None:
        threading.Thread(target=die, args=(life, caller.dies), daemon=True).start()
    for when, _, do in sorted(todo):
        life.at(when)
        do()
    life.end(executor._run)


def die(life: Life, when: float) -> None:
    """kill -9."""
    life.at(when)
    os.kill(os.getpid(), signal.SIGKILL)


def again(life: Life) -> None:
    """The same script once more, but for some of its tasks."""
    executor = life.executor()
    for number in range(len(life.scenario.tasks)):
        if (number + life.life - 1) % 4:
            life.submit(executor, number)
    executor.shutdown(wait=False)
    life.end(executor._run)


def collects(life: Life) -> None:
    """Attach, and wait for everything."""
    lines = (life.folder / "ids").read_text().splitlines() if (life.folder / "ids").exists() else []
    numbers = {task: int(number) for task, number in (line.split() for line in lines)}
    records = fcx.runs()
    if not records:  # it died before anything was remembered
        life.say_end("", "", {})
        return
    attached = fcx.attach(records[0].id)
    for task, future in list(attached.futures.items()):
        life.expect(numbers[task], future)
    attached.shutdown(wait=False)
    life.end(attached._run)


def main() -> None:
    """Live."""
    folder, number = Path(sys.argv[1]), int(sys.argv[2])
    scenario = msgspec.json.decode((folder / "scenario").read_bytes(), type=Scenario)
    sys.path.insert(0, str(folder / "modules"))
    logging.basicConfig(filename=folder / "log", format="%(asctime)s %(process)d %(message)s")
    logging.getLogger("fcx").setLevel(logging.DEBUG)
    patience.shorten(scenario)
    if sys.argv[3:] == ["preflight"]:
        Life(scenario, folder, number).executor().preflight()
        return
    if number == 1:
        (folder / "began").write_text(repr(time.time()))
    life = Life(scenario, folder, number)
    if number == 1:
        begins(life)
    elif scenario.limits.durable:
        again(life)
    else:
        collects(life)


if __name__ == "__main__":
    main()
