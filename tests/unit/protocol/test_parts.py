"""What is too large for one file or one record arrives whole, or is refused."""

from __future__ import annotations

import random

import pytest

from fcx.protocol import layout, parts
from fcx.protocol.parts import Index

DATA = random.Random(1).randbytes(9 << 20)


class TestOutcomes:
    """From an agent to the client, in base64."""

    @pytest.mark.parametrize("size", [0, 1, parts.PART, parts.PART + 1, len(DATA)])
    def test_there_and_back(self, size):
        """In as many parts as its record says."""
        data = DATA[:size]
        known = parts.fields(data)
        texts = list(parts.encoded(data))
        assert len(texts) == known["parts"] == parts.count(size)
        assert layout.decoded(texts, known["size"], known["sha"]) == data

    def test_each_can_be_read_in_one_request(self):
        """ASCII, under the 5 MiB of text that one answer holds."""
        texts = list(parts.encoded(DATA))
        assert len(texts) == 3
        assert all(len(text) < 5_242_879 and text.isascii() for text in texts)

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda texts: texts[:-1], lambda texts: texts[::-1], lambda texts: [*texts, b"AAAA"],
            lambda texts: [b"\0" * len(texts[0]), *texts[1:]], lambda texts: [texts[0][:-4], *texts[1:]],
            lambda texts: [texts[0][:-1], *texts[1:]], lambda texts: [b"\xff", *texts[1:]],
        ],
    )  # fmt: skip
    def test_nothing_may_differ(self, spoil):
        """A part that is missing, exchanged, added, unwritten or cut."""
        known = parts.fields(DATA)
        with pytest.raises(ValueError, match="part"):
            layout.decoded(spoil(list(parts.encoded(DATA))), known["size"], known["sha"])


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
