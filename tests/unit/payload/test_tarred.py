"""Archives as they come: only what was asked for, whole, each file to its place."""

from __future__ import annotations

import gzip
import io
import random
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcx.payload.received import Received
from fcx.payload.tarred import Tarred, Unfit

SIZE = 1500
DATA = random.Random(1).randbytes(3 * SIZE + 700)
FILES = {f"./t1.0.{n}": DATA[n * SIZE : (n + 1) * SIZE] for n in range(4)}
WANTED = {name[2:]: (n * SIZE, len(data)) for n, (name, data) in enumerate(FILES.items())}


def packed(files=FILES, form=tarfile.GNU_FORMAT, kind=tarfile.REGTYPE, order=1):
    """A tar of them."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, data in list(files.items())[::order]:
            head = tarfile.TarInfo(name)
            head.size, head.type, head.mtime = len(data), kind, 1.5
            tar.addfile(head, io.BytesIO(data))
    return out.getvalue()


def taken(archive, step=700):
    """What is made of it, fed so many bytes at a time."""
    received = Received(len(DATA), SIZE)
    tarred = Tarred(WANTED, received.write)
    try:
        for at in range(0, len(archive), step):
            tarred.feed(archive[at : at + step])
        tarred.finish()
    finally:
        received.came(tarred.came)
    return received


@given(st.integers(1, 20_000), st.booleans(), st.sampled_from([1, -1]))
def test_whatever_it_is_cut_into(step, compressed, order):
    """In whichever order the files are in it, packed once more or not."""
    archive = packed(order=order)
    received = taken(gzip.compress(archive) if compressed else archive, step)
    assert received.copy(0, len(DATA)) == DATA
    assert not received.missing


def test_with_what_other_archivers_say():
    """A head of its own for times, before each file."""
    archive = packed(form=tarfile.PAX_FORMAT)
    assert b"mtime=1.5" in archive
    assert taken(archive).copy(0, len(DATA)) == DATA


def test_what_has_come_is_known():
    """Those files that are whole, where the archive ends early."""
    received = Received(len(DATA), SIZE)
    tarred = Tarred(WANTED, received.write)
    tarred.feed(packed()[: 2 * (512 + 1536) + 600])
    with pytest.raises(Unfit, match="2 files are missing"):
        tarred.finish()
    assert tarred.came == [0, SIZE]


HEAD = packed()[:512]
ODD = {
    "cut": packed()[:3000],
    "cut while it is unpacked": gzip.compress(packed())[:3000],
    "nothing": b"",
    "a page": b"<html>" + bytes(range(32, 127)) * 20,
    "no gzip": b"\x1f\x8b" + DATA,
    "a damaged head": HEAD[:100] + b"x" + HEAD[101:] + packed()[512:],
    "another file": packed({**FILES, "./t1.1.0": b"x"}),
    "a file twice": packed()[:2048] + packed(),
    "a file of another size": packed({**FILES, "./t1.0.1": DATA[:SIZE] + b"x"}),
    "a link": packed({"./t1.0.0": b""}, kind=tarfile.SYMTYPE),
    "one too few": packed(dict(list(FILES.items())[1:])),
}


@pytest.mark.parametrize("archive", ODD.values(), ids=ODD)
def test_what_is_not_the_archive(archive):
    """No other error, and nothing beyond its place."""
    with pytest.raises(Unfit):
        taken(archive)


@given(st.binary(max_size=4000), st.integers(0, 8000))
def test_anything(data, at):
    """Also in the middle of an archive."""
    archive = packed()
    try:
        taken(archive[:at] + data + archive[at + len(data) :])
    except Unfit:
        return
