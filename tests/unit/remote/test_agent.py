"""The agent on its own: a process with a run directory, no server, no scheduler."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from agents import INBOX, Pilot
from executors.deadline import eventually
from hypothesis import given
from hypothesis import strategies as st

from fcx.protocol import frames, layout, mac
from fcx.protocol.config import Config
from fcx.remote import actions, agent, clock, events, guard, inbox, pool

OTHER = {"t": "t10", "a": 0, "o": "value", "s": 0.1, "n": [0, 0, 0]}
"""What a worker says at the end of a task that gave nothing."""


class TestSecondsLeft:
    """What squeue -o %L prints."""

    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("0:05", 5), ("59:59", 3599), ("1:00:00", 3600), ("1-02:03:04", 93784), (" 5:00\n", 300),
            ("9" * 5000 + ":00", None), ("UNLIMITED", None), ("NOT_SET", None), ("INVALID", None), ("", None), ("5", None),
        ],
    )  # fmt: skip
    def test_of_each_form(self, text, seconds):
        """None where there is no end, or none that is known."""
        assert clock.seconds_left(text) == seconds


class TestClock:
    """Time left, counted from when the batch shell was told."""

    def test_unknown_while_the_file_is_not_whole(self, tmp_path):
        """It may be half written, or not there yet."""
        told = clock.Clock(str(tmp_path / "left"))
        assert told.left() is None
        (tmp_path / "left").write_text("1:0")
        assert told.left() is None
        (tmp_path / "left").write_text("1:00\n")
        assert 50 < told.left() <= 60

    def test_an_old_note_is_worth_less(self, tmp_path):
        """Seconds since it was written are gone."""
        path = tmp_path / "left"
        path.write_text("10:00\n")
        os.utime(path, (time.time() - 30, time.time() - 30))
        assert 560 < clock.Clock(str(path)).left() < 575


class TestCompare:
    """The guard: before anything is unpickled."""

    @pytest.mark.parametrize(
        ("wanted", "found", "differs"),
        [
            ("cpython 3.11.", "cpython 3.11.7", False),
            ("cpython 3.11.", "cpython 3.12.1", True),
            ("cpython 3.1.", "cpython 3.11.7", True),
            ("0.4.1", "0.4.0", True),
            ("0.4.1", None, True),
            (None, "anything", False),
        ],
    )
    def test_versions(self, wanted, found, differs):
        """A wanted version that ends with a dot is a prefix; None is not looked at."""
        assert bool(guard.compare({"x": wanted}, {"x": found})) is differs


class TestShares:
    """CPUs and GPUs among the workers of a node."""

    @given(st.integers(0, 300), st.integers(1, 64))
    def test_are_disjoint_whole_and_even(self, count, workers):
        """While there are enough; no share differs by more than one."""
        items = list(range(count))
        shares = [cpus for cpus, _ in pool.shares(items, [], workers)]
        if count >= workers:
            assert sorted(sum(shares, [])) == items
            sizes = [len(share) for share in shares]
            assert max(sizes) - min(sizes) <= 1
        elif count:
            assert all(len(share) == 1 for share in shares)
            assert {share[0] for share in shares} == set(items)
        else:
            assert shares == [[]] * workers

    def test_of_gpus(self):
        """Four GPUs between two workers; two between four."""
        assert [g for _, g in pool.shares([], ["0", "1", "2", "3"], 2)] == [["0", "1"], ["2", "3"]]
        assert [g for _, g in pool.shares([], ["a", "b"], 4)] == [["a"], ["b"], ["a"], ["b"]]

    @pytest.mark.parametrize(
        ("environ", "expected"),
        [
            ({"CUDA_VISIBLE_DEVICES": "2,3"}, ("CUDA_VISIBLE_DEVICES", ["2", "3"])),
            ({"CUDA_VISIBLE_DEVICES": "GPU-8932f937"}, ("CUDA_VISIBLE_DEVICES", ["GPU-8932f937"])),
            ({"ROCR_VISIBLE_DEVICES": "0,1"}, ("ROCR_VISIBLE_DEVICES", ["0", "1"])),
        ],
    )
    def test_visible_gpus(self, environ, expected):
        """As Slurm says, in its own variable."""
        assert pool.visible_gpus(environ) == expected


@pytest.fixture
def pilot(tmp_path):
    """One that is ended with the test."""
    made = Pilot(tmp_path)
    yield made
    made.stop()


class TestAgent:
    """From claim to outcome, and every way to leave."""

    def test_runs_what_lies_in_the_inbox(self, pilot):
        """Each call once, its outcome in the log with a digest of the run's key."""
        pilot.put(1, [(divmod, 7, 2), (abs, -3)])
        pilot.start()
        assert pilot.value("t10") == ((3, 1), None)
        assert pilot.value("t11") == (3, None)
        assert (pilot.run / "claims" / "b000001.0").readlink() == Path("7.0.0")

    def test_takes_what_comes_later(self, pilot):
        """It looks while it is idle."""
        pilot.start()
        pilot.wait("up")
        pilot.put(1, [(abs, -3)])
        assert pilot.value("t10") == (3, None)

    def test_ends_when_idle(self, pilot):
        """With the reason in its log."""
        pilot.start(idle_timeout=0.3)
        assert pilot.wait("end")["why"] == "idle"
        assert pilot.ended() == 0

    def test_an_id_that_is_given_again_is_another_life(self, pilot):
        """A controller lost its state: what the earlier job has written, and claimed, stays."""
        pilot.put(1, [(abs, -3)])
        pilot.start()
        assert pilot.value("t10") == (3, None)
        pilot.process.kill()
        pilot.ended()
        written = (pilot.run / "logs" / "7.0.0.0").read_bytes()
        pilot.put(2, [(abs, -4)])
        pilot.launch()
        pilot.me = pilot.me._replace(restart=1)
        assert pilot.value("t20") == (4, None)
        assert not pilot.said("run", t="t10")
        assert (pilot.run / "logs" / "7.0.0.0").read_bytes() == written

    def test_ends_when_the_run_is_closed(self, pilot):
        """Long before it is idle."""
        pilot.start()
        pilot.wait("up")
        (pilot.run / "inbox" / "closed").write_text("keep")
        assert pilot.ended() == 0

    @pytest.mark.parametrize("gone", [("inbox", "logs"), ("claims",)], ids="".join)
    def test_ends_when_the_run_directory_is_gone(self, pilot, gone):
        """Nobody is waiting any more, or nobody knows what was claimed; that is no error of the job's."""
        pilot.start()
        pilot.wait("up")
        for name in gone:
            shutil.rmtree(pilot.run / name)
        assert pilot.ended() == 0

    @pytest.mark.parametrize("what", ["inbox", "."])
    @pytest.mark.slow
    def test_a_running_task_outlives_a_folder_that_is_gone_for_a_moment(self, pilot, what):
        """Moved away and back: somebody tidied up, or the file system lost it for a second."""
        pilot.put(1, [(time.sleep, 5.0), (abs, -3)])
        pilot.start()
        pilot.wait("run")
        folder = (pilot.run / what).resolve()
        aside = folder.parent / "aside"
        folder.rename(aside)
        time.sleep(1.5)
        aside.rename(folder)
        assert pilot.value("t10") == (None, None)
        assert pilot.value("t11") == (3, None)

    def test_goes_on_when_the_run_directory_does_not_answer_for_a_while(self, pilot):
        """An error is no proof that it is gone: here a link that leads to itself."""
        pilot.start()
        pilot.put(1, [(time.sleep, 1.5)])  # while it works, a moment without a folder ends nothing
        pilot.wait("run")
        inbox_, aside = pilot.run / "inbox", pilot.run / "aside"
        inbox_.rename(aside)
        inbox_.symlink_to(inbox_)
        time.sleep(1.0)
        assert pilot.process.poll() is None
        inbox_.unlink()
        aside.rename(inbox_)
        pilot.put(2, [(abs, -3)])
        assert pilot.value("t20") == (3, None)

    def test_what_is_new_is_not_lost_with_a_look_that_fails(self, pilot):
        """The logs, in which values are looked for, do not answer for a moment."""
        pilot.configure()
        pilot.put(1, [(abs, -3)])
        config = Config.decode(pilot.config.read_bytes())
        one = agent.Agent(str(pilot.run), config, pilot.me, 0o22)
        logs, aside = pilot.run / "logs", pilot.run / "aside"
        logs.rename(aside)
        one._look(actions.Look(("t9",)))
        aside.rename(logs)
        one._look(actions.Look(("t9",)))
        failed, looked = one.events
        assert isinstance(failed, events.LookFailed)
        assert [head.name for head in looked.heads] == ["b000001"]

    @pytest.mark.parametrize("text", ["", "{}", None])
    def test_says_that_its_configuration_cannot_be_read(self, pilot, text):
        """Where the client looks, when there is no log."""
        if text is not None:
            pilot.config.write_text(text)
        pilot.launch()
        assert pilot.ended() == 1
        note = (pilot.run / "logs" / "7.0.0.exit").read_text()
        assert "the pilot's configuration cannot be read: " in note

    @pytest.mark.parametrize(
        "said",
        [
            b"\0" * 100,
            frames.pack(frames.HELLO, {"python": "3.11.7", "dill": "0.4.1"}),
            frames.pack(frames.READY, {}),
            frames.pack(frames.DONE, {}),
            frames.pack(frames.DONE, {**OTHER, "t": "t11"}),
            frames.pack(frames.DONE, {**OTHER, "n": [1, 0, 0]}),
            frames.pack(frames.DONE, {**OTHER, "n": [-1, 1, 0]}),
            b"D" + b"\xff" * 12,
        ],
    )
    def test_a_task_that_writes_to_what_is_not_its_own(self, pilot, said):
        """It dies of it, others go on: what a task forks has the worker's pipe, too."""

        def work(said):
            import os
            import stat
            import time

            for fd in range(3, 30):
                try:
                    if stat.S_ISFIFO(os.fstat(fd).st_mode):
                        os.write(fd, said)
                except OSError:
                    pass
            time.sleep(60)

        pilot.put(1, [(work, said), (abs, -3)])
        pilot.start()
        assert pilot.wait("died", t="t10")["how"]["text"].endswith("was ended")
        assert pilot.value("t11") == (3, None)

    def test_a_bundle_that_cannot_be_read(self, pilot):
        """Authentic, by another fcx: the agent ends, so that the tasks are not its own for ever."""
        body = b"sgarbage"
        table = [[0, len(body), 1, ["f"], 0.0]]
        head = {"v": 2, "name": "b000001", "portions": table, "guard": {}, "seen": {}}
        head["chunks"] = [[len(body), hashlib.sha256(body).hexdigest()]]
        text = json.dumps(head).encode()
        first = b"fcx2 %s %s\n" % (mac.sign(INBOX, text).encode(), text)
        (pilot.run / "inbox" / "b000001").write_bytes(first + body)
        pilot.start()
        assert pilot.ended() == 1
        note = (pilot.run / "logs" / "7.0.0.exit").read_text()
        assert note == "bundle b000001: a portion ends in the middle of a task\n"

    def test_refuses_another_python(self, pilot):
        """Before its workers have unpickled anything."""
        pilot.put(1, [(abs, -3)])
        pilot.start(guard={"python": "cpython 2.7."})
        findings = pilot.wait("refused")["findings"]
        assert findings[0][:2] == ["python", "cpython 2.7."]
        pilot.ended()
        assert not list((pilot.run / "claims").iterdir())
        assert not [record for record in pilot.read() if record["k"] == "done"]

    def test_waits_for_the_go_no_longer_than_gate_timeout(self, pilot):
        """Without a guard it only probes."""
        pilot.start(guard=None, gate_timeout=0.5)
        assert pilot.wait("up")["probe"]["python"]
        assert pilot.ended() is not None
        assert not [record for record in pilot.read() if record["k"] == "done"]

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2])
    def test_a_signal_lets_running_calls_end_and_hands_back_the_rest(self, pilot, number):
        """--signal=USR1@30, scancel, the time limit: stop claiming, flush."""
        go = pilot.run / "go"

        def work(path):
            import os
            import time

            while not os.path.exists(path):
                time.sleep(0.02)
            return "ended"

        pilot.put(1, [(work, str(go))] + [(abs, -i) for i in range(40)], slots=1)
        pilot.start()
        pilot.wait("run", t="t10")
        pilot.process.send_signal(number)
        time.sleep(0.3)
        go.touch()
        assert pilot.value("t10") == ("ended", None)
        pilot.ended()
        assert pilot.wait("end")["why"] == "signal"
        back = {name for record in pilot.read() if record["k"] == "back" for name, _ in record["t"]}
        done = {record["t"] for record in pilot.read() if record["k"] == "done"}
        assert not back & done
        claimed = sum(len(p) for p in self.claimed(pilot))
        assert len(back | done) == claimed

    @pytest.mark.parametrize("of_the_worker", [False, True])
    def test_a_signal_before_the_first_hello_is_no_refusal(
        self, pilot, of_the_worker, tmp_path, monkeypatch
    ):
        """Slurm tells every process of the step; nothing is wrong with the place."""
        (tmp_path / "path").mkdir()
        slow = "import os, time\nif 'FCX_LOCAL_RANK' in os.environ: time.sleep(300)\n"
        (tmp_path / "path" / "sitecustomize.py").write_text(slow)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
        pilot.start(guard={"dill": "0.0"})
        worker = eventually(lambda: children(pilot.process.pid))[0]
        if of_the_worker:
            os.kill(worker, signal.SIGTERM)
        pilot.process.send_signal(signal.SIGTERM)
        assert pilot.ended() == 0
        assert [record["k"] for record in pilot.read()] == ["end"]
        assert pilot.wait("end")["why"] == "signal"

    @staticmethod
    def claimed(pilot):
        sent = inbox.Bundle.read(str(pilot.run / "inbox" / "b000001"), INBOX)
        assert sent.whole()
        return [sent.tasks(layout.parse_claim(name)[1]) for name in pilot.claims()]

    def test_says_how_a_worker_died(self, pilot):
        """By signal or exit code, with the output so far; the next call has a new worker."""

        def end(code):
            import os

            print("before", flush=True)
            os._exit(code)

        pilot.put(1, [(end, 4), (abs, -3)])
        pilot.start()
        record = pilot.wait("died", t="t10")
        assert (record["how"]["code"], record["how"]["outside"]) == (4, False)
        assert pilot.data(record) == b"before\n"
        assert pilot.value("t11") == (3, None)

    def test_cancels_on_order(self, pilot):
        """A running call loses its worker, a waiting one is dropped."""
        mark = pilot.run / "mark"
        pilot.put(1, [(time.sleep, 300), (os.mkdir, str(mark)), (abs, -3)])
        pilot.start()
        pilot.wait("run", t="t10")
        pilot.order(1, "t10", "t11")
        assert pilot.value("t12") == (3, None)
        assert not mark.exists()

    def test_begins_nothing_that_the_time_left_will_not_do_for(self, pilot):
        """Seen runs and walltimes count; the first call of a worker is always begun."""
        pilot.put(1, [(abs, -1), (abs, -2)], seen={"f": 100.0})
        pilot.start(left="0:20")
        assert pilot.value("t10") == (1, None)
        assert pilot.wait("end")["why"] == "time"
        assert not [r for r in pilot.read() if r["k"] == "done" and r["t"] == "t11"]

    @pytest.mark.slow
    def test_has_a_heartbeat_outside_of_its_log(self, pilot, monkeypatch):
        """It grows while nothing else happens."""
        pilot.start()
        pilot.wait("up")
        beat = pilot.run / "logs" / "7.0.0.beat"
        eventually(lambda: beat.exists() and beat.stat().st_size >= 1)

    def test_another_life_has_another_log(self, pilot):
        """A requeued job keeps its id; what the first life claimed, the second does not run."""
        pilot.put(1, [(abs, -1)])
        pilot.start(restart=0)
        pilot.value("t10")
        pilot.stop()
        pilot.records = []
        pilot.start(restart=1, idle_timeout=0.3)
        assert pilot.wait("end")["why"] == "idle"
        assert not [record for record in pilot.read() if record["k"] == "done"]
        assert (pilot.run / "logs" / "7.1.0.0").exists()

    def test_its_workers_die_with_it(self, pilot):
        """An agent that is killed leaves no worker to run on."""
        pilot.put(1, [(os.getpid,), (time.sleep, 300)])
        pilot.start()
        worker, _ = pilot.value("t10")
        pilot.wait("run", t="t11")
        pilot.process.kill()
        eventually(lambda: not running(worker))

    def test_leaves_no_process_behind(self, pilot):
        """Children of its workers go with them at the end."""

        def spawn():

            return subprocess.Popen(["sleep", "300"]).pid

        pilot.put(1, [(spawn,)])
        pilot.start(idle_timeout=0.3)
        child, _ = pilot.value("t10")
        pilot.ended()
        eventually(lambda: not running(child))


def children(pid):
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def running(pid):
    """Whether a process is there and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
