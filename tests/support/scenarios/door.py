"""The way to the server as a scenario has it: latency, faults of requests, what befalls jobs."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from chaos.faults import Answer
from chaos.relay import Relay, Request
from simulation.scenario import Scenario

from fcx.local import Environment
from fcx.local.api.kinds import kind_of
from scenarios.spoiling import AFTER, BEFORE, OUTAGES, UNHEALTHY, Asked, with_jobs
from scenarios.strikes import Fates, Job, Strikes

LOGIN = ("token",)  # kinds of requests that no action of a core is made of
WRITTEN = Answer(204, "application/json", b"")  # a file
GHOST = 60.0  # seconds at most until a job appears whose submit had no answer


class Door:
    """Decides what becomes of each request."""

    def __init__(self, scenario: Scenario, env: Environment, folder: Path) -> None:
        self.scenario = scenario
        self.folder = folder
        self.relay = Relay(env.url, self._treat)
        self.random = random.Random(scenario.seed)
        self.fates = Fates(scenario, self.random, lambda: self.now)
        self.strikes = Strikes(self.fates, env, folder)
        self._began = 0.0
        self._out_until = 0.0
        self._later: set[asyncio.Task[Answer]] = set()  # what has its effect later

    def env(self, env: Mapping[str, str]) -> dict[str, str]:
        """The six variables, through this door."""
        return self.relay.env(env)

    @property
    def now(self) -> float:
        """Seconds since the caller began; before, nothing is as the scenario has it."""
        if not self._began:
            began = self.folder / "began"
            self._began = float(began.read_text() or 0.0) if began.exists() else 0.0
        return time.time() - self._began if self._began else -1.0

    # -- the way of a request -----------------------------------------------------------------

    async def _treat(self, request: Request) -> Answer | None:
        kind = kind_of(request.method, request.target.partition("?")[0].lower())
        if self.now < 0 or kind in LOGIN:
            return await self.relay.forward(request)
        self.strikes.authorization = _authorization(request) or self.strikes.authorization
        asked = Asked(kind, request)
        way = self.scenario.latency * self.random.uniform(0.5, 1.5) / 2
        await asyncio.sleep(way)
        answer = self._refusal(asked) or await self._answer(asked)
        await asyncio.sleep(way)
        return answer

    def _refusal(self, asked: Asked) -> Answer | None:
        """What is answered although nothing is done."""
        scenario, now = self.scenario, self.now
        if now < max(scenario.dark, min(self._out_until, scenario.calm)):
            return UNHEALTHY
        for name, fault in self._strike("request", asked):
            if name in OUTAGES:
                self._out_until = now + self.random.uniform(*OUTAGES[name])
            elif name == "ghost_submit":
                self._appears(asked)
            return fault.answer(self.random)
        return None

    def _strike(self, where: str, asked: Asked) -> list[tuple[str, Any]]:
        """The first fault that strikes here."""
        table: dict[str, Any] = BEFORE if where == "request" else AFTER
        if self.now >= self.scenario.calm:
            return []
        for name, likely in self.scenario.faults:
            if name in table and table[name].where(asked) and self.random.random() < likely:
                self.fates.note(name)
                return [(name, table[name])]
        return []

    async def _answer(self, asked: Asked) -> Answer | None:
        real = await (self._submit(asked) if asked.kind == "submit" else self._forward(asked))
        if asked.kind in {"jobs", "job"}:
            listing = asked.kind == "jobs"
            real = with_jobs(real, lambda jobs: self.fates.seen(jobs, listing=listing))
        for _, fault in self._strike("answer", asked):
            await asyncio.sleep(self.random.uniform(*fault.late))
            return fault.answer(self.random, real)
        return real

    async def _forward(self, asked: Asked) -> Answer:
        """Where the file system lags, agents see later what is written."""
        if self.scenario.lag and asked.writes("inbox"):
            self._in(self.random.uniform(0.0, self.scenario.lag), self._carry, asked)
            return WRITTEN
        return await self._carry(asked)

    async def _carry(self, asked: Asked) -> Answer:
        return await self.relay.forward(asked.request)

    # -- jobs ---------------------------------------------------------------------------------

    async def _submit(self, asked: Asked) -> Answer:
        """A job, which has something in store."""
        job = self.fates.submitted()
        answer = await self.relay.forward(with_lines(asked.request, self._lines(job)))
        if answer.status < 300:
            self.strikes.submitted(str(json.loads(answer.body)["jobId"]), job)
        return answer

    def _lines(self, job: Job) -> list[str]:
        """It waits, and leaves word when it begins."""
        wait = round(job.waits)
        begins = [f"#SBATCH --begin=now+{wait}"] if wait else []
        note = f'"{self.folder}/begun/$SLURM_JOB_ID.${{SLURM_RESTART_COUNT:-0}}"'
        return [*begins, f": >{note}", *job.lines]

    def _appears(self, asked: Asked) -> None:
        """The job does, later."""
        self._in(self.random.uniform(0.0, GHOST), self._submit, asked)

    def _in(self, seconds: float, do: Callable[[Asked], Awaitable[Answer]], asked: Asked) -> None:
        async def later() -> Answer:
            await asyncio.sleep(seconds)
            return await do(asked)

        task = asyncio.ensure_future(later())
        self._later.add(task)
        task.add_done_callback(self._later.discard)


def _authorization(request: Request) -> str:
    for line in request.head.split(b"\r\n"):
        if line.lower().startswith(b"authorization:"):
            return line.partition(b":")[2].strip().decode("latin-1")
    return ""


def with_lines(request: Request, lines: list[str]) -> Request:
    """A submit whose script has further lines below its options."""
    body: dict[str, Any] = json.loads(request.body)
    script = body["job"]["script"].split("\n")
    last = max(number for number, line in enumerate(script[:20]) if line.startswith("#SBATCH"))
    script[last + 1 : last + 1] = lines
    body["job"]["script"] = "\n".join(script)
    return Request(request.head, json.dumps(body).encode())
