"""Records: nothing is believed that was not made with the pilot's key, or is not whole."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcx.protocol import keys, record

KEY = b"k" * 32
RECORDS = [{"k": "done", "t": f"t{i}", "d": "x" * i * 7} for i in range(5)]
LINES = [record.line(each, KEY) for each in RECORDS]
WHOLE = b"".join(LINES)


def parsed(read):
    return [json.loads(body) for body in read.bodies]


class TestRead:
    """The log, read by offset while it grows."""

    @given(st.integers(0, len(WHOLE)))
    def test_ends_at_the_last_whole_one(self, cut):
        """Wherever the file ends at the moment; half a record is not spoilt."""
        found = record.read(WHOLE[:cut], KEY)
        assert WHOLE[: found.used] == b"".join(LINES[: len(found.bodies)])
        assert parsed(found) == RECORDS[: len(found.bodies)]
        assert cut - found.used < len(LINES[-1]) + 1
        assert not found.spoilt

    @given(st.integers(0, len(WHOLE)))
    def test_goes_on_where_it_stopped(self, cut):
        """Two looks see what one would."""
        first = record.read(WHOLE[:cut], KEY)
        second = record.read(WHOLE[first.used :], KEY)
        assert parsed(first) + parsed(second) == RECORDS

    @pytest.mark.parametrize(
        "bad",
        [
            b"\0" * 50 + b"\n", b"5 0000000000000000 {\"a\":1}\n", b"nonsense\n", b"\n", b"7 x\n",
            b"-7 abc {}\n", b"\xff\xfe\n", b"9999999999 " + b"0" * 32 + b" {}\n",
            b"999999999 " + b"0" * 32 + b" {}\n", b"0 " + b"0" * 32 + b" \n", b"01 ", b"\0",
            "٣ ".encode() + b"0" * 32 + b" abc\n", b"3 " + b"0" * 32 + b" abc\n", b"+3 ",
        ],
    )  # fmt: skip
    def test_nothing_is_read_past_a_broken_one(self, bad):
        """It may be whole at the next look; that it is not is told."""
        good = LINES[3]
        found = record.read(good + bad + good, KEY)
        assert (len(found.bodies), found.used, found.spoilt) == (1, len(good), True)

    @given(st.integers(0, len(LINES[4]) - 1), st.integers(1, 255))
    def test_no_byte_may_differ(self, at, change):
        """Wherever it is, in head, MAC, body or at the end."""
        line = bytearray(LINES[4])
        line[at] ^= change
        found = record.read(LINES[1] + bytes(line) + LINES[2], KEY)
        assert parsed(found) == [RECORDS[1]]

    def test_a_region_of_nuls_inside_a_record(self):
        """The right length, the wrong bytes."""
        line = bytearray(LINES[4])
        line[-10:-2] = b"\0" * 8
        assert record.read(bytes(line), KEY) == ([], 0, True)

    def test_another_pilots_key(self):
        """Nobody but the pilot's agents can speak for them; ``up`` is no exception."""
        line = record.line({"k": "up"}, keys.pilot_key(KEY, "p2"))
        assert record.read(line, keys.pilot_key(KEY, "p1")) == ([], 0, True)
        assert record.read(line, keys.pilot_key(KEY, "p2")).used == len(line)

    def test_none_is_larger_than_can_be_read(self):
        """A log whose record is larger than one answer of the server could not be read on."""
        with pytest.raises(ValueError, match="more than a log takes"):
            record.line({"error": "x" * record.LARGEST}, KEY)
        made = record.line({"error": "x" * (record.LARGEST - 100)}, KEY)
        assert len(record.read(made, KEY).bodies) == 1


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()))
def test_lines_are_ascii(content):
    """Whatever they say; the API reads text."""
    made = record.line(content, KEY)
    assert made.isascii()
    assert made.count(b"\n") == 1
    assert parsed(record.read(made, KEY)) == [content]


def test_data_is_named_by_its_digest():
    """So that a record's MAC covers what does not lie in it."""
    assert record.inline(b"abc") == {"d": "YWJj", "sha": record.sha(b"abc")}
