"""Contents that tasks share: each once, told by comparing, let go of when nobody needs them."""

from __future__ import annotations

import gc
import hashlib
import os
import threading

import pytest

from fcx.errors import PayloadError
from fcx.payload import contents as module
from fcx.payload.contents import STEP, Contents


def some(size=3 * STEP + 17, seed=b"x"):
    """Bytes that can be changed."""
    return bytearray(hashlib.shake_128(seed).digest(size))


def keep(contents, data):
    """As the pickler does."""
    return contents.keep(memoryview(data))


class TestOneOfAKind:
    """The same bytes are one content, wherever they lie."""

    def test_the_same_and_equal_bytes(self):
        """An equal copy, too."""
        contents, data = Contents(), some()
        first = keep(contents, data)
        assert keep(contents, data) is first
        assert keep(contents, bytes(data)) is first
        assert first.sha == hashlib.sha256(data).hexdigest()
        assert first.size == len(data)

    def test_no_second_digest_is_made(self, monkeypatch):
        """To compare is enough."""
        contents, data = Contents(), some()
        first = keep(contents, data)
        monkeypatch.setattr(module.hashlib, "sha256", None)
        assert keep(contents, data) is first

    @pytest.mark.parametrize("at", [0, 100, STEP - 1, STEP, 2 * STEP + 9, -100, -1])
    def test_what_was_changed_in_place_is_another(self, at):
        """One byte, anywhere."""
        contents, data = Contents(), some()
        first = keep(contents, data)
        before = bytes(data)
        data[at] ^= 1
        second = keep(contents, data)
        assert second is not first
        assert second.sha == hashlib.sha256(data).hexdigest()
        assert first.piece(0, len(before)) == before
        data[at] ^= 1
        assert keep(contents, data) is first

    def test_many_that_look_alike(self):
        """More than are compared with."""
        contents, data, kept = Contents(), some(), []
        for number in range(10):
            data[STEP + 5] = number
            kept.append(keep(contents, data))
        assert len({each.sha for each in kept}) == 10
        data[STEP + 5] = 0
        assert keep(contents, data) is kept[0]

    def test_of_another_length(self):
        """One that begins and ends like another."""
        contents = Contents()
        assert keep(contents, bytes(2 * STEP)) is not keep(contents, bytes(2 * STEP + 1))

    def test_from_several_threads(self):
        """At once."""
        contents, data, found = Contents(), some(), []
        threads = [
            threading.Thread(target=lambda: found.append(keep(contents, data))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({id(each) for each in found}) == 1


class TestPieces:
    """As they are uploaded."""

    def test_all_of_them(self):
        """The last one is shorter."""
        data = some(1000)
        content = keep(Contents(), data)
        pieces = [content.piece(at, 300) for at in range(0, 1000, 300)]
        assert [len(piece) for piece in pieces] == [300, 300, 300, 100]
        assert b"".join(pieces) == data


class TestRoom:
    """Disk that is let go of."""

    def test_what_nobody_needs_makes_room(self, monkeypatch):
        """The file does not grow for ever."""
        monkeypatch.setattr(module, "RECENT", 0)
        contents = Contents()
        for number in range(20):
            keep(contents, some(10 * STEP, b"%d" % number))
        gc.collect()
        assert os.fstat(contents._spool._fd()).st_size < 40 * STEP

    def test_what_is_needed_stays(self, monkeypatch):
        """Whatever comes after it."""
        monkeypatch.setattr(module, "RECENT", 0)
        contents, data = Contents(), some(2 * STEP, b"kept")
        held = keep(contents, data)
        for number in range(20):
            keep(contents, some((number % 3 + 1) * STEP, b"%d" % number))
        assert held.piece(0, held.size) == data

    def test_recent_ones_stay_a_while(self):
        """A next task may take them: they are not written again."""
        contents, data = Contents(), some()
        sha = keep(contents, data).sha
        gc.collect()
        assert sha in contents._known

    def test_a_full_disk_is_told(self, monkeypatch):
        """With what to do."""

        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(module.os, "pwrite", full)
        with pytest.raises(PayloadError, match="No space left on device.*TMPDIR"):
            keep(Contents(), some())
