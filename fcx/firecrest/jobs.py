"""Jobs: submit, list, ask, cancel; and what Slurm says of one."""

from __future__ import annotations

import asyncio
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import FcxError, JobRefused, RequestRefused, SubmitLimit
from ..jobstates import TERMINAL, WITHOUT_NODES
from ..spoken import meant
from . import answers

if TYPE_CHECKING:  # what a job's state is can be known without the machinery of requests
    from .about import About
    from .retries import Requests

# Words of a cancel that came too late, or to nothing: the job does not run, which is what counts.
DONE = ("already complet", "Invalid job id", "not found")
# Words of an sbatch that is refused for now: so many jobs are submitted already, by whomever, or
# the partition takes none until somebody opens it again.
FOR_NOW = re.compile(
    r"(Assoc|QOS)\w*Submit\w*Limit|Required partition not available|"
    r"partition configuration not available now|temporarily unable to accept|in standby mode"
)
PARTITION = re.compile(r"invalid partition specified: (\S{1,100})")  # sbatch's own words
EXPLAINED = 10.0  # seconds in which names come that a refusal is explained by
CANCELLED_BY = re.compile(r"CANCELLED by ([0-9]{1,10})")


@dataclass(frozen=True)
class JobState:
    """What Slurm says of a job. ``state`` without what follows it (``CANCELLED by 1001``).

    ``user``: that number, of who cancelled it. ``began`` and ``ended``: seconds since the epoch by
    Slurm's clock, 0 where it does not say; ``nodes``: how many it was given. For people only.
    """

    job: str
    name: str
    state: str
    reason: str = ""
    exit_code: int = 0
    signal: int = 0
    user: str = ""
    began: float = 0.0
    ended: float = 0.0
    nodes: int = 0

    @property
    def terminal(self) -> bool:
        """Whether the job has ended."""
        return self.state in TERMINAL

    @classmethod
    def of(cls, record: answers.JobRecord) -> JobState:
        """From the server's record; one without a status says nothing of the job's end."""
        status = record.status or answers.Status()
        return cls(
            answers.plain_text(str(record.job_id)),
            answers.plain_text(record.name or ""),
            answers.plain_text(_state(status.state)),
            answers.plain_text(status.state_reason or ""),
            status.exit_code or 0,
            status.interrupt_signal or 0,
            _canceller(status.state),
            *_times(record),
        )


def _times(record: answers.JobRecord) -> tuple[float, float, int]:
    """Begin, end and nodes, as far as they make sense.

    The end of a job that runs is a guess, and so is the begin of one that waits.
    """
    told = record.time if isinstance(record.time, dict) else {}
    status = record.status or answers.Status()
    state = _state(status.state)
    began, ended = (answers.positive(told.get(name)) for name in ("start", "end"))
    nodes = int(answers.positive(record.allocation_nodes))
    return 0.0 if state in WITHOUT_NODES else began, ended if state in TERMINAL else 0.0, nodes


def _canceller(given: str | list[str | None] | None) -> str:
    """The number of the user who cancelled it, where Slurm says so."""
    found = (CANCELLED_BY.fullmatch(text) for text in _texts(given) if text)
    return next((match[1] for match in found if match), "")


def _texts(given: str | list[str | None] | None) -> list[str | None]:
    return given if isinstance(given, list) else [given]


def _state(given: str | list[str | None] | None) -> str:
    """One state out of a text or a list of them: the job has ended only if all of them say so."""
    texts = _texts(given)
    words = [text.split()[0].rstrip("+") for text in texts if text and text.strip()]
    going = [word for word in words if word not in TERMINAL]
    return (going or words or ["PENDING"])[0]


@dataclass(frozen=True)
class Submitted:
    """A job id; if the submit was ``repeated``, other jobs of the same script may be about."""

    job: str
    repeated: bool


@dataclass(frozen=True)
class Listing:
    """The user's recent jobs, and the seconds that the server took: they tell what it costs."""

    jobs: tuple[JobState, ...]
    seconds: float


class Jobs:
    """The account's jobs on one system."""

    def __init__(self, requests: Requests, about: About, system: str, account: str) -> None:
        self._requests = requests
        self._about = about
        self._system = system
        self._account = account

    async def submit(self, working_dir: str, script: str, account: str = "") -> Submitted:
        """Submit a job. A lost answer is followed by the same script again: it must bear that.

        ``account``: the one that pays, where it is not the one that pays for all others.
        Raises JobRefused with the words of sbatch; SubmitLimit where they name what passes.
        """
        try:
            answer = await self._requests.answer(
                "submit the job",
                lambda api: api.submit(
                    self._system, working_dir, script_str=script, account=account or self._account
                ),
                answers.read_accepted,
            )
        except RequestRefused as error:
            if error.status in {500, 400}:
                explained = await self._explained(_refusal(str(error)), account or self._account)
                raise explained from None
            raise
        return Submitted(answer.value, answer.doubtful)

    async def _explained(self, refused: JobRefused, account: str) -> JobRefused:
        """With the names that there are, where Slurm does not know the one that it was given."""
        told = []
        with suppress(FcxError, asyncio.TimeoutError):
            if "nvalid partition" in str(refused):
                found = await asyncio.wait_for(self._about.partitions(), EXPLAINED)
                names = [one.name for one in found]
                given = PARTITION.search(str(refused))
                guess = meant(given[1], names) if given else ""
                told.append(f"The partitions are: {', '.join(names)}.{guess}")
            if "nvalid account" in str(refused):
                known = (await asyncio.wait_for(self._about.identity(), EXPLAINED)).accounts
                guess = meant(account, known)
                told += [f"You may charge: {', '.join(known)}.{guess}"] if known else []
        return type(refused)(" ".join((str(refused), *told)))

    async def listing(self) -> Listing:
        """All of the user's recent jobs, in one request."""
        answer = await self._requests.answer(
            "list the jobs", lambda api: api.job_info(self._system), answers.read_jobs
        )
        return Listing(tuple(map(JobState.of, answer.value)), answer.seconds)

    async def each(self, *jobs: str) -> Listing:
        """These, each asked for by itself, at once: those that the server knows."""
        each = await asyncio.gather(*map(self._one, jobs))
        known = tuple(state for listing in each for state in listing.jobs)
        return Listing(known, max((listing.seconds for listing in each), default=0.0))

    async def ask(self, job: str) -> JobState | None:
        """One job; None where the server does not know it, which says nothing of its life."""
        return next(iter((await self._one(job)).jobs), None)

    async def _one(self, job: str) -> Listing:
        try:
            answer = await self._requests.answer(
                "ask for a job", lambda api: api.job_info(self._system, job), answers.read_jobs
            )
        except RequestRefused as error:
            if error.status == 404:
                return Listing((), 0.0)
            raise
        return Listing(tuple(map(JobState.of, answer.value[:1])), answer.seconds)

    async def output_paths(self, job: str) -> tuple[str, ...]:
        """Where a job's output and errors go, often the same; none where nobody knows any more."""
        try:
            found = await self._requests.make(
                "ask for a job's files",
                lambda api: api.job_metadata(self._system, job),
                answers.read_paths,
            )
        except RequestRefused:
            return ()
        both = (found[0].standard_output, found[0].standard_error) if found else ()
        return tuple(dict.fromkeys(path for path in both if path and path != os.devnull))

    async def cancel(self, job: str) -> None:
        """End a job; one that has ended, or that the server does not know, counts as done.

        Raises for this job alone what is not done: RequestRefused, Unreachable, CredentialsRefused.
        Who cancels several asks for each, and keeps those that raised to be cancelled again.
        """
        try:
            await self._requests.make(
                "cancel a job",
                lambda api: api.cancel_job(self._system, job),
                answers.read_nothing,
            )
        except RequestRefused as error:
            if not any(word in str(error) for word in DONE):
                raise


def _refusal(message: str) -> JobRefused:
    """What sbatch itself said, and what to do."""
    at = message.find("sbatch: ")
    words = message[at:].rsplit(" (HTTP", 1)[0].strip() if at >= 0 else message
    if FOR_NOW.search(words):
        return SubmitLimit(f"Slurm takes no further job for now: {words}.")
    return JobRefused(
        f"Slurm refused the job: {words}. Check sbatch_options and FIRECREST_ACCOUNT "
        "against what the site allows; it was not tried again."
    )
