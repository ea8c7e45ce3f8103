"""Preflight: one short job that probes the remote side, and the verdict on what it found.

A small thing of its own: no tasks, no core. The pilot waits for no go: it tells what its place is
and leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ..errors import FcxError, JobFailed, JobNeverRuns, NoSuchPath, ParityError, RequestRefused
from ..firecrest.jobs import Submitted
from ..firecrest.loop import LoopThread
from ..parity.gate import Gate, Question
from ..parity.snapshot import Snapshot
from ..parity.verdict import Verdict
from ..protocol import keys
from ..ship.compare import difference
from ..state.memory import Memory
from . import signals
from .core import fates
from .core.events import JobSeen
from .effects.context import Context, Identity
from .effects.jobs import end_of_output
from .run import make_context
from .settings import RunSettings
from .wire import UpLine, read

T = TypeVar("T")

ENDING = 20.0  # seconds that a process which is told to end may take to cancel its job
LOOK, LONGEST_LOOK = 0.1, 2.0  # seconds between looks, at first and at most
GRACE = 5.0  # seconds for which the log of a job that has ended may still appear


@dataclass(frozen=True)
class Answer:
    """What is known of the remote side, and how that is judged."""

    verdict: Verdict
    remote: Snapshot | None = None  # None: the image's manifest alone told
    age: str = ""  # of what was found, in words; empty: just now
    asked: bool = False  # by a job that was submitted for it


def preflight(settings: RunSettings, question: Question, *, fresh: bool = False) -> Answer:
    """Judge the remote side; ``fresh``: by a new job, whatever is remembered.

    Credentials, system and working_dir are checked first, by requests alone. Raises what keeps the
    job from being run; a verdict that did not pass is an answer.
    """
    memory = Memory(settings.logger)
    context = make_context(settings, Gate(question, memory), Identity.new(), memory)
    return judged(context, _answer(context, fresh=fresh))


def judged(context: Context, work: Coroutine[Any, Any, T]) -> T:
    """What the work of one preflight comes to; its client is closed then."""
    try:
        with signals.raised():
            return _tidily(context, work)
    finally:
        LoopThread.shared().run(context.client.close())


def _tidily(context: Context, work: Coroutine[Any, Any, T]) -> T:
    """Wait for it; where this thread is told to end, for what it still has to tidy up."""
    done = threading.Event()

    async def until_done() -> T:
        try:
            return await work
        finally:
            done.set()

    future = asyncio.run_coroutine_threadsafe(until_done(), LoopThread.shared().loop)
    try:
        return future.result()
    except FcxError:
        raise
    except BaseException:
        context.client.hurry()
        future.cancel()
        done.wait(ENDING)
        raise


async def _answer(context: Context, *, fresh: bool) -> Answer:
    gate = context.gate
    base = await context.home.find(afresh=True)
    context.place.found(base, context.identity.id)
    try:
        await asyncio.to_thread(gate.refuse_image)
        known = None if fresh else await asyncio.to_thread(gate.recall)
    except ParityError as error:
        return Answer(error.verdict)  # that needs no job
    await _refuse_shipped(context)
    if known is not None:
        age = known.known.spoken_age(time.time())
        return Answer(known.verdict, known.remote, "" if age == "just now" else age)
    await _say_of_login(context)
    return await _ask(context)


async def _say_of_login(context: Context) -> None:
    """Warn where the engine will not be let in by the image's registry: Sarus has other logins."""
    from . import logins  # which brings an HTTP client of its own

    environment, logger = context.settings.environment, context.settings.logger
    manifest = environment.manifest
    here = bool(manifest and environment.image == manifest.tag)  # pushed nowhere
    if environment.option != "--environment" or not environment.image or here:
        return
    with contextlib.suppress(RequestRefused):  # what matters of it, the job meets itself
        for line in await logins.complaints(context.client, environment.image):
            logger.warning(line)


async def _refuse_shipped(context: Context) -> None:
    """Raise ParityError where the file that was shipped is not what lies there now."""
    environment = context.settings.environment
    if environment.shipped is None or environment.manifest is None:
        return
    wrong = await difference(context.client.files, environment.shipped, environment.manifest)
    if wrong:
        raise ParityError(f"The image on the cluster is not the one that was shipped: {wrong}.")


async def _ask(context: Context) -> Answer:
    """Submit a pilot that only probes, and judge what it found."""
    directory = context.place.directory
    pilot = f"{context.scripts.prefix()}-001"
    look = context.gate.look
    config = context.scripts.config(directory, pilot, (1,), None, look=look, gate_timeout=0.0)
    text = context.scripts.text(directory, config, [], opened=False, inline=True)
    async with submitted(context, text, pilot) as job:
        key = keys.pilot_key(context.identity.key, pilot)
        up = await Up(context, job, key).found()
    return await asyncio.to_thread(_judge, context.gate, up)


@contextlib.asynccontextmanager
async def submitted(context: Context, text: str, name: str) -> AsyncIterator[str]:
    """A job for as long as its answer is waited for; it and its folder are gone then."""
    settings, jobs = context.settings, context.client.jobs
    submission = asyncio.ensure_future(jobs.submit(settings.table.working_dir, text))
    try:
        job = (await asyncio.shield(submission)).job
        settings.logger.info(f"Job {job} submitted as {name}")
        yield job
    except asyncio.CancelledError:
        await _cancelled(context, submission)
        raise
    finally:
        if submission.done() and not submission.exception():
            await _tidy(context, submission.result().job)


def _judge(gate: Gate, up: UpLine) -> Answer:
    remote = Snapshot.from_probe(up.probe or {})
    try:
        verdict = gate.admit(up.probe or {}, up.edf).verdict
    except ParityError as error:
        return Answer(error.verdict, remote, asked=True)
    return Answer(verdict, remote, asked=True)


async def _cancelled(context: Context, submission: asyncio.Future[Submitted]) -> None:
    """End the job of a process that is told to end, also one that is just being submitted."""
    logger = context.settings.logger
    try:
        job = (await submission).job
    except FcxError:
        return  # there is none
    try:
        await context.client.jobs.cancel(job)
    except FcxError as error:
        logger.warning(
            f"The preflight was ended, but its job {job} could not be cancelled ({error}): "
            f"`scancel {job}` on the cluster does it."
        )
    else:
        logger.warning(f"The preflight was ended: its job {job} is cancelled")


async def _tidy(context: Context, job: str) -> None:
    """End the job and remove what it left, whatever became of it."""
    with contextlib.suppress(FcxError):
        await context.client.jobs.cancel(job)
        await context.client.files.remove(context.place.directory)


class Watch(ABC, Generic[T]):
    """Waits for what a job leaves, and says why where it leaves nothing."""

    def __init__(self, context: Context, job: str) -> None:
        self.context = context
        self.job = job
        self.heard: JobSeen | None = None
        self._asked = time.monotonic()

    @abstractmethod
    async def read(self) -> T | None:
        """What is there of it by now."""

    @abstractmethod
    async def begun(self) -> bool:
        """Whether the job's script has come to our lines."""

    async def found(self) -> T:
        """It. Raises ParityError, JobNeverRuns or JobFailed where none will come."""
        pause, ended = LOOK, 0.0
        while True:
            found = await self.read()
            if found is not None:
                return found
            if ended and time.monotonic() - ended > GRACE:
                raise await self._not_started()
            if time.monotonic() - self._asked > LONGEST_LOOK:
                await self._ask_state()
                if fates.ended(self.heard) and not ended:
                    ended = time.monotonic()
            await asyncio.sleep(pause)
            pause = min(pause * 1.2, LONGEST_LOOK, self.context.settings.table.sleep_interval)

    async def _ask_state(self) -> None:
        self._asked = time.monotonic()
        found = await self.context.client.jobs.ask(self.job)
        if found is None:
            return
        before = self.heard.state if self.heard else ""
        self.heard = JobSeen(found.job, found.state, found.reason, found.exit_code, found.signal)
        if before != found.state:
            self.context.settings.logger.info(f"Job {self.job}: {found.state}")
        if fates.stuck(self.heard):
            raise JobNeverRuns(fates.never_runs(self.job, self.heard).message)

    async def _not_started(self) -> FcxError:
        """Why no agent came up, in the words of the job's output."""
        context, told, begun = self.context, "", True
        with contextlib.suppress(FcxError):
            working_dir = context.settings.table.working_dir
            found = await end_of_output(context.client, working_dir, self.job)
            told = found or await context.home.complaint()
            begun = await self.begun()
        judge = fates.of_job if begun else fates.not_begun
        fate = judge(self.job, self.heard, told)
        if not begun or not fates.complains(fate, self.heard, told):
            return JobFailed(fate.trouble.message)
        python, tag = context.settings.python, context.settings.environment.tag
        return ParityError(fates.not_started(self.job, python, told, tag).message)


class Up(Watch[UpLine]):
    """Waits for the first record of a pilot's only agent."""

    def __init__(self, context: Context, job: str, key: bytes) -> None:
        super().__init__(context, job)
        self.key = key

    async def read(self) -> UpLine | None:
        """The record, once it is there."""
        path = self.context.place.path("logs", f"{self.job}.0.0.0")
        try:
            data = await self.context.client.files.read_from(path, 0)
        except NoSuchPath:
            return None
        lines = read(data, self.key).records
        return next((line for line in lines if isinstance(line, UpLine)), None)

    async def begun(self) -> bool:
        """As the lock that it took says."""
        try:
            return bool(await self.context.client.files.list(self.context.place.path("locks")))
        except NoSuchPath:
            return False
