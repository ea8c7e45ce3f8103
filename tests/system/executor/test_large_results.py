"""Results in parts, through real HTTP: whole or run again, beside what is small, in memory once."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from executors.deadline import WAIT, eventually
from executors.script import memory_for_a_result

from fcx import errors
from fcx.protocol.parts import PART

SIZE = 2 * PART + 5


def made(size, seed=1):
    """Something large."""
    return random.Random(seed).randbytes(size)


@pytest.fixture
def faults(site):
    """Faults that are lifted after the test."""
    yield site.faults
    site.faults.clear()


@pytest.fixture
def held(make, faults):
    """A result in three parts, none of which can be downloaded before the faults are lifted."""
    faults.set("download", crash=True)
    executor = make(max_workers=1)
    future = executor.submit(made, SIZE)
    folder = eventually(lambda: executor.run_directory and Path(executor.run_directory, "parts"))
    eventually(lambda: folder.is_dir() and (folder / "t0000001.0.2").exists())
    return executor, future, folder


SPOILT = {
    "cut": lambda data: data[: len(data) // 2],
    "longer": lambda data: data + b"more",
    "changed": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "another": lambda data: b"<html>Sign in</html>",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "number"), [("cut", 0), ("longer", 2), ("changed", 1), ("another", 2)]
)
def test_what_is_damaged_runs_again(held, faults, how, number):
    """Nothing of it is loaded; the task has its value from another run."""
    _, future, folder = held
    part = folder / f"t0000001.0.{number}"
    part.write_bytes(SPOILT[how](part.read_bytes()))
    faults.clear()
    assert future.result(WAIT) == made(SIZE)
    assert len(future.attempts) == 2


@pytest.mark.slow
def test_what_comes_late_is_waited_for(held, faults):
    """The login node may see a part later than its record."""
    _, future, folder = held
    part = folder / "t0000001.0.1"
    data = part.read_bytes()
    part.unlink()
    faults.clear()
    asked = faults.injected()
    eventually(lambda: faults.injected() == asked)
    part.write_bytes(data)
    assert future.result(WAIT) == made(SIZE)
    assert len(future.attempts) == 1


@pytest.mark.slow
def test_what_is_gone_is_told(held, faults):
    """It has ended, and that is all there is of it."""
    _, future, folder = held
    (folder / "t0000001.0.1").unlink()
    faults.clear()
    error = future.exception(WAIT)
    assert isinstance(error, errors.ResultError)
    assert "its result could not be fetched" in str(error)


@pytest.mark.slow
@pytest.mark.parametrize("effects", [{"lost": 2}, {"status": 503}])
def test_a_line_that_breaks(make, faults, effects):
    """In the middle of it: what has come is not fetched again, and the value is whole."""
    if "status" in effects:
        faults.set("download", probability=0.3, **effects)
    else:
        faults.set("download", **effects)
    executor = make(max_workers=1)
    assert executor.submit(made, 5 * PART).result(WAIT) == made(5 * PART)


def test_what_looks_like_anything(make):
    """Bytes are bytes: neither text in pieces nor JSON with millions of values."""
    executor = make(max_workers=1)
    for piece in (b"[{,", b"\xff\xfe", b"\r\n", b"<html>"):
        assert executor.submit(lambda piece: piece * 700_000, piece).result(WAIT) == piece * 700_000


@pytest.mark.slow
def test_a_small_task_beside_a_large_result(make, faults):
    """It is done long before that has come."""
    executor = make(max_workers=2)
    assert executor.submit(abs, -1).result(WAIT) == 1
    faults.set("download", latency=10.0)  # longer than another pilot takes to begin
    large = executor.submit(made, 9 * PART)
    eventually(lambda: any("download" in str(each) for each in faults.injected()))
    for number in range(4):
        assert executor.submit(pow, number, 2).result(WAIT) == number**2
    assert not large.done()
    faults.clear()
    assert large.result(WAIT) == made(9 * PART)


@pytest.mark.slow
def test_another_large_result_beside_it(make, faults):
    """It need not wait for all the parts of the first."""
    executor = make(max_workers=2)
    assert executor.submit(abs, -1).result(WAIT) == 1
    faults.set("download", latency=3.0)
    first = executor.submit(made, 15 * PART)
    eventually(lambda: any("download" in str(each) for each in faults.injected()))
    assert executor.submit(made, PART).result(WAIT) == made(PART)
    assert not first.done()
    faults.clear()
    assert len(first.result(WAIT)) == 15 * PART


@pytest.mark.slow
def test_in_memory_once(site, tmp_path):
    """The client takes about the size of the value: no second copy, no text of it."""
    assert memory_for_a_result(tmp_path, site) < 1.5
