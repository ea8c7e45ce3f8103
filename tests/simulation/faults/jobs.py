"""What befalls jobs, in the queue and at work."""

from __future__ import annotations

from typing import Any

from .strike import fault

LAST_WORDS = (
    "srun: error: execve(): python3: not found",
    "python3: error while loading shared libraries",
    "srun: error: environment file not found",
    "",
)
LAST_SIGNS = (  # exit code, signal, output
    *((127, 0, word) for word in LAST_WORDS),
    *((1, 0, "srun: error: task 0 exited"), (1, 0, ""), (0, 9, ""), (137, 0, "Killed")),
    *((75, 0, "fcx: the disk is full"), (77, 0, "fcx: not ours"), (0, 53, "")),
)
PASSING_LIMITS = (
    *("AssocGrpJobsLimit", "AssocGrpCpuLimit", "QOSMaxJobsPerUserLimit", "PartitionNodeLimit"),
    *("ReqNodeNotAvail", "PartitionDown", "Resources", "JobHeldAdmin", "AssocGrpCPUMinutesLimit"),
)


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


@fault("script", 0.05, 0.3, staged=True)
def srun_fails(cluster: Any, job: Any) -> Any:
    """Its script has the lock, and cannot start the agents: it ends."""
    says = job.says
    says.exit_code, says.signal, says.output = cluster.world.random.choice(LAST_SIGNS)
    cluster.world.after(cluster.world.between(0.1, 2.0), cluster.end, job, "FAILED")
    return float("inf")


@fault("script", 0.05, 0.3, staged=True)
def slow_start(cluster: Any, job: Any) -> Any:
    """Its agents begin late: the image is being read."""
    return cluster.world.random.choice((3.0, 20.0, 60.0))


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
    if not cluster.scenario.limits_of(job.script.action.shape).requeue:
        return None
    cluster.world.after(cluster.world.between(0.0, 60.0), cluster.requeue, job)
    return True


@fault("begin", 0.1, 0.5, staged=True)
def requeued_in_order(cluster: Any, job: Any) -> Any:
    """It is put back into the queue, and all in it is told to end before."""
    if not cluster.scenario.limits_of(job.script.action.shape).requeue:
        return None
    cluster.world.after(cluster.world.between(0.5, 60.0), cluster.put_back, job, job.life)
    return True


@fault("begin", 0.01, 0.1)
def forgotten_job(cluster: Any, job: Any) -> Any:
    """From some time on listings do not have it, though it works."""
    cluster.world.after(
        cluster.world.between(0.0, 60.0), setattr, job, "hidden_until", float("inf")
    )
    return True
