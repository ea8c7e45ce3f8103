"""srun of the process back end: tasks, nodes, labels, signals, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from workbench import Bench

from fcx.local import cluster


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A cluster of three nodes of four CPUs."""
    root = tmp_path_factory.mktemp("c")
    with cluster(nodes=3, cpus_per_node=4, root=root, kill_wait=1.0) as env, Bench(env) as bench:
        yield bench


WHO = "bash -c 'echo $SLURM_PROCID $SLURM_LOCALID $SLURM_NODEID $SLURMD_NODENAME $SLURM_NTASKS'"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", ["0 0 0 1 3", "1 0 1 2 3", "2 0 2 3 3"]),
        ("--nodes 1", ["0 0 0 1 1"]),
        ("-N2", ["0 0 0 1 2", "1 0 1 2 2"]),
        ("-n 4", ["0 0 0 1 4", "1 1 0 1 4", "2 0 1 2 4", "3 0 2 3 4"]),
        ("--nodes=2 --ntasks=2 --ntasks-per-node=1 --cpu-bind=none", ["0 0 0 1 2", "1 0 1 2 2"]),
        ("--ntasks-per-node=2 -w fcx-node-3", ["0 0 0 3 2", "1 1 0 3 2"]),
        ("-n1 --overlap --exact --mem=0 --gpus=0 --mpi=none", ["0 0 0 1 1"]),
    ],
)
def test_tasks_are_laid_over_nodes(bench, options, expected):
    """One on each node, unless told otherwise."""
    lines = sorted(bench.run(f"srun {options} {WHO}", "--nodes=3").splitlines())
    assert [line.replace("fcx-node-", "") for line in lines] == expected


def test_what_sbatch_was_told_holds_for_srun(bench):
    """--ntasks=4 starts 4, as the real one does."""
    assert len(bench.run(f"srun {WHO}", "--ntasks=4", "--nodes=2").splitlines()) == 4


def test_nodes_are_working_environments(bench):
    """Each has a name and a directory for temporary files."""
    text = bench.run("srun bash -c 'touch $TMPDIR/mark; ls $TMPDIR; echo $TMPDIR'", "--nodes=2")
    places = [line for line in text.splitlines() if line != "mark"]
    assert text.splitlines().count("mark") == 2
    assert len(set(places)) == 2


def test_labels_and_files(bench):
    """--label marks lines, --output takes a file for each task."""
    text = bench.run(
        "srun -l -n2 bash -c 'echo a; echo b'\n"
        "srun -n2 --output=part-%t bash -c 'echo $SLURM_PROCID'\n"
        "srun -n2 -o none echo nothing\n"
        "printf 'x\\ny\\n' | srun -n2 -l cat",
    )
    assert sorted(text.splitlines()) == sorted(
        ["0: a", "0: b", "1: a", "1: b"]
        + [f"{task}: {line}" for task in (0, 1) for line in ("x", "y")]
    )
    assert [(bench.folder / f"part-{n}").read_text() for n in (0, 1)] == ["0\n", "1\n"]


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("srun bash -c 'exit 7'", 7, "srun: error: fcx-node-1: task 0: Exited with exit code 7"),
        ("srun bash -c 'kill -9 $$'", 137, "srun: error: fcx-node-1: task 0: Killed"),
        ("srun -n2 bash -c 'exit $SLURM_PROCID'", 1, "task 1: Exited with exit code 1"),
        ("srun nowhere", 2, "execve(): nowhere: No such file or directory"),
        ("srun --nonsense true", 255, "srun: unrecognized option '--nonsense'"),
        ("srun -N 9 true", 1, "srun: error: Only allocated 1 nodes asked for 9"),
        ("srun -n 99 true", 1, "More processors requested than permitted"),
        ("srun -n x true", 1, 'Invalid numeric value "x" for --ntasks.'),
        ("srun", 1, "No command given to execute."),
        ("srun --chdir=/nowhere pwd", 0, "couldn't chdir to `/nowhere'"),
        ("env -u SLURM_JOB_ID srun true", 1, "Unable to allocate resources"),
    ],
)
def test_srun_ends_as_its_tasks_did(bench, command, code, words):
    """With a code of its own and its own words."""
    text = bench.run(f"{command}\necho code=$?")
    assert text.rstrip().endswith(f"code={code}")
    assert words in text


@pytest.mark.slow
def test_one_bad_task_ends_the_others_where_asked(bench):
    """--kill-on-bad-exit at once, --wait some seconds after the first end; neither by itself."""
    task = "bash -c '[ $SLURM_PROCID = 0 ] && exit 3; sleep 0.7; echo survived'"
    text = bench.run(f"srun -n2 --kill-on-bad-exit=0 --wait=0 {task}; echo code=$?")
    assert "survived\n" in text
    assert "code=3" in text
    slow = task.replace("0.7", "300")
    for option in ("--kill-on-bad-exit", "-K1", "--wait=1"):
        text = bench.run(f"srun -n2 {option} {slow}; echo code=$?")
        assert "CANCELLED AT" in text
        assert "survived" not in text


def test_signals_are_passed_to_every_task(bench):
    """What srun gets, they get."""
    task = (
        'bash -c \'trap "echo usr1 $SLURM_PROCID; exit" USR1; touch up-$SLURM_PROCID;'
        " while :; do sleep 0.1; done'"
    )
    ready = "while [ ! -e up-0 ] || [ ! -e up-1 ]; do sleep 0.1; done"
    text = bench.run(f"srun -n2 {task} &\n{ready}; kill -USR1 $!; wait")
    assert {"usr1 0", "usr1 1"} <= set(text.splitlines())


def test_tasks_die_with_their_srun(bench):
    """KILL cannot be passed on, but it does not leave orphans either."""
    job_id = bench.submit(
        "srun bash -c 'echo $$ > orphan; sleep 300' &\n"
        "while [ ! -s orphan ]; do sleep 0.05; done\n"
        "kill -9 $!; while kill -0 $(cat orphan) 2> /dev/null; do sleep 0.05; done; echo gone"
    )
    assert bench.ended(job_id)["status"]["state"] == "COMPLETED"
    assert "gone" in bench.output(job_id).splitlines()  # the shell has a word of its own, too


def test_steps_stand_in_the_jobs_record(bench):
    """With name, state and exit code."""
    job_id = bench.submit("srun true; srun --job-name=named bash -c 'exit 5'; true")
    tasks = bench.ended(job_id)["tasks"]
    found = [(task["id"], task["name"], task["status"]["state"]) for task in tasks]
    assert found == [
        (f"{job_id}.batch", "batch", "COMPLETED"),
        (f"{job_id}.0", "true", "COMPLETED"),
        (f"{job_id}.1", "named", "FAILED"),
    ]
    assert tasks[2]["status"]["exitCode"] == 5
