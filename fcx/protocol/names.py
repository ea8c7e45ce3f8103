"""The run directory: its folders, the names of its files, and who an agent is.

::

    <working_dir>/.fcx-<user>/programs-<digest>.py    what runs in pilots, for all runs
    <working_dir>/.fcx-<user>/<run id>/               mode 0700
        key           -> the mark of the run's key, where the user has named the run
        pilots/       <pilot>.json, what a pilot's agents are told
        locks/        <pilot> -> job id: only the job that holds the lock serves;
                      <job>.<restart>.left: how much time the job had when it began
        initializer   pickled (fn, args), where there is one
        modules/      <digest>/ (or .zip): the user's own modules
        objects/      <digest>: what tasks share
        edf/          EDFs, named by their content
        clients/      <epoch> -> who serves the run since; the highest counts
        inbox/        b<n>[.<chunk>] bundles, o<n> orders, closed          client -> agents
        claims/       <bundle>.<portion> -> <job>.<restart>.<node>
        values/       <task> -> <log>:<offset>:<length>:<sha256>, the record that has its value
        logs/         <job>.<restart>.<node>.<segment>, .beat, .exit       agents -> client
                      client-<epoch>: as in clients/, where an older client sees it
        parts/        <task>.<attempt>.<n>: data too large for a record
        output/       <job>.<restart>.<node>.<worker>.out, .err: what running tasks have written
"""

import re
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:  # annotations are strings: Python 3.6 cannot evaluate half of them
    from typing import Optional

PROTOCOL = 2
CLOSED = "closed"  # in the inbox: the run is over; its content says what becomes of the folder
KEEP, REMOVE = b"keep", b"remove"  # that content
INITIALIZER = "initializer"
EPOCH = 10**8  # numbers of bundles and orders that each client of a run has for itself
# Exit codes of a script or an agent that cannot, or will not, go on.
TEMPORARY_FULL, DISK_FULL, NOT_OURS = 74, 75, 77

_BUNDLE = re.compile("b([0-9]{6,12})")
_ORDER = re.compile("o([0-9]{6,12})")
_INCARNATION = re.compile(r"([0-9A-Za-z+_-]+)\.([0-9]{1,9})\.([0-9]{1,9})")


class Incarnation(NamedTuple):
    """One life of one agent: a job that is requeued has another, under the same job id."""

    job: str
    restart: int
    node: int

    @classmethod
    def parse(cls, name: str) -> "Optional[Incarnation]":
        """From ``<job>.<restart>.<node>``; None for any other name."""
        match = _INCARNATION.fullmatch(name)
        return cls(match.group(1), int(match.group(2)), int(match.group(3))) if match else None

    def __str__(self) -> str:
        return "%s.%d.%d" % self


def chunk(name: str, index: int) -> str:
    """The file of one of a bundle's chunks."""
    return "%s.%d" % (name, index) if index else name


def is_bundle(name: str) -> bool:
    """Whether a file of the inbox is the head of a bundle."""
    return _BUNDLE.fullmatch(name) is not None


def is_order(name: str) -> bool:
    """Whether a file of the inbox is an order."""
    return _ORDER.fullmatch(name) is not None


def number_of(name: str) -> int:
    """The number of a bundle or an order; 0 where it is neither."""
    match = _BUNDLE.fullmatch(name) or _ORDER.fullmatch(name)
    return int(match.group(1)) if match else 0


def epoch_of(name: str) -> int:
    """Which client of the run has sent a bundle or an order: the first is 1."""
    return number_of(name) // EPOCH + 1


def claim(bundle_name: str, portion: int) -> str:
    """The link that says who has claimed a portion."""
    return "%s.%d" % (bundle_name, portion)


def log(incarnation: Incarnation, segment: int) -> str:
    """A segment of an agent's log."""
    return "%s.%d" % (incarnation, segment)


def beat(incarnation: Incarnation) -> str:
    """The file that grows by a byte with each heartbeat."""
    return "%s.beat" % (incarnation,)


def exit_note(incarnation: Incarnation) -> str:
    """The file that says why an agent ended, where its log cannot."""
    return "%s.exit" % (incarnation,)


def part(task: str, attempt: int, index: int) -> str:
    """One part of an outcome that is too large for a record."""
    return "%s.%d.%d" % (task, attempt, index)


def time_left(job: str, restart: int) -> str:
    """In ``locks/``: how much time the job had when it began, as squeue says it."""
    return "%s.%d.left" % (job, restart)
