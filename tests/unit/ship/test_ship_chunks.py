"""Which bytes of an image an earlier one has."""

from __future__ import annotations

from pathlib import Path

import pytest
import shipping
from hypothesis import given, settings
from hypothesis import strategies as st

from fcx.parity.manifest import Sqsh
from fcx.ship import chunks as module
from fcx.ship.chunks import Chunk, chunks_of, from_text, ranges, sent, to_text
from fcx.ship.plan import Plan

DATA = shipping.bytes_of(6, 1_000_000)


def cut(folder: Path, data: bytes) -> list[Chunk]:
    path = folder / "x"
    path.write_bytes(data)
    return chunks_of(path)


def test_chunks_are_the_file(tmp_path: Path):
    """All of it, and its list comes back; a list of another size is none."""
    found = cut(tmp_path, DATA)
    assert sum(chunk.length for chunk in found) == len(DATA)
    assert 20 < len(found) < 200
    text = to_text(found).encode()
    assert from_text(text, len(DATA)) == found
    for other in (text[:-30], text + text, b"", b"\xff", text.replace(b"\n", b"\r\n\0")):
        assert from_text(other, len(DATA)) == []


@pytest.mark.parametrize("data", [b"x", bytes(100_000), b"\x5a\x80\x00" * 5000])
def test_odd_contents(tmp_path: Path, data: bytes):
    """Short, without a cut, with a cut everywhere."""
    found = cut(tmp_path, data)
    assert sum(chunk.length for chunk in found) == len(data)
    assert all(chunk.length >= module.LEAST for chunk in found[:-1])


def test_coarse_cuts_are_fine_ones(tmp_path: Path):
    """So a larger image still finds what it shares."""
    data = b"\x5a\x80\x00".join(shipping.bytes_of(seed, 5000) for seed in range(9))
    fine = {match.end() for match in module.FINE.finditer(data)}
    coarse = [match.start() + 2 for match in module.COARSE.finditer(data)]
    assert len(coarse) >= 8
    assert set(coarse) <= fine


edits = st.lists(
    st.tuples(st.integers(0, len(DATA)), st.integers(0, 3000), st.binary(max_size=2000)),
    max_size=4,
)


@settings(max_examples=25)
@given(edits=edits)
def test_ranges_are_the_new_file(tmp_path_factory: pytest.TempPathFactory, edits):
    """Bytes of the old one and bytes that are sent give the new one, and what is sent is little."""
    data = DATA
    for at, removed, added in edits:
        data = data[:at] + added + data[at + removed :]
    folder = tmp_path_factory.mktemp("chunks")
    old = cut(folder, DATA)
    made = ranges(cut(folder, data), {"old.sqsh": old})
    plan = Plan.of(Sqsh(str(folder / "x"), "0" * 64), 10_000, made)
    far = b"".join(map(plan.read, plan.pieces))
    joined = b""
    for line in plan.recipe().splitlines():
        file, length, offset = line.split()
        source = far if file == "." else DATA
        joined += source[int(offset) : int(offset) + int(length)]
    assert joined == data
    assert plan.to_send == sent(made) <= 200_000 * len(edits)
    assert len(made) <= 2 * len(edits) + 1


def test_what_is_not_worth_it(tmp_path: Path):
    """An image that shares little is sent whole."""
    old = cut(tmp_path, DATA)
    assert ranges(cut(tmp_path, shipping.bytes_of(7, 1_000_000)), {"old.sqsh": old}) == ()


def test_several_old_images(tmp_path: Path):
    """Each gives what it has; what two have comes from the first."""
    one, two, three = (shipping.bytes_of(seed, 500_000) for seed in (8, 9, 10))
    old = {"a": cut(tmp_path, one + two), "b": cut(tmp_path, two + three)}
    made = ranges(cut(tmp_path, one + two + three), old)
    assert [each.file for each in made if each.length > 100_000] == ["a", "b"]
    assert sent(made) == 0 or sent(made) < 100_000
