"""The user's EDF over fcx's own, end to end: what travels is one file, and holds what both say."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cluster import bases
from cluster.project import Project
from cluster.slurm import SYSTEM_PATH, SlurmCluster
from executors.deadline import WAIT, within
from executors.fixtures import TIME, making
from parity.images import OWN, Images, Variant

from fcx.local import Environment, cluster
from fcx.local.process.engine import find_engine
from fcx.parity.manifest import Manifest

DEADLINE = 3 * WAIT


@pytest.fixture
def processes() -> Iterator[Environment]:
    """A local cluster of processes whose containers are bubblewrap's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DOCKER_HOST", raising=False)
        if "--bwrap" not in (find_engine(Path("/nonexistent")) or ()):
            pytest.skip("no bubblewrap here: apt-get install bubblewrap squashfs-tools")
        with cluster(nodes=1) as env:
            yield env


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Of a packed image of this interpreter."""
    if OWN not in bases.interpreters() or os.geteuid() != 0:
        pytest.skip(f"no Python {OWN} here that could be put into an image, or no root to do it")
    return Images(tmp_path_factory.mktemp("images")).get(Variant())


@pytest.fixture
def project(tmp_path: Path, manifest: Manifest) -> Project:
    """A project as `fcx image build` and `fcx edf write` leave it, with additions of the user's."""
    made = Project(tmp_path / "project", {"HOME": str(tmp_path)})
    made.write("fcx.toml", '[image]\nname = "image"\n[edf]\nenv = {OF_TOML = "moved"}\n')
    made.write("edf/image.manifest.json", manifest.to_json())
    (tmp_path / "work").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data/one").write_text("1")
    made.fcx("edf", "write", "--working-dir", str(tmp_path / "work"))
    path = made.root / "edf/image.toml"
    text = path.read_text().replace("# mounts", f'mounts = ["{tmp_path}/data:/data:ro"]\n# mounts')
    path.write_text(text.replace("[env]\n", '[env]\nMINE = "mine"\n'))
    return made


Told = tuple[str, str, str, str, bool]


def teller() -> Callable[[], Told]:
    """A function that tells what only both files together make; it needs no module of the client's."""

    def told() -> Told:
        import os
        from pathlib import Path

        image, one = Path("/etc/fcx/image.json").read_text(), Path("/data/one")
        env = os.environ
        return env["MINE"], env["OF_TOML"], env["PYTHONNOUSERSITE"], image, one.exists()

    return told


@pytest.mark.parametrize(
    "site",
    [
        pytest.param("processes", marks=pytest.mark.docker),
        pytest.param("slurm_firecrest", marks=pytest.mark.slurm),
    ],
)
def test_tasks_run_in_what_both_files_say(
    site: str, project: Project, tmp_path: Path, request: pytest.FixtureRequest
):
    """Named by its path or by its name; preflight judges the same, by the build id of fcx's own."""
    if site == "slurm_firecrest":
        request.getfixturevalue("environment_slurm")
    env = request.getfixturevalue(site)
    project.env |= env
    work = tmp_path / "work"
    with making(env, work) as make:
        executor = make(work, [TIME], environment=str(project.root / "edf/image.toml"))
        mine, moved, user_site, image, data = within(DEADLINE, executor.submit(teller()).result)
    assert (mine, moved, user_site, data) == ("mine", "moved", "1", True)
    assert "b" * 64 in image
    assert not any("edf/image-generated" in str(up) for up in env.uploads())
    project.fcx("preflight", "--working-dir", str(work), f"--sbatch={TIME}")


@pytest.mark.slurm
def test_srun_takes_both_where_it_looks_for_names(
    environment_slurm: SlurmCluster, project: Project, tmp_path: Path
):
    """With EDF_PATH, from any folder; rendered into one, without the other."""
    rendered = tmp_path / "one.toml"
    rendered.write_text(project.fcx("edf", "render", "image").stdout)
    for named, path in (("image", project.root / "edf"), (str(rendered), "")):
        done = subprocess.run(
            ["srun", "--quiet", f"--environment={named}", "sh", "-c", "echo $MINE; ls /data"],
            cwd="/", capture_output=True, text=True, check=False, timeout=DEADLINE,
            env={"PATH": SYSTEM_PATH, "HOME": "/", **environment_slurm.env, "EDF_PATH": str(path)},
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, "mine\none\n"), done.stderr
