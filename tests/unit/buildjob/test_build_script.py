"""The script of a building job, run by a real shell on a node with stand-ins for its programs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import building
import pytest
from building import Node
from small_disk import small_disk

from fcx.buildjob import script as codes
from fcx.buildjob.answer import Answer
from fcx.buildjob.failure import Failed
from fcx.buildjob.log import Log
from fcx.buildjob.order import Order
from fcx.buildjob.script import script
from fcx.config import RemoteBuildSettings
from fcx.firecrest.jobs import JobState
from fcx.image.context import RECORD_STEP
from fcx.image.progress import Silent
from fcx.jobscript.options import Options
from fcx.parity.manifest import Source
from fcx.protocol import probe
from fcx.ship.mark import Mark
from fcx.ship.script import DAMAGED, FOREIGN, INCOMPLETE

SOURCE = Source("containers", "containers/Dockerfile", "0" * 64)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """With podman and enroot."""
    return building.make(tmp_path / "room", tmp_path / "im ages; $x")


def left(node: Node) -> list[str]:
    """What lies in the folder of images, without what builds keep for the next one."""
    return sorted(path.name for path in node.folder.iterdir() if path.name != ".thing.build")


def told(order: Order, code: int, log: str) -> str:
    """What the user reads of it."""
    read = Log(Silent())
    read.feed(log.encode())
    read.close()
    return str(Failed(order, JobState("17", "x", "FAILED", exit_code=code), read).error())


def test_built(node: Node):
    """The image under its name with a mark; a manifest comes of the answer; nothing is left over."""
    (node.room / "project").mkdir()
    (node.room / "project/run me").write_text("#!/bin/sh\n")
    (node.room / "project/run me").chmod(0o755)
    node.options = {"build_args": {"A": "it's; $HOME"}}
    order, code, log = node.build(TZ="UTC")
    assert code == 0, log
    assert left(node) == [f"{order.slot.stem}.json", f"{order.slot.stem}.sqsh"]
    mark = Mark.from_json(Path(order.slot.mark).read_bytes(), "")
    assert mark is not None
    assert (mark.build_id, mark.size) == (order.identity.build_id, len("whole"))
    answer = Answer.of(Path(order.made, "answer").read_bytes(), "")
    made = answer.manifest(order, SOURCE, "there")
    assert (made.shipped["there"].path, made.env["A"]) == (order.slot.image, "b c")
    assert (made.image_id, made.tag) == ("sha256:" + "c0" * 32, order.identity.tag)
    context = node.room / "context"
    assert (context / "run me").stat().st_mode & 0o777 == 0o755
    assert (context / ".fcx/image.json").read_bytes() == order.identity.record()
    assert "LABEL" in (context / ".fcx/Dockerfile").read_text()
    assert "--build-arg=A=it's; $HOME" in (node.room / "podman.calls").read_text()
    assert not list((node.room / "tmp").iterdir())


def test_a_step_of_its_own_that_fails_is_not_the_users(node: Node):
    """It stands in no Dockerfile that could be corrected."""
    log = f"STEP 2/2: {RECORD_STEP}\nError: /etc/fcx is not a directory\n"
    said = told(node.made(), codes.BUILD, log)
    assert "/etc/fcx is not a directory" in said
    assert "leave /etc/fcx/image.json free" in said
    assert "Correct that step" not in said


def test_the_python_that_is_named_is_asked(node: Node):
    """And the one that answered, what it can import."""
    node.options = {"python": "/opt/env/bin/python"}
    _, code, log = node.build()
    assert code == 0, log
    calls = (node.room / "podman.calls").read_text().splitlines()
    _, probed, imported = (call for call in calls if call.startswith("run "))
    assert probed.endswith(" sh /opt/env/bin/python")
    assert imported.endswith(f" sh {probe.snapshot()['python']['executable']}")


def test_a_context_that_is_there_is_not_sent_again(node: Node):
    """And of another one only what is new; the older one goes."""
    (node.room / "project").mkdir()
    (node.room / "project/large").write_bytes(bytes(range(256)) * 1000)
    node.build()
    order = node.made()
    parcel = node.parcel(order)
    assert (parcel.sent, Path(parcel.parts).exists()) == (0, False)
    tar = Path(f"{order.home}/{parcel.stem}.tar")
    data = tar.read_bytes()
    tar.write_bytes(bytes(len(data)))  # of that very size, and yet another
    assert node.run(order, script(order, parcel, Options.check([], ()))).returncode == INCOMPLETE
    tar.write_bytes(data)
    (node.room / "project/z").write_text("new")
    order, code, log = node.build()
    assert code == 0, log
    home = Path(order.home)
    assert len(list(home.glob("context-*.tar"))) == len(list(home.glob("context-*.chunks"))) == 1


@pytest.mark.parametrize(
    ("code", "says", "whole"),
    [(1, "", True), (0, "[ERROR] half a file", False), (1, "[ERROR] no", False)],
)
def test_what_enroot_leaves_counts_and_not_its_code(node: Node, code: int, says: str, whole: bool):
    """A whole file is one whatever the code; half of one is none."""
    (node.room / "image").write_text("whole" if whole else "half")
    order, ended, log = node.build(ENROOT_CODE=str(code), ENROOT_SAYS=says)
    assert ended == (0 if whole else codes.IMPORT), log
    assert (f"{order.slot.stem}.sqsh" in left(node)) == whole
    if not whole:
        assert left(node) == []
        assert says in told(order, ended, log)
        assert "enroot import -x mount" in told(order, ended, log)


def test_a_node_without_podman(node: Node):
    """Said with where its command is named."""
    node.settings = RemoteBuildSettings(podman="no-such-podman --root /x")
    order, code, log = node.build()
    assert code == codes.NO_PODMAN
    assert "no-such-podman: command not found" in told(order, code, log)
    assert "[remote_build] in fcx.toml" in told(order, code, log)


def test_a_node_without_enroot(node: Node):
    """Found before anything is built."""
    node.settings = RemoteBuildSettings(enroot="no-such-enroot import")
    order, code, log = node.build()
    assert code == codes.NO_ENROOT
    assert "found no enroot on its node: no-such-enroot: not found" in told(order, code, log)
    assert "build" not in (node.room / "podman.calls").read_text()


def test_a_node_of_another_processor(node: Node):
    """Found before anything is built."""
    node.program("uname", "#!/bin/sh\necho riscv64\n")
    order, code, log = node.build()
    assert code == codes.OTHER_MACHINE
    assert "the node is riscv64, the image is to be for" in told(order, code, log)
    assert not (node.room / "podman.calls").exists()


@pytest.mark.parametrize(("version", "takes"), [("4.3.1", False), ("4.8.0", True), ("5.0", True)])
def test_heredocs_want_a_podman_that_knows_them(node: Node, version: str, takes: bool):
    """An older one would take their lines for instructions."""
    node.text = "FROM base\nRUN <<E\nls\nE\n"
    order, code, log = node.build(PODMAN_VERSION=version)
    assert code == (0 if takes else codes.OLD_PODMAN), log
    if not takes:
        assert "heredocs (line 2). Wanted: podman 4.8" in told(order, code, log)


def test_setup_comes_first_and_its_failure_is_told(node: Node):
    """What it exports is there; a command that fails ends the job."""
    moved = node.room / "moved"
    node.programs.rename(moved)
    node.settings = RemoteBuildSettings(setup=(f"export PATH={moved}:$PATH",))
    assert node.build()[1] == 0
    node.settings = RemoteBuildSettings(setup=("true", "module load podman"))
    order, code, log = node.build()
    assert code == codes.SETUP
    assert "the `setup` under [remote_build] in fcx.toml failed" in told(order, code, log)
    assert "module load podman ended with code 127" in told(order, code, log)


def test_a_build_that_fails(node: Node):
    """The words of podman decide what is said."""
    order, code, log = node.build(PODMAN_SAYS="Error: initializing source docker://base: no route")
    assert code == codes.BUILD
    assert "cannot have the base image of 'STEP 1/1: FROM base': initializing" in told(
        order, code, log
    )
    order, code, log = node.build(PODMAN_SAYS='Error: building at STEP "RUN x": exit status 3')
    assert "The build failed in 'STEP 1/1: FROM base', line 1 of the Dockerfile, with" in told(
        order, code, log
    )
    order, code, log = node.build(PODMAN_SAYS="Error: write /var: no space left on device")
    assert "No room, or over quota: job 17 ended at 'STEP 1/1: FROM base'" in told(order, code, log)


def test_a_node_without_a_plain_user_asks_as_the_image_has_it(node: Node):
    """Where podman has but one user, which is the job's."""
    order, code, log = node.build(NO_PLAIN_USER="1")
    assert code == 0, log
    assert "The image is asked as its root" in log.replace("the image", "The image")
    assert Answer.of(Path(order.made, "answer").read_bytes(), "").snapshot.image.build_id


def test_pieces_that_are_missing_or_spoiled(node: Node):
    """Told by the code, with nothing under the name; once sent anew it is built."""
    order = node.made()
    parcel = node.parcel(order)
    text = script(order, parcel, Options.check([], ()))
    (piece,) = Path(parcel.parts).glob("0*")
    data = piece.read_bytes()
    piece.write_bytes(bytes(len(data)))
    assert node.run(order, text).returncode == DAMAGED
    assert not Path(parcel.parts).exists()
    assert node.run(order, text).returncode == INCOMPLETE
    assert left(node) == []
    piece.parent.mkdir()
    piece.write_bytes(data)
    assert node.run(order, text).returncode == 0


def test_a_full_disk(tmp_path: Path, node: Node):
    """Said with what to do; half of an image is not left."""
    with small_disk(tmp_path / "full", "size=200k") as folder:
        node.folder = folder / "images"
        (node.room / "image").write_bytes(bytes(300_000))
        node.program("unsquashfs", "#!/bin/sh\nexit 1\n")
        order, code, log = node.build(ENROOT_SAYS="write: No space left on device")
        assert code == codes.IMPORT
        assert "`fcx image clean` removes images" in told(order, code, log)
        assert left(node) == []


def test_a_folder_that_cannot_be_written_to(node: Node):
    """As a user without that right has it."""
    order = node.made()
    text = script(order, node.parcel(order), Options.check([], ()))
    node.room.chmod(0o777)
    (node.room / "tmp").mkdir(mode=0o777, exist_ok=True)
    (node.room / "tmp").chmod(0o777)
    for path in [node.room, *node.room.parents]:
        if path.name.startswith("pytest-") or path.name.startswith("test_"):
            path.chmod(0o755)
    words = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "bash")
    done = node.run(order, text, words)
    if done.returncode == 126 or "Operation not permitted" in done.stderr:
        pytest.skip("not root: everybody here is who writes there")
    assert done.returncode == codes.PLACE, done.stdout
    assert "may not write there" in told(order, done.returncode, done.stdout)
    assert "--to, or `ship_to`" in told(order, done.returncode, done.stdout)


def test_a_file_of_that_name_is_left_alone(node: Node):
    """Whoever made it."""
    order = node.made()
    node.folder.mkdir()
    Path(order.slot.image).write_text("somebody's")
    assert node.build(order)[1] == FOREIGN
    assert Path(order.slot.image).read_text() == "somebody's"


def test_options_of_the_job(node: Node):
    """The user's, but for what would put it into a container; then ours."""
    node.folder = node.folder.with_name("100% mine")
    order = node.made()
    options = Options.check(["--account=g1", "--environment=/x.toml", "--time=5"], ())
    text = script(order, node.parcel(order), options)
    lines = [line for line in text.splitlines() if line.startswith("#SBATCH")]
    assert lines[0] == "#SBATCH --account=g1 --time=5"
    assert lines[1].startswith(f"#SBATCH --no-requeue --job-name=fcx-build-{order.slot.stem} ")
    assert f'"--output={order.made}/log"'.replace("100%", "100%%") in lines[1]


def test_what_ended_jobs_have_left(node: Node):
    """Of as many bytes as the image, for ever: it goes with the next build, unless its job runs."""
    node.program("squeue", '#!/bin/sh\n[ "$3" = 16 ] || echo "$3"\n')
    order = node.made()
    home, other = Path(order.home), f"{order.slot.stem[:-16]}{'0' * 16}"
    home.mkdir(parents=True)
    theirs = [node.folder / f".{other}.{job}.sqsh" for job in (15, 16)]
    theirs += [home / "whole.15", home / "whole.16", home / "sent.16"]
    theirs += [node.folder / f".{other}.mine.sqsh"]
    for path in theirs:
        path.touch()
    assert node.build(order)[1] == 0
    assert [path for path in theirs if path.exists()] == [theirs[0], theirs[2], theirs[5]]


def test_the_image_is_asked_with_what_the_edf_sets(node: Node):
    """Else what stands in a home's ~/.local is found here, and not by the tasks."""
    node.build()
    calls = (node.room / "podman.calls").read_text().splitlines()
    asked = [call for call in calls if call.startswith("run ")]
    assert len(asked) == 3
    assert all("--env=PYTHONNOUSERSITE=1" in call.split() for call in asked)


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="no shellcheck: apt-get install it")
def test_shellcheck_has_nothing_to_say(node: Node):
    """Of the whole script, as bash has the shell."""
    node.settings = RemoteBuildSettings(build_options=("--isolation=$HOW",), setup=("ml podman",))
    node.options = {"build_args": {"A": "it's; $HOME"}, "no_cache": True, "pull": True}
    order = node.made()
    text = script(order, node.parcel(order), Options.check([], ()))
    command = ["shellcheck", "--shell=bash", "--norc", "-"]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    assert done.stdout.decode() == ""
