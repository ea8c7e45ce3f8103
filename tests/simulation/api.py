"""FirecREST, as far as a run notices it: requests have an effect, then an answer, or not."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from fcx.executor.core import actions as act
from fcx.executor.core import events as ev
from fcx.protocol.layout import client as client_link
from fcx.protocol.names import number_of

from .cluster import Cluster, Job, Script
from .faults import Faults, passing
from .files import DAMAGED, RECORD
from .world import World

UNDER_WAY = 4  # requests at a time


class Missing(Exception):  # noqa: N818 - it is not an error that anybody sees
    """What was asked for is not there."""


class Api:
    """Performs requests on the cluster."""

    def __init__(self, world: World, cluster: Cluster, faults: Faults) -> None:
        self.world = world
        self.cluster = cluster
        self.faults = faults
        self.directory = cluster.directory
        self._out_until = 0.0
        self._queue: deque[tuple[Any, Any]] = deque()
        self._busy = 0

    def outage(self, seconds: float) -> None:
        """Nothing is answered for so long."""
        self._out_until = self.world.now + seconds

    # -- the way of a request ---------------------------------------------------------------

    def ask(self, client: Any, request: act.Request) -> None:
        """Take a request; its answer is fed to the client, should that still live."""
        self._queue.append((client, request))
        self._send()

    def _send(self) -> None:
        while self._queue and self._busy < UNDER_WAY:
            client, request = self._queue.popleft()
            if client.alive:
                self._busy += 1
                client.packs(request)
                latency = self.cluster.timing.request(request)
                self.world.after(latency / 2, self._arrived, client, request, latency / 2)

    def _arrived(self, client: Any, request: act.Request, way_back: float) -> None:
        answer = self._refusal(client, request)
        if answer is None:
            answer = self._effect(client, request)
            answer = self.faults.strike("answer", self, client, request, answer) or answer
        way_back += self.faults.strike("slow", self, client, request) or 0.0
        if (
            isinstance(answer, ev.Failed)
            and answer.kind == "passing"
            and self.cluster.scenario.door
        ):
            way_back += self.world.between(0.0, self.cluster.scenario.door)
        self.world.after(way_back, self._came, client, answer)

    def _came(self, client: Any, answer: Any) -> None:
        reading = self.cluster.timing.answer(answer)
        if reading:
            self.world.after(reading, self._answered, client, answer)
        else:
            self._answered(client, answer)

    def _refusal(self, client: Any, request: act.Request) -> Any:
        if isinstance(request, act.Prepare) and self.cluster.scenario.remembered:
            return None  # who we are is remembered, too: nobody is asked
        dark = self.cluster.scenario.dark
        if self.world.now < max(dark, min(self._out_until, self.faults.calm)):
            return passing(request, "ConnectError: connection refused.")
        return self.faults.strike("request", self, client, request)

    def _effect(self, client: Any, request: act.Request) -> Any:
        try:
            return EFFECTS[type(request)](self, client, request)
        except Missing:
            trouble = ev.Trouble("NoSuchPath", "404: No such file or directory.")
            return ev.Failed(request.id, "missing", trouble)

    def _answered(self, client: Any, answer: Any) -> None:
        self._busy -= 1
        client.answer(answer)
        self._send()

    # -- files ------------------------------------------------------------------------------

    def _there(self) -> None:
        if not self.directory.exists:
            raise Missing

    def prepare(self, _client: Any, request: act.Prepare) -> Any:
        """Who we are."""
        return ev.Prepared(request.id, "/scratch/.fcx-me/run")

    def make_directory(self, _client: Any, request: act.MakeDirectory) -> Any:
        """The run directory."""
        self.directory.make()
        return ev.Done(request.id)

    def upload_initializer(self, _client: Any, request: act.UploadInitializer) -> Any:
        """It lies there."""
        self._there()
        self.directory.initializer = True
        return ev.Done(request.id)

    def upload_archive(self, _client: Any, request: act.UploadArchive) -> Any:
        """It lies there."""
        self._there()
        self.directory.modules[request.archive] = None
        return ev.Uploaded(request.id)

    def upload_bundle(self, client: Any, request: act.UploadBundle) -> Any:
        """Agents see it a little later."""
        self._there()
        content = client.parcels[request.bundle]
        self.directory.inbox.put(request.bundle, content, self.cluster.seen_by_agents())
        return ev.Done(request.id)

    def upload_config(self, _client: Any, request: act.UploadConfig) -> Any:
        """What a pilot's agents are told."""
        self._there()
        self.directory.configs[request.pilot] = request
        return ev.Done(request.id)

    def upload_order(self, _client: Any, request: act.UploadOrder) -> Any:
        """Agents see it a little later."""
        self._there()
        name = f"o{request.number:06d}"
        self.directory.inbox.put(name, request.cancel, self.cluster.seen_by_agents())
        return ev.Done(request.id)

    def write_closed(self, _client: Any, request: act.WriteClosed) -> Any:
        """Agents and late jobs are told."""
        self._there()
        self.directory.inbox.put("closed", request.word, self.cluster.seen_by_agents())
        return ev.Done(request.id)

    def take_over(self, _client: Any, request: act.TakeOver) -> Any:
        """The run belongs to this life of the client."""
        self._there()
        self.directory.clients += 1
        return ev.Owned(request.id, self.directory.clients)

    def reopen(self, _client: Any, request: act.Reopen) -> Any:
        """Agents serve again."""
        self._there()
        self.directory.inbox.files.pop("closed", None)
        return ev.Done(request.id)

    def remove_directory(self, _client: Any, request: act.RemoveDirectory) -> Any:
        """All of it is gone."""
        self._there()
        self.cluster.remove()
        return ev.Done(request.id)

    def list_folder(self, _client: Any, request: act.ListFolder) -> Any:
        """The inbox, or logs with their sizes, beats and exit notes."""
        self._there()
        now = self.world.now
        if request.folder == "inbox":
            there = self.directory.inbox.visible(now)  # another machine may list than has written
            return ev.FilesListed(request.id, tuple((name, 1) for name, _ in there))
        found = [(name, log.visible(now) * RECORD) for name, log in self.directory.logs.items()]
        files = [(name, size) for name, size in found if size]
        files += [(name, size) for name, size in self.directory.notes.visible(now)]
        files += [(client_link(n), 0) for n in range(2, self.directory.clients + 1)]
        return ev.FilesListed(request.id, tuple(sorted(files)))

    def list_links(self, _client: Any, request: act.ListLinks) -> Any:
        """Claims or locks."""
        self._there()
        directory = self.directory
        folder = directory.claims if request.folder == "claims" else directory.locks
        return ev.LinksListed(request.id, tuple(folder.visible(self.world.now)))

    def read_log(self, _client: Any, request: act.ReadLog) -> Any:
        """Whole records from an offset on."""
        log = self.directory.logs.get(f"{request.log}.{request.segment}")
        visible = log.visible(self.world.now) if log is not None else 0
        if log is None or not visible:
            raise Missing
        lines = log.records[request.offset // RECORD : visible]
        skipped = _left_out(lines) if request.skip and lines and lines[0] is DAMAGED else 0
        lines = lines[skipped:]
        if DAMAGED in lines:
            lines = lines[: lines.index(DAMAGED)]
        spoilt = request.offset // RECORD + skipped + len(lines) < visible
        used = (len(lines) + skipped) * RECORD
        return ev.LogRead(request.id, tuple(lines), used, spoilt=spoilt)

    def read_inbox(self, client: Any, request: act.ReadInbox) -> Any:
        """All tasks that lie there."""
        self._there()
        found: list[Any] = []
        attempts: list[int] = []
        cancelled: list[str] = []
        for name, (content, _) in sorted(self.directory.inbox.files.items()):
            if name.startswith("b"):
                places = list(content.places())
                found += [(client.known(task), name, portion) for task, _, portion in places]
                attempts += [attempt for _, attempt, _ in places]
            elif name.startswith("o"):
                cancelled += content
        last = max(map(number_of, self.directory.inbox.files), default=0)
        heads = [c.head for n, (c, _) in sorted(self.directory.inbox.files.items()) if n[0] == "b"]
        reserved = tuple(
            (head.name, head.pilot) for head in heads if head.pilot and "shape-" not in head.pilot
        )
        closed = "closed" in self.directory.inbox.files
        return ev.InboxRead(
            request.id,
            tuple(found),
            tuple(cancelled),
            last,
            reserved,
            tuple(attempts),
            closed,
            tuple(client.new_shapes(info.shape for info, *_ in found)),
        )

    def fetch(self, _client: Any, request: act.Fetch) -> Any:
        """An outcome in parts."""
        if self.directory.parts.get((request.task, request.attempt)) is None:
            raise Missing
        return ev.Fetched(request.id, whole=True)

    def fetch_left(self, _client: Any, request: act.FetchLeft) -> Any:
        """A value that was left there."""
        if not any(task == request.task for task, _ in self.directory.parts):
            raise Missing
        return ev.Done(request.id)

    # -- jobs -------------------------------------------------------------------------------

    def submit_pilot(self, client: Any, request: act.SubmitPilot) -> Any:
        """A job with what its script brings."""
        job = self.cluster.submit(self.script(client, request))
        return ev.JobMade(request.id, job.id, repeated=False)

    def script(self, client: Any, request: act.SubmitPilot) -> Script:
        """What stands in the script."""
        bundles = tuple(client.parcels[name] for name in request.bundles)
        fresh = any(parcel.head.pilot == request.pilot for parcel in client.parcels.values())
        return Script(request, bundles, initializer=bool(bundles), fresh=fresh)

    def ghost(self, client: Any, request: act.SubmitPilot) -> None:
        """A job that appears later, though the submit seemed to fail."""
        later = self.world.between(0.0, 60.0)
        self.world.after(later, self.cluster.submit, self.script(client, request))

    def cancel_job(self, _client: Any, request: act.CancelJob) -> Any:
        """Also where it has ended or is not known."""
        job = self.cluster.jobs.get(request.job)
        if job is not None:
            job.surplus = True
            self.cluster.stop(job, "CANCELLED")
        return ev.Done(request.id)

    def list_jobs(self, _client: Any, request: act.ListJobs) -> Any:
        """What Slurm says of each."""
        now = self.world.now
        jobs = list(self.cluster.jobs.values())
        if request.jobs:
            jobs = [job for job in jobs if job.id in request.jobs]
        else:
            jobs = [job for job in jobs if job.hidden_until <= now]
        return ev.JobsListed(request.id, tuple(_seen(job) for job in jobs), 0.1)

    def ask_job(self, _client: Any, request: act.AskJob) -> Any:
        """What Slurm says of one: also of those that a listing leaves out."""
        job = self.cluster.jobs.get(request.job)
        return ev.JobAnswered(request.id, _seen(job) if job is not None else None)

    def read_output(self, _client: Any, request: act.ReadOutput) -> Any:
        """The end of what it wrote."""
        job = self.cluster.jobs.get(request.job)
        if job is None or not job.says.output:
            raise Missing
        return ev.OutputRead(request.id, job.says.output)


def _seen(job: Job) -> ev.JobSeen:
    says, name = job.says, job.script.action.pilot
    return ev.JobSeen(job.id, job.state, job.reason, says.exit_code, says.signal, name)


EFFECTS: dict[type, Callable[[Api, Any, Any], Any]] = {
    act.Prepare: Api.prepare,
    act.MakeDirectory: Api.make_directory,
    act.UploadInitializer: Api.upload_initializer,
    act.UploadArchive: Api.upload_archive,
    act.UploadBundle: Api.upload_bundle,
    act.UploadConfig: Api.upload_config,
    act.UploadOrder: Api.upload_order,
    act.SubmitPilot: Api.submit_pilot,
    act.CancelJob: Api.cancel_job,
    act.ListFolder: Api.list_folder,
    act.ListLinks: Api.list_links,
    act.ListJobs: Api.list_jobs,
    act.ReadLog: Api.read_log,
    act.AskJob: Api.ask_job,
    act.ReadOutput: Api.read_output,
    act.ReadInbox: Api.read_inbox,
    act.Fetch: Api.fetch,
    act.FetchLeft: Api.fetch_left,
    act.WriteClosed: Api.write_closed,
    act.TakeOver: Api.take_over,
    act.Reopen: Api.reopen,
    act.RemoveDirectory: Api.remove_directory,
}


def _left_out(lines: list[Any]) -> int:
    """How many damaged ones at the start: up to a whole one, or the first alone."""
    whole = next((n for n, line in enumerate(lines) if line is not DAMAGED), 1)
    return max(1, whole)
