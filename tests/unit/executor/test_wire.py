"""What stands in a log that somebody else can write to: nothing is believed, nothing raises."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcx.executor import wire
from fcx.protocol import record
from fcx.protocol.parts import PART

KEY, OTHER = b"k" * 32, b"o" * 32
KINDS = ("up", "refused", "run", "done", "died", "back", "failed", "next", "told", "end", "odd")
FINE = {"k": "run", "t": "t0", "a": 0, "slot": 0, "first": True}


class Keeper:
    """Counts what it is asked to keep."""

    def probe(self, found: dict[str, Any], edf: str | None) -> int:
        """A number."""
        return 1

    def refusal(self, findings: list[list[Any]]) -> Any:
        """Nothing that matters here."""
        return None


def odd(body: bytes) -> bytes:
    """An authentic line whose body is of another's making."""
    from fcx.protocol import mac

    return b"%d %s %s\n" % (len(body), mac.sign(KEY, body).encode("ascii"), body)


@given(st.binary(max_size=2000))
def test_any_bytes(data: bytes) -> None:
    """Nothing is authentic."""
    assert wire.read(data, KEY).records == []


@given(st.binary(max_size=200), st.integers(0, 400))
def test_a_record_that_was_tampered_with(junk: bytes, at: int) -> None:
    """Whatever is changed in it, it is not taken."""
    line = record.line(FINE, KEY)
    changed = line[:at] + junk + line[at + len(junk) :]
    if changed[: len(line)] != line:
        assert not wire.read(changed, KEY).records


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)
FIELDS = "t a n s o d sha parts size first left how findings error segment why node pilot".split()


@given(
    st.lists(
        st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=8).flatmap(
            lambda fields: st.sampled_from(KINDS).map(lambda kind: {**fields, "k": kind})
        ),
        max_size=5,
    )
)
def test_authentic_records_of_any_shape(made: list[dict[str, Any]]) -> None:
    """An agent of another version: what is not understood is counted, and the next one is read."""
    lines = [record.line(each, KEY) for each in made] + [record.line(FINE, KEY)]
    found = wire.read(b"".join(lines), KEY)
    assert len(found.records) + found.strange == len(lines)
    assert found.used == sum(map(len, lines))
    for each in found.records:
        each.understood(Keeper())


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"null",
        b"1" * 5000,
        b'{"k":"run"}',
        b'{"k":null}',
        b'{"k":"done","t":"t0","a":' + b"9" * 5000 + b',"n":[0,0,0],"o":"value","s":0}',
        b'{"k":"done","t":"t0","a":0,"n":[0,0,0],"o":"value","s":0,"parts":30000000}',
        b'{"k":"done","t":"t0","a":0,"n":[-1,0,0],"o":"value","s":0}',
        b'{"k":"up","node":"n","pilot":"p","probe":' + b'{"a":' * 3000 + b"1" + b"}" * 3001,
        b"[" * 100_000,
        b'{"k":"refused","findings":[["python","3.11."]]}',
        b'{"k":"done","t":"t0","a":0,"n":[0,0,0],"o":"value","s":1e300}',
        b'{"k":"done","t":"t0","a":0,"n":[0,0,0],"o":"value","s":-1}',
        b'{"k":"end","why":"\xff\xfe"}',
    ],
    ids=lambda body: body[:24].decode("latin-1"),
)
def test_authentic_and_odd(body: bytes) -> None:
    """Left out, and nothing else comes of it."""
    found = wire.read(odd(body) + record.line(FINE, KEY), KEY)
    assert found.strange == 1
    assert len(found.records) == 1


@pytest.mark.parametrize(
    "line",
    [
        b"1" * 5000 + b" " + b"0" * 64 + b" {}\n",
        b"99999999 " + b"0" * 64 + b" {}\n",
        "2 é {}\n".encode(),
        b"2 " + b"\xff" * 64 + b" {}\n",
        b"0 " + b"0" * 64 + b" \n",
        b"-1 " + b"0" * 64 + b" {}\n",
        record.line({"k": "failed", "error": "not yours"}, OTHER),
        record.line({"k": "done", "t": "t0", "a": 0, "parts": 30_000_000}, OTHER),
    ],
    ids=range(8),
)
def test_not_authentic(line: bytes) -> None:
    """Nothing of it is parsed, and it takes no memory to find that out."""
    tracemalloc.start()
    try:
        found = wire.read(line, KEY)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.records == []
    assert found.used == 0
    assert most < 1 << 20


def test_lengths_stand_under_the_mac() -> None:
    """What is result and what is output is nobody's to move."""
    fields = record.inline(b"resultoutput")
    line = record.line(
        {"k": "done", "t": "t0", "a": 0, "o": "value", "s": 0.1, "n": [6, 6, 0], **fields}, KEY
    )
    head, mac, body = line.split(b" ", 2)
    moved = json.loads(body)
    moved["n"] = [5, 7, 0]
    forged = json.dumps(moved, separators=(",", ":")).encode()
    assert len(wire.read(line, KEY).records) == 1
    assert wire.read(b"%s %s %s\n" % (head, mac, forged), KEY).records == []


@pytest.mark.parametrize(("parts", "whole"), [(1, False), (2, True), (3, False), (65536, False)])
def test_as_many_parts_as_the_size_takes(parts: int, whole: bool) -> None:
    """More of them would be fetched for nothing."""
    size = PART + 1
    told = {"k": "done", "t": "t0", "a": 0, "o": "value", "s": 0.1, "n": [size, 0, 0]}
    line = record.line({**told, "parts": parts, "size": size, "sha": "0" * 64}, KEY)
    (one,) = wire.read(line, KEY).records
    assert one.understood(Keeper()).record.whole is whole


class TestLeftOut:
    """A damaged stretch that lasts: up to the next authentic record, and no whole one with it."""

    WHOLE = [record.line({"k": "next", "segment": n}, KEY) for n in range(4)]

    @pytest.mark.parametrize("damage", [1, 2, 3])
    def test_lines_in_a_row_at_once(self, damage):
        """One wait is enough for all of them."""
        data = b"garbage\n" * damage + b"".join(self.WHOLE)
        assert wire.read(data, KEY).used == 0
        found = wire.read(data, KEY, skip=True)
        assert (len(found.records), found.used, found.spoilt) == (4, len(data), False)

    def test_what_is_whole_meanwhile_is_not_left_out(self):
        """It was half-written when it was asked for."""
        found = wire.read(b"".join(self.WHOLE), KEY, skip=True)
        assert len(found.records) == 4

    @pytest.mark.parametrize("end", [b"garbage\n", b"garbage\ngarbage\n", b"garbage\ngarb"])
    def test_at_the_end_the_first_alone(self, end):
        """What follows it may still become a record."""
        found = wire.read(end, KEY, skip=True)
        assert (found.records, found.used) == ([], len(b"garbage\n"))

    def test_without_an_end_it_may_grow(self):
        """Nothing is left out of it."""
        assert wire.read(b"garbage", KEY, skip=True).used == 0
