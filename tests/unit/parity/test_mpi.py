"""What is made of ranks that were started: how they are to be, or why they are no one world."""

from __future__ import annotations

import re

import pytest
from places import REPOSITORY

from fcx.parity.mpi import Rank, Trial, Tried, default_in, judge, sought, types_in

MPICH, OPENMPI = "MPICH Version: 4.2.1", "Open MPI v5.0.3, package: Open MPI me@there"
NEW = "MPI plugin types are...\n\tnone\n\tpmi2\n\tpmix\nspecific pmix plugin versions available: pmix_v4,pmix_v5\n"
OLD = "srun: MPI types are...\nsrun: none\nsrun: pmi2\nsrun: openmpi\n"
UNLOADED = "srun: error: Couldn't load specified plugin name for mpi/pmix: Plugin init() failed"


def plain(library: str = MPICH, count: int = 4, **more) -> Trial:
    """Ranks that were not told of MPI, two on a node."""
    ranks = [Rank(n, count, f"nid{n // 2}", library=library, **more) for n in range(count)]
    return Trial("none", 0, "", tuple(ranks))


def started(
    kind: str, sizes: list[int | None], numbers: list[int] | None = None, code=0, said="", met=True
):
    """Ranks as MPI has them."""
    places = numbers or range(len(sizes))
    ranks = [
        Rank(n, len(sizes), mpi_rank=None if size is None else place, mpi_size=size, met=met)
        for n, (size, place) in enumerate(zip(sizes, places, strict=True))
    ]
    return Trial(kind, code, said, tuple(ranks))


def world(kind: str) -> Trial:
    """Four ranks of one world."""
    return started(kind, [4] * 4)


def alone(kind: str) -> Trial:
    """Four ranks, each the only one of its world."""
    return started(kind, [1] * 4, [0] * 4)


def tried(*trials: Trial, first: Trial | None = None, types=("none", "pmi2", "pmix"), **more):
    """What a job has tried of four ranks."""
    return Tried(4, first or plain(), trials, types, **more)


def test_the_interface_that_makes_one_world_is_taken_and_said():
    """The first that works; that srun takes another by itself is noted."""
    found = tried(alone("pmix"), world("pmi2"), world("cray_shasta"))
    verdict = judge(found, "minor")
    assert (found.fitting, verdict.passed) == ("pmi2", True)
    (note,) = verdict.differences
    assert (note.code, note.severity, note.wanted) == ("mpi-default", "info", "pmi2")
    assert verdict.sides["start"] == "srun --mpi=pmi2"
    assert verdict.sides["ranks"] == "4 on nid0, nid1"
    assert verdict.sides["MPI"] == "MPICH 4.2.1"


@pytest.mark.parametrize("more", [{"default": "pmi2"}, {"asked": "pmi2"}])
def test_nothing_is_noted_where_srun_takes_it_by_itself_or_was_told(more):
    """Then there is nothing to do."""
    assert judge(tried(world("pmi2"), **more), "strict").differences == ()


@pytest.mark.parametrize(
    "trial",
    [
        alone("pmi2"),
        started("pmi2", [4, 4, 4, None], code=137),
        started("pmi2", [4] * 4, [0, 1, 2, 2]),
        started("pmi2", [2] * 4, [0, 1, 0, 1]),
        started("pmi2", [None] * 4, code=1),
        Trial("pmi2", 1, UNLOADED),
    ],
    ids=["alone", "one died", "a rank twice", "two worlds", "aborted", "not started"],
)
def test_whatever_is_no_whole_world_is_refused(trial):
    """Under each policy but off, with what was found and what to do."""
    for policy, passed in (("strict", False), ("minor", False), ("off", True)):
        verdict = judge(tried(trial), policy)
        assert verdict.passed == passed
        (told,) = verdict.differences
        assert told.code == "mpi-launch"
        assert told.wanted == "4 ranks in one world"
        assert told.found.startswith("pmi2: ")
        assert told.fix


@pytest.mark.parametrize(
    ("library", "types", "trials", "fix"),
    [
        (OPENMPI, ("none", "pmi2"), [alone("pmi2")],
         "Open MPI asks by pmix, which this Slurm does not have: ask the site for it, or put MPICH"),
        (MPICH, ("none", "pmix"), [alone("pmix")],
         "MPICH asks by pmi2, which this Slurm does not have: ask the site for it, or put Open MPI"),
        (OPENMPI, ("none", "pmi2", "pmix"), [Trial("pmix", 1, UNLOADED), alone("pmi2")],
         "`srun --mpi=pmix` is what Open MPI wants, and it does not work: ask the site, or put MPICH"),
        (MPICH, ("none",), [], "start the ranks of one node by mpiexec in a task"),
        ("Strange 1.0", ("pmi2",), [alone("pmi2")], "ask the site which MPI its srun starts by pmi2"),
    ],
)  # fmt: skip
def test_the_remedy_names_what_the_library_asks_by_and_what_there_is(library, types, trials, fix):
    """The classic: an image whose MPI does not know the PMI of the host."""
    (told,) = judge(tried(*trials, first=plain(library), types=types), "minor").refusals
    assert told.fix.startswith(fix)
    if trials and trials[0].said:
        assert "Couldn't load specified plugin name for mpi/pmix" in told.found


def test_ranks_that_know_their_numbers_and_hang_are_no_world():
    """That they cannot talk is the network's, and no other interface helps."""
    found = tried(started("pmi2", [4] * 4, code=124, met=False))
    (told,) = judge(found, "minor").refusals
    assert told.found == "pmi2: numbered, but they cannot talk to one another"
    assert told.fix.startswith("it is the network between them: ")
    ranks = [*world("pmi2").ranks[:3], started("pmi2", [4] * 4, met=False).ranks[3]]
    assert not judge(tried(Trial("pmi2", 0, "", tuple(ranks))), "minor").passed


def test_an_interface_that_was_asked_for_and_is_the_wrong_one():
    """The right one is named."""
    found = tried(alone("pmi2"), first=plain(OPENMPI), asked="pmi2")
    (told,) = judge(found, "minor").refusals
    assert told.found == "pmi2: each rank is alone, 0 of 1"
    assert told.fix == "Open MPI asks by pmix: --mpi=pmix, or leave --mpi out"


def test_without_mpi_or_where_none_was_asked_for_ranks_are_started_without():
    """Distributed PyTorch, say: it brings its own way to find the others."""
    for found in (tried(first=plain("")), tried(asked="none", default="pmix")):
        verdict = judge(found, "strict")
        assert (found.fitting, verdict.differences) == ("none", ())
        assert verdict.sides["start"] == "srun --mpi=none"


def test_one_rank_is_a_world_of_its_own():
    """Nothing can tell it from a singleton, and nothing needs to."""
    found = Tried(1, plain(count=1), (started("pmix", [1]),), ("pmix",), "pmix")
    assert judge(found, "strict").differences == ()


@pytest.mark.parametrize(
    ("field", "what", "odd"),
    [
        ("machine", "processor", "aarch64"),
        ("python", "Python", "3.9.1"),
        ("build_id", "build id", "b"),
        ("library", "MPI library", OPENMPI),
    ],
)
def test_nodes_that_differ_are_named(field, what, odd):
    """Before any MPI is judged: that follows from it."""
    ranks = list(plain(MPICH, machine="x86_64", python="3.11.2", build_id="a").ranks)
    values = {name: getattr(ranks[3], name) for name in Rank.__struct_fields__} | {field: odd}
    first = Trial("none", 0, "", (*ranks[:3], Rank(**values)))
    (told,) = judge(tried(alone("pmi2"), first=first), "minor").refusals
    assert (told.code, told.what) == ("ranks-differ", what)
    assert f"{odd} on nid1" in told.found
    assert "on nid0, nid1; " in told.found


def test_ranks_that_say_nothing_are_missed():
    """With srun's own words."""
    said = (
        "srun: lacks support for cpu binding\nexec: no\nsuch file\nsrun: task 1: Exited with code 2"
    )
    first = Trial("none", 2, said, plain().ranks[:1])
    (told,) = judge(tried(first=first), "minor").refusals
    assert (told.code, told.wanted) == ("ranks-missing", "4")
    assert told.found == "1 (ended with code 2: exec: no such file)"


def test_a_library_that_cannot_be_loaded_is_told_as_it_says():
    """mpi4py is there, its MPI is not."""
    error = "RuntimeError: cannot load MPI library"
    verdict = judge(tried(first=plain("", error=error)), "minor")
    assert [(one.code, one.found) for one in verdict.refusals] == [("mpi-broken", error)]
    assert "MPI4PY_LIBMPI" in verdict.refusals[0].fix


def test_what_srun_lists_is_read_in_the_words_of_any_release():
    """And what scontrol says of the default."""
    assert types_in(NEW) == ("none", "pmi2", "pmix", "pmix_v4", "pmix_v5")
    assert types_in(OLD) == ("none", "pmi2", "openmpi")
    assert types_in("srun: error: it is odd\n") == ()
    assert default_in("MpiDefault              = pmix_v4\nMpiParams = x\n") == "pmix_v4"
    assert default_in("MpiDefault = (null)") == default_in("") == "none"


def test_what_a_library_asks_by_follows_from_its_kind_and_what_it_is_linked_to():
    """An MPICH that was built for PMIx is linked to it."""
    assert sought(MPICH) == ("pmi2",)
    assert sought(MPICH, ["pmix"]) == ("pmix", "pmi2")
    assert sought("CRAY MPICH version 8.1") == ("cray_shasta", "pmi2")
    assert sought("Strange 1.0") == ()


def test_the_page_shows_a_refusal_as_it_is_told():
    """To the letter: no cluster of the tests has an MPI that its Slurm does not know."""
    page = (REPOSITORY / "docs/mpi.md").read_text("utf-8")
    (shown,) = re.findall(r"```text\n(what .*?)```", page, re.DOTALL)
    told = judge(tried(alone("pmi2"), first=plain(OPENMPI), types=("none", "pmi2")), "minor")
    lines = [line.rstrip() for line in told.text().splitlines()]
    assert "\n".join(lines).endswith(shown.rstrip())
