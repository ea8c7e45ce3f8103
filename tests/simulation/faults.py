"""Every fault, one function each: where it strikes, how likely, and what it does.

To add one, write a function here and say with ``@fault(where, low, high)`` at which of these
places it is asked, and between which bounds its likelihood there lies:

``request``  (api, client, request)          before its effect; an answer returned replaces it
``answer``   (api, client, request, answer)  after its effect; an answer returned replaces it
``slow``     (api, client, request)          seconds that the answer takes longer
``job``      (cluster, job)                  sbatch has just taken it
``begin``    (cluster, job)                  it has just got its nodes
``agent``    (agent)                         an agent has just begun
``worker``   (agent)                         a worker starts; how it died replaces its hello
``look``     (agent)                         it looks into the inbox: True if it cannot
``claim``    (agent)                         it claims: True if nobody knows whose it is
``keep``     (agent)                         it keeps an outcome: True if there is no room
``flush``    (agent)                         it writes to its log: True if it cannot
``line``     (cluster)                       each record written: True if its line is damaged
``time``     (agent)                         it asks how much time is left: True if nobody says
``configure`` (agent)                        a worker reads its modules: True if it cannot
``errand``   (client, errand)                something done on this machine; an answer replaces it
``settle``   (client)                        the caller gets an outcome: True if it cannot load it
``callback`` (client)                        seconds that the caller takes for it
``hour``     (client)                        now and then while a client lives

A function that returns None (or False) has not struck. Nothing strikes after the scenario's calm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from fcx.executor.core import actions as act
from fcx.executor.core import events as ev
from fcx.executor.core.events import Failed, JobSeen, Trouble
from fcx.remote.events import How

from .table import Table
from .world import World


class Fault(NamedTuple):
    """Where it strikes, between which bounds its likelihood lies, and what it does."""

    where: str
    likely: tuple[float, float]
    do: Callable[..., Any]


FAULTS: dict[str, Fault] = {}
UNFIT = How("is unfit")  # a worker that cannot import what it needs
HANGS = How("hangs")  # a worker that never says anything


def fault(
    where: str, low: float, high: float
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function into the list of faults."""

    def enter(do: Callable[..., Any]) -> Callable[..., Any]:
        FAULTS[do.__name__] = Fault(where, (low, high), do)
        return do

    return enter


class Faults:
    """Those of one scenario."""

    def __init__(
        self, world: World, table: Table, calm: float, chosen: tuple[tuple[str, float], ...]
    ) -> None:
        self.world = world
        self.table = table
        self.calm = calm
        self.struck: dict[str, int] = {}
        self._at: dict[str, list[tuple[str, float, Callable[..., Any]]]] = {}
        for name, likely in chosen:
            found = FAULTS[name]
            self._at.setdefault(found.where, []).append((name, likely, found.do))

    def strike(self, where: str, *who: Any) -> Any:
        """What the first fault that strikes here gives; None if none does."""
        if where not in self._at or self.world.now >= self.calm:
            return None
        for name, likely, do in self._at[where]:
            if self.world.random.random() < likely:
                given = do(*who)
                if given is not None:
                    self.note(name)
                    return given
        return None

    def note(self, name: str) -> None:
        """One has struck."""
        self.struck[name] = self.struck.get(name, 0) + 1
        self.table.note("fault", name)


def passing(request: Any, text: str, after: float = 0.0) -> Failed:
    """No usable answer."""
    return Failed(request.id, "passing", Trouble("Unreachable", text), after)


# -- requests and answers -------------------------------------------------------------------


@fault("request", 0.01, 0.2)
def timeout_before(api: Any, client: Any, request: Any) -> Any:
    """408 and nothing was done."""
    return passing(request, "408: command execution timeout.")


@fault("request", 0.01, 0.1)
def html_page(api: Any, client: Any, request: Any) -> Any:
    """A proxy answers with a page of HTML."""
    return passing(request, "The server answered with a page of HTML.")


@fault("request", 0.01, 0.1)
def token_refused(api: Any, client: Any, request: Any) -> Any:
    """401 although the token was good a moment ago."""
    return passing(request, "401: the token was refused.")


@fault("request", 0.01, 0.3)
def rate_limited(api: Any, client: Any, request: Any) -> Any:
    """429 with the time to wait."""
    return passing(request, "429: too many requests.", api.world.between(0.0, 60.0))


@fault("request", 0.001, 0.02)
def outage(api: Any, client: Any, request: Any) -> Any:
    """Nothing is answered for minutes."""
    api.outage(api.world.between(5.0, 600.0))
    return passing(request, "503: unhealthy.")


@fault("request", 0.0005, 0.01)
def long_outage(api: Any, client: Any, request: Any) -> Any:
    """Nothing is answered for longer than anyone waits."""
    api.outage(2000.0)
    return passing(request, "ConnectError: no route to host.")


@fault("request", 0.002, 0.05)
def permission(api: Any, client: Any, request: Any) -> Any:
    """A lasting refusal of one request."""
    trouble = Trouble("RequestRefused", "403: permission denied.")
    return Failed(request.id, "refused", trouble)


@fault("request", 0.001, 0.01)
def driver_bug(api: Any, client: Any, request: Any) -> Any:
    """An error of ours where the request is made."""
    return Failed(request.id, "bug", Trouble("KeyError", "'x'"))


@fault("request", 0.2, 1.0)
def cancel_refused(api: Any, client: Any, request: Any) -> Any:
    """A job cannot be cancelled."""
    if not isinstance(request, act.CancelJob):
        return None
    return Failed(request.id, "refused", Trouble("RequestRefused", "403: not yours to cancel."))


@fault("request", 0.05, 0.5)
def listing_refused(api: Any, client: Any, request: Any) -> Any:
    """A listing is refused, though not for ever."""
    if not isinstance(request, act.ListFolder | act.ListJobs):
        return None
    return Failed(request.id, "refused", Trouble("RequestRefused", "424: cannot list."))


@fault("request", 0.3, 1.0)
def tidying_refused(api: Any, client: Any, request: Any) -> Any:
    """At the end the run directory can neither be removed nor written to."""
    if not isinstance(request, act.WriteClosed | act.RemoveDirectory):
        return None
    return Failed(request.id, "refused", Trouble("RequestRefused", "403: permission denied."))


@fault("answer", 0.01, 0.2)
def lost_answer(api: Any, client: Any, request: Any, answer: Any) -> Any:
    """What was asked for is done, and the answer is lost."""
    return passing(request, "ReadError: the connection was closed.")


@fault("answer", 0.02, 0.5)
def repeated_submit(api: Any, client: Any, request: Any, answer: Any) -> Any:
    """The library below us had to repeat the request: another job of the same script may be."""
    if not isinstance(answer, ev.JobMade):
        return None
    if api.world.chance(0.5):
        api.ghost(client, request)
    return ev.JobMade(request.id, answer.job, repeated=True)


@fault("request", 0.05, 0.5)
def ghost_submit(api: Any, client: Any, request: Any) -> Any:
    """sbatch took longer than 5 s: no answer, and the job appears later."""
    if not isinstance(request, act.SubmitPilot):
        return None
    api.ghost(client, request)
    return passing(request, "500: Channel not open for sending.")


@fault("request", 0.05, 0.5)
def submit_refused(api: Any, client: Any, request: Any) -> Any:
    """sbatch refuses the script."""
    if not isinstance(request, act.SubmitPilot):
        return None
    return Failed(request.id, "job", Trouble("JobRefused", "sbatch: invalid account."))


@fault("request", 0.1, 0.7)
def submit_limited(api: Any, client: Any, request: Any) -> Any:
    """sbatch takes no further job for now."""
    if not isinstance(request, act.SubmitPilot):
        return None
    limit = api.world.random.choice(("QOSMaxSubmitJobPerUserLimit", "AssocMaxSubmitJobLimit"))
    return Failed(request.id, "limit", Trouble("SubmitLimit", f"sbatch: error: {limit}."))


@fault("slow", 0.02, 0.2)
def slow_answer(api: Any, client: Any, request: Any) -> Any:
    """An answer that takes its time."""
    return api.world.between(1.0, 20.0)


@fault("answer", 0.05, 0.5)
def listing_without_job(api: Any, client: Any, request: Any, answer: Any) -> Any:
    """A job is missing from the listing."""
    if not isinstance(answer, ev.JobsListed) or not answer.jobs:
        return None
    gone = api.world.random.randrange(len(answer.jobs))
    kept = answer.jobs[:gone] + answer.jobs[gone + 1 :]
    return ev.JobsListed(request.id, kept, answer.seconds)


@fault("answer", 0.05, 0.3)
def empty_listing(api: Any, client: Any, request: Any, answer: Any) -> Any:
    """The listing of jobs has none at all."""
    return ev.JobsListed(request.id, (), 0.1) if isinstance(answer, ev.JobsListed) else None


@fault("answer", 0.05, 0.3)
def dear_listing(api: Any, client: Any, request: Any, answer: Any) -> Any:
    """The day had many jobs: the listing takes seconds."""
    if not isinstance(answer, ev.JobsListed):
        return None
    return ev.JobsListed(request.id, answer.jobs, api.world.between(1.0, 10.0))


@fault("answer", 0.05, 0.5)
def early_record(api: Any, client: Any, request: Any, answer: Any) -> Any:
    """For some seconds a job that runs is called pending."""
    if not isinstance(answer, ev.JobsListed):
        return None
    jobs = tuple(
        JobSeen(job.job, "PENDING", "None") if job.state == "RUNNING" else job
        for job in answer.jobs
    )
    return ev.JobsListed(request.id, jobs, answer.seconds) if jobs != answer.jobs else None


@fault("answer", 0.05, 0.5)
def odd_state(api: Any, client: Any, request: Any, answer: Any) -> Any:
    """A state that nobody has heard of."""
    if not isinstance(answer, ev.JobsListed) or not answer.jobs:
        return None
    first = JobSeen(answer.jobs[0].job, "RESV_DEL_HOLD")
    return ev.JobsListed(request.id, (first, *answer.jobs[1:]), answer.seconds)


@fault("answer", 0.05, 0.5)
def half_read(api: Any, client: Any, request: Any, answer: Any) -> Any:
    """A read that ends in the middle of what is there."""
    if not isinstance(answer, ev.LogRead) or not answer.records:
        return None
    half = answer.records[: len(answer.records) // 2]
    return ev.LogRead(request.id, half, answer.used * len(half) // len(answer.records))


@fault("answer", 0.05, 0.5)
def spoilt_read(api: Any, client: Any, request: Any, answer: Any) -> Any:
    """A region that is being written reads as zeros."""
    if not isinstance(answer, ev.LogRead) or not answer.records:
        return None
    return ev.LogRead(request.id, (), 0, spoilt=True)


@fault("answer", 0.05, 0.5)
def claims_unread(api: Any, client: Any, request: Any, answer: Any) -> Any:
    """Links cannot be listed now, and it looks lasting."""
    if not isinstance(answer, ev.LinksListed):
        return None
    return Failed(request.id, "refused", Trouble("RequestRefused", "424: ssh."))


@fault("answer", 0.2, 0.8)
def fetch_spoilt(api: Any, client: Any, request: Any, answer: Any) -> Any:
    """What was fetched is not what the record says."""
    return ev.Fetched(request.id, whole=False) if isinstance(answer, ev.Fetched) else None


@fault("answer", 0.2, 0.8)
def fetch_refused(api: Any, client: Any, request: Any, answer: Any) -> Any:
    """A part is gone."""
    if not isinstance(answer, ev.Fetched):
        return None
    return Failed(request.id, "missing", Trouble("NoSuchPath", "404: no such file."))


LAST_WORDS = (
    "srun: error: execve(): python3: not found",
    "python3: error while loading shared libraries",
    "srun: error: environment file not found",
    "",
)
PASSING_LIMITS = (
    *("AssocGrpJobsLimit", "AssocGrpCpuLimit", "QOSMaxJobsPerUserLimit", "PartitionNodeLimit"),
    *("ReqNodeNotAvail", "PartitionDown", "Resources", "JobHeldAdmin", "AssocGrpCPUMinutesLimit"),
)


# -- jobs -----------------------------------------------------------------------------------


@fault("job", 0.1, 0.5)
def waits_for_limit(cluster: Any, job: Any) -> Any:
    """A limit that passes by itself holds it for a while."""
    job.reason = cluster.world.random.choice(PASSING_LIMITS)
    cluster.queue(job, cluster.world.between(30.0, 600.0))
    return True


@fault("job", 0.05, 0.5)
def thinks_again(cluster: Any, job: Any) -> Any:
    """Slurm says for a moment that it never runs: its accounts are being read anew."""
    job.reason = cluster.world.random.choice(("InvalidAccount", "InvalidQOS", "BadConstraints"))
    cluster.world.after(cluster.world.between(0.5, 9.0), setattr, job, "reason", "Priority")
    cluster.queue(job, cluster.world.between(10.0, 100.0))
    return True


@fault("job", 0.02, 0.3)
def never_starts(cluster: Any, job: Any) -> Any:
    """Accepted, and never to run."""
    job.reason = cluster.world.random.choice(("PartitionTimeLimit", "PartitionConfig"))
    return True


@fault("job", 0.1, 0.7)
def hidden_job(cluster: Any, job: Any) -> Any:
    """Listings do not have it for some seconds: that must not be taken for its end."""
    job.hidden_until = cluster.world.now + cluster.world.random.choice((5.0, 20.0, 28.0))
    return True


@fault("job", 0.1, 0.7)
def long_hidden_job(cluster: Any, job: Any) -> Any:
    """Listings do not have it for minutes."""
    job.hidden_until = cluster.world.now + cluster.world.between(60.0, 300.0)
    return True


@fault("job", 0.05, 0.3)
def cancelled_waiting(cluster: Any, job: Any) -> Any:
    """Somebody else cancels it while it waits."""
    cluster.world.after(cluster.world.between(0.0, 60.0), cluster.stop, job, "CANCELLED")
    return True


@fault("begin", 0.05, 0.5)
def barren_job(cluster: Any, job: Any) -> Any:
    """It ends before its agents begin."""
    job.says.exit_code, job.says.output = 127, cluster.world.random.choice(LAST_WORDS)
    cluster.world.after(0.04, cluster.end, job, "FAILED")
    return True


@fault("begin", 0.05, 0.3)
def boot_fails(cluster: Any, job: Any) -> Any:
    """Its node does not come up."""
    cluster.world.after(0.04, cluster.fails, job, "BOOT_FAIL")
    return True


@fault("begin", 0.05, 0.4)
def node_fails(cluster: Any, job: Any) -> Any:
    """Its node fails while it works."""
    cluster.world.after(cluster.world.between(0.5, 60.0), cluster.fails, job, "NODE_FAIL")
    return True


@fault("begin", 0.05, 0.3)
def deadline(cluster: Any, job: Any) -> Any:
    """Its deadline comes: as if its time were over, but sooner."""
    cluster.world.after(cluster.world.between(1.0, 60.0), cluster.stop, job, "DEADLINE", 0.0)
    return True


@fault("begin", 0.05, 0.4)
def preempted(cluster: Any, job: Any) -> Any:
    """Its nodes are taken: SIGTERM, then SIGKILL."""
    grace = cluster.world.random.choice((0.0, 5.0, 30.0))
    cluster.world.after(cluster.world.between(0.5, 60.0), cluster.preempt, job, grace)
    return True


@fault("begin", 0.05, 0.3)
def cancelled_outside(cluster: Any, job: Any) -> Any:
    """Somebody else cancels it while it works."""
    cluster.world.after(cluster.world.between(0.5, 60.0), cluster.stop, job, "CANCELLED")
    return True


@fault("begin", 0.05, 0.3)
def job_memory(cluster: Any, job: Any) -> Any:
    """The job as a whole takes too much memory."""
    cluster.world.after(cluster.world.between(0.5, 60.0), cluster.end, job, "OUT_OF_MEMORY")
    return True


@fault("begin", 0.1, 0.5)
def requeued(cluster: Any, job: Any) -> Any:
    """It is put back into the queue, where that is allowed."""
    if not cluster.scenario.limits.requeue:
        return None
    cluster.world.after(cluster.world.between(0.0, 60.0), cluster.requeue, job)
    return True


@fault("begin", 0.01, 0.1)
def forgotten_job(cluster: Any, job: Any) -> Any:
    """From some time on listings do not have it, though it works."""
    cluster.world.after(
        cluster.world.between(0.0, 60.0), setattr, job, "hidden_until", float("inf")
    )
    return True


# -- agents ---------------------------------------------------------------------------------


@fault("agent", 0.05, 0.4)
def agent_killed(agent: Any) -> Any:
    """Killed without a word; the step's shell leaves a note."""
    agent.world.after(agent.world.between(0.1, 30.0), agent.die, True)
    return True


@fault("agent", 0.05, 0.3)
def agent_vanishes(agent: Any) -> Any:
    """Killed with everything that could have left a note."""
    agent.world.after(agent.world.between(0.1, 30.0), agent.die, False)
    return True


@fault("agent", 0.05, 0.3)
def initializer_dies(agent: Any) -> Any:
    """The initializer fails in its workers."""
    if not agent.cluster.scenario.limits.initializer:
        return None
    agent.ills["initializer"] = None
    return True


@fault("agent", 0.02, 0.2)
def disk_full(agent: Any) -> Any:
    """The agent cannot write any more."""
    agent.world.after(agent.world.between(0.1, 30.0), agent.ills.update, {"disk": None})
    return True


@fault("worker", 0.02, 0.3)
def worker_cut(agent: Any) -> Any:
    """Its process is ended from outside before it is ready."""
    return How("was killed by SIGKILL", 9, 0, False, True)


@fault("worker", 0.01, 0.1)
def worker_breaks(agent: Any) -> Any:
    """Its interpreter cannot start here."""
    return How("ended with exit code 1", 0, 1)


@fault("worker", 0.01, 0.1)
def worker_unfit(agent: Any) -> Any:
    """It cannot import what it needs, and says so."""
    return UNFIT


@fault("worker", 0.01, 0.1)
def worker_hangs(agent: Any) -> Any:
    """Its interpreter never comes to its first line."""
    return HANGS


@fault("configure", 0.01, 0.5)
def modules_unread(agent: Any) -> Any:
    """A shared file system does not show the modules yet."""
    return True


@fault("time", 0.1, 1.0)
def time_unknown(agent: Any) -> Any:
    """squeue does not answer yet."""
    return True


@fault("line", 0.001, 0.03)
def damaged_line(cluster: Any) -> Any:
    """A line of a log that is damaged for good."""
    return True


@fault("look", 0.01, 0.2)
def look_fails(agent: Any) -> Any:
    """The inbox cannot be read now."""
    return True


@fault("look", 0.01, 0.2)
def looks_gone(agent: Any) -> Any:
    """Somebody has moved the inbox away, for now."""
    return "gone"


@fault("claim", 0.01, 0.3)
def claim_unanswered(agent: Any) -> Any:
    """The file system did not answer: nobody knows whose the portion is."""
    return True


@fault("keep", 0.01, 0.2)
def no_room(agent: Any) -> Any:
    """The run directory does not take an outcome."""
    return True


@fault("flush", 0.01, 0.3)
def flush_fails(agent: Any) -> Any:
    """The log cannot be written now."""
    return True


# -- this machine ---------------------------------------------------------------------------


@fault("errand", 0.1, 1.0)
def journal_lost(client: Any, errand: Any) -> Any:
    """The journal is locked, full or read-only."""
    if not isinstance(errand, act.RecordTasks | act.RecordPilot | act.RecordEnd):
        return None
    return Failed(errand.id, "journal", Trouble("JournalLost", "database is locked"))


@fault("settle", 0.02, 0.3)
def unloadable(client: Any) -> Any:
    """The bytes of an outcome cannot be loaded, and are kept."""
    return True


@fault("callback", 0.02, 0.3)
def slow_callback(client: Any) -> Any:
    """The caller's own code takes its time."""
    return client.world.between(0.1, 30.0)


@fault("hour", 0.01, 0.1)
def directory_removed(client: Any) -> Any:
    """A clean-up removes the run directory."""
    if not client.cluster.directory.exists:
        return None
    client.cluster.directory.remove()
    return True


@fault("hour", 0.005, 0.05)
def laptop_sleeps(client: Any) -> Any:
    """The laptop sleeps: nothing is done, and answers wait."""
    client.sleep(client.world.between(10.0, 1000.0))
    return True


WITH_REQUESTS = (
    "request",
    "answer",
    "slow",
    "errand",
    "hour",
    "line",
)  # what the client is told, and when


def beside_requests(struck: dict[str, int]) -> bool:
    """Whether only jobs and agents were struck: the client hears of it as soon as it asks."""
    return all(name in FAULTS and FAULTS[name].where not in WITH_REQUESTS for name in struck)


KNOWN = {name: found.likely for name, found in FAULTS.items()}
