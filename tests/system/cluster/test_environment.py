"""`srun --environment` on a real Slurm: what the stand-in promises, as root and as a plain user."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cluster import environment
from cluster.slurm import SYSTEM_PATH, SlurmCluster
from executors.deadline import eventually

pytestmark = pytest.mark.slurm

# Any user without rights will do; every Debian has this one.
PLAIN = "nobody"


@dataclass
class Bench:
    """A directory that every user may read, an image in it, and srun."""

    slurm: SlurmCluster
    folder: Path
    image: Path

    def edf(self, text: str, name: str = "x.toml") -> Path:
        """Write an EDF; `@IMAGE@` and `@HERE@` stand for the image and the directory."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            text.replace("@IMAGE@", str(self.image)).replace("@HERE@", str(self.folder))
        )
        path.chmod(0o644)
        return path

    def srun(
        self, *words: str, user: str | None = None, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run srun in the directory, with a small environment of its own."""
        account = pwd.getpwnam(user) if user else None
        return subprocess.run(
            ["srun", "--quiet", *words],
            cwd=self.folder, capture_output=True, text=True, timeout=600, check=False,
            env={"PATH": SYSTEM_PATH, "HOME": "/home/me", **self.slurm.env, **(env or {})},
            user=account and account.pw_uid, group=account and account.pw_gid,
            extra_groups=[] if user else None,
        )  # fmt: skip

    def inside(self, edf: Path | str, script: str, **options: object) -> str:
        """What a shell script prints in the environment; it must succeed and say nothing else."""
        done = self.srun(f"--environment={edf}", "sh", "-c", script, **options)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def refused(self, edf: Path | str, **options: object) -> str:
        """Why a step doesn't run; it must fail and must not have run."""
        done = self.srun(f"--environment={edf}", "sh", "-c", "echo ran", **options)
        assert done.returncode != 0
        assert done.stdout == ""
        return done.stderr


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small image in enroot's layout, readable by everybody."""
    folder = tmp_path_factory.mktemp("image")
    tree = environment.tiny_tree(
        folder / "tree",
        environ={"FROM_IMAGE": "image", "BOTH": "image", "PATH": "/opt/image/bin:/usr/bin:/bin"},
        workdir="/w/dir",
    )
    (tree / "marker").write_text("this image\n")
    (tree / "link").symlink_to("/etc")
    yield environment.squash(tree, folder / "tiny.sqsh")


@pytest.fixture
def bench(environment_slurm: SlurmCluster, image: Path, tmp_path: Path) -> Bench:
    """A fresh directory for a test, with everything above it open to a plain user."""
    for place in (tmp_path, image.parent):
        for folder in (place, *place.parents):
            if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
                folder.chmod(folder.stat().st_mode | 0o055)
    return Bench(environment_slurm, tmp_path, image)


@pytest.mark.parametrize("user", [None, PLAIN])
def test_a_step_runs_in_the_image_as_the_calling_user(bench: Bench, user: str | None) -> None:
    """The image's files are there, the host's are not, and uid and gid are the caller's."""
    edf = bench.edf('image = "@IMAGE@"\n')
    account = pwd.getpwnam(user or pwd.getpwuid(os.geteuid()).pw_name)
    script = f"cat /marker; id -u; id -g; pwd; test -e {bench.folder} && echo leaked; true"
    wanted = f"this image\n{account.pw_uid}\n{account.pw_gid}\n/w/dir\n"
    assert bench.inside(edf, script, user=user) == wanted


def test_a_plain_user_has_no_rights_in_it(bench: Bench) -> None:
    """No capability survives the entry, and root's files stay root's."""
    edf = bench.edf('image = "@IMAGE@"\n')
    status = bench.inside(edf, "cat /proc/self/status; id -un", user=PLAIN)
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert f"{name}:\t{'0' * 16}\n" in status
    assert status.endswith(f"{PLAIN}\n")
    denied = bench.srun(f"--environment={edf}", "touch", "/marker", user=PLAIN)
    assert denied.returncode != 0
    assert "Permission denied" in denied.stderr


def test_without_the_option_a_step_runs_on_the_host(bench: Bench) -> None:
    """The negative control of all the others."""
    assert bench.srun("test", "-e", "/marker").returncode != 0


def test_what_is_written_stays_in_the_step(bench: Bench) -> None:
    """A writable container forgets; the image is as it was."""
    edf = bench.edf('image = "@IMAGE@"\nwritable = true\n')
    before = bench.image.read_bytes()
    assert bench.inside(edf, "echo new > /marker; rm -r /etc/rc; cat /marker") == "new\n"
    assert bench.inside(edf, "cat /marker; test -e /etc/rc && echo there") == "this image\nthere\n"
    assert bench.image.read_bytes() == before


def test_a_container_can_be_read_only(bench: Bench) -> None:
    """Writable = false: nothing can be written but what is mounted."""
    edf = bench.edf('image = "@IMAGE@"\nwritable = false\nmounts = ["@HERE@:/mnt/here"]\n')
    assert (
        bench.inside(edf, "echo x > /mnt/here/written; touch /marker 2>/dev/null || echo no")
        == "no\n"
    )
    assert (bench.folder / "written").read_text() == "x\n"


def test_tasks_of_a_node_share_one_container(bench: Bench) -> None:
    """Two tasks on each of two nodes: they meet their neighbour's file and no other's."""
    edf = bench.edf('image = "@IMAGE@"\n')
    script = (
        "touch /tmp/$SLURM_PROCID; n=0; "
        "while [ $n -lt 600 ] && set -- /tmp/* && [ $# -lt 2 ]; do sleep 0.1; n=$((n+1)); done; "
        "echo $SLURMD_NODENAME $(ls /tmp)"
    )
    done = bench.srun(
        "-N2", "-n4", "--ntasks-per-node=2", f"--environment={edf}", "sh", "-c", script
    )
    first, second = bench.slurm.nodes[:2]
    wanted = [f"{first} 0 1", f"{first} 0 1", f"{second} 2 3", f"{second} 2 3"]
    assert sorted(done.stdout.splitlines()) == wanted, done.stderr


def test_mounts_and_their_flags(bench: Bench) -> None:
    """Directories, files, read-only, single paths, tmpfs, umount, a second image."""
    (bench.folder / "data").mkdir()
    (bench.folder / "data/file").write_text("mounted\n")
    edf = bench.edf(
        'image = "@IMAGE@"\n'
        "mounts = [\n"
        '  "@HERE@/data:/new/deep/place:ro+private",  # a comment, and a place not in the image\n'
        '  "@HERE@/data/file:/etc/one-file",\n'
        '  "./data:/data",\n'
        '  "@HERE@",\n'
        '  "tmpfs:/scratch", "@IMAGE@:/other:sqsh", "umount:/sys",\n'
        "]\n"
    )
    script = (
        "cat /new/deep/place/file /etc/one-file /other/marker; "
        "touch /new/deep/place/x 2>/dev/null || echo read-only; "
        f"touch /data/x /scratch/y; ls {bench.folder}/data; ls /sys; cd /etc && ls one-file"
    )
    wanted = "mounted\nmounted\nthis image\nread-only\nfile\nx\none-file\n"
    assert bench.inside(edf, script) == wanted


def test_a_mount_target_cannot_lead_out_of_the_image(bench: Bench) -> None:
    """A symbolic link is followed in the image: /link is its own /etc, not the host's."""
    (bench.folder / "data").mkdir()
    edf = bench.edf('image = "@IMAGE@"\nmounts = ["@HERE@/data:/link/fcx-escape"]\n')
    assert bench.inside(edf, "ls -d /etc/fcx-escape") == "/etc/fcx-escape\n"
    assert not Path("/etc/fcx-escape").exists()


def test_sources_are_opened_with_the_users_rights(bench: Bench) -> None:
    """A plain user mounts neither a directory nor an image that only root may reach."""
    hidden = bench.folder / "hidden"
    hidden.mkdir(mode=0o700)
    (hidden / "inner").mkdir()
    (hidden / "tiny.sqsh").write_bytes(bench.image.read_bytes())
    mount = bench.edf('image = "@IMAGE@"\nmounts = ["@HERE@/hidden/inner:/x"]\n', "mount.toml")
    other = bench.edf('image = "@HERE@/hidden/tiny.sqsh"\n', "image.toml")
    for edf in (mount, other):
        assert bench.inside(edf, "echo root may") == "root may\n"
        assert "ermission denied" in bench.refused(edf, user=PLAIN)


def test_a_forged_resolution_gains_nothing(bench: Bench) -> None:
    """What srun passes on may be the user's own work: what only root may reach stays closed."""
    (bench.folder / "open").mkdir()
    (bench.folder / "hidden/inner").mkdir(parents=True)
    (bench.folder / "hidden").chmod(0o700)
    for source, status in (("open", 0), ("hidden/inner", 1)):
        fields = ["image", str(bench.image), "workdir", "", "writable", "1"]
        fields += ["mount", str(bench.folder / source), "/x", ""]
        # An option that sbatch was given reaches its steps so; srun then resolves nothing.
        forged = {
            "_SLURM_SPANK_OPTION_environment_environment": "forged",
            "SLURM_EDF_RESOLVED": "".join(f"{field}\x1e" for field in fields),
        }
        done = bench.srun("cat", "/marker", user=PLAIN, env=forged)
        assert (done.returncode, done.stdout) == (status, "" if status else "this image\n")
        assert ("Permission denied" in done.stderr) is bool(status)


def test_variables_of_edf_image_and_host_in_that_order(bench: Bench) -> None:
    """EDF over image over host; "" unsets; what nobody mentions leaks in, as on the real engine."""
    edf = bench.edf(
        'image = "@IMAGE@"\n[env]\n'
        'BOTH = "edf"\nFROM_EDF = "a=b \\"c\\" ${HOME}/x ${NONE:-else} $$HOME"\nGONE = ""\n'
    )
    script = 'echo "$BOTH|$FROM_IMAGE|$FROM_EDF|$LEAKED|${GONE-unset}|${SLURM_EDF_RESOLVED-unset}"'
    said = bench.inside(edf, script, env={"BOTH": "host", "LEAKED": "host", "GONE": "host"})
    assert said == 'edf|image|a=b "c" /home/me/x else $HOME|host|unset|unset\n'


def test_path_is_a_login_shells_unless_the_edf_says_it(bench: Bench) -> None:
    """The hazard that a generated EDF must close: the image's own PATH is lost without [env]."""
    plain = bench.edf('image = "@IMAGE@"\n', "plain.toml")
    said = bench.inside(plain, "echo $PATH", env={"PATH": f"/opt/host/bin:{SYSTEM_PATH}"})
    assert "/opt/image/bin" not in said
    assert said.startswith("/usr/local/")
    closed = bench.edf('image = "@IMAGE@"\n[env]\nPATH = "/opt/image/bin:/bin"\n', "closed.toml")
    assert bench.inside(closed, "echo $PATH") == "/opt/image/bin:/bin\n"


def test_a_mounted_home_comes_first_in_path(bench: Bench) -> None:
    """~/.local/bin of a mounted home wins, as ~/.profile has it."""
    (bench.folder / "home/.local/bin").mkdir(parents=True)
    edf = bench.edf('image = "@IMAGE@"\nmounts = ["@HERE@/home:/home/me"]\n')
    assert bench.inside(edf, "echo $PATH").startswith("/home/me/.local/bin:")


def test_workdir_of_edf_and_image(bench: Bench) -> None:
    """The EDF's, expanded; else the image's; a missing one is an error."""
    edf = bench.edf('image = "@IMAGE@"\nworkdir = "/${WHERE}"\n')
    assert bench.inside(edf, "pwd; echo $PWD", env={"WHERE": "opt"}) == "/opt\n/opt\n"
    assert "workdir /nowhere" in bench.refused(edf, env={"WHERE": "nowhere"})


def test_bases_are_merged_however_they_are_named(bench: Bench) -> None:
    """Bare names in EDF_PATH and ~/.edf, absolute and relative paths, ten levels."""
    bench.edf('image = "@IMAGE@"\n[env]\nA = "base"\nB = "base"\n', "path/base.toml")
    middle = bench.edf('base_environment = "base"\n[env]\nB = "middle"\nC = "m"\n', "middle.toml")
    bench.edf("[env]\nD = '''\nlong'''\n", "side.toml")
    top = bench.edf(f'base_environment = ["{middle}", "./side.toml"]\nenv = {{C = "top"}}\n')
    variables = {"EDF_PATH": f"/nowhere:{bench.folder}/path"}
    assert bench.inside(top, "echo $A $B $C $D", env=variables) == "base middle top long\n"
    assert bench.inside("base", "echo $A", env=variables) == "base\n"
    bench.edf('image = "@IMAGE@"\n', ".edf/mine.toml")
    assert bench.inside("mine", "cat /marker", env={"HOME": str(bench.folder)}) == "this image\n"
    for level in range(1, 10):
        bench.edf(f'base_environment = "./l{level - 1}.toml"\n', f"l{level}.toml")
    bench.edf('image = "@IMAGE@"\n', "l0.toml")
    assert bench.inside("./l9.toml", "cat /marker") == "this image\n"
    bench.edf('base_environment = "./l9.toml"\n', "l10.toml")
    assert "deeper than 10" in bench.refused("./l10.toml")


BROKEN = {
    "a missing EDF": (None, "no EDF"),
    "broken TOML": ('image = "@IMAGE@"\nmounts = [\n', "not valid TOML"),
    "a wrong type": ('image = "@IMAGE@"\nmounts = "/tmp"\n', "mounts must be an array of strings"),
    "a missing image": ('image = "@HERE@/none.sqsh"\n', "none.sqsh: No such file"),
    "no SquashFS": ('image = "@HERE@/x.toml"\n', "not a SquashFS image"),
    "a registry": ('image = "ubuntu:24.04"\n', "pulls from no registry"),
    "a missing source": ('image = "@IMAGE@"\nmounts = ["/none:/x"]\n', "there is no /none"),
    "an unknown flag": ('image = "@IMAGE@"\nmounts = ["/tmp:/x:ro+q"]\n', "unknown flag 'q'"),
    "a relative target": ('image = "@IMAGE@"\nmounts = ["/tmp:x/y:ro"]\n', "absolute"),
    "a directory over a file": (
        'image = "@IMAGE@"\nmounts = ["/tmp:/etc/passwd"]\n', "/etc/passwd: is a file",
    ),
    "an undefined variable": ('image = "@IMAGE@"\nworkdir = "${NOPE}"\n', "${NOPE} is not defined"),
    "a circle": ('base_environment = "./x.toml"\n', "goes round"),
    "a missing base": ('base_environment = "none"\n', "no EDF 'none'"),
    "an entrypoint": ('image = "@IMAGE@"\nentrypoint = true\n', "entrypoint"),
    "nothing to unmount": ('image = "@IMAGE@"\nmounts = ["umount:/opt"]\n', "umount:/opt"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_each_failure_is_told_and_fails_the_step(bench: Bench, what: str) -> None:
    """The message names the EDF as it was given and the cause; nothing runs."""
    text, words = BROKEN[what]
    if text is not None:
        bench.edf(text)
    said = bench.refused("./x.toml")
    assert "--environment=./x.toml: " in said
    assert words in said


def test_a_damaged_image_is_told(bench: Bench) -> None:
    """Right magic, wrong content: the mount fails in the step, and srun with it."""
    (bench.folder / "bad.sqsh").write_bytes(b"hsqs" + b"\0" * 8192)
    edf = bench.edf('image = "@HERE@/bad.sqsh"\n')
    assert "bad.sqsh: cannot be mounted as SquashFS" in bench.refused(edf)


def test_a_failure_is_told_once_not_by_each_task(bench: Bench) -> None:
    """Four tasks on one node, one message."""
    edf = bench.edf('image = "@IMAGE@"\nworkdir = "/none"\n')
    done = bench.srun("-n4", "-N1", f"--environment={edf}", "true")
    assert done.returncode != 0
    assert done.stderr.count("workdir /none") == 1


def test_no_image_means_no_container(bench: Bench) -> None:
    """The documentation's own words: an empty image runs on the host."""
    edf = bench.edf('image = ""\n')
    assert bench.srun(f"--environment={edf}", "test", "-e", "/marker").returncode != 0
    assert bench.srun(f"--environment={edf}", "test", "-e", str(bench.folder)).returncode == 0


def test_variables_not_exported_do_not_lose_the_environment(bench: Bench) -> None:
    """Srun --export=NONE: the step still runs in the image."""
    edf = bench.edf('image = "@IMAGE@"\n')
    done = bench.srun("--export=NONE", f"--environment={edf}", "cat", "/marker")
    assert (done.returncode, done.stdout) == (0, "this image\n")


def test_a_batch_script_can_run_inside_as_well(bench: Bench) -> None:
    """#SBATCH --environment is discouraged, and works: the script itself is in the image."""
    edf = bench.edf('image = "@IMAGE@"\nmounts = ["@HERE@:@HERE@"]\n')
    script = f"#!/bin/sh\n#SBATCH --environment={edf}\ncat /marker > {bench.folder}/said\n"
    (bench.folder / "job.sh").write_text(script)
    bench.slurm.run(
        "sbatch", "--wait", "-o", "/dev/null", str(bench.folder / "job.sh"), timeout=600
    )
    assert (bench.folder / "said").read_text() == "this image\n"


def test_nothing_stays_mounted(bench: Bench, count_loops: Callable[[], int]) -> None:
    """After good and bad steps no loop device holds the image, and the host has no new mount."""
    good = bench.edf('image = "@IMAGE@"\nmounts = ["@IMAGE@:/other:sqsh"]\n', "good.toml")
    bad = bench.edf('image = "@IMAGE@"\nworkdir = "/none"\n', "bad.toml")
    for _ in range(3):
        bench.inside(good, "cat /other/marker")
        bench.refused(bad)
    assert str(bench.slurm.root) not in Path("/proc/mounts").read_text()
    assert count_loops() == 0


@pytest.fixture
def count_loops(bench: Bench) -> Callable[[], int]:
    """How many loop devices hold the image, once the kernel has let go of the last step's."""

    def held() -> int:
        files = Path("/sys/block").glob("loop*/loop/backing_file")
        return sum(str(bench.image) in _read(file) for file in files)

    def count() -> int:
        eventually(lambda: not held())
        return held()

    return count


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""  # the device was released meanwhile
