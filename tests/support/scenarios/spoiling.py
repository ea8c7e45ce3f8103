"""Faults of requests, as the simulator has them, on HTTP: a table of name to where and what."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from chaos.faults import Answer, page, worded
from chaos.relay import Request

ANY = "any"


@dataclass(frozen=True)
class Asked:
    """A request and its kind."""

    kind: str
    request: Request

    @property
    def path(self) -> str:
        """With its query."""
        return unquote(self.request.target)

    def folder(self, *names: str) -> bool:
        """Whether it lists one of these folders of a run directory."""
        return self.kind == "ls" and any(f"/{name}&" in f"{self.path}&" for name in names)

    def writes(self, folder: str) -> bool:
        """Whether it writes a file into this folder."""
        return self.kind == "upload" and f"/{folder}&" in f"{self.path}&"

    def file(self, folder: str) -> bool:
        """Whether it reads a file in this folder."""
        return self.kind in ("tail", "download") and f"/{folder}/" in self.path


def anything(asked: Asked) -> bool:
    """Every request."""
    return True


def submits(asked: Asked) -> bool:
    """sbatch."""
    return asked.kind == "submit"


def cancels(asked: Asked) -> bool:
    """scancel."""
    return asked.kind == "cancel"


def lists(asked: Asked) -> bool:
    """Jobs, the inbox or logs."""
    return asked.kind == "jobs" or asked.folder("inbox", "logs")


def lists_jobs(asked: Asked) -> bool:
    """Jobs alone."""
    return asked.kind == "jobs"


def links(asked: Asked) -> bool:
    """Claims or locks."""
    return asked.folder("claims", "locks")


def tidies(asked: Asked) -> bool:
    """The last word, or the end of the directory."""
    return asked.kind == "rm" or (
        asked.kind == "upload" and b'filename="closed"' in asked.request.body
    )


def reads_log(asked: Asked) -> bool:
    """A stretch of a log."""
    return asked.file("logs")


def reads_part(asked: Asked) -> bool:
    """A part of an outcome."""
    return asked.file("parts")


@dataclass(frozen=True)
class Before:
    """The request is not carried out, and this is answered."""

    where: Callable[[Asked], bool]
    answer: Callable[[random.Random], Answer]


def _always(answer: Answer) -> Callable[[random.Random], Answer]:
    return lambda rng: answer


def _rate_limited(rng: random.Random) -> Answer:
    wait = {"Retry-After": str(round(rng.uniform(0.0, 60.0), 2))}
    return worded(429, "API rate limit exceeded", **wait)


def _limited(rng: random.Random) -> Answer:
    limit = rng.choice(("QOSMaxSubmitJobPerUserLimit", "AssocMaxSubmitJobLimit"))
    return worded(500, f"sbatch: error: {limit}\nsbatch: error: Batch job submission failed")


DENIED = worded(403, "cannot do that: Permission denied")
UNHEALTHY = worded(503, "Unhealthy")
INVALID = "sbatch: error: Batch job submission failed: Invalid account"
BEFORE = {
    "timeout_before": Before(
        anything, _always(worded(408, "Command execution timeout limit exceeded."))
    ),
    "html_page": Before(anything, _always(page(200))),
    "token_refused": Before(anything, _always(worded(401, "Access token is invalid."))),
    "rate_limited": Before(anything, _rate_limited),
    "permission": Before(anything, _always(DENIED)),
    "outage": Before(anything, _always(UNHEALTHY)),
    "long_outage": Before(anything, _always(UNHEALTHY)),
    "cancel_refused": Before(cancels, _always(worded(403, "Access denied"))),
    "listing_refused": Before(lists, _always(worded(424, "ls: Permission denied"))),
    "tidying_refused": Before(tidies, _always(DENIED)),
    "ghost_submit": Before(submits, _always(worded(500, "Channel not open for sending."))),
    "submit_refused": Before(submits, _always(worded(500, INVALID))),
    "submit_limited": Before(submits, _limited),
}
OUTAGES = {"outage": (5.0, 600.0), "long_outage": (2000.0, 2000.0)}  # seconds


@dataclass(frozen=True)
class After:
    """The request is carried out, and the answer is another, late, or lost (None)."""

    where: Callable[[Asked], bool]
    answer: Callable[[random.Random, Answer], Answer | None]
    late: tuple[float, float] = (0.0, 0.0)


def _lost(rng: random.Random, real: Answer) -> None:
    return None


def _as_it_is(rng: random.Random, real: Answer) -> Answer:
    return real


def _jobs(change: Callable[[random.Random, list[Any]], list[Any]]) -> Callable[..., Answer]:
    def changed(rng: random.Random, real: Answer) -> Answer:
        return with_jobs(real, lambda jobs: change(rng, jobs))

    return changed


def with_jobs(real: Answer, change: Callable[[list[Any]], list[Any]]) -> Answer:
    """An answer that lists jobs, with others."""
    if real.status >= 300:
        return real
    body = json.loads(real.body)
    body["jobs"] = change(body["jobs"] or [])
    return Answer(real.status, real.kind, json.dumps(body).encode(), real.headers)


def _without_one(rng: random.Random, jobs: list[Any]) -> list[Any]:
    gone = rng.randrange(len(jobs)) if jobs else 0
    return jobs[:gone] + jobs[gone + 1 :]


def _none(rng: random.Random, jobs: list[Any]) -> list[Any]:
    return []


def _early(rng: random.Random, jobs: list[Any]) -> list[Any]:
    for job in jobs:
        if job["status"]["state"] == "RUNNING":
            job["status"].update(state="PENDING", stateReason="None")
    return jobs


def _odd(rng: random.Random, jobs: list[Any]) -> list[Any]:
    for job in jobs[:1]:
        job["status"]["state"] = "RESV_DEL_HOLD"
    return jobs


def _reversed(rng: random.Random, real: Answer) -> Answer:
    if real.status >= 300:
        return real
    return Answer(real.status, real.kind, real.body[::-1], real.headers)


def _text(change: Callable[[str], str]) -> Callable[..., Answer]:
    def changed(rng: random.Random, real: Answer) -> Answer:
        if real.status >= 300:
            return real
        body = json.loads(real.body)
        body["output"] = change(body["output"] or "")
        return Answer(real.status, real.kind, json.dumps(body).encode(), real.headers)

    return changed


AFTER = {
    "lost_answer": After(anything, _lost),
    "repeated_submit": After(submits, _lost),  # the library below us asks again
    "slow_answer": After(anything, _as_it_is, late=(1.0, 20.0)),
    "listing_without_job": After(lists_jobs, _jobs(_without_one)),
    "empty_listing": After(lists_jobs, _jobs(_none)),
    "dear_listing": After(lists_jobs, _as_it_is, late=(1.0, 10.0)),
    "early_record": After(lists_jobs, _jobs(_early)),
    "odd_state": After(lists_jobs, _jobs(_odd)),
    "half_read": After(reads_log, _text(lambda text: text[: len(text) // 2])),
    "spoilt_read": After(reads_log, _text(lambda text: "\0" * len(text))),
    "claims_unread": After(links, lambda rng, real: worded(424, "ls: Permission denied")),
    "fetch_spoilt": After(reads_part, _reversed),
    "fetch_refused": After(reads_part, lambda rng, real: worded(404, "No such file or directory")),
}
