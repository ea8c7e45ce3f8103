"""A large outcome: whole or refused, loaded as it was, and in memory once."""

from __future__ import annotations

import hashlib
import pickle
import random
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from fcx import errors
from fcx.payload import outcome
from fcx.payload.received import Pickled, Received
from fcx.protocol import parts
from fcx.protocol.parts import PART

DATA = random.Random(1).randbytes(9 << 20)


def cut(data, part=PART):
    """As agents write them."""
    return [data[at : at + part] for at in range(0, len(data), part)]


def received(data, part=PART, pieces=None):
    """What has come."""
    found = Received(len(data), part)
    for at, piece in zip(found.missing[::-1], pieces or cut(data, part), strict=True):
        found.put(at, piece)
    return found


@pytest.mark.parametrize("size", [1, PART - 1, PART, PART + 1, len(DATA)])
def test_there_and_back(size):
    """In as many parts as its record says, in whatever order they come."""
    data = DATA[:size]
    known = parts.fields(data)
    found = Received(size, PART)
    assert len(found.missing) == known["parts"] == parts.count(size)
    for at in found.missing:
        found.put(at, data[at : at + found.size_at(at)])
    assert found.is_what(known["sha"])
    assert found.copy(0, size) == data
    assert found.copy(1, 3) == data[1:3]


def test_each_can_be_downloaded_in_one_request():
    """The server sends base64 of it through 5 MiB."""
    assert len(cut(DATA)) == 3
    assert 4 * -(-PART // 3) < 5_242_879


@pytest.mark.parametrize(
    "spoil",
    [
        lambda pieces: pieces[::-1],
        lambda pieces: [b"\0" * len(pieces[0]), *pieces[1:]],
        lambda pieces: [pieces[0][:-1], *pieces[1:]],
        lambda pieces: [pieces[0], b"", *pieces[2:]],
        lambda pieces: [*pieces[:-1], pieces[-1] + b"more"],
        lambda pieces: [*pieces[:-1], pieces[-1][:-1]],
        lambda pieces: [pieces[0], b"\xff" + pieces[1][1:], pieces[2]],
    ],
    ids=("exchanged", "unwritten", "cut", "empty", "longer", "shorter", "changed"),
)
def test_nothing_may_differ(spoil):
    """Of any part."""
    found = received(DATA, pieces=spoil(cut(DATA)))
    assert not found.is_what(hashlib.sha256(DATA).hexdigest())


VALUES = {
    "bytes": DATA,
    "bytearray": bytearray(DATA),
    "text": "caf\xe9 " * 900_000,
    "numbers": [n / 7 for n in range(300_000)],
    "mixed": {n: (str(n), bytes(n % 400), [None, n]) for n in range(40_000)},
    "array": np.arange(3_000_000.0).reshape(1000, 3000),
    "transposed": np.arange(1_000_000).reshape(1000, 1000).T,
    "arrays": [np.full(200_000, n) for n in range(9)],
}


@pytest.mark.parametrize("protocol", [4, 5])
@pytest.mark.parametrize("kind", VALUES)
def test_loaded_as_it_was(kind, protocol):
    """Whatever it is made of, and what stands behind it is not touched."""
    value = VALUES[kind]
    data = pickle.dumps(value, protocol)
    whole = received(data + b"printed" * 99)
    found, error = outcome.load("value", Pickled(whole, len(data)))
    assert error is None
    if isinstance(value, np.ndarray):
        np.testing.assert_array_equal(found, value)
        found += 1  # it may be changed, as any
    elif kind == "arrays":
        np.testing.assert_array_equal(found, value)
    else:
        assert found == value


class Missing:
    """Of a module that the client lacks."""

    def __reduce__(self):
        return __import__, ("no_such_module_of_ours",)


class TestNotLoadable:
    """Its bytes are kept in the error, for when that is put right."""

    @staticmethod
    def load(value, again):
        data = pickle.dumps(value)
        whole = received(data + b"printed")
        whole.again = again and (lambda: received(data + b"printed"))
        _, error = outcome.load("value", Pickled(whole, len(data)))
        assert isinstance(error, errors.ResultError)
        assert "'no_such_module_of_ours' is missing on the client" in str(error)
        return data, error

    def test_from_the_beginning(self):
        """Nothing of it was given back yet."""
        data, error = self.load([Missing(), DATA], again=None)
        assert error.data == data

    @pytest.mark.skipif(sys.platform != "linux", reason="pages are given back on Linux")
    def test_towards_its_end(self):
        """It is fetched once more."""
        data, error = self.load([DATA, Missing()], again=True)
        assert error.data == data
        assert "kept in the error's .data" in str(error)

    @pytest.mark.skipif(sys.platform != "linux", reason="pages are given back on Linux")
    def test_it_cannot_be_fetched_once_more(self):
        """What is there would be half of it: so there is none."""
        _, error = self.load([DATA, Missing()], again=None)
        assert error.data == b""
        assert "could not be fetched once more" in str(error)


def test_no_memory_for_it():
    """An error of ours, and at once."""
    with pytest.raises(errors.ResultError, match="no memory for a result of"):
        Received(1 << 62, 1 << 61)


@pytest.mark.skipif(sys.platform != "linux", reason="pages are given back on Linux")
@pytest.mark.parametrize("made", ["bytes(SIZE)", "bytearray(SIZE)", "np.ones(SIZE // 8)"])
def test_in_memory_once(made, tmp_path):
    """While it is loaded, bytes and value together take little more than the value."""
    script = textwrap.dedent(f"""
        import pickle, re, sys
        from pathlib import Path
        import numpy as np
        from fcx.payload import outcome
        from fcx.payload.received import Pickled, Received

        def most():
            return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) << 10

        SIZE, PART = 160 << 20, 1 << 20
        head = pickle.dumps({made}, 5)
        Path(sys.argv[1]).write_bytes(head)
        whole = Received(len(head), PART)
        del head
        outcome.load("value", Pickled(Received(9, 9), 0))
        Path("/proc/self/clear_refs").write_text("5")
        before = most()
        with open(sys.argv[1], "rb") as file:
            for at in whole.missing[::-1]:
                whole.put(at, file.read(PART))
        value, error = outcome.load("value", Pickled(whole, len(whole)))
        assert error is None and len(value) in (SIZE, SIZE // 8)
        print((most() - before) / SIZE)
    """)
    run = [sys.executable, "-c", script, str(tmp_path / "pickle")]
    done = subprocess.run(run, check=True, capture_output=True, text=True, timeout=120)
    assert float(done.stdout) < 1.1
