"""How a registry is asked, and lists of images in it: against a small one that answers as real ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from small_registry import ADA, BASIC, BEARER, small_registry

from fcx.errors import EngineError
from fcx.image.platforms import join, platform_of
from fcx.image.registry import (
    DOCKER_IMAGE,
    DOCKER_LIST,
    OCI_IMAGE,
    OCI_INDEX,
    Login,
    Repository,
    Stored,
)


@pytest.fixture
def small() -> Iterator[Any]:
    """The registry; ``host`` is where it listens."""
    with small_registry() as server:
        yield server


def there(small: Any, login: Login | None = None) -> Repository:
    """A repository of it."""
    return Repository(small.host, "team/thing", login)


def image(small: Any, mark: str, kind: str = DOCKER_IMAGE) -> Stored:
    """The manifest of an image that was pushed."""
    content = {"mediaType": kind, "config": {"digest": "sha256:" + "0" * 64}, "mark": mark}
    stored = Stored(kind, json.dumps(content).encode())
    small.kept[stored.digest] = (stored.kind, stored.body)
    return stored


@pytest.mark.parametrize(
    ("how", "login"),
    [("", None), (BASIC, ADA), (BEARER, ADA), (BEARER, Login(token="kept"))],
)
def test_asked_as_it_wants_to_be(small: Any, how: str, login: Login | None):
    """With nothing, a name and password, or a token for one of these; for what is done."""
    small.how = how
    one = Stored(OCI_IMAGE, b"{}")
    there(small, login).put("v1", one)
    found = there(small, login).manifest("v1")
    assert found == one
    assert there(small, login).manifest("v2") is None
    if how == BEARER:
        scopes = [asked["scope"].rpartition(":")[2] for asked in small.asked]
        assert scopes == ["pull,push", "pull", "pull"]
        assert {asked["scope"].rpartition(":")[0] for asked in small.asked} == {
            "repository:team/thing"
        }


@pytest.mark.parametrize("login", [None, Login("eve", "x")])
@pytest.mark.parametrize("how", [BASIC, BEARER, "Bearer nonsense", "Other x"])
def test_a_refusal_says_how_to_log_in(small: Any, how: str, login: Login | None):
    """Whoever asks, and whatever the registry wants; no password is in it."""
    small.how = how
    with pytest.raises(EngineError, match="`docker login 127.0.0.1:") as caught:
        there(small, login).manifest("v1")
    assert "eve" not in str(caught.value)


def test_a_password_goes_nowhere_in_the_clear(small: Any):
    """A registry behind TLS that sends us to a place without is not followed."""
    asked = there(small, ADA)._token({"realm": f"http://{small.host}/token"}, "https", "GET")
    assert (asked, small.asked) == ("", [])
    assert there(small, ADA)._token({"realm": "file:///etc/passwd"}, "http", "GET") == ""


@pytest.mark.parametrize(
    ("how", "public", "private"),
    [("", False, False), (BEARER, True, False), (BEARER, False, True), (BASIC, False, True)],
)
def test_whether_anybody_may_have_an_image(small: Any, how: str, public: bool, private: bool):
    """A token for nobody in particular is as good as none; who asks for a password is told."""
    small.how, small.public = how, public
    assert there(small).wants_login("v1") == ((small.host,) if private else ())


def test_whoever_gives_out_tokens_wants_a_login_too(small: Any):
    """NGC's tokens come from another host than its images."""
    small.how = BEARER.replace("HERE", f"localhost:{small.server_port}")
    assert there(small).wants_login("v1") == (small.host, f"localhost:{small.server_port}")


def test_nobody_there():
    """It is said, with the host."""
    with pytest.raises(EngineError, match="127.0.0.1:1 does not answer"):
        Repository("127.0.0.1:1", "x", None).manifest("v1")


def test_a_list_grows_by_platforms(small: Any):
    """A plain image becomes an entry; the same again changes nothing; another build replaces."""
    near, far = image(small, "near"), image(small, "far")
    small.kept["1"] = (near.kind, near.body)
    first = join(there(small), "1", far.digest, "linux/arm64")
    assert first.platforms == ("linux/amd64", "linux/arm64")
    assert small.kept["1"][0] == DOCKER_LIST
    assert join(there(small), "1", near.digest, "linux/amd64") == first
    newer = image(small, "newer")
    join(there(small), "1", newer.digest, "linux/arm64")
    entries = json.loads(small.kept["1"][1])["manifests"]
    assert {platform_of(one): one["digest"] for one in entries} == {
        "linux/amd64": near.digest, "linux/arm64": newer.digest,
    }  # fmt: skip
    assert [one["size"] for one in entries] == [len(near.body), len(newer.body)]


def test_an_index_of_ocis_where_one_is_such(small: Any):
    """And what is no image in it stays."""
    note = {"mediaType": OCI_IMAGE, "digest": "sha256:1", "size": 1,
            "platform": {"os": "unknown", "architecture": "unknown"}}  # fmt: skip
    small.kept["1"] = (OCI_INDEX, json.dumps({"manifests": [note]}).encode())
    far = image(small, "far", OCI_IMAGE)
    assert join(there(small), "1", far.digest, "linux/arm64").platforms == ("linux/arm64",)
    assert small.kept["1"][0] == OCI_INDEX
    assert note in json.loads(small.kept["1"][1])["manifests"]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b""])
def test_what_is_no_manifest_is_refused(small: Any, body: bytes):
    """A page of a proxy's, say: nothing is written over it."""
    small.kept["1"] = (DOCKER_LIST, body)
    with pytest.raises(EngineError, match="no manifest"):
        join(there(small), "1", image(small, "far").digest, "linux/arm64")
    assert small.kept["1"][1] == body


def test_an_image_that_is_not_there(small: Any):
    """As where a registry has lost it since."""
    with pytest.raises(EngineError, match="which was just pushed"):
        join(there(small), "1", "sha256:" + "1" * 64, "linux/arm64")


def test_a_login_shows_no_secret():
    """In whatever a traceback prints."""
    assert "word" not in repr(ADA)
    assert "kept" not in repr(Login(token="kept"))
