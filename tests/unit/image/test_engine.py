"""Finding the engine, and what is said of an image beside this host."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from fcx.config import Settings, Site
from fcx.errors import EngineUnavailable, ImageRefused, ParityError
from fcx.image.advice import explain
from fcx.image.check import (
    architecture_finding,
    client_warnings,
    require_architecture,
    secret_warnings,
    target_site,
)
from fcx.image.engine import candidates, connect
from fcx.image.enroot import layout
from fcx.image.static import Reading
from fcx.image.tree import Files
from fcx.image.wheel import fcx_wheel
from fcx.parity.manifest import Manifest
from fcx.parity.snapshot import Snapshot
from fcx.protocol import probe
from fcx.records import replace


@pytest.fixture
def here() -> Snapshot:
    """The snapshot of the interpreter that runs the tests."""
    return Snapshot.from_probe(probe.snapshot())


def test_what_is_set_decides(tmp_path: Path):
    """DOCKER_HOST, then podman's CONTAINER_HOST; nothing else is tried then."""
    assert candidates({"DOCKER_HOST": "a", "CONTAINER_HOST": "b"}) == ["a"]
    assert candidates({"CONTAINER_HOST": "b"}) == ["b"]
    socket = tmp_path / "podman/podman.sock"
    socket.parent.mkdir()
    socket.touch()
    assert f"unix://{socket}" in candidates({"XDG_RUNTIME_DIR": str(tmp_path)})


@pytest.mark.parametrize("host", ["unix:///nowhere/s", "tcp://127.0.0.1:1", "what://x", "ssh://"])
def test_nobody_answers(host: str):
    """Each kind of address that does not work ends in the same kind of error."""
    with pytest.raises(EngineUnavailable, match="Tried:\n  ") as caught:
        connect({"DOCKER_HOST": host})
    assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        ("write /x: no space left on device", "docker system prune"),
        ("exec /bin/sh: exec format error", "binfmt"),
        ("unauthorized: authentication required", "docker login"),
        ("something else", ""),
    ],
)
def test_what_to_do(words: str, fix: str):
    """The engine's own words stay, and known ones come with a remedy."""
    text = explain("Doing it", words)
    assert words in text
    assert fix in text


def test_differences_from_this_host(here: Snapshot):
    """Both sides and a command for each; nothing where nothing differs."""
    same = Manifest.adopt("x", here)
    assert list(client_warnings(same, here)) == []
    other = replace(same, python=replace(here.python, version="3.99.1"), dill="0.0.1")
    python, dill = client_warnings(other, here)
    assert f"wanted cpython {here.python.version} as at the client, found cpython 3.99.1" in python
    assert "minor and strict" in python
    assert f"wanted {here.dill} as at the client, found 0.0.1" in dill
    patch = replace(same, python=replace(here.python, version=here.python.minor + ".99"))
    assert "under parity strict" in next(client_warnings(patch, here))


@pytest.mark.parametrize(
    ("tool", "word"), [("uv", "uv pip"), ("conda", "conda"), ("pip", "-m pip")]
)
def test_commands_in_the_callers_tool(here: Snapshot, tool: str, word: str):
    """What fixes it is said in uv, conda or pip, whichever made the environment."""
    caller = replace(here, live=replace(here.live, tool=tool))
    other = replace(Manifest.adopt("x", here), dill="0.0.1")
    assert word in next(client_warnings(other, caller))


def test_architecture_of_the_target(here: Snapshot, tmp_path: Path):
    """Known systems, those of fcx.toml, and unknown ones, of which nothing is said."""
    manifest = replace(Manifest.adopt("x", here), architecture="amd64")
    settings = Settings(tmp_path)
    wanted = {"clariden": "arm64", "daint": "arm64", "santis": "arm64"}
    wanted |= dict.fromkeys(("eiger", "bristen", "beverin"), "amd64")
    for name, architecture in wanted.items():
        site = target_site(settings, {"FIRECREST_SYSTEM": name})
        assert bool(architecture_finding(manifest, site)) is (architecture == "arm64")
    assert architecture_finding(manifest, target_site(settings, {"FIRECREST_SYSTEM": "?"})) is None
    assert target_site(settings, {}) is None
    with pytest.raises(ParityError, match="wanted arm64 for s, found amd64") as caught:
        require_architecture(manifest, Site("s", "arm64"))
    assert caught.value.exit_code == 3


def test_secrets_by_name():
    """Names give them away; the official images' own variables do not count."""
    found = list(secret_warnings({"PIP_TOKEN": "x", "V": "1"}, {"GPG_KEY": "f", "A_SECRET": "v"}))
    assert len(found) == 2
    assert not any("x" == word for text in found for word in text.split())


def test_the_wheel_is_the_same_each_time():
    """The same fcx gives the same bytes, with the probe and the Dockerfile in it."""
    (name, one), (_, two) = fcx_wheel(), fcx_wheel()
    assert one == two
    assert name.startswith("firecrest_fcx-")
    import zipfile

    with zipfile.ZipFile(io.BytesIO(one)) as wheel:
        names = set(wheel.namelist())
        assert {"fcx/protocol/probe.py", "fcx/containers/Dockerfile", "fcx/image/build.py"} <= names
        metadata = wheel.read(next(n for n in names if n.endswith("METADATA"))).decode()
    assert "Requires-Dist: dill" in metadata
    assert not any("__pycache__" in name for name in names)


def export(entries: dict[str, bytes | str]) -> io.BytesIO:
    """A tar archive: bytes are files, text is the target of a link."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, value in entries.items():
            info = tarfile.TarInfo(name)
            if isinstance(value, str):
                info.type, info.linkname = tarfile.SYMTYPE, value
                archive.addfile(info)
            else:
                info.size = len(value)
                archive.addfile(info, io.BytesIO(value))
    stream.seek(0)
    return stream


def elf(number: int, text: bytes = b"") -> bytes:
    """The head of a program for a processor."""
    return b"\x7fELF\x02\x01" + bytes(12) + number.to_bytes(2, "little") + bytes(8) + text


def test_reading_follows_links():
    """Merged folders, relative and absolute links, alternatives: as the image would see them."""
    entries = {
        "bin": "usr/bin",
        "usr/bin/dash": elf(183),
        "usr/bin/sh": "dash",
        "usr/local/bin/python3": "/etc/alternatives/python",
        "etc/alternatives/python": "../../opt/py/bin/python3.12",
        "opt/py/bin/python3.12": elf(183, b"\x003.12.4\x00"),
        "usr/local/lib/python3.12/site-packages/dill-0.4.1.dist-info/METADATA": (
            b"Name: dill\nVersion: 0.4.1\n\nName: no\n"
        ),
        "etc/os-release": b'NAME="x"\nPRETTY_NAME="A System 1"\n',
    }
    found = Reading.from_files(Files.from_tar(export(entries)), "/usr/local/bin:/bin")
    assert found.python
    assert (found.python.version, found.python.executable) == ("3.12.4", "/usr/local/bin/python3")
    assert (found.architecture, found.dill, found.os) == ("arm64", "0.4.1", "A System 1")
    assert found.shell == "/bin/sh"


@pytest.mark.parametrize("entries", [{}, {"bin/sh": "sh"}, {"bin/sh": "/a", "a": "/b", "b": "/a"}])
def test_reading_of_what_is_not_there(entries: dict[str, bytes | str]):
    """Empty images and links in circles have no shell and no Python."""
    found = Reading.from_files(Files.from_tar(export(entries)), "/bin")
    assert (found.shell, found.python, found.dill, found.machine) == ("", None, None, "")


def test_enroots_files():
    """Environment, mounts and start-up script follow the image's record, quoted."""
    config = {
        "Env": ["PATH=/bin", "A=b c"],
        "Volumes": {"/data": {}},
        "Labels": {"k": "v\nw"},
        "WorkingDir": "/my dir",
        "Entrypoint": ["/e", "it's"],
        "Cmd": ["c d"],
    }
    files = layout({"Config": config})
    assert files["etc/environment"] == (0o644, b"PATH=/bin\nA=b c\n")
    assert b"/data /data none" in files["etc/fstab"][1]
    mode, script = files["etc/rc"]
    assert mode == 0o755
    assert b"# k v w\n" in script
    assert b"cd '/my dir' && unset OLDPWD || exit 1\n" in script
    assert b"""exec /e 'it'"'"'s' 'c d'\n""" in script
    assert b"exec /bin/sh\n" in layout({})["etc/rc"][1]
    with pytest.raises(ImageRefused, match="line break"):
        layout({"Config": {"Env": ["A=b\nc"]}})
