"""The script of the job that starts ranks: what it starts, and what it leaves, by a real shell."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from fcx.executor.ranks import read
from fcx.jobscript.options import Options
from fcx.jobscript.ranks import script
from fcx.jobscript.render import Shape

SRUN = f"""#!{sys.executable}
import os, subprocess, sys
words = sys.argv[1:]
if words == ["--mpi=list"]:
    sys.exit("MPI plugin types are...\\n\\tnone\\n\\tpmi2\\nspecific pmix plugin versions available: pmix_v4")
print("called", *words)
assert "SLURM_NTASKS_PER_NODE" not in os.environ  # of the batch script's
(count,) = [word[9:] for word in words if word.startswith("--ntasks=")]
start = words.index(sys.executable)
kind = words[start - 1]
for rank in range(int(count)):
    env = dict(os.environ, SLURM_PROCID=str(rank), SLURM_NTASKS=count, SLURMD_NODENAME="n")
    subprocess.run(words[start:], env=env, check=True)
sys.exit(3 if kind == "--mpi=pmix_v4" else 0)
"""
MPI4PY = """
class rc: pass
"""
MPI = """
import os
def Get_library_version(): return "MPICH Version: 9.9\\nmore"
def Init(): pass
class COMM_WORLD:
    Get_rank = staticmethod(lambda: int(os.environ["SLURM_PROCID"]))
    Get_size = staticmethod(lambda: int(os.environ["SLURM_NTASKS"]))
    Barrier = staticmethod(lambda: None)
"""


@pytest.fixture
def run(tmp_path):
    """Run the script of a shape in a folder with an odd name, beside an srun of ours."""
    tools, modules = tmp_path / "tools", tmp_path / "modules/mpi4py"
    tools.mkdir()
    modules.mkdir(parents=True)
    for name, text in (("srun", SRUN), ("scontrol", "#!/bin/sh\necho 'MpiDefault = pmi2'\n")):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    folder = tmp_path / 'it\'s a "place"'
    folder.mkdir()

    def started(types, *, mpi=True, edf="", srun=(), setup=()):
        if mpi:
            (modules / "__init__.py").write_text(MPI4PY)
            (modules / "MPI.py").write_text(MPI)
        shape = Shape(
            Options.check(["--nodes=1"], list(srun)),
            str(folder), "run", sys.executable, edf, setup=setup,
        )  # fmt: skip
        text = script(shape, 3, b'image = "x"', types)
        env = {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "PYTHONPATH": str(modules.parent),
            "SLURM_JOB_ID": "7",
            "SLURM_JOB_NUM_NODES": "1",
            "SLURM_NTASKS_PER_NODE": "9",
        }
        out = tmp_path / "slurm-7.out"
        with out.open("wb") as stream:
            done = subprocess.run(
                ["bash", "-c", text], env=env, cwd=tmp_path, stdout=stream, stderr=stream, check=False
            )  # fmt: skip
        assert done.returncode == 0, out.read_text()
        assert not out.exists()  # nothing stood in it
        return read((folder / "answer").read_text(), 3), folder

    return started


def test_each_interface_that_slurm_has_is_tried_and_told(run):
    """Those that it lacks are not, nor the plain start twice; srun's words come along."""
    tried, folder = run(("pmix", "pmi2", "pmix_v4", "none"))
    assert tried.types == ("none", "pmi2", "pmix_v4")
    assert (tried.default, tried.library) == ("pmi2", "MPICH Version: 9.9")
    assert [(one.type, one.code) for one in tried.trials] == [("pmi2", 0), ("pmix_v4", 3)]
    assert [one.mpi_size for one in tried.plain.ranks] == [None] * 3
    assert tried.trials[0].is_world
    assert tried.fitting == "pmi2"
    assert "--kill-on-bad-exit=1 --input=none --mpi=pmi2" in tried.trials[0].said
    assert (folder / "answer").stat().st_mode & 0o077 == 0


def test_in_a_container_the_edf_lies_beside_and_the_users_words_stand_before_ours(run):
    """By its whole path; commands of the setup come first."""
    tried, folder = run(("pmi2",), edf="edf/my x.toml", srun=["--mem=0"], setup=["mine=--mem=1"])
    assert (folder / "my x.toml").read_text() == 'image = "x"\n'
    words = f"called --environment={folder}/my x.toml --mem=0 --nodes=1 --ntasks=3 "
    assert tried.plain.said.startswith(words)


def test_without_mpi_nothing_more_is_tried(run):
    """The ranks were started once, and tell what they are; here, whether this machine has one."""
    tried, folder = run((), mpi=False)
    assert [one.rank for one in tried.plain.ranks] == [0, 1, 2]
    assert tried.trials == ()
    assert {one.python for one in tried.plain.ranks} == {".".join(map(str, sys.version_info[:3]))}
    told = json.loads((folder / "of-none/0.json").read_text())
    assert told["node"] == "n"


def test_an_answer_that_was_cut_short_or_is_no_answer_tells_of_no_ranks():
    """A line that is no rank is none."""
    text = '== list\n| pmi2\n== trial none 1\n| odd\n{"rank": 0, "size"\n{"rank": "x", "size": 1}\n'
    tried = read(text, 2)
    assert (tried.plain.code, tried.plain.said, tried.plain.ranks) == (1, "odd", ())
    assert read("", 2).plain.ranks == ()
    told = "".join(f'{{"rank": {n}, "size": 11}}\n' for n in (0, 10, 2))  # as a shell sorts names
    ordered = read(f"== trial none 0\n{told}", 11).plain.ranks
    assert [one.rank for one in ordered] == [0, 2, 10]
