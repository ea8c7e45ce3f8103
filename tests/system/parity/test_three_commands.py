"""`make image && make edf && make preflight` in a fresh clone, and what of an image is then proved."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.bases import base_image, docker, interpreters
from cluster.engine import Engine
from cluster.foreign import bring_dill
from cluster.project import FCX, Project
from parity.images import OWN
from places import REPOSITORY

from fcx.local import cluster

pytestmark = pytest.mark.docker

MINOR = OWN.rpartition(".")[0]
PACKAGES = f"/usr/local/lib/python{MINOR}/site-packages"
DOCKERFILE = f"""FROM python:{OWN}-slim
COPY dill/ {PACKAGES}/
COPY own.py /opt/own/own.py
ENV PYTHONPATH=/opt/own
RUN date +%s%N > /stamp && cp /stamp {PACKAGES}/stamp_module.py
"""


@pytest.fixture
def clone(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project with nothing set up, its image's Dockerfile, and a cluster with the same engine."""
    if OWN not in interpreters():
        pytest.skip(f"no Python {OWN} here that could be put into an image")
    base_image(engine, OWN)
    for name, value in engine.env.items():
        monkeypatch.setenv(name, value)
    home = tmp_path / "home"
    home.mkdir()
    with cluster(filesystems=[str(home)]) as site:
        made = Project(tmp_path / "clone", {**engine.env, **site, "HOME": str(home)})
        bring_dill(made.root / "containers/dill")
        made.write("containers/own.py", f"NAME = {tmp_path.name!r}\n")
        made.write("containers/Dockerfile", DOCKERFILE)
        shutil.copy(REPOSITORY / "Makefile", made.root)
        made.write("pyproject.toml", "")
        made.write(".venv/.installed", "")
        made.write(".venv/bin/fcx", f'#!/bin/sh\nexec {shlex.join(FCX)} "$@"\n').chmod(0o755)
        yield made


def make(project: Project, target: str, arguments: str = "", code: int = 0) -> str:
    """What a target says on both channels."""
    done = subprocess.run(
        ["make", "--silent", target, f"ARGS={arguments}"],
        cwd=project.root, env=project.environment(), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode != 0) is bool(code), done.stdout
    return done.stdout


def judged(project: Project, *words: str, code: int = 0) -> dict[str, dict[str, str]]:
    """The differences that a preflight finds, by code."""
    said = project.fcx("preflight", "--json", *words, code=code).stdout
    return {one["code"]: one for one in json.loads(said)["differences"]}


@pytest.mark.lasts(40)
def test_in_a_row_they_judge_the_edf_just_written(clone: Project):
    """Without an option: the working directory is proposed, the image's own PYTHONPATH is kept."""
    make(clone, "image")
    make(clone, "edf")
    edf = (clone.root / "edf/fcx-image.toml").read_text()
    assert "PYTHONPATH" not in edf
    said = make(clone, "preflight", "--python /usr/local/bin/python3")
    assert "edf/fcx-image.toml" in said
    assert f"taking {clone.env['HOME']}" in said
    assert "passed" in said
    assert clone.manifest().build_id[:12] in said
    assert "image-changed" not in judged(clone, "--policy", "strict", code=3)


@pytest.mark.lasts(60)
def test_what_is_in_the_image_decides_and_not_its_record(clone: Project, engine: Engine):
    """A step that is not repeatable, a changed module, a copied record: each is another image."""
    first = clone.build()
    clone.fcx("edf", "write")
    assert "image-changed" not in judged(clone)
    again = clone.build("--no-cache")
    assert again["recipe_id"] == first["recipe_id"]
    assert again["build_id"] != first["build_id"]
    assert again["tag"] != first["tag"]
    assert "build-id" in judged(clone, code=3)  # the EDF still names the first
    clone.fcx("edf", "write")
    assert "image-changed" not in judged(clone)
    record = "/etc/fcx/image.json"
    steps = {
        "a copied record": f"FROM python:{OWN}-slim\nCOPY --from=TAG {record} {record}\n"
        f"COPY --from=TAG {PACKAGES}/dill {PACKAGES}/dill\n",
        "a changed module": f"FROM TAG\nRUN echo '#' >> {PACKAGES}/dill/_dill.py\n",
    }
    for name, text in steps.items():
        docker(engine, "tag", again["image_id"], again["tag"])
        docker(engine, "build", "-t", again["tag"], "-", input=text.replace("TAG", again["tag"]))
        found = judged(clone, "--fresh", code=3)
        assert "image-changed" in found, name
    run_by_a_shell(clone, found["image-changed"]["fix"])
    assert "image-changed" not in judged(clone)


def run_by_a_shell(project: Project, command: str) -> None:
    """As it is printed."""
    env = project.environment()
    env["PATH"] = f"{project.root}/.venv/bin:{env['PATH']}"
    subprocess.run(["sh", "-ec", command], cwd=project.root, env=env, check=True)


def test_a_mount_over_the_packages_is_named_and_not_rebuilt(clone: Project):
    """Its fix is to take the mount away: nothing that writes or builds would change it."""
    clone.build()
    over = clone.root.parent / "over"
    over.mkdir()
    (over / "__init__.py").write_text("")
    mount = f"{over}:{PACKAGES}/dill/tests"
    clone.write("fcx.toml", f"[edf]\nmounts = [{json.dumps(mount)}]\n")
    clone.fcx("edf", "write")
    found = judged(clone)["image-overlaid"]
    assert f"{PACKAGES}/dill/tests" in found["fix"]
    edf = clone.root / "edf/fcx-image.toml"  # where it was moved to
    edf.write_text(edf.read_text().replace(f"{json.dumps(mount)},", ""))
    assert "image-overlaid" not in judged(clone)


def test_an_edf_that_takes_the_images_own_path_away_is_refused(clone: Project):
    """Its modules would not be found; the fix, done to the letter, ends it."""
    clone.build()
    clone.fcx("edf", "write")
    path = clone.root / "edf/fcx-image.toml"
    right = path.read_text()
    path.write_text(right.replace("[env]\n", '[env]\nPYTHONPATH = ""\n'))
    found = judged(clone, code=3)["image-changed"]
    assert (found["what"], found["found"]) == ("/opt/own", "none")
    fix, _, command = found["fix"].partition(", then: ")
    assert fix == "in the EDF, take PYTHONPATH out of [env]"
    path.write_text(right)
    run_by_a_shell(clone, command)
    assert "image-changed" not in judged(clone)


def test_an_image_older_than_its_source_is_said(clone: Project):
    """By `edf write` too; to build again ends it."""
    clone.build()
    assert "source of the image" not in clone.fcx("edf", "write").stderr
    clone.write("containers/requirements.txt", "tqdm\n")
    assert "its source changed" in clone.fcx("edf", "write").stderr
    clone.build()
    assert "its source changed" not in clone.fcx("edf", "write").stderr
