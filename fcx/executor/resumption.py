"""Runs that go on: found again in the journal, by their name, or by their directory and key."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ..config import Credentials, ExecutorSettings, Wanted, shown_here
from ..errors import NoSuchPath, StateError, UsageError
from ..firecrest.client import Client
from ..firecrest.loop import LoopThread
from ..jobscript.options import Options
from ..parity.gate import Gate, Question
from ..records import replace
from ..spoken import meant
from ..state.journal import Journal, RunRecord
from ..state.memory import Memory
from ..state.presence import Presence
from .core.events import Attached, TaskInfo
from .effects.context import Context, Identity
from .future import FirecrestFuture
from .intake import Intake
from .run import Run, make_context
from .settings import RunSettings, settle
from .shapes import environment_of, reshaped_before

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def check_name(name: Any) -> str:
    """A name for a run. Raises UsageError for what cannot be one: it names a directory and jobs."""
    if not isinstance(name, str) or not NAME.fullmatch(name) or name.startswith("programs-"):
        raise UsageError(
            f"run={name!r} cannot name a run: take up to 64 letters, digits, - and _, beginning "
            "with a letter or a digit."
        )
    return name


def identify(
    name: str | None, credentials: Credentials, working_dir: str, journal: Journal
) -> tuple[Identity, RunRecord | None]:
    """Who a run is, and what the journal has of it; a run without a name is always new."""
    if name is None:
        return Identity.new(), None
    place = f"{credentials.api_url} {credentials.system} {working_dir}"
    new = Identity.new(check_name(name), place)
    try:
        record = journal.run(new.id) or _elsewhere(name, credentials, working_dir, journal)
    except StateError:
        return new, None  # the run says so once it begins
    if record is None:
        return new, None
    _refuse_where_it_begins(record, journal)
    return identity_of(record), record


def _refuse_where_it_begins(record: RunRecord, journal: Journal) -> None:
    """Raise UsageError where a process that lives has just begun the run.

    What it is about to send would be taken for never sent: sent again, and run twice.
    """
    process = Presence(record.id).holder()
    if process and not any(job for _, job in journal.pilots(record.id)):
        raise UsageError(
            f"Run {record.name!r} is being begun by process {process} of this machine, which has "
            "no job yet: start this one again in a moment, and it goes on with that run."
        )


def _elsewhere(
    name: str, credentials: Credentials, working_dir: str, journal: Journal
) -> RunRecord | None:
    """A run of this name that was begun under another spelling of the same place."""
    for record in journal.named(name):
        if lies_on(record, credentials) and record.directory.partition("/.fcx-")[0] == working_dir:
            return record
    return None


def identity_of(record: RunRecord) -> Identity:
    """Who a remembered run is; its directory has a name of the user's where that is not its id."""
    return Identity(record.id, record.key, record.name if record.name != record.id else "")


def find(journal: Journal, run: str, credentials: Credentials | None = None) -> RunRecord:
    """One run by its name or id. Raises UsageError where there is none, or several.

    And StateError where what is remembered of it is damaged. A name stands for the run on the
    cluster of these credentials, if there is one.
    """
    found = journal.named(run)
    if credentials is not None:
        found = [record for record in found if lies_on(record, credentials)] or found
    if len(found) == 1:
        return found[0]
    if found:
        places = ", ".join(f"{record.id} ({record.directory})" for record in found)
        raise UsageError(f"Several runs are called {run!r}: take the id of one: {places}.")
    for damaged, told in journal.damaged().items():
        if damaged == run or damaged.rpartition("-")[0] == run:
            raise StateError(told)
    known = [record.name for record in journal.runs()]
    raise UsageError(
        f"This machine remembers no run {run!r}; it remembers: {', '.join(known) or 'none'}."
        f"{meant(run, known)} A run of another machine is known by its directory and key, which "
        "`fcx runs show NAME --key` prints there: give both to `fcx runs attach` or fcx.attach."
    )


def lies_on(record: RunRecord, credentials: Credentials) -> bool:
    """Whether a run is one of this cluster."""
    return (record.api_url, record.system) == (credentials.api_url, credentials.system)


def elsewhere(record: RunRecord) -> str:
    """What is said of one that is not."""
    return (
        f"Run {record.name} lies on {record.system} behind {record.api_url}: set the FIRECREST "
        "variables to that."
    )


def given(
    directory: str, key: str, credentials: Credentials, journal: Journal | None = None
) -> RunRecord:
    """A run by its directory and key, as the journal has it if that knows it already.

    Raises UsageError for what cannot be a run directory or a key.
    """
    directory = directory.rstrip("/")
    working_dir, _, rest = directory.partition("/.fcx-")
    name = rest.partition("/")[2]
    if not directory.startswith("/") or not name or "/" in name:
        raise UsageError(
            f"{directory!r} is no run directory: these are called <working_dir>/.fcx-<user>/<run>."
        )
    try:
        secret = bytes.fromhex(key.strip())
    except ValueError:
        secret = b""
    if len(secret) != KEY_BYTES:
        raise UsageError(
            f"The key of a run has {2 * KEY_BYTES} hexadecimal digits: "
            f"`fcx runs show {name} --key` on the machine that began the run prints it."
        )
    generated = re.fullmatch(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{8}", name)
    place = f"{credentials.api_url} {credentials.system} {working_dir}"
    known = Identity(name, secret) if generated else Identity.new(name, place)
    where = (credentials.api_url, credentials.system, directory)
    before = None
    with contextlib.suppress(StateError):  # it may be damaged: it is entered anew
        before = journal.run(known.id) if journal is not None else None
    if before is not None and before.key == secret:
        return before
    return RunRecord(known.id, *where, secret, 0.0, "open", {"working_dir": working_dir})


KEY_BYTES = 32


def attached(
    journal: Journal,
    run: str,
    found: list[tuple[TaskInfo, int]],
    pilots: list[tuple[str, str]],
    *,
    by_key: bool,
    partly: bool = False,
    epoch: int = 0,
    shapes: Mapping[str, int] | None = None,
) -> Attached:
    """What the core is told: what the journal has, what lies in the inbox, and what has begun.

    ``shapes``: of pilots, by name, where they are not the executor's own.
    """
    keys = journal.keys(run)
    sent = {
        task: (TaskInfo(task, name, 0, key=keys.get(task, "")), attempt)
        for task, name, attempt in journal.tasks(run)
    }
    for info, attempt in found:
        known, before = sent.get(info.id, (None, 0))
        name = known.name if known else info.name
        key = (known.key if known else "") or info.key
        known = TaskInfo(info.id, name, 0, key=key, shape=info.shape, takes=info.takes)
        sent[info.id] = known, max(attempt, before)
    jobs = {**dict(pilots), **{name: job for name, job in journal.pilots(run) if job}}
    jobs = {**dict.fromkeys((name for name, _ in journal.pilots(run)), ""), **jobs}
    return Attached(
        tuple(info for info, _ in sent.values()),
        tuple(attempt for _, attempt in sent.values()),
        tuple(sorted(jobs.items())),
        by_key,
        partly,
        epoch,
        tuple(sorted((shapes or {}).items())),
    )


def shapes_of(context: Context, record: RunRecord) -> dict[str, int]:
    """Shapes that an earlier process has recorded are known; those of pilots, by name."""
    kits = context.kits
    for known in record.settings.get("shapes", ()):
        kits.take(*reshaped_before(context.settings, known), again=True)
    marks = {kit.mark: kit.shape for kit in kits}
    found = context.memory.journal.shapes(record.id)
    return {pilot: marks[mark] for pilot, mark in found.items() if mark in marks}


def queued_pilots(context: Context) -> list[tuple[str, str]]:
    """(name, job) of the run's pilots by what Slurm calls its jobs: those that have not begun."""
    listing = LoopThread.shared().run(context.client.jobs.listing())
    name = re.compile(rf".*-{re.escape(context.identity.id)}-[0-9]+")
    return [(job.name, job.job) for job in listing.jobs if name.fullmatch(job.name)]


def open_run(
    given: Mapping[str, object],
    env: Mapping[str, str | None] | None,
    logger: logging.Logger,
    first: bytes,
    include: Sequence[Any],
    name: str | None,
) -> Intake:
    """The intake of an executor: of a new run, or of one that goes on because it has a name.

    ``first``: the pickled initializer, or nothing. Raises UsageError for what cannot be.
    """
    settings, question = settle(given, env, logger, first)
    for finding in question.outdated:
        logger.warning(finding)
    memory = Memory(logger)
    gate, journal = Gate(question, memory), memory.journal
    table = settings.table
    identity, record = identify(name, settings.credentials, table.working_dir, journal)
    directory = record.directory if record else ""
    run = Run(make_context(settings, gate, identity, memory, directory))
    if record is not None:
        shapes = shapes_of(run.context, record)
        event = attached(journal, record.id, [], [], by_key=True, shapes=shapes)
        run.resume(event, record.started)
    return Intake(run, gate, include, again=record is not None, keyed=bool(name))


def collect(
    record: RunRecord,
    journal: Journal,
    credentials: Credentials,
    logger: logging.Logger | None,
    progress: Wanted = None,
) -> tuple[Run, Intake, dict[str, FirecrestFuture[Any]]]:
    """Take over a run whose process is gone: itself, what takes new tasks, and its futures.

    Raises UsageError for a run of another cluster: its directory would be looked for on this one.
    """
    if not lies_on(record, credentials):
        raise UsageError(elsewhere(record))
    context = context_of(record, credentials, logger, progress)
    gate = context.gate
    run = Run(context)
    try:
        event = _taken_over(run, record, journal)
    except BaseException:
        LoopThread.shared().run(context.client.close())
        raise
    futures: dict[str, FirecrestFuture[Any]] = {}

    def expect(infos: tuple[TaskInfo, ...]) -> None:
        new = {info.id: FirecrestFuture[Any](info.id, run, info.name, info.key) for info in infos}
        futures.update(new)
        run.mailbox.expect(new, expect)

    expect(event.tasks)
    intake = Intake(run, gate, again=True, keyed=bool(run.context.identity.name))
    intake.expect({future.key: future for future in futures.values() if future.key})
    run.attach(event)
    return run, intake, futures


def _taken_over(run: Run, record: RunRecord, journal: Journal) -> Attached:
    """What is known of the run, which is this process's from now on."""
    context = run.context
    shapes = shapes_of(context, record)
    for kit in context.kits:
        kit.gate.recall()
    found, pilots = run.look()
    known = journal.run(record.id) is not None
    ours = dict(journal.pilots(record.id))
    shapes.update(run.shapes(name for name, _ in pilots if name not in ours))
    pilots = pilots if known else [*queued_pilots(context), *pilots]
    if not (known or found or pilots):
        LoopThread.shared().run(is_there(record, context.client))
    epoch = run.take_over()
    event = attached(
        journal,
        record.id,
        found,
        pilots,
        by_key=False,
        partly=not known,
        epoch=epoch,
        shapes=shapes,
    )
    with contextlib.suppress(StateError):  # said already
        context.memory.record(partial(journal.open_run, record))
    return event


async def is_there(record: RunRecord, client: Client) -> None:
    """Raise UsageError unless the run's directory is there."""
    try:
        await client.files.list(record.directory)
    except NoSuchPath:
        raise UsageError(
            f"There is no run in {record.directory} on {client.system}: look at the directory that "
            "`fcx runs show NAME --key` prints."
        ) from None


def context_of(
    record: RunRecord,
    credentials: Credentials,
    logger: logging.Logger | None = None,
    progress: Wanted = None,
) -> Context:
    """What the effects of a remembered run work with."""
    settings = _settings_of(record, credentials, logger, progress)
    environment = settings.environment
    question = Question(
        settings.table.parity,
        f"{credentials.api_url} {credentials.system}",
        python=settings.python,
        edf=environment.name,
        edf_digest=environment.digest,
    )
    memory = Memory(settings.logger)
    gate = Gate(question, memory)
    return make_context(settings, gate, identity_of(record), memory, record.directory)


def _settings_of(
    record: RunRecord,
    credentials: Credentials,
    logger: logging.Logger | None,
    progress: Wanted,
) -> RunSettings:
    """What the run was begun with."""
    known = record.settings
    table = replace(ExecutorSettings.from_record(known), progress=shown_here(progress))
    environment = environment_of(known)
    options = Options.check(table.sbatch_options, table.srun_options)
    return RunSettings(
        table,
        credentials.charging(options.account),
        options,
        environment,
        table.python or "python3",
        logger or logging.getLogger("fcx"),
        usual_account=credentials.account,
    )
