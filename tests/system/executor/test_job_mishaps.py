"""Jobs that end before an agent comes up: what failed is said, and never by a wrong name."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from executors.deadline import WAIT
from executors.fixtures import TIME, making
from small_disk import fill, small_disk

from fcx.errors import JobFailed, OutOfMemory, ParityError, RequestRefused, ResultError
from fcx.local import cluster


@pytest.mark.slow
def test_output_into_a_folder_that_is_not_there(make, tmp_path):
    options = [TIME, f"--output={tmp_path}/missing/out"]
    with (
        make(tmp_path, options, task_retries=0) as executor,
        pytest.raises(JobFailed, match="--output or --error names"),
    ):
        executor.submit(abs, -1).result(WAIT)


@pytest.mark.slow
def test_errors_are_found_where_the_user_sends_them(make, tmp_path):
    options = [TIME, f"--error={tmp_path}/errors"]
    with (
        make(tmp_path, options, python="/no/such/python") as executor,
        pytest.raises(ParityError, match="/no/such/python: not found"),
    ):
        executor.submit(abs, -1).result(WAIT)


@pytest.mark.slow
@pytest.mark.parametrize("code", [0, 3])
def test_a_profile_that_exits(tmp_path, code, monkeypatch):
    """It is no Python that could not start."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".bash_profile").write_text(f"echo welcome; exit {code}\n")
    monkeypatch.setenv("FCX_LOCAL_HOME", str(home))
    with cluster() as env, making(env, tmp_path) as build:
        executor = build(tmp_path, [TIME], task_retries=0)
        with pytest.raises(JobFailed, match="a start-up file of the login shell") as caught:
            executor.submit(abs, -1).result(WAIT)
    assert "welcome" in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("options", ["size=32k", "size=48k", "nr_inodes=3"])
def test_a_full_disk(make, tmp_path, options):
    """Of bytes or of files; wherever the job notices."""
    with (
        small_disk(tmp_path / "full", options) as folder,
        make(folder, [TIME], task_retries=0) as executor,
        pytest.raises(JobFailed, match="No space left on device|no room for a file more"),
    ):
        executor.submit(abs, -1).result(WAIT)


@pytest.mark.lasts(45)
@pytest.mark.slow
def test_a_disk_that_was_filled_by_others(make, tmp_path):
    """After a task had room there: neither the job nor its agent can write a word about it.

    However much is left. Side by side, as each waits for that word for most of a minute.
    """
    room = (0, 4096, 8192, 12288)
    with ThreadPoolExecutor(len(room)) as pool:
        tried = [pool.submit(on_a_filled_disk, make, tmp_path / str(left), left) for left in room]
    for each in tried:
        each.result()


def on_a_filled_disk(make, place, leave):
    """What is said there names the disk."""
    with small_disk(place, "size=2m") as folder:
        with make(folder, [TIME]) as executor:
            assert executor.submit(abs, -1).result(WAIT) == 1
        fill(folder, leave=leave)
        with (
            make(folder, [TIME], task_retries=0) as executor,
            pytest.raises((JobFailed, ResultError), match="No space left on device"),
        ):
            executor.submit(bytes, 100_000).result(WAIT)


@pytest.mark.slow
def test_an_upload_into_a_full_disk(make, tmp_path, caplog):
    """What is to be done is said, and nothing of pilots that may have ended of the same."""
    with small_disk(tmp_path / "full", "size=2m") as folder:
        with make(folder, [TIME], task_retries=0, idle_timeout=60) as executor:
            assert executor.submit(abs, -1).result(WAIT) == 1
            fill(folder)
            future = executor.submit(len, os.urandom(600_000))
            with pytest.raises(RequestRefused, match="No space left on device") as caught:
                future.result(WAIT)
    assert "name another working_dir" in str(caught.value)
    assert "its pilots go on" not in caplog.text


@pytest.mark.slow
def test_a_node_without_room_for_temporary_files(tmp_path, monkeypatch):
    """Its script cannot even be read whole: no pilot serves without what it was to bring."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("FCX_LOCAL_HOME", str(home))
    with small_disk(tmp_path / "full", "size=16k") as folder:
        (home / ".bash_profile").write_text(f"export TMPDIR={folder}\n")
        with cluster() as env, making(env, tmp_path) as build:
            executor = build(tmp_path, [TIME], task_retries=0, parity="off")
            with pytest.raises(JobFailed, match="temporary files on its node") as caught:
                executor.submit(len, os.urandom(150_000)).result(WAIT)
    assert f"no room for temporary files in {folder}" in str(caught.value)


@pytest.mark.slow
def test_a_job_without_a_word_in_a_working_dir_without_room(tmp_path, monkeypatch):
    """Whatever it was that failed, the disk is named, and no Python that could not start."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("FCX_LOCAL_HOME", str(home))
    with small_disk(tmp_path / "full", "size=2m") as folder:
        with cluster() as env, making(env, tmp_path) as build:
            executor = build(folder, [TIME])
            assert executor.submit(abs, -1).result(WAIT) == 1
            (home / ".bash_profile").write_text(
                f"cat /dev/zero >{folder}/filling 2>/dev/null; trap 'exit 1' EXIT\n"
            )
            executor = build(folder, [TIME], task_retries=0)
            with pytest.raises(JobFailed, match="No space left on device"):
                executor.submit(abs, -1).result(WAIT)


def eat(size):
    """Holds more memory than it may."""
    import time

    held = [b"x" * (1 << 20) for _ in range(size)]
    time.sleep(60)
    return len(held)


def test_a_task_that_takes_more_memory_than_its_job_has(make, tmp_path):
    with (
        make(tmp_path, [TIME, "--mem=200"]) as executor,
        pytest.raises(OutOfMemory, match="--mem"),
    ):
        executor.submit(eat, 400).result(WAIT)


@pytest.mark.slow
def test_a_task_that_takes_more_memory_than_its_job_has_on_slurm(slurm_firecrest, tmp_path):
    """Without cgroups a real one samples what jobs hold, and kills the step with SIGKILL."""
    with making(slurm_firecrest, tmp_path) as build:
        executor = build(tmp_path, [TIME, "--mem=200"], task_retries=0)
        with pytest.raises(OutOfMemory, match="--mem"):
            executor.submit(eat, 400).result(WAIT)
