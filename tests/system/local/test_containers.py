"""`srun --environment` on the process back end: real containers by bubblewrap and by Docker."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import dill
import pytest
from cluster.bases import bare_image, bare_root, docker, import_tree, interpreters, python_root
from cluster.engine import Engine
from executors.deadline import within
from executors.fixtures import making

from fcx.edf.document import Edf
from fcx.edf.render import render
from fcx.local import cluster
from fcx.local.process.engine import COMMAND, find_engine

BARE_ENV = "PATH=/usr/bin:/bin\nIN_IMAGE=yes\nBOTH=image\n# PATH=/comment\n"
PATH = "/usr/local/bin:/usr/bin:/bin"
DEADLINE = 300.0  # seconds that a busy machine may take
NOBODY = 65534


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for a condition, generously."""
    end = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that other users can enter; pytest's own is private."""
    folder = Path(f"/tmp/fcx-engine-{os.getpid()}")
    folder.mkdir()
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def sqsh(place: Path) -> Path:
    """A minimal image as a file, in enroot's layout."""
    if not shutil.which("mksquashfs"):
        pytest.skip("no mksquashfs here: apt-get install squashfs-tools")
    root = place / "bare"
    bare_root(root)
    (root / "etc" / "environment").write_text(BARE_ENV)
    (root / "etc" / "build").write_text("build-17\n")
    image = place / "bare.sqsh"
    words = ["mksquashfs", str(root), str(image), "-quiet", "-no-progress", "-comp", "lzo"]
    subprocess.run(words, check=True, capture_output=True)
    return image


@pytest.fixture(scope="module")
def bwrap(place: Path) -> list[str]:
    """The engine with bubblewrap alone."""
    found = find_engine(place / "store", {"PATH": os.environ["PATH"]})
    if found is None or "--bwrap" not in found:
        pytest.skip("no bubblewrap here: apt-get install bubblewrap squashfs-tools")
    start = found.index("--bwrap")
    return [*found[: found.index("--store") + 2], *found[start : start + 2]]


@pytest.fixture
def edf(tmp_path: Path) -> Callable[[str], Path]:
    """Write an EDF."""

    def write(text: str) -> Path:
        path = tmp_path / "my env.toml"
        path.write_text(text)
        return path

    return write


def run(
    engine: list[str], edf: Path | str, *command: str, **options
) -> subprocess.CompletedProcess:
    """What srun makes of `--environment=edf command`."""
    words = [*engine, "--environment", str(edf), "--", *command]
    options.setdefault("env", {"PATH": os.environ["PATH"], "HOME": "/root", "BOTH": "host"})
    return subprocess.run(words, capture_output=True, text=True, check=False, **options)


def sh(engine: list[str], edf: Path | str, script: str, **options) -> str:
    """The standard output of a shell script in the container; it must end well."""
    done = run(engine, edf, "sh", "-c", script, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


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
        wait_until(lambda: not running("sleep\0987654"))


@contextlib.contextmanager
def started(engine: list[str], edf: Path, script: str) -> Iterator[subprocess.Popen]:
    """A script in a container that has said `up`, in a process group of its own."""
    words = [*engine, "--environment", str(edf), "--", "sh", "-c", script]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, start_new_session=True, env={"HOME": "/"}
    ) as process:
        try:
            assert process.stdout.readline() == "up\n"
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def running(words: str) -> bool:
    """Whether a process with these words on its command line is there."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if words in path.read_text(errors="replace"):
                return True
    return False


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


@pytest.fixture
def dockerd(engine, tmp_path) -> list[str]:
    """The engine command with the tests' own Docker, and a bare image in it."""
    found = find_engine(tmp_path / "store", {"PATH": os.environ["PATH"], **engine.env})
    bare_image(engine)
    return found[: found.index("--docker-host") + 2]


@pytest.mark.docker
def test_an_image_by_name_is_run_in_docker_as_its_edf_says(dockerd, edf, tmp_path):
    """The same as with an image file, and as the calling user."""
    folder = tmp_path / "a,b"
    folder.mkdir()
    (folder / "file").write_text("of the host")
    path = edf(
        'image = "bare:1"\nworkdir = "/w d"\n'
        f'mounts = ["{folder}:/w d", "{folder}:/deep/er/ro:ro", "tmpfs:/t", "umount:/x"]\n'
        '[env]\nA = "${HOST}-${LANG}-$${x}"\nGONE = ""\nLANG = "edf"\n'
    )
    script = (
        'echo "$A|${GONE-unset}|$HOST|$LANG"; pwd; cat file; echo; id -u; echo new > made;'
        "(echo x > /deep/er/ro/x) 2>/dev/null || echo ro; echo x > /t/x && echo tmp; exit 0"
    )
    out = sh(dockerd, path, script, env={"HOST": "h i", "GONE": "1", "LANG": "host"})
    assert out.splitlines() == [
        "h i-C.UTF-8-${x}|unset|h i|edf", "/w d", "of the host", str(os.getuid()), "ro", "tmp",
    ]  # fmt: skip
    assert (folder / "made").read_text() == "new\n"


@pytest.mark.docker
def test_writable_and_entrypoint_are_dockers_too(dockerd, engine, edf, tmp_path):
    """Read-only roots; the image's entrypoint in front of the command, or not."""
    path = edf('image = "bare:1"\nwritable = false\n')
    assert sh(dockerd, path, "(echo x > /etc/made) 2>/dev/null || echo no") == "no\n"
    (tmp_path / "Dockerfile").write_text('FROM bare:1\nENTRYPOINT ["env", "BY=entrypoint"]\n')
    docker(engine, "build", "--quiet", "--tag", "entered:1", str(tmp_path))
    for switch, expected in (("true", "entrypoint\n"), ("false", "none\n")):
        path = edf(f'image = "entered:1"\nentrypoint = {switch}\n')
        assert sh(dockerd, path, "echo ${BY:-none}") == expected


@pytest.mark.docker
def test_exit_codes_and_signals_pass_through_docker(dockerd, engine, edf):
    """The command's own status, TERM to the client; a killed client leaves no container."""
    path = edf('image = "bare:1"\n')
    assert run(dockerd, path, "sh", "-c", "exit 7").returncode == 7
    assert run(dockerd, path, "no-such-program").returncode == 127
    trap = "trap 'echo got; exit 5' TERM; echo up; while :; do sleep 0.1; done"
    with started(dockerd, path, trap) as process:
        os.killpg(process.pid, signal.SIGTERM)
        assert "got" in process.stdout.read()
        assert process.wait() == 5
    with started(dockerd, path, "sleep 1000 & echo up; sleep 1000") as process:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    no_containers(engine, "bare:1")


def no_containers(engine: Engine, image: str) -> None:
    """Wait until no container of an image is left, running or not."""
    ours = f"--filter=ancestor={image}"
    wait_until(lambda: docker(engine, "ps", "--all", "--quiet", ours).stdout == "")


@pytest.mark.docker
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('image = "127.0.0.1:1#absent/img:1"', "Docker has no image 127.0.0.1:1/absent/img:1"),
        ('image = "bare:1"\nmounts = ["/absent:/a"]', "the source of the mount '/absent:/a'"),
        ('image = "bare:1"\nmounts = ["/tmp:/a:sqsh"]', "cannot be mounted into a Docker"),
        ('image = "/x.sqsh"', "needs bubblewrap"),
    ],
)
def test_each_failure_with_docker_says_why(dockerd, edf, text, words):
    """On standard error, with an exit status."""
    done = run(dockerd, edf(text), "true")
    assert done.returncode == 1
    assert words in done.stderr


@pytest.mark.docker
def test_docker_that_does_not_answer_is_told(dockerd, edf):
    """A client without a daemon is no engine."""
    silent = [word if "://" not in word else "unix:///nonexistent.sock" for word in dockerd]
    done = run(silent, edf('image = "bare:1"'), "true")
    assert (done.returncode, "Docker does not answer" in done.stderr) == (1, True)


@pytest.fixture(scope="module")
def python_tree(place: Path) -> Path:
    """A root with this interpreter's version of Python, dill, and a build id baked in."""
    version = platform.python_version()
    prefix = interpreters().get(version)
    if prefix is None:
        pytest.skip(f"no CPython {version} here that an image can be made of")
    root = place / "python"
    python_root(root, version, prefix)
    packages = root / "usr/local/lib" / f"python{version.rpartition('.')[0]}" / "site-packages"
    shutil.copytree(Path(dill.__file__).parent, packages / "dill")
    found = metadata.distribution("dill")._path
    shutil.copytree(found, packages / found.name)
    (root / "etc" / "build").write_text("build-23\n")
    (root / "etc" / "environment").write_text(f"PATH={PATH}\n")
    return root


def a_look() -> Callable[[], tuple[str | None, str, list[str]]]:
    """A call that tells the place's build id, interpreter and sys.path; it needs no module here."""

    def look():
        import sys
        from pathlib import Path

        build = Path("/etc/build")
        found = build.read_text().strip() if build.exists() else None
        return found, sys.executable, sys.path

    return look


def calls_in(engine: list[str], image: str, folder: Path, base: Path) -> None:
    """Calls run in the image, with `environment=` and as scripts for the seed have it."""
    env = {"PATH": PATH, "PYTHONNOUSERSITE": "1", "PYTHONPATH": ""}
    edf = Edf(image=image, entrypoint=False, env=env)
    base.write_text(render(edf))
    with cluster(nodes=3, engine=engine) as env, making(env, folder) as make:
        build, interpreter, path = within(DEADLINE, make(environment=edf).submit(a_look()).result)
        assert build == "build-23"
        assert interpreter.startswith("/usr/local/bin/python3")
        assert not [entry for entry in path if str(Path.home()) in entry]
        seed = make(folder, ["--time=00:05:00"], [f"--environment={base}"])
        assert within(DEADLINE, seed.submit(a_look()).result)[0] == "build-23"
        assert within(DEADLINE, make().submit(a_look()).result)[0] is None


@pytest.mark.docker
def test_calls_run_in_an_image_file_on_the_local_cluster(bwrap, python_tree, tmp_path, place):
    """The build id of the image comes back; without an EDF there is none."""
    image = place / "python.sqsh"
    words = ["mksquashfs", str(python_tree), str(image), "-quiet", "-no-progress"]
    subprocess.run([*words, "-noI", "-noD", "-noF", "-noX"], check=True, capture_output=True)
    calls_in(bwrap, str(image), tmp_path, place / "file.toml")


@pytest.mark.docker
def test_calls_run_in_a_docker_image_on_the_local_cluster(
    dockerd, engine, python_tree, tmp_path, place
):
    """The same with an image that is named by its tag."""
    import_tree(engine, python_tree, "team/python:1", [f"ENV PATH={PATH}"])
    calls_in(dockerd, "team/python:1", tmp_path, place / "name.toml")
    no_containers(engine, "team/python:1")


@pytest.mark.docker
def test_a_cluster_without_an_engine_says_so(tmp_path):
    """The call fails with srun's words, not with a guess."""
    with cluster(nodes=1, engine=()) as env, making(env, tmp_path) as make:
        executor = make(tmp_path, ["--time=00:05:00"], ["--environment=/x.toml"], task_retries=0)
        future = executor.submit(a_look())
        assert "no container engine" in str(within(DEADLINE, future.exception))
