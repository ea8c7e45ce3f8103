"""What an image is sent as, and what is missing of it; names and marks."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import shipping
from hypothesis import given
from hypothesis import strategies as st

from fcx.errors import ConfigError, UsageError
from fcx.firecrest.files import Entry
from fcx.records import replace
from fcx.ship.mark import Mark, pairs
from fcx.ship.plan import BODY, PIECE, Plan
from fcx.ship.shelf import Slot, images_folder, is_stem, is_stem_of, stem_of_parts


def plan_of(path: Path, data: bytes, largest: int = 100) -> Plan:
    return Plan.of(shipping.packed(path, data), largest)


@given(size=st.integers(1, 1000), largest=st.integers(1, 300))
def test_pieces_are_the_file(tmp_path_factory: pytest.TempPathFactory, size: int, largest: int):
    """One after the other they give each byte once, and none is too large."""
    data = shipping.bytes_of(1, size)
    plan = plan_of(tmp_path_factory.mktemp("plan") / "x.sqsh", data, largest)
    assert b"".join(map(plan.read, plan.pieces)) == data
    assert max(piece.length for piece in plan.pieces) <= largest


def test_a_piece_fits_into_a_request():
    """With what stands around it."""
    assert BODY - 4096 == PIECE < BODY


def test_what_is_missing(tmp_path: Path):
    """No upload, one that is too short, one of another length: only whole ones count."""
    plan = plan_of(tmp_path / "x", bytes(350))
    names = {"00000.ab": 100, "00001.ab": 99, "00001.cd": 100, "00002.ab": 101, "00003.ab": 50}
    names |= {"whole.17": 350, "said.17": 100, "00002.ab.x": 100, "00009.ab": 100}
    entries = {name: Entry(name, size) for name, size in names.items()}
    assert [piece.number for piece in plan.missing(entries)] == [2]
    assert [piece.number for piece in plan.missing({})] == [0, 1, 2, 3]


def test_what_was_spoiled(tmp_path: Path):
    """By the digests that sha256sum tells: of several uploads each is judged."""
    data = shipping.bytes_of(2, 250)
    plan = plan_of(tmp_path / "x", data)
    right, last = (hashlib.sha256(part).hexdigest() for part in (data[:100], data[200:]))
    wrong = hashlib.sha256(b"").hexdigest()
    sums = f"{right}  00000.ab\n{wrong}  00000.cd\n{wrong}  00001.ab\n{last}  00002.ab\nodd\n"
    assert plan.spoiled(sums) == ["00000.cd", "00001.ab"]


def test_a_file_that_changes(tmp_path: Path):
    """It no longer has its digest; one that became shorter is said to have."""
    plan = plan_of(tmp_path / "x", bytes(250))
    assert plan.holds()
    (tmp_path / "x").write_bytes(bytes(249) + b"1")
    assert not plan.holds()
    (tmp_path / "x").write_bytes(bytes(249))
    with pytest.raises(UsageError, match="fcx image pack"):
        plan.read(plan.pieces[-1])


def test_names_of_a_slot():
    """They have the build in them, and are told from others."""
    slot = shipping.slot(
        Path("/far/images"), name="registry.example.org/team/thing", build="1" * 64
    )
    assert slot.image == "/far/images/thing-1111111111111111.sqsh"
    assert slot.mark == "/far/images/thing-1111111111111111.json"
    parts = slot.parts("2" * 64)
    assert parts == "/far/images/.thing-1111111111111111.2222222222222222.parts"
    assert stem_of_parts(parts.rpartition("/")[2]) == slot.stem
    assert stem_of_parts("thing.parts") == ""
    assert is_stem_of(slot.stem, "thing")
    assert not is_stem_of(slot.stem, "other")
    assert not is_stem_of("thing-2-1111111111111111", "thing")
    assert is_stem(slot.stem)
    for other in ("thing", "a thing-1111111111111111", "$x-1111111111111111", ".-1111111111111111"):
        assert not is_stem(other)


def test_an_image_without_a_build_id():
    """It cannot be told from another."""
    with pytest.raises(ConfigError, match="fcx image build"):
        Slot.of("/x", replace(shipping.manifest(), build_id=""))


@pytest.mark.parametrize(
    ("given", "working_dir", "folder"),
    [
        ("/store/images/", "/scratch", "/store/images"),
        ("", "/scratch/me/", "/scratch/me/fcx-images"),
        ("/a b/ü", "", "/a b/ü"),
    ],
)
def test_the_folder(given: str, working_dir: str, folder: str):
    """The one that is named goes before the one in the working directory."""
    assert images_folder(given, working_dir) == folder


@pytest.mark.parametrize("path", ["", "images", "/it's", '/"x"', "/a:b", "/${SCRATCH}/x", "/a\nb"])
def test_folders_that_cannot_be(path: str):
    """The message says which, or how to name one."""
    with pytest.raises(ConfigError, match=r"--to|absolute|Name another"):
        images_folder(path, "")


def test_a_mark_comes_back(tmp_path: Path):
    """What is no mark is none: damaged, another's, a newer fcx's."""
    manifest = shipping.manifest()
    mark = Mark.of(manifest, plan_of(tmp_path / "x", b"data"))
    text = mark.to_json()
    assert Mark.from_json(text.encode(), "x") == mark
    assert (mark.build_id, mark.size) == (manifest.build_id, 4)
    for other in (b"", b"{}", b"\xff\0", text[:-9].encode(), text.replace(": 1", ": 9").encode()):
        assert Mark.from_json(other, "x") is None


def test_pairs_of_a_listing():
    """A record without an image, and an image without a record, are none."""
    names = ("a.json", "a.sqsh", "b.json", "c.sqsh", ".a.0.parts")
    assert pairs({name: Entry(name, 1) for name in names}) == ["a"]
