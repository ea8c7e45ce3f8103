"""What tasks share: put or found, uploaded once, taken by each as its own."""

from __future__ import annotations

import functools
import importlib
import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from executors.deadline import WAIT
from executors.mortal import Mortal

from fcx import errors
from fcx.executor.effects.folders import Folders
from fcx.firecrest.loop import LoopThread

ROOMY = 700_000  # numbers of 8 bytes: more than one upload takes


def total(array, more=0):
    """A sum, after which the array is another."""
    found = float(array[::1000].sum()) + more
    array[:] = -1.0
    return found


def uploaded(site, executor):
    """(name, bytes) of the files of the run's objects, as the API took them in."""
    folder = executor.run_directory + "/objects/"
    found = [each for each in site.uploads() if each["path"].startswith(folder)]
    return sorted((each["path"].removeprefix(folder)[64:], each["size"]) for each in found)


class TestTenTasksWithOneArray:
    """However they are given it."""

    @pytest.mark.parametrize("how", ["argument", "partial", "put", "closure"])
    def test_it_is_uploaded_once(self, site, make, how):
        """In two pieces, for all of them."""
        executor, array = make(), np.arange(float(ROOMY))
        given = executor.put(array) if how == "put" else array
        calls = {
            "argument": lambda n: executor.submit(total, given, n),
            "put": lambda n: executor.submit(total, given, n),
            "partial": lambda n: executor.submit(functools.partial(total, given), n),
            "closure": lambda n: executor.submit(lambda: total(given, n)),
        }
        futures = [calls[how](n) for n in range(10)]
        wanted = [float(array[::1000].sum()) + n for n in range(10)]
        assert [future.result(WAIT) for future in futures] == wanted
        assert array[1] == 1.0
        large = [each for each in uploaded(site, executor) if each[1] > 10_000 or each[0]]
        assert large == [(".0", 5_000_000), (".1", 8 * ROOMY - 5_000_000)]

    def test_no_piece_of_it_is_sent_twice(self, site, make):
        """Where no pilot has made the folder yet, that is done before megabytes are on their way."""
        executor = make()
        assert executor.submit(abs, -1).result(WAIT) == 1
        folder, folders = Path(executor.run_directory, "objects"), Folders(executor._run.context)
        shutil.rmtree(folder)
        site.reset_counts()
        LoopThread.shared().run(folders.write("objects", "one", bytes(1 << 20)), WAIT)
        LoopThread.shared().run(folders.write("objects", "two", bytes(1 << 20)), WAIT)
        assert site.counts()["upload"] == len(list(folder.iterdir())) == 2
        assert site.counts()["mkdir"] == 1

    def test_what_is_changed_in_place_is_another(self, make):
        """Between two submits, whatever the address."""
        executor, array = make(), np.zeros(ROOMY)
        futures = []
        for number in range(4):
            array[5000] = number
            futures.append(executor.submit(total, array))
        assert [future.result(WAIT) for future in futures] == [0.0, 1.0, 2.0, 3.0]

    @pytest.mark.slurm
    def test_on_two_nodes_of_a_real_slurm(self, slurm_firecrest, tmp_path):
        """Each node reads what was uploaded once."""
        from executors.fixtures import making

        with making(slurm_firecrest, tmp_path) as build:
            executor = build(tmp_path, ["--time=00:05:00", "--nodes=2"], max_workers=4)
            shared, array = executor.put({"a": np.arange(float(ROOMY))}), np.ones(ROOMY)
            futures = [executor.submit(both, shared, array) for _ in range(8)]
            assert {future.result(WAIT)[0] for future in futures} == {ROOMY + ROOMY - 1.0}
            assert len(uploaded(slurm_firecrest, executor)) == 5
            executor.shutdown()


def both(shared, array):
    """Something of each, and where."""
    import os

    return float(array.sum() + shared["a"][-1]), os.environ["SLURM_NODEID"]


class TestPut:
    """References to objects."""

    def test_anywhere_in_a_call(self, ex):
        """In containers, partials and closures, by keyword; as the object itself."""
        shared = ex.put({"n": 20})

        def inner():
            return shared["n"]

        def work(plain, held, *, named):
            return plain is held[0] is named, plain["n"] + inner()

        task = ex.submit(functools.partial(work, shared), [shared], named=shared)
        assert task.result(WAIT) == (True, 40)

    def test_by_map(self, ex):
        """Also in chunks."""
        shared = ex.put([10, 20])
        found = ex.map(lambda s, n: s[n % 2] + n, [shared] * 6, range(6), chunksize=3)
        assert list(found) == [10, 21, 12, 23, 14, 25]

    def test_small_ones_ride_in_the_script(self, site, make):
        """No request of their own."""
        executor = make(parity="off")
        assert executor.submit(sum, executor.put([1, 2])).result(WAIT) == 3
        assert uploaded(site, executor) == []

    def test_of_another_executor(self, make):
        """Refused by submit, in words."""
        shared = make().put([1])
        with pytest.raises(errors.PayloadError, match="put by another executor"):
            make().submit(len, shared)

    def test_after_shutdown(self, make):
        """As submit."""
        executor = make()
        executor.shutdown()
        with pytest.raises(RuntimeError, match="after shutdown"):
            executor.put(1)

    def test_its_modules_travel(self, make, tmp_path, monkeypatch):
        """With each task that takes it."""
        text = "class Thing:\n    def get(self): return 7\n"
        (tmp_path / "oftheirs.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        executor = make()
        shared = executor.put(importlib.import_module("oftheirs").Thing())
        assert executor.submit(lambda thing: thing.get(), shared).result(WAIT) == 7

    def test_what_was_changed_on_the_cluster_is_refused(self, make):
        """Never unpickled; in words."""
        executor = make()
        shared = executor.put(["x"] * 100_000)
        assert executor.submit(len, shared).result(WAIT) == 100_000
        path = Path(executor.run_directory, "objects", shared.digest)
        path.write_bytes(path.read_bytes()[:-1] + b"!")
        error = executor.submit(len, shared).exception(WAIT)
        assert isinstance(error, ValueError)
        assert "not what was put there" in str(error)

    def test_large_ones_are_told(self, make, caplog, monkeypatch):
        """One line."""
        monkeypatch.setattr("fcx.executor.intake.TOLD", 1_000_000)
        executor = make()
        with caplog.at_level(logging.INFO, "fcx"):
            executor.put(bytes(2_000_000))
            executor.put(bytes(20))
        (told,) = [one for one in caplog.messages if "was put" in one]
        assert "SharedObject bytes, 2.0 MB" in told


NAMED = """
import json
import numpy as np
from fcx import FirecrestExecutor
def use(shared, array):
    with open(FOLDER + "/ran", "a") as file:
        file.write("x")
    return float(shared["a"][7] + array.sum())
with FirecrestExecutor(FOLDER, ["--time=00:05:00"], max_workers=2, sleep_interval=1, idle_timeout=3,
                       parity="off", run="shares") as executor:
    shared = executor.put({"a": np.arange(700_000.0)})
    futures = [executor.submit(use, shared, np.ones(200_000) * n) for n in range(COUNT)]
    print(json.dumps([future.result() for future in futures]))
"""


@pytest.mark.slow
def test_the_same_script_again(tmp_path, site):
    """Has what there is, and sends what is new."""
    mortal = Mortal(tmp_path, site)
    for count in 2, 3:
        done = mortal.run(f"COUNT = {count}\n{NAMED}")
        assert json.loads(done.stdout) == [7.0 + 200_000 * n for n in range(count)]
        assert len((tmp_path / "work" / "ran").read_text()) == count
