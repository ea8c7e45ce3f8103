"""Manifests and snapshots come back as they were written, and damaged ones are refused."""

from __future__ import annotations

import json

import pytest

from fcx.errors import ManifestError
from fcx.parity.compare import compare
from fcx.parity.manifest import SEALED, Manifest, Shipped, Sqsh
from fcx.parity.snapshot import ImageIds, Processor, Snapshot, docker_architecture
from fcx.protocol import probe
from fcx.records import replace


@pytest.fixture
def snapshot() -> Snapshot:
    """The interpreter that runs the tests."""
    return Snapshot.from_probe(probe.snapshot())


def test_snapshot_comes_back(snapshot: Snapshot):
    """What the probe printed, read and written, is what the probe printed."""
    assert Snapshot.from_json(snapshot.to_json()) == snapshot
    printed = probe.snapshot()
    written = json.loads(Snapshot.from_probe(printed).to_json())
    assert written == printed


def test_manifest_comes_back(snapshot: Snapshot):
    """Every field survives the way to the disk."""
    manifest = replace(
        Manifest.adopt("name", snapshot, {"PATH": "/bin"}),
        origin="built",
        image_id="sha256:1",
        repo_digest="r/n@sha256:2",
        sqsh=Sqsh("a.sqsh", "3"),
        shipped={"alps": Shipped("/far/a.sqsh", "3", 4)},
        size=5,
    )
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_adopted_manifest_has_what_was_found(snapshot: Snapshot):
    """An image that fcx did not build is described by its snapshot alone."""
    manifest = Manifest.adopt(
        "theirs", replace(snapshot, arch=Processor("x86_64", "aarch64"), image=ImageIds())
    )
    assert (manifest.origin, manifest.architecture, manifest.build_id) == ("adopted", "arm64", "")
    assert manifest.platform == "linux/arm64"
    assert manifest.python == snapshot.python
    assert manifest.python.minor == ".".join(snapshot.python.version.split(".")[:2])


def test_architecture_is_the_elf_headers(snapshot: Snapshot):
    """The interpreter's file counts, not what the kernel calls itself."""
    assert replace(snapshot, arch=Processor("x86_64", "aarch64")).architecture == "arm64"
    assert replace(snapshot, arch=Processor("arm64", None)).architecture == "arm64"
    assert docker_architecture("riscv128") == "riscv128"


def test_frozen(snapshot: Snapshot):
    """A manifest cannot be changed by whoever holds it."""
    with pytest.raises(AttributeError):
        snapshot.dill = "1"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("python", "version"), None),
        (("python", "version"), 3),
        (("python", "pickle_protocol"), "5"),
        (("python", "pickle_protocol"), True),
        (("python",), []),
        (("distributions",), {"a": 1}),
        (("distributions",), ["a"]),
        (("dill",), 4),
        (("env",), None),
        (("size",), 1.5),
        (("name",), ""),
        (("origin",), "found"),
        (("sqsh",), {"path": "x"}),
        (("schema",), None),
        (("architecture",), {}),
    ],
)
def test_damaged_manifest_is_refused(snapshot: Snapshot, path, value):
    """A wrong value is named, and never becomes half a manifest."""
    record = json.loads(Manifest.adopt("n", snapshot).to_json())
    place = record
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ManifestError, match=path[-1]):
        Manifest.from_json(json.dumps(record))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"python": {"version": 3}}, "x.json: python.version must be a string, not 3. The file is"),
        ({"python": None}, "x.json: python must be an object, not None."),
        ({"distributions": {"a": 1}}, "distributions must be an object of strings, not {'a': 1}."),
        ({"modules": {"names": [1]}}, "modules.names must be a list of strings, not [1]."),
        ({"modules": {"names": []}}, "modules.stdlib_missing must be a list of strings, not None."),
        ({"sqsh": {"path": ""}}, "sqsh.path must be a string, not ''."),
        ({"sqsh": 1}, "sqsh must be an object or null, not 1."),
        ({"size": "1"}, "size must be a whole number, not '1'."),
        ({"size": ...}, "size must be a whole number, not None."),
        ({"env": ...}, "env must be an object of strings, not None."),
        ({"schema": "1"}, "schema must be a whole number, not '1'."),
        ({"schema": 0}, "schema must be a whole number, not 0."),
        ({"dill": 4}, "dill must be a string or null, not 4."),
        ({"origin": "found"}, "origin must be adopted or built, not 'found'."),
    ],
)
def test_the_message_names_file_place_and_value(snapshot: Snapshot, change, told):
    """And what to do; an ellipsis stands for a key that is left out."""
    record = json.loads(Manifest.adopt("n", snapshot).to_json())
    for key, value in change.items():
        whole = isinstance(value, dict) and key == "python"
        record[key] = {**record[key], **value} if whole else value
    record = {key: value for key, value in record.items() if value is not ...}
    with pytest.raises(ManifestError) as caught:
        Manifest.from_json(json.dumps(record), "x.json")
    assert told in str(caught.value)
    assert str(caught.value).startswith("x.json: ")
    assert "`fcx image build`" in str(caught.value)


def test_a_manifest_of_an_older_fcx(snapshot: Snapshot):
    """Nulls for texts, no list of modules, no base image: all readable, none invented."""
    record = json.loads(Manifest.adopt("n", snapshot).to_json())
    for key in ("modules", "base_image", "base_image_id", "sqsh", "seal"):
        del record[key]
    record["schema"] = 1
    record["libc"] = record["tag"] = record["python"]["cache_tag"] = None
    manifest = Manifest.from_json(json.dumps(record))
    assert manifest.modules is None
    assert (manifest.libc, manifest.tag, manifest.python.cache_tag) == ("", "", "")
    assert manifest.sqsh is None
    assert manifest.schema < SEALED
    assert Manifest.from_json(manifest.to_json()) == replace(manifest, schema=SEALED)


def test_a_manifest_that_was_edited_is_refused(snapshot: Snapshot):
    """Its parts belong together; how it is laid out does not matter."""
    record = json.loads(replace(Manifest.adopt("n", snapshot), image_id="sha256:1").to_json())
    assert Manifest.from_json(json.dumps(record)).image_id == "sha256:1"
    for change in ({"image_id": "sha256:2"}, {"dill": "1"}, {"distributions": {}}, {"seal": 1}):
        with pytest.raises(ManifestError, match=r"m\.json: seal must be.*make it again"):
            Manifest.from_json(json.dumps(record | change), "m.json")


def test_a_manifest_whose_seal_was_taken_out_is_refused(snapshot: Snapshot):
    """Each that is written now has one; an older one may do without, with its own seal or none."""
    record = json.loads(Manifest.adopt("n", snapshot).to_json())
    assert record["schema"] == SEALED
    bare = {key: value for key, value in record.items() if key != "seal"}
    for seal in ({}, {"seal": None}, {"seal": ""}):
        with pytest.raises(ManifestError, match=r"m\.json: seal must be.*make it again"):
            Manifest.from_json(json.dumps(bare | seal | {"build_id": "c" * 64}), "m.json")
    with pytest.raises(ManifestError, match="seal must be"):
        Manifest.from_json(json.dumps(record | {"schema": 1}))
    assert Manifest.from_json(json.dumps(bare | {"schema": 1})).schema == 1


def test_a_manifest_without_a_seal_is_told(snapshot: Snapshot):
    """That of an older fcx counts as before; what writes it anew is the fix."""
    old = replace(Manifest.adopt("n", snapshot), schema=1)
    for manifest, fix in (
        (replace(old, origin="built"), "fcx image build"),
        (old, "fcx preflight --adopt n --edf edf/n.toml"),
    ):
        verdict = compare("minor", remote=snapshot, manifest=manifest)
        assert verdict.passed
        told = {one.code: one.fix for one in verdict.differences}
        assert told["manifest-unsealed"] == fix
    sealed = compare("minor", remote=snapshot, manifest=replace(old, schema=SEALED))
    assert "manifest-unsealed" not in {one.code for one in sealed.differences}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', b"\xff\xfe"])
def test_what_is_no_manifest(text):
    """Torn and foreign files are refused as such."""
    with pytest.raises(ManifestError):
        Manifest.from_json(text)
    with pytest.raises(ManifestError):
        Snapshot.from_json(text)


def test_newer_schema_is_refused(snapshot: Snapshot):
    """Words of a newer fcx may mean something else."""
    record = json.loads(snapshot.to_json()) | {"schema": 2}
    with pytest.raises(ManifestError, match="schema 2.*Upgrade"):
        Snapshot.from_json(json.dumps(record))


def test_unknown_keys_are_left_alone(snapshot: Snapshot):
    """What a later version adds does not stop this one."""
    record = json.loads(snapshot.to_json()) | {"colour": "blue"}
    assert Snapshot.from_json(json.dumps(record)) == snapshot


def test_places_without_answers():
    """Nulls where a system has no such thing are fine."""
    found = probe.snapshot()
    for key in ("user_site", "which_python3", "user", "home", "cwd", "uid", "gid", "cpus"):
        found["live"][key] = None
    found["dill"] = found["libc"] = found["arch"]["elf"] = None
    assert Snapshot.from_probe(found).live.cpus is None
