"""The run directory's formats: both sides agree, and half a file is never taken for a whole one."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fcx
from fcx.protocol import rundir
from fcx.protocol.rundir import (
    CHUNK,
    Incarnation,
    Item,
    LogCursor,
    make_bundle,
    portion_sizes,
    read_records,
)

sys.path.insert(0, str(Path(fcx.__file__).parent / "remote"))  # as the agent finds them
import inbox
import log as outlog
import worker

sys.path.pop(0)


def items(count, size=10):
    return [Item(f"t{i:07d}", 0, f"f{i % 3}", bytes([i % 256]) * size, None) for i in range(count)]


def put(folder, bundle, without=()):
    for name, data in bundle.files:
        if name not in without:
            (folder / "inbox" / name).write_bytes(data)


@pytest.fixture
def run(tmp_path):
    for name in rundir.FOLDERS:
        (tmp_path / name).mkdir()
    return tmp_path


def claim_all(run, owner="1.0.0", pilot="p", fits=lambda functions, walltime: True):
    box = inbox.Inbox(str(run), owner, pilot)
    box.look()
    found = []
    while (tasks := box.claim(fits)[0]) is not None:
        found.append(tasks)
    return found


class TestPortions:
    """Guided self-scheduling: large ones first, single ones last."""

    @given(st.integers(0, 5000), st.integers(1, 300))
    def test_add_up(self, count, slots):
        """No task is lost; sizes fall; none is larger than the limit."""
        sizes = portion_sizes(count, slots)
        assert sum(sizes) == count
        assert sizes == sorted(sizes, reverse=True)
        assert all(1 <= size <= rundir.LARGEST_PORTION for size in sizes)

    def test_few_tasks_go_one_by_one(self):
        """Eight calls for eight workers are eight portions."""
        assert portion_sizes(8, 8) == [1] * 8

    def test_the_last_ones_even_out(self):
        """At the end every portion is one task."""
        assert portion_sizes(10_000, 8)[-8:] == [1] * 8


class TestBundles:
    """From the caller to the agent, through files that may be late."""

    @pytest.mark.parametrize("count", [1, 2, 100, 5000])
    def test_arrive_as_they_were(self, run, count):
        """Every task once, with its meta data."""
        sent = items(count)
        put(run, make_bundle("b000001", sent, {}, slots=4))
        got = [task for portion in claim_all(run) for task in portion]
        assert sorted((m["t"], m["a"], m["f"], p) for m, p in got) == sorted(
            (i.task, i.attempt, i.function, i.payload) for i in sent
        )

    def test_of_several_chunks(self, run):
        """A payload larger than one upload, of bytes that do not compress."""
        data = random.Random(1).randbytes(2 * CHUNK + 17)
        bundle = make_bundle("b000001", [Item("t1", 0, "f", data)], {})
        assert len(bundle.files) == 3
        assert all(len(chunk) <= 3_900_000 for _, chunk in bundle.files)
        put(run, bundle)
        ((task,),) = claim_all(run)
        assert task[1] == data

    @pytest.mark.parametrize("missing", ["b000001.1", "b000001.2"])
    def test_without_a_chunk_are_not_there_yet(self, run, missing):
        """They count once the last one has come."""
        data = random.Random(1).randbytes(2 * CHUNK + 17)
        bundle = make_bundle("b000001", [Item("t1", 0, "f", data)], {})
        put(run, bundle, without=[missing])
        assert claim_all(run) == []
        put(run, bundle)
        assert len(claim_all(run)) == 1

    @pytest.mark.parametrize("name", ["b000001", "b000001.1"])
    @pytest.mark.parametrize("cut", [0, 1, 40, 200, -1])
    def test_half_written_are_not_there_yet(self, run, name, cut):
        """Uploads are not atomic."""
        data = random.Random(2).randbytes(CHUNK + 5000)
        bundle = make_bundle("b000001", [Item("t1", 0, "f", data)], {})
        put(run, bundle)
        whole = (run / "inbox" / name).read_bytes()
        (run / "inbox" / name).write_bytes(whole[:cut])
        assert claim_all(run) == []
        (run / "inbox" / name).write_bytes(whole)
        assert len(claim_all(run)) == 1

    def test_unflushed_regions_are_not_believed(self, run):
        """The right size, but NULs where data should be."""
        data = random.Random(3).randbytes(CHUNK + 5000)
        bundle = make_bundle("b000001", [Item("t1", 0, "f", data)], {})
        put(run, bundle)
        path = run / "inbox" / "b000001.1"
        path.write_bytes(b"\0" * path.stat().st_size)
        assert claim_all(run) == []

    def test_two_agents_never_claim_the_same(self, run):
        """A claim is a link, and has one owner."""
        put(run, make_bundle("b000001", items(50), {}, slots=4))
        boxes = [inbox.Inbox(str(run), f"{n}.0.0", f"p{n}") for n in range(2)]
        found = []
        for box in boxes:
            box.look()
        while True:
            claimed = [box.claim(lambda f, w: True)[0] for box in boxes]
            found += [m["t"] for tasks in claimed if tasks for m, _ in tasks]
            if claimed == [None, None]:
                break
        assert sorted(found) == [item.task for item in items(50)]
        owners = {
            (run / "claims" / name.name).readlink().name for name in (run / "claims").iterdir()
        }
        assert owners == {"0.0.0", "1.0.0"}

    def test_a_repeated_link_is_still_ones_own(self, run):
        """NFS repeats a request whose answer was lost."""
        put(run, make_bundle("b000001", items(1), {}))
        (run / "claims" / "b000001.0").symlink_to("1.0.0")
        assert len(claim_all(run, "1.0.0")) == 1

    def test_of_a_pilot_are_for_that_pilot_and_first(self, run):
        """A call that is owed a whole time limit does not run elsewhere."""
        put(run, make_bundle("b000001", items(3), {}))
        put(run, make_bundle("b000002", [Item("owed", 1, "f", b"")], {}, pilot="fresh"))
        assert "owed" not in str(claim_all(run, "1.0.0", "other", lambda f, w: False))
        first = claim_all(run, "2.0.0", "fresh")[0]
        assert first[0][0]["t"] == "owed"

    def test_what_does_not_fit_is_left(self, run):
        """A portion whose function has run longer than what time is left stays unclaimed."""
        put(run, make_bundle("b000001", items(4), {}, seen={"f0": 100.0}))
        box = inbox.Inbox(str(run), "1.0.0", "p")
        box.look()
        assert box.seen["f0"] == 100.0
        tasks, refused = box.claim(lambda functions, walltime: False)
        assert (tasks, refused) == (None, True)
        assert list((run / "claims").iterdir()) == []

    def test_orders_count_once_and_whole(self, run):
        """Half an order is none."""
        text = rundir.order({"cancel": ["t1"]})
        (run / "inbox" / "o000001").write_bytes(text[:-1])
        box = inbox.Inbox(str(run), "1.0.0", "p")
        assert box.look() == []
        (run / "inbox" / "o000001").write_bytes(text)
        assert box.look() == [{"cancel": ["t1"]}]
        assert box.look() == []

    def test_a_run_directory_that_is_gone(self, run):
        """OSError: nobody is waiting any more."""
        box = inbox.Inbox(str(run), "1.0.0", "p")
        box.looked = float("inf")
        (run / "inbox").rmdir()
        with pytest.raises(OSError):
            box.look()


class TestRecords:
    """The log, read by offset while it grows."""

    LINES = [outlog.line({"k": "done", "t": f"t{i}", "d": "x" * i}) for i in range(5)]

    @given(st.integers(0, 400))
    def test_end_at_the_last_whole_one(self, cut):
        """Wherever the file ends at the moment."""
        data = b"".join(self.LINES)[:cut]
        found, used = read_records(data)
        assert data[:used] == b"".join(self.LINES[: len(found)])
        assert len(data) - used < len(self.LINES[-1]) + 1

    @pytest.mark.parametrize(
        "bad",
        [
            b"\0" * 50 + b"\n", b"5 0000000000000000 {\"a\":1}\n", b"nonsense\n", b"\n", b"7 x\n",
            b"-7 abc {}\n", b"\xff\xfe\n",
        ],
    )  # fmt: skip
    def test_nothing_is_read_past_a_broken_one(self, bad):
        """It may be whole at the next look."""
        good = self.LINES[3]
        found, used = read_records(good + bad + good)
        assert (len(found), used) == (1, len(good))

    def test_a_region_of_nuls_inside_a_record(self):
        """The right length, the wrong bytes."""
        line = bytearray(self.LINES[4])
        line[-10:-2] = b"\0" * 8
        assert read_records(bytes(line)) == ([], 0)

    def test_segments_follow_each_other(self, run):
        """The cursor moves to the next file by the record that says so."""
        log = outlog.Log(str(run), "7.0.0", pause=0.0)
        for number in range(40):
            log.add("done", t=f"t{number}", d="x" * 100_000)
        log.flush()
        names = sorted(path.name for path in (run / "logs").iterdir())
        assert len(names) > 3
        assert all((run / "logs" / name).stat().st_size < 2 << 20 for name in names)
        cursor, found = LogCursor(Incarnation("7", 0, 0)), []
        while (run / "logs" / cursor.name).exists():
            data = (run / "logs" / cursor.name).read_bytes()[cursor.offset :]
            records = cursor.take(data)
            found += [r["t"] for r in records if r["k"] == "done"]
            if not records:
                break
        assert found == [f"t{number}" for number in range(40)]

    def test_large_data_lies_in_parts(self, run):
        """Each part under what one request may read."""
        log = outlog.Log(str(run), "7.0.0")
        fields = log.store("t1", 0, b"z" * (9 << 20))
        assert fields["parts"] == 3
        parts = sorted((run / "parts").iterdir())
        assert all(part.stat().st_size < 5_242_879 for part in parts)


class TestNames:
    """Incarnations: a requeued job has another, under the same id."""

    @pytest.mark.parametrize("name", ["", "1", "1.0", "1.0.0.0", "1.x.0", "1.0.y", "a..b"])
    def test_others_are_none(self, name):
        """A stray file is no agent's."""
        assert Incarnation.parse(name) is None

    def test_there_and_back(self):
        """Heterogeneous ids included, though they are refused elsewhere."""
        for name in ("12.0.0", "12.3.1", "510+1.0.0"):
            assert str(Incarnation.parse(name)) == name


class TestAuthentic:
    """What was not made with the run's key is not unpickled."""

    def record(self, key, data, **changes):
        made = {
            "t": "t1",
            "a": 2,
            "o": "value",
            "mac": worker.authenticate(key, "t1", 2, "value", data),
        }
        return {**made, **changes}

    def test_both_sides_agree(self):
        """The worker's digest is the caller's."""
        assert rundir.authentic(b"k" * 32, self.record(b"k" * 32, b"data"), b"data")

    @pytest.mark.parametrize(
        "change",
        [{"t": "t2"}, {"a": 1}, {"o": "raise"}, {"mac": ""}, {"mac": None}, {"mac": "0" * 64}],
    )
    def test_nothing_may_differ(self, change):
        """Another task's, another attempt's, another kind."""
        assert not rundir.authentic(b"k" * 32, self.record(b"k" * 32, b"data", **change), b"data")

    def test_another_key_or_other_data(self):
        """Another run's, or changed on the way."""
        record = self.record(b"k" * 32, b"data")
        assert not rundir.authentic(b"x" * 32, record, b"data")
        assert not rundir.authentic(b"k" * 32, record, b"data2")

    def test_is_hmac_sha256_of_all_of_it(self):
        """As the protocol says, so that others can check it."""
        wanted = hmac.new(b"k", b"fcx1\0t1\0002\0value\0data", hashlib.sha256).hexdigest()
        assert self.record(b"k", b"data")["mac"] == wanted


def test_an_items_meta_is_small():
    """What travels with each of 10,000 calls."""
    meta = json.loads(Item("t0000001", 0, "0123456789", b"").frame()[12:])
    assert meta == {"t": "t0000001", "a": 0, "f": "0123456789"}
