"""`srun --environment` on the process back end: image files, by bubblewrap."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from contained import DEADLINE, a_look, run, running, sh, started, tasks_in
from executors.deadline import eventually, within
from executors.fixtures import making

from fcx.local import cluster
from fcx.local.process.engine import COMMAND, find_engine

NOBODY = 65534


@pytest.mark.docker
def test_an_image_file_is_run_as_its_edf_says(bwrap, sqsh, edf, tmp_path):
    """Mounts with flags, workdir, [env] with expansion and unsetting, the image's own files."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_text("of the host")
    path = edf(
        f'image = "{sqsh}"\nworkdir = "/w d"\n'
        f'mounts = ["{tmp_path}/data:/w d:", "{tmp_path}/data:/deep/er/ro:ro", "tmpfs:/t",'
        f' "{tmp_path}/data/file:/etc/mounted", "umount:/nowhere", "{sqsh}:/other:sqsh"]\n'
        '[env]\nA = "${HOST}-${IN_IMAGE}-${BOTH}-${NO:-none}-$${x}"\nBOTH = "edf"\nGONE = ""\n'
    )
    script = (
        'echo "$A|$BOTH|${GONE-unset}|$HOST|$IN_IMAGE|$PATH"; pwd; cat /etc/build /etc/mounted;'
        "cat /other/etc/build; echo new > made; (echo x > /deep/er/ro/x) 2>/dev/null || echo ro;"
        "echo x > /t/x && echo tmp; echo x > /etc/x && echo writable; "
        f"test -e '{sys.executable}'; echo $?"
    )
    out = sh(bwrap, path, script, env={"HOST": "h", "GONE": "1", "BOTH": "host", "HOME": "/"})
    assert out.splitlines() == [
        "h-yes-image-none-${x}|edf|unset|h|yes|/usr/bin:/bin", "/w d", "build-17",
        "of the hostbuild-17", "ro", "tmp", "writable", "1",
    ]  # fmt: skip
    assert (tmp_path / "data" / "made").read_text() == "new\n"


@pytest.mark.docker
def test_what_a_container_writes_to_its_root_is_gone_with_it(bwrap, sqsh, edf):
    """And with writable = false there is nothing to write to."""
    path = edf(f'image = "{sqsh}"\n')
    assert sh(bwrap, path, "echo x > /etc/made; cat /etc/made") == "x\n"
    assert sh(bwrap, path, "test -e /etc/made || echo gone") == "gone\n"
    path = edf(f'image = "{sqsh}"\nwritable = false\n')
    assert sh(bwrap, path, "(echo x > /etc/made) 2>/dev/null || echo no") == "no\n"


@pytest.mark.docker
@pytest.mark.skipif(os.geteuid() != 0, reason="changes its user")
def test_a_plain_user_gets_the_same_as_himself(bwrap, sqsh, edf, place):
    """User namespaces stand in for root; files that are written are the user's."""
    home = place / "home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    (home / "x.toml").write_text(f'image = "{sqsh}"\nmounts = ["{home}"]\nworkdir = "{home}"\n')
    engine = [word if word != str(place / "store") else str(home / "store") for word in bwrap]
    script = "id -u; echo x > /etc/made; echo y > mine; stat -c %u mine; cat /etc/made"
    options = {"user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": "/"}
    engine[0] = "/usr/bin/python3"  # which everybody may run
    shutil.copytree(engine[2], home / "programs")
    engine[2] = str(home / "programs")
    out = sh(engine, home / "x.toml", script, **options)
    assert out.split() == [str(NOBODY), str(NOBODY), "x"]
    assert (home / "mine").stat().st_uid == NOBODY


@pytest.mark.docker
def test_exit_codes_and_signals_pass_through_bubblewrap(bwrap, sqsh, edf):
    """The command's own status; TERM to the group reaches it, KILL leaves nothing."""
    path = edf(f'image = "{sqsh}"\n')
    assert run(bwrap, path, "sh", "-c", "exit 7").returncode == 7
    assert run(bwrap, path, "no-such-program").returncode != 0
    trap = "trap 'echo got; exit 5' TERM; echo up; while :; do sleep 0.1; done"
    with started(bwrap, path, trap) as process:
        os.killpg(process.pid, signal.SIGTERM)
        assert "got" in process.stdout.read()
    with started(bwrap, path, "echo up; exec sleep 987654") as process:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        eventually(lambda: not running("sleep\0987654"), DEADLINE)


@pytest.mark.docker
def test_an_image_is_unpacked_once_and_again_when_it_changes(bwrap, sqsh, edf, place):
    """The store knows a file by path, size and time; a tree that was cut short is made anew."""
    image, store = place / "copy.sqsh", place / "own"
    shutil.copy2(sqsh, image)
    engine = [word if word != str(place / "store") else str(store) for word in bwrap]
    path = edf(f'image = "{image}"\n')

    def trees() -> set[Path]:
        return {entry for entry in store.iterdir() if entry.is_dir() and entry.name != "over"}

    sh(engine, path, ":")
    (tree,) = trees()
    made = tree.stat().st_ctime_ns
    sh(engine, path, ":")
    assert (trees(), tree.stat().st_ctime_ns) == ({tree}, made)
    tree.rename(f"{tree}.part")
    assert sh(engine, path, "cat /etc/build") == "build-17\n"
    assert trees() == {tree}
    os.utime(image, (1, 1))
    sh(engine, path, ":")
    assert len(trees()) == 2


@pytest.mark.docker
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('image = "/absent.sqsh"', "there is no image /absent.sqsh: No such file"),
        ('image = "{here}/bad.sqsh"', "bad.sqsh cannot be unpacked"),
        ('image = "{sqsh}"\nentrypoint = true', "entrypoint is not run here"),
        ('image = "{sqsh}"\nmounts = ["/absent:/a"]', "the source of the mount '/absent:/a'"),
        ('image = "{sqsh}"\nmounts = ["/tmp:a"]', "is not absolute"),
        ('image = "{sqsh}"\nmounts = ["a:b:c:d"]', "neither SRC:DST"),
        ('image = "{sqsh}"\nworkdir = "${{UNDEFINED}}"', "${UNDEFINED} is not defined"),
        ('image = "{sqsh}"\n[env]\nA = "\\u0000"', "NUL"),
        ('image = "team/img:1"', "needs Docker"),
        ("image = 3", "image is not what it must be"),
        ("image = ", "cannot be read"),
        ('base_environment = "absent"', "there is no EDF 'absent': looked for"),
        ('base_environment = "{here}/my env.toml"', "goes round in a circle"),
    ],
)
def test_each_failure_says_why(bwrap, sqsh, edf, tmp_path, text, words):
    """On standard error, as a plugin of Slurm would, with an exit status."""
    (tmp_path / "bad.sqsh").write_text("no image")
    done = run(bwrap, edf(text.format(here=tmp_path, sqsh=sqsh)), "true")
    assert done.returncode == 1
    assert done.stderr.startswith("slurmstepd: error: container engine (stand-in): ")
    assert words in done.stderr


@pytest.mark.docker
def test_bases_names_and_relative_paths_are_found_as_documented(bwrap, sqsh, tmp_path):
    """EDF_PATH, ~/.edf, paths from the caller's folder; bases in order, then the file."""
    for folder in ("edfs", "home/.edf", "cwd"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "edfs" / "one.toml").write_text(f'image = "{sqsh}"\n[env]\nA = "1"\nB = "1"\n')
    (tmp_path / "home" / ".edf" / "two.toml").write_text('[env]\nB = "2"\nC = "2"\n')
    top = 'base_environment = ["${EDFS}/one.toml", "two"]\nmounts = ["./m:/m"]\n[env]\nC = "3"\n'
    (tmp_path / "cwd" / "top.toml").write_text(top)
    (tmp_path / "cwd" / "m").mkdir()
    env = {"HOME": str(tmp_path / "home"), "EDFS": str(tmp_path / "edfs")}
    script = "echo $A$B$C; test -d /m && echo mounted"
    for name in ("./top.toml", "top.toml", tmp_path / "cwd" / "top.toml"):
        out = sh(bwrap, name, script, env=env, cwd=tmp_path / "cwd")
        assert out == "123\nmounted\n"
    env = {"EDF_PATH": f"/nonexistent:{tmp_path}/edfs"}
    assert sh(bwrap, "one", "echo $A", env=env, cwd="/") == "1\n"


def test_without_an_image_the_command_runs_outside(edf, tmp_path):
    """As documented: an empty image means no container, and no engine is needed."""
    engine = [*COMMAND, "--store", str(tmp_path)]
    assert sh(engine, edf('workdir = "/w"\n'), f"test -d {tmp_path} && echo out") == "out\n"


def test_an_engine_is_found_by_its_programs(tmp_path, monkeypatch):
    """Docker, bubblewrap with what it needs, both or none; DOCKER_HOST travels in the command."""
    monkeypatch.setattr("fcx.local.process.engine.SYSTEM_FOLDERS", "")
    programs = tmp_path / "bin"
    programs.mkdir()
    known = {"PATH": str(programs), "DOCKER_HOST": "unix:///x"}
    assert find_engine(tmp_path, known) is None
    for name in ("bwrap", "unshare", "mount"):
        (programs / name).touch(0o755)
    assert find_engine(tmp_path, known) is None
    (programs / "unsquashfs").touch(0o755)
    found = find_engine(tmp_path, known)
    assert found[-2:] == ["--bwrap", f"{programs}/bwrap"]
    assert found[:2] == [sys.executable, "-I"]
    (programs / "docker").touch(0o755)
    words = ["--docker", f"{programs}/docker", "--docker-host", "unix:///x"]
    assert find_engine(tmp_path, known)[6:10] == words
    del known["DOCKER_HOST"]
    assert "--docker-host" not in find_engine(tmp_path, known)


@pytest.mark.docker
def test_tasks_run_in_an_image_file_on_the_local_cluster(bwrap, python_tree, tmp_path, place):
    """The build id of the image comes back; without an EDF there is none."""
    image = place / "python.sqsh"
    words = ["mksquashfs", str(python_tree), str(image), "-quiet", "-no-progress"]
    subprocess.run([*words, "-noI", "-noD", "-noF", "-noX"], check=True, capture_output=True)
    tasks_in(bwrap, str(image), tmp_path, place / "file.toml")


@pytest.mark.docker
def test_a_cluster_without_an_engine_says_so(tmp_path):
    """The task fails with srun's words, not with a guess."""
    with cluster(nodes=1, engine=()) as env, making(env, tmp_path) as make:
        executor = make(tmp_path, ["--time=00:05:00"], ["--environment=/x.toml"], task_retries=0)
        future = executor.submit(a_look())
        assert "no container engine" in str(within(DEADLINE, future.exception))
