"""The EDF that travels with a run."""

from __future__ import annotations

import pytest

from fcx.edf.document import Edf
from fcx.edf.read import parse, read
from fcx.edf.run import run_edf, run_edf_over
from fcx.edf.variables import expanded
from fcx.errors import EdfError, UsageError
from fcx.files import manifest_of_edf


def test_the_edf_of_a_run_is_merged_and_mounts_the_working_directory(tmp_path):
    """What travels needs no other file; variables stay for the cluster."""
    (tmp_path / "base.toml").write_text('image = "${SCRATCH}/x.sqsh"\nmounts = ["/capstor"]\n')
    top = tmp_path / "my env.toml"
    top.write_text(f'base_environment = "{tmp_path}/base.toml"\n[env]\nA = "caf\u00e9"\n')
    run = run_edf(top, "/w/dir")
    edf = parse(run.text)
    assert edf.image == "${SCRATCH}/x.sqsh"
    assert edf.mounts == ("/capstor:/capstor", "/w/dir:/w/dir")
    assert edf.base_environment == ()
    assert run.text.isascii()
    assert run.name.startswith("my-env-")
    assert run.name.endswith(".toml")
    assert run_edf(str(top), "/w/dir") == run == run_edf(read(top), "/w/dir")


def test_the_name_of_a_runs_edf_follows_its_content():
    """Another content, another name; the same content, the same name."""
    one, two = Edf(image="a"), Edf(image="b")
    assert run_edf(one, "/w").name == run_edf(parse('image = "a"'), "/w").name
    assert run_edf(one, "/w").name != run_edf(two, "/w").name
    assert run_edf(one, "/w").name != run_edf(one, "/v").name


def test_a_working_directory_that_is_mounted_already_is_mounted_once():
    """An identical mount is not repeated."""
    edf = parse('image = "a"\nmounts = ["/w"]')
    assert parse(run_edf(edf, "/w/").text).mounts == ("/w:/w",)


def test_an_edf_without_an_image_is_not_run():
    """It would run outside any container, and parity with it."""
    with pytest.raises(EdfError, match="names no image"):
        run_edf(Edf(mounts=("/a",)), "/w")


def test_a_base_that_is_absent_is_told_with_the_line_that_names_it(tmp_path):
    """An EDF of a laptop may be based on one of the cluster; that one has to be copied."""
    (tmp_path / "x.toml").write_text('image = "i"\nbase_environment = ["/not/here.toml"]\n')
    with pytest.raises(
        EdfError, match=r"x\.toml:2:21: there is no EDF '/not/here\.toml' on this machine"
    ):
        run_edf(tmp_path / "x.toml", "/w")


@pytest.mark.parametrize("place", ["relative", "/a:b", ""])
def test_a_working_directory_that_cannot_be_mounted_is_refused(place):
    """A colon would split the mount, a relative path would be taken from elsewhere."""
    with pytest.raises(UsageError, match="cannot be mounted"):
        run_edf(Edf(image="x"), place)


def test_dollar_signs_in_a_working_directory_are_literal():
    """A folder named `$x` is not a variable of the cluster."""
    edf = parse(run_edf(Edf(image="x"), "/w/${x}").text)
    assert edf.mounts == ("/w/$${x}:/w/$${x}",)
    assert expanded(edf, {}, final=True).mounts == ("/w/${x}:/w/${x}",)


@pytest.mark.parametrize(
    ("reference", "base"),
    [
        ("pytorch", "pytorch"),
        ("/abs/x.toml", "/abs/x.toml"),
        ("./x.toml", "/w/d/x.toml"),
        ("../x.toml", "/w/d/../x.toml"),
        ("sub/x.toml", "/w/d/sub/x.toml"),
        ("x.toml", "/w/d/x.toml"),
        ("~/x.toml", "${HOME}/x.toml"),
        ("$SCRATCH/x.toml", "${SCRATCH}/x.toml"),
        ("${SCRATCH}/x.toml", "${SCRATCH}/x.toml"),
        ("/a b/'x'.toml", "/a b/'x'.toml"),
    ],
)
def test_a_runs_edf_over_one_of_the_cluster_adds_only_its_mount(reference, base):
    """`srun --environment=X` alone: based on X, relative paths from the job's directory."""
    run = run_edf_over(reference, "/w/d")
    assert parse(run.text) == Edf(base_environment=(base,), mounts=("/w/d:/w/d",))


@pytest.mark.parametrize("reference", ["", "$(pwd)/x.toml", "`pwd`/x.toml"])
def test_an_edf_of_the_cluster_that_is_no_name_or_path_is_refused(reference):
    """No engine runs a command to find an EDF."""
    with pytest.raises(UsageError, match="no name or path"):
        run_edf_over(reference, "/w")


@pytest.mark.parametrize("kind", ["name", "path", "edf"])
def test_a_run_knows_the_manifest_beside_its_edf(tmp_path, monkeypatch, kind):
    """However the EDF is named: else its image would not be compared with what was built."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDF_PATH", str(tmp_path / "mine"))
    (tmp_path / "mine").mkdir()
    file = tmp_path / "mine/img.toml"
    file.write_text('image = "x"\n')
    given = {"name": "img", "path": str(file), "edf": read(file)}[kind]
    run = run_edf(given, "/w")
    assert manifest_of_edf(run.source) is None
    file.with_name("img.manifest.json").touch()
    assert manifest_of_edf(run.source) == file.with_name("img.manifest.json")


def test_a_run_of_an_edf_without_a_file_has_no_manifest():
    """It was made in the script, or is the cluster's."""
    assert manifest_of_edf(run_edf(Edf(image="x"), "/w").source) is None
    assert manifest_of_edf(run_edf_over("theirs", "/w").source) is None
