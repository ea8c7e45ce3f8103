"""An EDF given by name, from the command line and in a script: its image is compared all the same."""

from __future__ import annotations

import getpass
import json
from pathlib import Path

import pytest
from cluster.project import Project
from executors.deadline import WAIT
from executors.fixtures import TIME, Make

from fcx.errors import EdfError, ParityError
from fcx.local import Environment, cluster
from fcx.parity.manifest import Manifest, Source
from fcx.parity.snapshot import Snapshot
from fcx.protocol import probe
from fcx.records import replace

EDF = f'image = "registry.example.org#team/img@sha256:{"0123" * 16}"\nentrypoint = false\n'


def other_image() -> Manifest:
    """An image like this process's environment but for a Python that nobody has."""
    own = Manifest.adopt("img", Snapshot.from_probe(probe.snapshot()))
    return replace(own, python=replace(own.python, version="3.99.0"))


@pytest.fixture
def project(tmp_path: Path, site: Environment) -> Project:
    """A project with an EDF, the manifest of its image, and a cluster."""
    made = Project(tmp_path / "project", {**site, "HOME": str(tmp_path / "home")})
    made.write("edf/img.toml", EDF)
    made.write("edf/img.manifest.json", other_image().to_json())
    (tmp_path / "work").mkdir()
    return made


@pytest.mark.parametrize("place", ["the project", "EDF_PATH", "home"])
def test_preflight_compares_the_image_of_an_edf_given_by_name(
    project: Project, tmp_path: Path, site: Environment, place: str
):
    """Its manifest lies beside the file that the name stands for; no job is needed to refuse."""
    folders = {"EDF_PATH": tmp_path / "path", "home": tmp_path / "home/.edf"}
    if place in folders:
        folders[place].parent.mkdir(exist_ok=True)
        (project.root / "edf").rename(folders[place])
        project.env["EDF_PATH"] = str(folders[place]) if place == "EDF_PATH" else ""
    words = ("--edf", "img", "--working-dir", str(tmp_path / "work"), "--json")
    verdict = json.loads(project.fcx("preflight", *words, code=3).stdout)
    assert verdict["passed"] is False
    assert any(
        one["wanted"] == "3.99.0" or one["found"] == "3.99.0" for one in verdict["differences"]
    )
    assert str(tmp_path) not in json.dumps([job["script"] for job in site.submissions()])


def test_an_executor_compares_the_image_of_an_edf_given_by_name(
    project: Project, tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
):
    """As with the path of the same file."""
    monkeypatch.chdir(project.root)
    for environment in ("img", "edf/img.toml"):
        executor = make(tmp_path / "work", [TIME], environment=environment)
        with pytest.raises(ParityError, match=r"3\.99\.0"):
            executor.submit(pow, 2, 3).result(WAIT)


def test_an_adopted_image_is_found_under_its_plain_name(
    project: Project, tmp_path: Path, site: Environment
):
    """A team's name before it makes no other file of it."""
    words = ("--adopt", "team/bare", "--working-dir", str(tmp_path / "work"), f"--sbatch={TIME}")
    done = project.fcx("preflight", *words)
    assert "edf/bare.toml" in done.stderr
    assert "outside any container, for no EDF was named; --edf names one" in done.stderr
    assert "its EDF" not in done.stderr
    assert project.manifest("bare").name == "bare"
    project.write("edf/bare.toml", EDF)
    assert project.fcx("edf", "check", "bare", "--dialect", "ce").stdout == ""


def test_what_is_older_than_its_source_is_said_before_anything_runs(
    project: Project,
    tmp_path: Path,
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    """An image of before its Dockerfile changed, an EDF of before the image was built."""
    built = replace(
        other_image(),
        origin="built",
        build_id="b" * 64,
        source=Source("containers", "containers/Dockerfile", "0" * 64),
    )
    project.write("containers/Dockerfile", "FROM a\n")
    project.write("edf/img.manifest.json", built.to_json())
    project.write("edf/img.toml", f"#: build id:  {'c' * 64}\n\n{EDF}")
    words = ("--edf", "img", "--working-dir", str(tmp_path / "work"), "--json")
    verdict = json.loads(project.fcx("preflight", *words, code=3).stdout)
    said = {one["code"]: one["severity"] for one in verdict["differences"]}
    assert said["image-stale"] == said["edf-stale"] == "warn"
    monkeypatch.chdir(project.root)
    make(tmp_path / "work", [TIME], environment="edf/img.toml")
    assert "source of the image" in caplog.text
    assert "found cccccccccccc. Fix: `fcx up`" in caplog.text


def test_a_step_that_is_missing_is_said_with_its_command(
    project: Project,
    tmp_path: Path,
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    """An image that was pushed since, a manifest that is not there, no EDF of a built image."""
    monkeypatch.chdir(project.root)
    digest = f"registry.example.org/team/img@sha256:{'0123' * 16}"
    ids = {"build_id": "b" * 64, "tag": "img:bbbb", "repo_digest": digest}
    manifest = project.write(
        "edf/img.manifest.json", replace(other_image(), origin="built", **ids).to_json()
    )
    here = f'#: build id:  {"b" * 64}\n\nimage = "img:bbbb"\nentrypoint = false\n'
    edf = project.write("edf/img.toml", here)
    make(tmp_path / "work", [TIME], environment="img")
    assert "was pushed since. Fix: `fcx edf write`" in caplog.text
    edf.unlink()
    with pytest.raises(EdfError, match="its image is built, and `fcx edf write`"):
        make(tmp_path / "work", [TIME], environment="img")
    edf.write_text(here)
    manifest.unlink()
    make(tmp_path / "work", [TIME], environment="img")
    assert "does not lie beside it" in caplog.text
    assert "Fix: `fcx up`" in caplog.text


def test_without_an_option_the_projects_own_edf_is_judged(project: Project, tmp_path: Path):
    """The one that `fcx edf write` made of the image in fcx.toml; '' asks for no container."""
    project.write("fcx.toml", '[image]\nname = "img"\n')
    words = ("preflight", "--working-dir", str(tmp_path / "work"), f"--sbatch={TIME}", "--json")
    assert "3.99.0" in project.fcx(*words, code=3).stdout
    assert "3.99.0" not in project.fcx(*words, "--edf", "").stdout
    missing = project.fcx(*words, "--edf", "", "--python", str(tmp_path / "nowhere"), code=3)
    assert "nowhere" in missing.stdout


def test_no_login_shell_is_judged_in_the_place_of_an_image(project: Project, tmp_path: Path):
    """Where the EDF or the manifest is gone; where there is neither, it is, and that is said."""
    project.write("fcx.toml", '[image]\nname = "img"\n')
    words = ("preflight", "--working-dir", str(tmp_path / "work"), f"--sbatch={TIME}")
    edf, manifest = (project.root / f"edf/img.{end}" for end in ("toml", "manifest.json"))
    edf.rename(tmp_path / "img.toml")
    refused = project.fcx(*words, code=2).stderr
    assert f"There is no EDF {edf}" in refused
    assert "`fcx up`" in refused
    manifest.unlink()
    assert "judging the system outside any container" in project.fcx(*words).stderr
    (tmp_path / "img.toml").rename(edf)
    assert f"Judging {edf};" in project.fcx(*words, code=3).stderr


@pytest.mark.parametrize(
    "own",
    ['environment = "img"', 'srun_options = ["--environment=/nowhere/img.toml"]'],
)
def test_no_container_is_none_whatever_fcx_toml_names(project: Project, tmp_path: Path, own: str):
    """Not the EDF in it, nor one among its options; nor its interpreter, where '' is given."""
    project.write("fcx.toml", f'[executor]\n{own}\npython = "/nowhere/python3"\n')
    words = ("preflight", "--working-dir", str(tmp_path / "work"), f"--sbatch={TIME}", "--json")
    done = project.fcx(*words, "--edf", "", "--python", "")
    assert json.loads(done.stdout)["passed"] is True
    assert "/nowhere/python3" in project.fcx(*words, "--edf", "", code=3).stdout


def test_without_a_working_directory_one_of_the_users_own_is_taken(tmp_path: Path):
    """On the file system that the centre means for work."""
    own, work = tmp_path / "own", tmp_path / "work"
    for folder in (own, work / getpass.getuser()):
        folder.mkdir(parents=True)
    for shown, taken in ((work, work / getpass.getuser()), (own, own)):
        with cluster(filesystems=[str(shown)]) as env:
            project = Project(tmp_path / "project", {**env, "HOME": str(tmp_path)})
            project.root.mkdir(exist_ok=True)
            done = project.fcx("preflight", f"--sbatch={TIME}")
        assert f"taking {taken}." in done.stderr
