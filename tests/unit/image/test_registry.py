"""How a registry is asked, and lists of images in it: against a small one that answers as real ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from small_registry import ADA, BASIC, BEARER, small_registry

from fcx.errors import EngineError
from fcx.image import platforms
from fcx.image.platforms import TRIES, join, listed, platform_of
from fcx.image.registry import (
    DOCKER_IMAGE,
    DOCKER_LIST,
    OCI_IMAGE,
    OCI_INDEX,
    Login,
    Repository,
    Stored,
    split_host,
)


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("python", "docker.io"),
        ("team/img", "docker.io"),
        ("docker.io/team/img", "docker.io"),
        ("localhost/img", "localhost"),
        ("host:5000/team/img", "host:5000"),
        ("r.io/img", "r.io"),
    ],
)
def test_which_registry_a_name_is_of(name: str, host: str):
    """Docker's own rule, by what stands before the first slash."""
    assert split_host(name) == (host, name.removeprefix(f"{host}/"))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The registry; ``host`` is where it listens. Lists are soon read again."""
    monkeypatch.setattr(platforms, "PAUSE", 0.001)
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


class Raced(Repository):
    """Whenever a list was written, another join writes the next of its own over it."""

    rivals: tuple[Stored, ...] = ()

    def put(self, reference: str, stored: Stored) -> None:
        """That."""
        super().put(reference, stored)
        for rival in self.rivals[:1]:
            super().put(reference, rival)
        self.rivals = self.rivals[1:]


def raced(small: Any, *rivals: list[dict[str, Any]]) -> Raced:
    """A repository of it, with the lists of the others."""
    found = Raced(small.host, "team/thing")
    found.rivals = tuple(map(listed, rivals))
    return found


def entry(stored: Stored, machine: str) -> dict[str, Any]:
    """What a list has of an image."""
    platform = {"architecture": machine, "os": "linux"}
    return {"mediaType": stored.kind, "size": len(stored.body), "digest": stored.digest,
            "platform": platform}  # fmt: skip


def digests(small: Any) -> dict[str, str]:
    """{machine: digest} of the list."""
    entries = json.loads(small.kept["1"][1])["manifests"]
    return {one["platform"]["architecture"]: one["digest"] for one in entries}


def test_two_who_join_at_once(small: Any):
    """A list without ours is joined again; what was in it before, and ours, are there in the end."""
    own, rival, before = image(small, "own"), image(small, "rival"), image(small, "before")
    join(there(small), "1", before.digest, "linux/s390x")
    others = raced(small, [entry(rival, "arm64")], [entry(rival, "arm64"), entry(own, "amd64")])
    joined = join(others, "1", own.digest, "linux/amd64")
    assert joined.platforms == ("linux/amd64", "linux/arm64", "linux/s390x")
    assert joined.digest == Stored(*small.kept["1"]).digest
    assert digests(small) == {
        "amd64": own.digest, "arm64": rival.digest, "s390x": before.digest,
    }  # fmt: skip


def test_newer_builds_of_others_stay(small: Any):
    """What lies there at the second look counts, not what lay there at the first."""
    own, newer = image(small, "own"), image(small, "newer")
    join(there(small), "1", image(small, "older").digest, "linux/arm64")
    join(raced(small, [entry(newer, "arm64")]), "1", own.digest, "linux/amd64")
    assert digests(small) == {"amd64": own.digest, "arm64": newer.digest}


@pytest.mark.parametrize("times", [2, 3])
def test_a_tag_that_cannot_be_read_while_others_write_it(
    small: Any, times: int, monkeypatch: pytest.MonkeyPatch
):
    """It is read again, but not for ever."""
    stumbles = [EngineError("failed with 500")] * times
    repository, own = there(small), image(small, "own")
    read = repository.manifest

    def manifest(reference: str) -> Stored | None:
        if reference == "1" and stumbles:
            raise stumbles.pop()
        return read(reference)

    monkeypatch.setattr(repository, "manifest", manifest)
    if times == 2:
        assert join(repository, "1", own.digest, "linux/amd64").platforms == ("linux/amd64",)
    else:
        with pytest.raises(EngineError, match="500"):
            join(repository, "1", own.digest, "linux/amd64")


def test_others_who_do_not_stop(small: Any):
    """It is given up and said."""
    own, rival = image(small, "own"), image(small, "rival")
    others = raced(small, *[[entry(rival, "arm64")]] * (TRIES + 1))
    with pytest.raises(EngineError, match=f"written {TRIES} times"):
        join(others, "1", own.digest, "linux/amd64")
    assert len(others.rivals) == 1


def test_an_image_that_was_deleted(small: Any):
    """The registry takes no list with it: it is left out and named; another refusal stays one."""
    small.whole = True
    own, stays, gone = image(small, "own"), image(small, "stays"), image(small, "gone")
    join(there(small), "1", stays.digest, "linux/arm64")
    join(there(small), "1", gone.digest, "linux/s390x")
    del small.kept[gone.digest]
    joined = join(there(small), "1", own.digest, "linux/amd64")
    assert joined.lost == (f"linux/s390x ({gone.digest})",)
    assert joined.platforms == ("linux/amd64", "linux/arm64")
    assert digests(small) == {"amd64": own.digest, "arm64": stays.digest}
    small.how, small.public = BEARER, True
    with pytest.raises(EngineError, match="`docker login"):
        join(there(small), "1", image(small, "newer").digest, "linux/amd64")


@pytest.mark.parametrize(
    "present",
    [
        [{"digest": "sha256:1", "platform": "x"}, {"platform": None}, {"platform": {"os": 1}}],
        ["x", 1, None],
        "x",
        1,
    ],
)
def test_an_odd_list(small: Any, present: Any):
    """What has no platform stays as it is; what is no entry goes."""
    small.kept["1"] = (OCI_INDEX, json.dumps({"manifests": present}).encode())
    far = image(small, "far")
    assert join(there(small), "1", far.digest, "linux/arm64").platforms == ("linux/arm64",)
    entries = json.loads(small.kept["1"][1])["manifests"]
    kept = [one for one in present if isinstance(one, dict)] if isinstance(present, list) else []
    assert [one for one in entries if one not in kept] == [entry(far, "arm64")]
    assert len(entries) == len(kept) + 1


@pytest.mark.parametrize("config", ["x", 1, None, {}, {"digest": 1}])
def test_an_image_of_no_platform(small: Any, config: Any):
    """It is not in the list as one of nothing; nothing is written over it."""
    body = json.dumps({"config": config}).encode()
    small.kept["1"] = (OCI_IMAGE, body)
    with pytest.raises(EngineError, match="no image that says its platform"):
        join(there(small), "1", image(small, "far").digest, "linux/arm64")
    assert small.kept["1"][1] == body


@pytest.mark.parametrize(
    "token", [b"[]", b"1", b'{"token": 1}', rb'{"token": "ada\nb"}', b"[" * 99999]
)
def test_an_odd_token(small: Any, token: bytes):
    """As if there were none; what came is not shown."""
    small.how, small.token = BEARER, token
    with pytest.raises(EngineError, match="`docker login") as caught:
        there(small, ADA).manifest("v1")
    assert "ada" not in str(caught.value)


def test_an_odd_place_for_tokens(small: Any):
    """Which is no address."""
    small.how = 'Bearer realm="http://[x/token"'
    with pytest.raises(EngineError, match="`docker login"):
        there(small, ADA).manifest("v1")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"", b"[" * 99999])
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
