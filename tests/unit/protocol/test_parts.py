"""What is too large for one file or one record arrives whole, or is refused."""

from __future__ import annotations

import random

import pytest

from fcx.protocol import layout, parts
from fcx.protocol.parts import Index

DATA = random.Random(1).randbytes(9 << 20)


class TestFiles:
    """From the client to the agents."""

    def test_a_small_one_travels_as_it_is(self):
        """Under its own name."""
        assert layout.split("m.zip", b"data") == [("m.zip", b"data")]

    def test_a_large_one_in_parts_with_the_index_last(self):
        """It counts once the index is there."""
        *pieces, (name, text) = layout.split("m.zip", DATA)
        assert [name for name, _ in pieces] == ["m.zip.0", "m.zip.1"]
        assert name == "m.zip.parts"
        index = Index.parse(text)
        assert index.parts == len(pieces)
        assert b"".join(parts.joined(index, (piece for _, piece in pieces))) == DATA

    def test_one_that_did_not_arrive_whole(self):
        """Is known at its end."""
        *pieces, (_, text) = layout.split("m.zip", DATA)
        wrong = [piece for _, piece in pieces][::-1]
        with pytest.raises(ValueError, match="not the file"):
            list(parts.joined(Index.parse(text), wrong))

    @pytest.mark.parametrize(
        "text",
        [
            b"", b"{", b"[]", b"3", b"{}", b'{"parts": 1}', b'{"parts": 0, "sha256": ""}', b"\xff",
            b'{"parts": 1000000000, "sha256": ""}', b'{"parts": true, "sha256": ""}',
            b'{"parts": "1", "sha256": ""}', b"[" * 100_000,
        ],
    )  # fmt: skip
    def test_an_index_that_is_none(self, text):
        """Half-written, or not what it should be."""
        with pytest.raises(ValueError, match="not the index"):
            Index.parse(text)
