"""What befalls agents, their workers, and what they read and write."""

from __future__ import annotations

from typing import Any

from fcx.remote.events import How

from .strike import fault

UNFIT = How("is unfit")  # a worker that cannot import what it needs
HANGS = How("hangs")  # a worker that never says anything


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
