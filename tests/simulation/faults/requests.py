"""What befalls requests and their answers."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from fcx.executor.core import actions as act
from fcx.executor.core import events as ev
from fcx.executor.core.events import Failed, JobSeen, Trouble

from .strike import fault


def passing(request: Any, text: str, after: float = 0.0) -> Failed:
    """No usable answer."""
    return Failed(request.id, "passing", Trouble("Unreachable", text), after)


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


@fault("request", 0.2, 1.0, staged=True)
def order_refused(api: Any, client: Any, request: Any) -> Any:
    """Agents cannot be told that a task is not wanted any more."""
    if not isinstance(request, act.UploadOrder):
        return None
    return Failed(request.id, "refused", Trouble("RequestRefused", "403: permission denied."))


@fault("request", 0.2, 1.0, staged=True)
def question_refused(api: Any, client: Any, request: Any) -> Any:
    """Slurm does not say what has become of one job."""
    if not isinstance(request, act.AskJob):
        return None
    return Failed(request.id, "refused", Trouble("RequestRefused", "424: sacct."))


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


@fault("answer", 0.2, 0.8, staged=True)
def staging_fails(api: Any, client: Any, request: Any, answer: Any) -> Any:
    """A transfer through the staging area comes to nothing, or the site has none: parts it is."""
    if not isinstance(answer, ev.Fetched | ev.Uploaded) or request.external is None:
        return None
    why = api.world.random.choice(("", "job 9 ended: FAILED.", "job 9 was still in the queue."))
    return replace(answer, parts=why)


@fault("answer", 0.2, 0.8)
def fetch_refused(api: Any, client: Any, request: Any, answer: Any) -> Any:
    """A part is gone."""
    if not isinstance(answer, ev.Fetched):
        return None
    return Failed(request.id, "missing", Trouble("NoSuchPath", "404: no such file."))
