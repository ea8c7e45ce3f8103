"""The staging area: parts become an object, under a signature of its own."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from fcx.local.stage.store import Stage, StageError


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """An empty one."""
    return Stage(tmp_path, "http://x")


def opened(stage: Stage, ttl: float = 60.0) -> tuple[str, dict[str, str]]:
    """Key and signed query of a new object."""
    url = stage.new_object("a b/c", ttl)
    found = re.fullmatch(
        r"http://x/stage/(\w+)/a%20b%2Fc\?uploadId=\w+{query}&Expires=([\d.]+)"
        r"&X-Amz-Signature=(\w+)",
        url,
    )
    assert found
    return found[1], {"Expires": found[2], "X-Amz-Signature": found[3]}


def put(stage: Stage, key: str, query: dict[str, str], number: int, data: bytes) -> str:
    """Lay a part down as the route does; its tag."""
    place = stage.place(key, query)
    tag = hashlib.md5(data).hexdigest()
    (place / f"part-{number}").write_bytes(data)
    (place / f"tag-{number}").write_text(tag)
    return tag


def listing(*parts: tuple[object, str]) -> bytes:
    """The body that completes an upload."""
    inner = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{t}</ETag></Part>" for n, t in parts)
    return f"<CompleteMultipartUpload>{inner}</CompleteMultipartUpload>".encode()


def test_parts_are_joined_in_order_and_can_be_removed(stage):
    """Whatever the order in which they came."""
    key, query = opened(stage)
    second = put(stage, key, query, 2, b"world")
    first = put(stage, key, query, 1, b"hello ")
    with pytest.raises(StageError) as early:
        stage.whole(key, query)
    assert (early.value.status, early.value.code) == (404, "NoSuchKey")
    assert stage.complete(key, query, listing((1, f'"{first}"'), (2, second))).endswith("-2")
    assert stage.whole(key, query).read_bytes() == b"hello world"
    stage.remove(key, query)
    with pytest.raises(StageError) as gone:
        stage.place(key, query)
    assert gone.value.status == 404


def test_another_objects_signature_opens_nothing(stage):
    """Nor none at all."""
    key, _ = opened(stage)
    _, other = opened(stage)
    for query in (other, {}):
        with pytest.raises(StageError) as refused:
            stage.place(key, query)
        assert (refused.value.status, refused.value.code) == (403, "SignatureDoesNotMatch")


def test_an_address_is_good_for_its_time(stage):
    """And cannot be given more of it."""
    key, query = opened(stage, ttl=-1.0)
    with pytest.raises(StageError) as late:
        stage.place(key, query)
    assert (late.value.status, late.value.code) == (403, "AccessDenied")
    with pytest.raises(StageError) as refused:
        stage.place(key, {**query, "Expires": "9e9"})
    assert refused.value.code == "SignatureDoesNotMatch"


def test_an_object_that_is_spoilt(stage):
    """One byte of it is another."""
    key, query = opened(stage)
    tag = put(stage, key, query, 1, b"hello")
    stage.complete(key, query, listing((1, tag)))
    stage.spoil(key, query)
    assert stage.whole(key, query).read_bytes() == b"hemlo"


@pytest.mark.parametrize(
    ("listed", "code"),
    [
        (b"nonsense", "MalformedXML"),
        (listing(("x", "0" * 32)), "MalformedXML"),
        (listing((1, "short")), "MalformedXML"),
        (listing((2, "0" * 32), (1, "0" * 32)), "InvalidPartOrder"),
        (listing((1, "0" * 32)), "InvalidPart"),
        (listing((7, "0" * 32)), "InvalidPart"),
    ],
)
def test_a_wrong_list_of_parts_is_refused(stage, listed, code):
    """Without XML, number, tag, order, or with a part that never came or was another."""
    key, query = opened(stage)
    put(stage, key, query, 1, b"x")
    with pytest.raises(StageError) as refused:
        stage.complete(key, query, listed)
    assert (refused.value.status, refused.value.code) == (400, code)
