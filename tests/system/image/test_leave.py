"""Out of the laptop: pushed to a real registry, packed into a file, with the same content."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cluster.bases import bare_image, docker
from cluster.engine import Engine, which
from cluster.project import Project
from cluster.registry import serving

from fcx.image.engine import connect
from fcx.image.pack import pack
from fcx.parity.manifest import Manifest
from fcx.records import replace

pytestmark = pytest.mark.docker

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
ENGINES_OWN = ("dev", "proc", "sys", ".dockerenv", "etc/hosts", "etc/hostname", "etc/resolv.conf")
ENROOTS_OWN = ("etc/mtab", "etc/rc", "etc/fstab", "etc/environment")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """A real registry on loopback: host and port."""
    with serving(tmp_path / "registry") as address:
        yield address


def test_push(built: Project, registry: str):
    """The digest in the manifest is the registry's own; its config is the image id."""
    said = built.fcx("image", "push", f"{registry}/team/thing").stdout.strip()
    manifest = built.manifest()
    assert manifest.repo_digest == said
    assert said.startswith(f"{registry}/team/thing@sha256:")
    digest = said.partition("@")[2]
    request = urllib.request.Request(
        f"http://{registry}/v2/team/thing/manifests/{manifest.build_id[:16]}",
        headers={"Accept": MANIFEST_TYPE},
    )
    with urllib.request.urlopen(request) as answer:
        body = answer.read()
        assert answer.headers["Docker-Content-Digest"] == digest
    assert f"sha256:{hashlib.sha256(body).hexdigest()}" == digest
    assert json.loads(body)["config"]["digest"] == manifest.image_id
    assert built.build()["repo_digest"] == said  # an unchanged build keeps it


def test_a_base_that_a_registry_does_not_have(built: Project, registry: str):
    """It is named, with other bases to take."""
    built.write("containers/Dockerfile", f"FROM {registry}/python:3.99.9-slim\n")
    message = built.fcx("image", "build", code=5).stderr
    assert f"Pulling the base image {registry}/python:3.99.9-slim failed" in message
    assert "PYTHON_VERSION=3.99" in message


def test_a_base_that_a_registry_has_for_another_processor(
    built: Project, registry: str, engine: Engine
):
    """What is there is said beside what was wanted, and nothing is built of it."""
    base = f"{registry}/bare:1"
    docker(engine, "tag", bare_image(engine), base)
    docker(engine, "push", base)
    docker(engine, "image", "rm", base)
    built.write("containers/Dockerfile", f"FROM {base}\nENV X=1\n")
    message = built.fcx("image", "build", "--platform", "linux/arm64", code=5).stderr
    assert f"The base image {base} is for another processor" in message
    assert "wanted linux/arm64, found linux/amd64" in message
    assert "Step" not in message
    docker(engine, "image", "rm", base, check=False)


@pytest.mark.lasts(40)
def test_push_goes_by_id(built: Project, registry: str, engine: Engine):
    """A tag that was moved since the build does not send another image."""
    dockerfile = built.root / "containers/Dockerfile"
    dockerfile.write_text(
        dockerfile.read_text() + "# no other test has this image: its tag is moved\n"
    )
    built.build()
    manifest = built.manifest()
    docker(engine, "tag", "bare:1", manifest.tag)
    docker(engine, "tag", "bare:1", "fcx-image:latest")
    said = json.loads(built.fcx("image", "push", f"{registry}/x:v1", "--json").stdout)
    url = f"http://{registry}/v2/x/manifests/{said['repo_digest'].partition('@')[2]}"
    request = urllib.request.Request(url, headers={"Accept": MANIFEST_TYPE})
    with urllib.request.urlopen(request) as answer:
        assert json.loads(answer.read())["config"]["digest"] == manifest.image_id


def test_push_failures(built: Project):
    """Nobody there, or no name that a registry could have."""
    message = built.fcx("image", "push", "127.0.0.1:1/x", code=5).stderr
    assert "Pushing to 127.0.0.1:1/x failed" in message
    for name in ("thing", "127.0.0.1:1/Upper", "http://127.0.0.1/x", "a/b c"):
        assert "REGISTRY/NAME" in built.fcx("image", "push", name, code=2).stderr


def test_pack_is_the_image(built: Project, engine: Engine, tmp_path: Path):
    """The tree in the file is the tree of the engine's own export."""
    built.fcx("image", "pack", "--compression", "none")
    manifest = built.manifest()
    assert manifest.sqsh
    packed = Path(built.root, manifest.sqsh.path)
    assert hashlib.sha256(packed.read_bytes()).hexdigest() == manifest.sqsh.sha256
    point = tmp_path / "mounted"
    point.mkdir()
    subprocess.run(["mount", "-t", "squashfs", "-o", "loop,ro", packed, point], check=True)
    try:
        found = tree_of_folder(point)
        lines = (point / "etc/environment").read_text().splitlines()
        assert sorted(lines) == sorted(f"{key}={value}" for key, value in manifest.env.items())
        assert (point / "etc/rc").stat().st_mode & 0o111
        assert {path.lstat().st_uid for path in point.rglob("*")} == {0}
        times = {path.stat().st_mtime for path in point.rglob("*.py")}
        assert len(times) > 3  # files keep theirs, so that byte code stays valid
    finally:
        subprocess.run(["umount", point], check=True)
    wanted = tree_of_export(engine, manifest.image_id)
    assert len(wanted) > 1000
    assert found == wanted


@pytest.mark.parametrize("compression", ["zstd", "lzo", "none"])
def test_pack_twice(engine: Engine, tmp_path: Path, compression: str):
    """The same image gives the same bytes, whenever and under whatever name."""
    one, two = tmp_path / "one.sqsh", tmp_path / "a b'.sqsh"
    left = tmp_path / ".one.sqsh.0123abcd.tmp"  # by a process that was killed, in 1970
    left.touch()
    os.utime(left, (0, 0))
    with closing(connect(engine.env)) as client:
        image = client.images.get(bare_image(engine))
        first = pack(client, image, one, compression)
        time.sleep(1.1)  # times in the file are whole seconds
        assert pack(client, image, two, compression).sha256 == first.sha256
    assert one.read_bytes() == two.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a b'.sqsh", "one.sqsh"]


def test_pack_failures(built: Project, tmp_path: Path):
    """No such compression, no mksquashfs, no room, no image."""
    assert "known: zstd" in built.fcx("image", "pack", "--compression", "rar", code=2).stderr
    path, built.env["PATH"] = built.environment()["PATH"], str(tmp_path)
    assert "squashfs-tools" in built.fcx("image", "pack", code=5).stderr
    built.env["PATH"] = path
    full = tmp_path / "full"
    full.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", full], check=True)
    try:
        done = built.fcx("image", "pack", "--output", str(full / "x.sqsh"), code=5)
        assert list(full.iterdir()) == []
    finally:
        subprocess.run(["umount", "--lazy", full], check=True)
    assert "no room in" in done.stderr
    record = built.root / "edf/fcx-image.manifest.json"
    changed = replace(Manifest.from_json(record.read_text()), image_id="sha256:" + "0" * 64)
    record.write_text(changed.to_json())
    assert "fcx image build" in built.fcx("image", "pack", code=5).stderr


def own(name: str, folders: tuple[str, ...]) -> bool:
    """Whether a path is one of these or lies in one of them."""
    return any(name == folder or name.startswith(folder + "/") for folder in folders)


def tree_of_folder(root: Path) -> dict[str, tuple]:
    """{path: (kind, mode, content or target)}."""
    tree = {}
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if own(name, ENGINES_OWN + ENROOTS_OWN):
            continue
        mode = path.lstat().st_mode & 0o7777
        if path.is_symlink():
            tree[name] = ("link", 0o777, str(path.readlink()))
        elif path.is_dir():
            tree[name] = ("folder", mode, "")
        else:
            tree[name] = ("file", mode, hashlib.sha256(path.read_bytes()).hexdigest())
    return tree


def tree_of_export(engine: Engine, image_id: str) -> dict[str, tuple]:
    """The same of what `docker export` gives for a container of the image."""
    made = docker(engine, "create", image_id).stdout.strip()
    command = [which("docker") or "docker", "export", made]
    data = subprocess.run(command, env=engine.env, capture_output=True, check=True).stdout
    docker(engine, "rm", made)
    tree: dict[str, tuple] = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            name = member.name.strip("/")
            if own(name, ENGINES_OWN + ENROOTS_OWN):
                continue
            if member.issym():
                tree[name] = ("link", 0o777, member.linkname)
            elif member.isdir():
                tree[name] = ("folder", member.mode & 0o7777, "")
            elif member.islnk():
                tree[name] = tree[member.linkname.strip("/")]
            else:
                source = archive.extractfile(member)
                content = source.read() if source else b""
                tree[name] = ("file", member.mode & 0o7777, hashlib.sha256(content).hexdigest())
    return tree
