"""The runs that this machine remembers: what they are, their jobs, and what they leave behind.

A run lives while a job of it does, or the process that serves it. One that lives is never cleaned,
and outcomes that nobody has collected are only removed by who says so.
"""

from __future__ import annotations

import contextlib
import logging
import posixpath
import re
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..config import Credentials
from ..errors import ConfigError, NoSuchPath, RequestRefused, UsageError
from ..firecrest.client import Client
from ..firecrest.jobs import JobState
from ..firecrest.loop import LoopThread
from ..state.journal import Journal, RunRecord
from ..state.memory import Memory
from ..state.presence import Presence
from .home import Home, remembered
from .resumption import context_of, elsewhere, find, given, is_there, lies_on
from .survey import Survey, TaskView
from .weight import weigh

PROGRAMS = "programs-"  # begins the names of what all runs of a folder share
PATIENCE = 30.0  # seconds for which a request is repeated: a person waits


@dataclass
class RunView:
    """One run. ``size`` and ``jobs`` are as the cluster says; None where it was not asked."""

    record: RunRecord
    tasks: int
    process: int  # that serves it on this machine; 0: none
    size: int | None = None
    there: bool = True  # its directory
    jobs: list[str] | None = None  # those that have not ended

    @property
    def state(self) -> str:
        """served | running | open (nobody has collected it) | kept | gone."""
        if self.process:
            return "served"
        if self.jobs:
            return "running"
        return self.record.state if self.there else "gone"

    @property
    def note(self) -> str:
        """What is to be said of a run whose tasks cannot be looked at; empty for any other."""
        if self.jobs is None:
            return elsewhere(self.record)
        if self.there:
            return ""
        return (
            f"The run directory {self.record.directory} is gone: somebody or a clean-up removed "
            "it. Tasks that had not ended are lost, and so are outcomes that were not collected: "
            f"submit them again. `fcx runs clean {self.record.name}` forgets the run."
        )

    @property
    def age(self) -> float | None:
        """Seconds since it began; None for a run that another machine began."""
        started = self.record.started
        return max(0.0, time.time() - started) if started else None


@dataclass
class Cleaning:
    """What is removed of one run, or why nothing is."""

    view: RunView
    refused: str = ""
    outputs: list[str] = field(default_factory=list)  # of its jobs, as Slurm calls them by default


class Upkeep:
    """Looks after runs with the credentials that there are."""

    def __init__(self, env: Mapping[str, str | None] | None = None) -> None:
        self.journal = Journal()
        self._env = env

    @property
    def _credentials(self) -> Credentials:
        return Credentials.from_env(self._env)

    def _run(self, work: Callable[[Client], Coroutine[Any, Any, None]]) -> None:
        """Do something that takes requests."""

        async def done() -> None:
            client = Client(self._credentials, PATIENCE)
            try:
                await work(client)
            finally:
                await client.close()

        LoopThread.shared().run(done())

    def named(self, name: str) -> RunRecord:
        """One run. Raises UsageError where this machine does not remember it.

        Of several of this name it is the one on the cluster of our credentials, if there are any.
        """
        credentials = None
        with contextlib.suppress(ConfigError):  # what is remembered can be told without any
            credentials = self._credentials
        return find(self.journal, name, credentials)

    def anywhere(self, name: str) -> RunRecord:
        """The same, but of several of this name none is taken, wherever they lie."""
        return find(self.journal, name)

    def views(self, records: list[RunRecord], *, ask: bool = True) -> list[RunView]:
        """What these runs are; with ``ask``, of those on our cluster, what that says."""
        views = [
            RunView(record, len(self.journal.tasks(record.id)), Presence(record.id).holder())
            for record in records
        ]
        if ask and views:
            credentials = self._credentials
            mine = [view for view in views if lies_on(view.record, credentials)]
            if mine:
                self._run(lambda client: _ask_all(mine, client))
        return views

    def tasks(self, record: RunRecord) -> list[TaskView]:
        """What becomes of the tasks of one run."""
        context = context_of(record, self._credentials)
        try:
            return LoopThread.shared().run(Survey(context).tasks())
        finally:
            LoopThread.shared().run(context.client.close())

    def seen(self, view: RunView) -> list[TaskView]:
        """The same; of a run that cannot be looked at what the journal has."""
        if not view.note:
            return self.tasks(view.record)
        keys, state = self.journal.keys(view.record.id), "unknown" if view.there else "gone"
        return [
            TaskView(task, name, keys.get(task, ""), state)
            for task, name, _ in self.journal.tasks(view.record.id)
        ]

    def adopt(self, directory: str, key: str) -> RunRecord:
        """Remember a run of another machine. Raises UsageError for a wrong key or directory."""
        record = given(directory, key, self._credentials, self.journal)
        self._run(lambda client: is_there(record, client))
        self.tasks(record)
        self.journal.open_run(record)
        return record

    def cancel(self, record: RunRecord, *, dry_run: bool = False) -> RunView:
        """End the jobs of a run; its outcomes stay. What was there before is the answer."""
        view = self.views([record])[0]
        if view.jobs is None:
            raise UsageError(elsewhere(record))
        if view.process:
            raise UsageError(
                f"Run {record.name} is served by process {view.process} of this machine, which "
                "would submit other jobs: end that process first (Ctrl-C cancels its jobs, too)."
            )
        if not dry_run:
            jobs = view.jobs
            for job in jobs:
                self.journal.add_cancel(record.id, job, "`fcx runs cancel`")
            self._run(lambda client: _cancel(jobs, client))
        return view

    def plan(self, records: list[RunRecord], *, uncollected: bool) -> list[Cleaning]:
        """What cleaning them would do."""
        plans = [Cleaning(view, _refusal(view, uncollected)) for view in self.views(records)]
        self._run(lambda client: self._outputs(plans, client))
        return plans

    async def _outputs(self, plans: list[Cleaning], client: Client) -> None:
        """Files of jobs that the journal has, under the names that Slurm gives by default."""
        folders: dict[str, set[str]] = {}
        for plan in plans:
            if plan.refused:
                continue
            folder = plan.view.record.directory.partition("/.fcx-")[0]
            if folder not in folders:
                folders[folder] = set(await _names(client, folder))
            jobs = [job for _, job in self.journal.pilots(plan.view.record.id) if job]
            names = [f"slurm-{job}.out" for job in jobs]
            there = [name for name in names if name in folders[folder]]
            plan.outputs = [posixpath.join(folder, name) for name in there]

    def away(self) -> list[RunRecord]:
        """Runs that do not lie on our cluster."""
        credentials = self._credentials
        return [one for one in self.journal.runs() if not lies_on(one, credentials)]

    def forget(self, record: RunRecord) -> None:
        """What this machine has of a run; its cluster, which may be gone, is not asked.

        Raises UsageError for one that a process of this machine serves.
        """
        process = Presence(record.id).holder()
        if process:
            raise UsageError(
                f"Run {record.name} is served by process {process} of this machine: end that first."
            )
        self.journal.end_run(record.id, kept=False)

    def clean(self, plan: Cleaning) -> None:
        """Carry one out: the directory, the jobs' outputs, and what the journal has of it."""
        if plan.refused:
            return
        paths = [*plan.outputs, plan.view.record.directory]
        self._run(lambda client: _remove(paths, client))
        self.journal.end_run(plan.view.record.id, kept=False)

    def tidy(self, plans: list[Cleaning], *, every: bool = False) -> list[str]:
        """Remove the folders that runs were in, where only programs are left: which these are.

        Programs are written anew by whatever job needs them. ``every``: also folders of runs that
        are forgotten, as those are that ended well and have no name.
        """
        mine = [one for one in self.journal.runs() if lies_on(one, self._credentials)]
        used = {posixpath.dirname(record.directory) for record in mine}
        cleaned = [plan.view.record.directory for plan in plans if not plan.refused]
        removed: list[str] = []
        forgotten = remembered(self._credentials) if every else []
        bases = dict.fromkeys([*map(posixpath.dirname, cleaned), *forgotten])
        left = [base for base in bases if base not in used]
        if left:
            self._run(lambda client: self._tidied(left, removed, client))
        return removed

    async def _tidied(self, bases: list[str], removed: list[str], client: Client) -> None:
        memory = Memory(logging.getLogger(__name__))
        for base in bases:
            home = Home(client, self._credentials, posixpath.dirname(base), memory)
            try:
                names = await client.files.list(base)
            except RequestRefused:  # gone, or not ours any more
                await home.forget(base)
                continue
            if all(name.startswith(PROGRAMS) for name in names):
                await client.files.remove(base)
                await home.forget(base)
                removed.append(base)


def _refusal(view: RunView, uncollected: bool) -> str:
    """Why a run is not to be cleaned; empty where it may be."""
    name = view.record.name
    if view.jobs is None:
        return elsewhere(view.record)
    if view.process:
        return f"Run {name} is served by process {view.process} of this machine."
    if view.jobs:
        jobs = ", ".join(view.jobs)
        return (
            f"Run {name} has jobs that have not ended: {jobs}. `fcx runs cancel {name}` ends them."
        )
    sent = view.tasks or not view.record.started  # what another machine has sent is not counted
    if view.record.state == "open" and sent and view.there and not uncollected:
        return (
            f"Run {name} was not collected to its end: there may be outcomes that nobody has. "
            f"fcx.attach({name!r}) collects them; with --uncollected they are removed."
        )
    return ""


async def _ask_all(views: list[RunView], client: Client) -> None:
    """Live jobs from one listing, and the weight of each directory."""
    jobs = (await client.jobs.listing()).jobs
    for view in views:
        view.jobs = [job.job for job in jobs if _lives(job, view.record.id)]
        try:
            await client.files.list(view.record.directory)
        except NoSuchPath:
            view.there, view.size = False, 0
        else:
            view.size = await weigh(client.files, view.record.directory)


def _lives(job: JobState, run: str) -> bool:
    ours = re.fullmatch(rf".*-{re.escape(run)}-[0-9]+", job.name)
    return bool(ours) and not job.terminal


async def _cancel(jobs: list[str], client: Client) -> None:
    for job in jobs:
        await client.jobs.cancel(job)


async def _names(client: Client, folder: str) -> list[str]:
    try:
        return list(await client.files.list(folder))
    except NoSuchPath:
        return []


async def _remove(paths: list[str], client: Client) -> None:
    """A path that is not there any more is fine."""
    for path in paths:
        await client.files.remove(path)
