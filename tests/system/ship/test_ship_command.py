"""`fcx image ship` and `fcx image clean` as a user calls them, up to a task in the shipped image."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import shipping
from cluster import bases
from cluster.project import FCX, Project
from executors.deadline import WAIT, eventually, within
from executors.fixtures import TIME, making
from parity.images import OWN, Images, Variant

from fcx.config import Credentials
from fcx.edf.read import read
from fcx.local import Environment
from fcx.parity.manifest import Manifest, Sqsh
from fcx.records import replace
from fcx.ship.bring import with_client
from fcx.state.turn import turn

DATA = shipping.bytes_of(5, 300_000)
NAME = "edf/thing.manifest.json"


@pytest.fixture
def project(site: Environment, tmp_path: Path) -> Iterator[Project]:
    """A project whose image is packed, and a working directory on the system."""
    site.faults.clear()
    made = Project(tmp_path / "project", dict(site))
    (tmp_path / "work").mkdir()
    text = f'[image]\nname = "thing"\n[executor]\nworking_dir = "{tmp_path}/work"\n'
    made.write("fcx.toml", text)
    sqsh = shipping.packed(made.root / "edf/thing.sqsh", DATA)
    made.write(NAME, shipping.manifest(sqsh=sqsh).to_json())
    yield made
    site.faults.clear()


def ship(project: Project, *words: str, code: int = 0) -> dict:
    return json.loads(project.fcx("image", "ship", "--json", *words, code=code).stdout)


def rebuilt(project: Project, build: str) -> None:
    """Another build of the same image, packed."""
    sqsh = shipping.packed(project.root / "edf/thing.sqsh", DATA + build.encode())
    project.write(NAME, shipping.manifest(build=build * 32, sqsh=sqsh).to_json())


def test_the_edf_names_it(project: Project, tmp_path: Path):
    """Sent, noted in the manifest, named by the EDF; the second time nothing is sent."""
    said = ship(project)
    path = tmp_path / "work/fcx-images/thing-abababababababab.sqsh"
    assert (said["path"], said["sent"]) == (str(path), len(DATA))
    assert path.read_bytes() == DATA
    assert read(project.root / "edf/thing-generated.toml").image == str(path)
    assert said["edf"]["warning"] == ""
    manifest = project.manifest("thing")
    assert manifest.shipped["fcx-local"].sha256 == hashlib.sha256(DATA).hexdigest()
    (project.root / "edf/thing.sqsh").unlink()  # it is not even needed
    (project.root / "edf/thing-generated.toml").unlink()
    again = project.fcx("image", "ship")
    assert "nothing was sent" in again.stdout
    assert project.manifest("thing") == manifest
    assert read(project.root / "edf/thing-generated.toml").image == str(path)
    (project.root / "edf/thing-generated.toml").unlink()
    project.fcx("edf", "write")
    assert read(project.root / "edf/thing-generated.toml").image == str(path)


def test_commands_take_turns(project: Project, tmp_path: Path):
    """Whoever is at the image, the next one waits and says so; afterwards it does its part."""
    words = {"up": ["up"], "build": ["image", "build"], "ship": ["image", "ship"]}
    words["push"] = ["image", "push", "registry.example.org/thing"]
    begun = {}
    try:
        with turn(project.root / "edf/.thing.lock", pytest.fail):
            for name, given in words.items():
                with (tmp_path / name).open("w") as log:
                    begun[name] = subprocess.Popen(
                        [*FCX, *given], cwd=project.root, env=project.environment(), stderr=log
                    )
                eventually(lambda name=name: "Waiting for another" in (tmp_path / name).read_text())
                if name != "ship":
                    begun[name].kill()
                    begun[name].wait()
            assert not list((tmp_path / "work").iterdir())
        assert begun["ship"].wait(WAIT) == 0
    finally:
        for one in begun.values():
            one.kill()
            one.wait()
    assert not (project.root / "edf/.thing.lock").exists()


def test_another_folder(project: Project, tmp_path: Path):
    """The argument goes before fcx.toml, and that before the working directory."""
    toml = project.root / "fcx.toml"
    toml.write_text(toml.read_text().replace("[exec", f'ship_to = "{tmp_path}/toml"\n[exec'))
    assert ship(project)["path"].startswith(f"{tmp_path}/toml/")
    assert ship(project, "--to", f"{tmp_path}/mine")["path"].startswith(f"{tmp_path}/mine/")


def test_what_cannot_be_shipped(project: Project, tmp_path: Path):
    """No build id, no manifest, an engine that takes no file, a folder that cannot be."""
    assert ship(project, "--to", "images", code=2)["error"]["kind"] == "ConfigError"
    place = tmp_path / "work/fcx-images/thing-abababababababab.sqsh"
    place.parent.mkdir()
    place.write_bytes(b"somebody's")
    assert "left alone" in project.fcx("image", "ship", code=4).stderr
    toml = project.root / "fcx.toml"
    toml.write_text(f'{toml.read_text()}[site.fcx-local]\nengine = "sarus"\n')
    assert "fcx image push" in project.fcx("image", "ship", code=2).stderr
    project.write(NAME, replace(project.manifest("thing"), build_id="").to_json())
    toml.write_text(toml.read_text().replace("sarus", "ce"))
    assert "fcx image build" in project.fcx("image", "ship", code=2).stderr
    (project.root / NAME).unlink()
    assert "fcx image build" in project.fcx("image", "ship", code=2).stderr


def test_preflight_looks_at_what_was_shipped(project: Project):
    """Gone, shorter, or of another digest: refused with the fix, before any job."""
    path = Path(ship(project)["path"])
    mark = path.with_suffix(".json")
    jobs = len(submissions(project))
    told = mark.read_text()
    for spoil, words in (
        (lambda: mark.write_text(told.replace(hashlib.sha256(DATA).hexdigest(), "0" * 64)), "SHA"),
        (lambda: path.write_bytes(DATA[:-1]), f"wanted {len(DATA)} bytes"),
        (path.unlink, "not there any more"),
    ):
        spoil()
        words_said = project.fcx("preflight", code=3).stderr
        assert words in words_said
        assert "Fix: `fcx image ship`" in words_said
    assert len(submissions(project)) == jobs
    ship(project)


def submissions(project: Project) -> list[Path]:
    """Scripts that the system has taken, by what its jobs have left."""
    return list((project.root.parent / "work").glob("slurm-*.out"))


def test_clean(project: Project, tmp_path: Path):
    """Older builds of this image go, if one says so; the current one and what is not ours stay."""
    folder = tmp_path / "work/fcx-images"
    first = Path(ship(project)["path"])
    rebuilt(project, "cd")
    second = Path(ship(project)["path"])
    others = [folder / "somebody.sqsh", folder / "thing-1111111111111111.sqsh", folder / "x.json"]
    for path in others:
        path.write_bytes(b"x")
    parts = folder / ".thing-2222222222222222.3333333333333333.parts"
    parts.mkdir()
    refused = project.fcx("image", "clean", code=2)
    assert "--yes" in refused.stderr
    assert f"{first}: 300.0 kB, shipped just now, old" in refused.stdout
    listed = json.loads(clean(project, "--older-than", "1", "--yes", "--json"))
    assert {one["path"]: (one["used"], one["size"], one["removed"]) for one in listed} == {
        str(first): (False, len(DATA), False),
        str(second): (True, len(DATA) + 2, False),
        str(parts): (False, None, False),
    }
    assert "2 removed" in clean(project, "--yes")
    assert set(folder.iterdir()) == {*beside(second), *others}
    assert "nothing to remove" in clean(project, "--dry-run")


def test_clean_of_what_is_odd(project: Project, site: Environment, tmp_path: Path):
    """Damaged: also where it is used. By a clock that is ahead; by a job that ended early."""
    folder = tmp_path / "work/fcx-images"
    ahead = Path(ship(project)["path"])
    mark = json.loads(ahead.with_suffix(".json").read_text())
    ahead.with_suffix(".json").write_text(json.dumps({**mark, "shipped": time.time() + 300}))
    rebuilt(project, "cd")
    used = Path(ship(project)["path"])
    used.write_bytes(DATA[:-1])
    assert "`fcx image clean`" in project.fcx("image", "ship", code=4).stderr
    credentials, script = Credentials.from_env(dict(site)), "#!/bin/bash\nsleep 600\n"
    job = with_client(credentials, lambda client: client.jobs.submit(str(folder), script)).job
    left = [folder / f".thing-{'1' * 16}.{number}.sqsh" for number in ("99999999", job)]
    for path in left:
        path.write_bytes(b"half")
    try:
        said = clean(project, "--yes")
    finally:
        with_client(credentials, lambda client: client.jobs.cancel(job))
    assert f"{used}: 300.0 kB, shipped just now, damaged: it is of another size, old" in said
    assert "of job 99999999, which ended before the image was whole, old" in said
    assert f"{ahead}: 300.0 kB, shipped just now, old" in said
    assert "3 removed" in said
    assert list(folder.glob("*thing-*")) == left[1:]


def beside(image: Path) -> list[Path]:
    """All that is of an image."""
    return [image.with_suffix(suffix) for suffix in (".sqsh", ".json", ".chunks")]


def clean(project: Project, *words: str) -> str:
    return project.fcx("image", "clean", *words).stdout


@pytest.mark.slurm
@pytest.mark.slow
def test_a_task_in_the_shipped_image(
    environment_slurm: object, slurm_firecrest: Environment, tmp_path: Path
):
    """Shipped, preflight passes by the file's own path, and a task says in which image it is."""
    if OWN not in bases.interpreters() or os.geteuid() != 0:
        pytest.skip(f"no Python {OWN} here that could be put into an image, or no root to do it")
    image = Images(tmp_path / "images").get(Variant())
    assert image.sqsh
    digest = hashlib.sha256(Path(image.sqsh.path).read_bytes()).hexdigest()
    packed: Manifest = replace(image, sqsh=Sqsh(image.sqsh.path, digest))
    project = Project(tmp_path / "project", dict(slurm_firecrest))
    work = tmp_path / "work"
    work.mkdir()
    project.write("fcx.toml", f'[image]\nname = "image"\n[executor]\nworking_dir = "{work}"\n')
    project.write("edf/image.manifest.json", packed.to_json())
    path = Path(ship(project)["path"])
    Path(image.sqsh.path).unlink()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    project.fcx("preflight", f"--sbatch={TIME}")
    with making(slurm_firecrest, work) as make:
        executor = make(work, [TIME], environment=str(project.root / "edf/image.toml"))
        told = within(3 * WAIT, executor.submit(teller()).result)
    assert packed.build_id in told


def teller() -> Callable[[], str]:
    """A function that tells who the image says that it is; it needs no module of the client's."""

    def record() -> str:
        from pathlib import Path

        return Path("/etc/fcx/image.json").read_text()

    return record
