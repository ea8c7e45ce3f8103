"""Bundles: what the client encodes is what is read, and nothing else is."""

from __future__ import annotations

import hashlib
import json
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcx.protocol import bundle, mac, packing
from fcx.protocol.bundle import CHUNK, Item
from fcx.protocol.packing import portion_sizes

KEY = b"i" * 32


def items(count, size=10):
    return [Item(f"t{i:07d}", 0, f"f{i % 3}", bytes([i % 256]) * size, None) for i in range(count)]


def encoded(given, slots=1, **more):
    sizes = portion_sizes(len(given), slots)
    return packing.encode("b000001", given, sizes, {"python": "x"}, key=KEY, **more)


def read(made, key=KEY):
    *chunks, head = [data for _, data in made.files]
    return packing.decode(made.name, [head, *chunks], key)


def signed(head, key=KEY):
    """A head's file whose MAC is right, whatever it says."""
    text = json.dumps(head).encode()
    return b"fcx2 %s %s\n" % (mac.sign(key, text).encode(), text)


GOOD = {
    "v": 2, "name": "b000001", "chunks": [[0, hashlib.sha256().hexdigest()]], "portions": [],
    "guard": {}, "seen": {}, "pilot": None,
}  # fmt: skip


class TestPortions:
    """Guided self-scheduling: large ones first, single ones last."""

    @given(st.integers(0, 5000), st.integers(1, 300))
    def test_add_up(self, count, slots):
        """No task is lost; sizes fall; none is larger than the limit."""
        sizes = portion_sizes(count, slots)
        assert sum(sizes) == count
        assert sizes == sorted(sizes, reverse=True)
        assert all(1 <= size <= packing.LARGEST_PORTION for size in sizes)

    def test_few_tasks_go_one_by_one(self):
        """Eight calls for eight workers are eight portions."""
        assert portion_sizes(8, 8) == [1] * 8

    def test_the_last_ones_even_out(self):
        """At the end every portion is one task."""
        assert portion_sizes(10_000, 8)[-8:] == [1] * 8

    @given(st.integers(0, 5000), st.integers(1, 300), st.integers(1, 300))
    def test_an_agent_of_many_workers_claims_several_at_a_time(self, count, slots, beside):
        """But in the end, where each counts; and never more in all."""
        sizes = portion_sizes(count, slots, beside)
        assert sum(sizes) == count
        assert sizes == sorted(sizes, reverse=True)
        assert len(sizes) <= len(portion_sizes(count, max(slots, beside)))
        assert all(size == 1 for size in sizes[-min(count, slots) :])

    def test_every_task_is_in_one(self):
        """Sizes that do not add up are a mistake of the caller's."""
        with pytest.raises(ValueError, match="portions of 2 tasks in all for 3"):
            packing.encode("b000001", items(3), [1, 1], {})


class TestEncode:
    """What the client makes."""

    @pytest.mark.parametrize("count", [0, 1, 2, 100, 5000])
    def test_there_and_back(self, count):
        """Every task as it was, in its portion."""
        made = encoded(items(count), slots=4)
        assert read(made).portions == made.portions
        assert [item for portion in made.portions for item in portion] == items(count)

    def test_with_all_that_an_item_may_have(self):
        """Walltime and modules included."""
        item = Item("t1", 3, "f", b"\0\xff", 1.5, ("m1", "m2.x.zip"))
        assert read(encoded([item])).portions == ((item,),)

    def test_of_several_chunks(self):
        """A payload larger than one upload, of bytes that do not compress."""
        made = encoded([Item("t1", 0, "f", random.Random(1).randbytes(2 * CHUNK + 17))])
        assert [name for name, _ in made.files] == ["b000001.1", "b000001.2", "b000001"]
        assert all(len(data) <= 3_900_000 for _, data in made.files)
        assert made.size == sum(len(data) for _, data in made.files)
        assert packing.chunks(made.files[-1][1], KEY) == 3
        assert read(made).portions == made.portions

    def test_a_large_head_lies_alone(self):
        """So that no file is larger than can be read back."""
        made = packing.encode("b000001", items(20_000, 300), [1] * 20_000, {}, key=KEY)
        assert all(len(data) <= 3_900_000 for _, data in made.files)
        assert read(made).portions == made.portions

    def test_a_head_that_is_too_large(self):
        """Is the client's to avoid."""
        given = [Item("t1", 0, "f" * 2000, b"")] * 2000
        with pytest.raises(ValueError, match="more portions than"):
            packing.encode("b000001", given, [1] * 2000, {}, key=KEY)

    def test_a_head_says_what_an_agent_must_know(self):
        """Before it claims: functions, the longest walltime, for whom, what was seen."""
        given = [Item("t1", 0, "f", b"", 5.0), Item("t2", 0, "g", b"", 7.0)]
        made = packing.encode("b000001", given, [2], {"x": 1}, "p", {"f": 3.0}, KEY)
        head, _ = bundle.read_head(made.files[-1][1], KEY)
        assert (head.name, head.pilot, head.guard, head.seen) == (
            "b000001",
            "p",
            {"x": 1},
            {"f": 3.0},
        )
        (portion,) = head.portions
        assert (portion.tasks, portion.functions, portion.walltime) == (2, ("f", "g"), 7.0)


class TestDecode:
    """What arrived: whole, of this run, and of the right form; else ValueError."""

    def test_under_another_key(self):
        """Forging a bundle would run code."""
        with pytest.raises(ValueError, match="of this run"):
            read(encoded(items(1)), b"x" * 32)

    def test_under_another_name(self):
        """The same tasks do not come twice."""
        made = encoded(items(1))
        with pytest.raises(ValueError, match="is the bundle b000001"):
            packing.decode("b000002", [made.files[0][1]], KEY)

    @given(st.data())
    def test_no_byte_may_differ(self, data):
        """Wherever it is."""
        made = encoded(items(30))
        file = bytearray(made.files[0][1])
        at = data.draw(st.integers(0, len(file) - 1))
        file[at] ^= data.draw(st.integers(1, 255))
        with pytest.raises(ValueError):
            packing.decode("b000001", [bytes(file)], KEY)

    @given(st.integers(0, 2000))
    def test_half_of_it(self, cut):
        """Uploads are not atomic."""
        file = encoded(items(300)).files[0][1]
        if cut < len(file):
            with pytest.raises(ValueError):
                packing.decode("b000001", [file[:cut]], KEY)

    def test_too_few_files(self):
        """A chunk is missing."""
        made = encoded([Item("t1", 0, "f", random.Random(1).randbytes(CHUNK + 17))])
        with pytest.raises(ValueError, match="has 2 files, not 1"):
            packing.decode("b000001", [made.files[-1][1]], KEY)

    def test_the_good_head(self):
        """Is what the bad ones below are made from."""
        assert packing.decode("b000001", [signed(GOOD)], KEY).portions == ()

    @pytest.mark.parametrize(
        "change",
        [
            {"name": None}, {"name": 5}, {"chunks": None}, {"chunks": []}, {"chunks": [[0]]},
            {"chunks": [["0", ""]]}, {"chunks": [[-1, ""]]}, {"chunks": [[1 << 40, ""]]},
            {"portions": {}}, {"portions": [[0, 1, 1, [], 0]]}, {"portions": [[-1, 0, 1, [], 0]]},
            {"portions": [[0, 0, 1, [5], 0]]}, {"portions": [[0, 0, 1, [], None]]},
            {"portions": [[True, 0, 1, [], 0]]}, {"portions": [[0, 0, 1, [], 10**400]]},
            {"portions": [[0, 0, 1, [], float("nan")]]}, {"seen": {"f": 10**400}},
            {"seen": {"f": float("inf")}}, {"seen": {"f": -1}}, {"guard": None}, {"seen": {"f": "x"}}, {"seen": []},
            {"pilot": 5},
        ],
    )  # fmt: skip
    def test_heads_of_another_form(self, change):
        """Nothing but ValueError comes of them, though their MAC is right."""
        with pytest.raises(ValueError):
            packing.decode("b000001", [signed({**GOOD, **change})], KEY)

    @pytest.mark.parametrize("text", ["[]", "5", "{", "[" * 100_000])
    def test_heads_that_are_no_object(self, text):
        """Nor of these."""
        file = b"fcx2 %s %s\n" % (mac.sign(KEY, text.encode()).encode(), text.encode())
        with pytest.raises(ValueError):
            packing.decode("b000001", [file], KEY)

    @pytest.mark.parametrize(
        "raw",
        [
            b"\0", b"\0" * 12, b"\xff" * 12, b"\0\0\0\2" + b"\0" * 8 + b"{}", b"\0\0\0\1" + b"\0" * 8 + b"{",
            b"\0\0\0\2" + b"\0" * 7 + b"\5{}",
        ],
    )  # fmt: skip
    def test_portions_of_another_form(self, raw):
        """Cut, or without what a task must have."""
        for packed in b"s" + raw, b"z" + zlib.compress(raw):
            with pytest.raises(ValueError):
                bundle.read_portion(packed)

    @pytest.mark.parametrize(
        "packed", [b"z", b"zgarbage", b"z" + zlib.compress(b"\0" * (64 << 20)), b"z" + zlib.compress(b"x")[:-1]]
    )  # fmt: skip
    def test_portions_that_do_not_decompress(self, packed):
        """Or would to more than was ever compressed."""
        with pytest.raises(ValueError, match="a portion"):
            bundle.read_portion(packed)

    def test_portions_that_share_bytes(self):
        """A small bundle would be thousands of large ones, for who attaches."""
        made = encoded(items(2))
        head, _ = bundle.read_head(made.files[0][1], KEY)
        rows = [[0, part.length, part.tasks, list(part.functions), 0] for part in head.portions]
        rows = [rows[0], rows[0]]
        chunks = [[chunk.length, chunk.sha256] for chunk in head.chunks]
        with pytest.raises(ValueError, match="a portion outside"):
            bundle.read_head(signed({**GOOD, "chunks": chunks, "portions": rows}), KEY)

    @pytest.mark.parametrize("walltime", [10**400, float("inf"), -1, "1"])
    def test_a_task_that_takes_no_time_that_can_be(self, walltime):
        """It could never be compared with what is left."""
        meta = json.dumps({"t": "t", "a": 0, "f": "f", "w": walltime}).encode()
        with pytest.raises(ValueError, match="belongs"):
            bundle.read_portion(b"s" + len(meta).to_bytes(4, "big") + b"\0" * 8 + meta)


class TestOrders:
    """What the agents shall leave."""

    @pytest.mark.parametrize("tasks", [5, "t1", [1], [["t1"]], {"t1": 1}, None])
    def test_of_another_form(self, tasks):
        """Authentic, and no list of tasks."""
        with pytest.raises(ValueError, match="belongs"):
            bundle.decode_order(packing.encode_order({"cancel": tasks}, KEY), KEY)

    def test_there_and_back(self):
        """Under the inbox's key."""
        text = packing.encode_order({"cancel": ["t1"]}, KEY)
        assert bundle.decode_order(text, KEY) == {"cancel": ["t1"]}

    @given(st.integers(0, 60))
    def test_half_of_one_is_none(self, cut):
        """It may be whole at the next look."""
        text = packing.encode_order({"cancel": ["t1"]}, KEY)
        assert bundle.decode_order(text[: min(cut, len(text) - 1)], KEY) is None

    def test_another_key(self):
        """Is nobody's order."""
        assert bundle.decode_order(packing.encode_order({}, b"x" * 32), KEY) is None


def test_an_items_meta_is_small():
    """What travels with each of 10,000 calls."""
    meta = json.loads(packing.frame(Item("t0000001", 0, "0123456789", b""))[12:])
    assert meta == {"t": "t0000001", "a": 0, "f": "0123456789"}


class TestRelied:
    """Sets of requirements, each once in the head."""

    SETS = ({"numpy": ("2.1.0", "2.1.1"), "cupy": (None,)}, {"scipy": ("1.14",)})

    def test_come_with_the_tasks_that_name_them(self):
        """As they were sent; a task without any has none."""
        given = [one._replace(relied=number) for one, number in zip(items(3), (2, 0, 1))]
        made = packing.encode("b000001", given, [3], {}, key=KEY, relied=self.SETS)
        head, _ = bundle.read_head(made.files[-1][1], KEY)
        assert head.relied == ({"numpy": ["2.1.0", "2.1.1"], "cupy": [None]}, {"scipy": ["1.14"]})
        assert [item.relied for item in read(made).portions[0]] == [2, 0, 1]

    @pytest.mark.parametrize("number", [-1, 3])
    def test_of_no_such_number(self, number):
        """A task that names one is not run."""
        given = [one._replace(relied=number) for one in items(1)]
        made = packing.encode("b000001", given, [1], {}, key=KEY, relied=self.SETS)
        with pytest.raises(ValueError, match="does not have"):
            read(made)

    @pytest.mark.parametrize("relied", [1, {}, [1], [{"numpy": "2"}], [{"numpy": [2]}]])
    def test_of_another_shape(self, relied):
        """Nothing of such a bundle is used."""
        with pytest.raises(ValueError, match="where something else belongs"):
            bundle.read_head(signed({**GOOD, "relied": relied}), KEY)
