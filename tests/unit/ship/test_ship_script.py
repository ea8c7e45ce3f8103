"""The script that joins an image, run by a real shell; what it leaves and how it ends."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import shipping
from small_disk import small_disk

from fcx.jobscript.options import Options
from fcx.parity.manifest import Sqsh
from fcx.ship.chunks import Range
from fcx.ship.mark import Mark
from fcx.ship.plan import Plan
from fcx.ship.script import DAMAGED, FOREIGN, FULL, INCOMPLETE, script
from fcx.ship.shelf import Slot

SHELLS = [shell for shell in ("bash", "sh") if shutil.which(shell)]
HOSTILE = ["plain", "with space;&|<>*?[a]#!ü", "-dash"]
DATA = shipping.bytes_of(3, 1 << 16)


@dataclass
class Place:
    """A folder of images, and the script for one of them."""

    slot: Slot
    plan: Plan
    programs: Path

    @property
    def parts(self) -> Path:
        return Path(self.slot.parts(self.plan.digest))

    @property
    def image(self) -> Path:
        return Path(self.slot.image)

    @property
    def mark(self) -> Mark:
        return Mark.of(shipping.manifest(), self.plan)

    def text(self, *options: str) -> str:
        checked = Options.check(options, ())
        return script(self.slot, self.plan, self.mark, checked)

    def send(self, nonce: str = "ab") -> None:
        self.parts.mkdir(parents=True, exist_ok=True)
        for piece in self.plan.pieces:
            (self.parts / f"{piece.name}.{nonce}").write_bytes(self.plan.read(piece))

    def begin(self, job: str = "17", shell: str = "sh", text: str = "") -> subprocess.Popen[bytes]:
        path = f"{self.programs}:{os.environ['PATH']}"
        self.image.parent.mkdir(parents=True, exist_ok=True)
        made = subprocess.Popen(
            [shell], stdin=subprocess.PIPE, cwd=self.image.parent,
            env={"PATH": path, "SLURM_JOB_ID": job},
        )  # fmt: skip
        assert made.stdin
        made.stdin.write((text or self.text()).encode())
        made.stdin.close()
        return made

    def run(self, job: str = "17", shell: str = "sh", text: str = "") -> int:
        return self.begin(job, shell, text).wait(60)

    def left(self) -> list[str]:
        return sorted(path.name for path in self.image.parent.iterdir())

    @property
    def done(self) -> bool:
        """Whole, marked, and nothing else."""
        both = [f"{self.slot.stem}.json", f"{self.slot.stem}.sqsh"]
        mark = Mark.from_json(Path(self.slot.mark).read_bytes(), "")
        told = mark and (mark.sha256, mark.size) == (self.plan.sha256, self.plan.size)
        return bool(told) and self.image.read_bytes() == DATA and self.left() == both


def make(folder: Path, source: Path, largest: int = 9000) -> Place:
    plan = Plan.of(shipping.packed(source / "thing.sqsh", DATA), largest)
    programs = source / "programs"
    programs.mkdir()
    return Place(shipping.slot(folder), plan, programs)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    yield make(tmp_path / "images", tmp_path / "here")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("name", HOSTILE)
def test_joined(tmp_path: Path, shell: str, name: str):
    """Whatever the folder is called, by each shell."""
    place = make(tmp_path / name, tmp_path / "here")
    place.send()
    assert place.run(shell=shell) == 0
    assert place.done


def test_a_piece_that_is_missing_or_half(place: Place):
    """It is told, with nothing under the name; once it is there, the next job does it."""
    place.send()
    one = place.parts / "00002.ab"
    data = one.read_bytes()
    for there in (None, data[:-1], data + b"x"):
        one.unlink(missing_ok=True)
        if there is not None:
            one.write_bytes(there)
        assert place.run() == INCOMPLETE
        assert place.left() == [place.parts.name]
        assert not list(place.parts.glob("whole.*"))
        assert "a piece is missing" in (place.parts / "said.17").read_text()
    (place.parts / "00002.cd").write_bytes(data)
    assert place.run("18") == 0
    assert place.done


def test_a_piece_that_was_spoiled(place: Place):
    """The digests of all tell the client which."""
    place.send()
    one = place.parts / "00002.ab"
    data = one.read_bytes()
    one.write_bytes(bytes(len(data)))
    assert place.run() == DAMAGED
    assert place.left() == [place.parts.name]
    assert place.plan.spoiled((place.parts / "sums.17").read_text()) == ["00002.ab"]


def test_without_its_pieces(place: Place):
    """Another job may have taken them away, or a clean-up."""
    assert place.run() == INCOMPLETE
    assert place.left() == []


def test_what_is_there_already(place: Place):
    """Ours stays; the same bytes without a record are ours; anything else is left alone."""
    place.send()
    assert place.run() == 0
    before = place.image.stat()
    place.send("cd")
    assert place.run("18") == 0
    assert place.done
    assert place.image.stat().st_ino == before.st_ino
    Path(place.slot.mark).unlink()
    assert place.run("19") == 0
    assert place.done
    Path(place.slot.mark).unlink()
    for other in (b"", DATA[:-1] + b"?", b"somebody's"):
        place.image.write_bytes(other)
        place.send()
        assert place.run("20") == FOREIGN
        assert place.image.read_bytes() == other
        assert "is not this image" in (place.parts / "said.20").read_text()
        assert not Path(place.slot.mark).exists()


def test_a_link_of_that_name_is_not_followed_to_write(place: Place, tmp_path: Path):
    """It leads nowhere, and stays so."""
    place.image.parent.mkdir()
    place.image.symlink_to(tmp_path / "nowhere")
    place.send()
    assert place.run() == FOREIGN
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("late", [0, 1, 2])
def test_several_at_once(place: Place, late: int):
    """All of them say that it is there, and it is."""
    place.send()
    for count in range(3):
        jobs = [place.begin(str(100 + 10 * count + one)) for one in range(4)]
        codes = [job.wait(60) for job in jobs]
        assert set(codes) <= {0, INCOMPLETE}, codes  # who lost its pieces looks again
        assert 0 in codes
        assert place.image.read_bytes() == DATA
        for path in (place.image, Path(place.slot.mark))[: late or 0]:
            path.unlink()
        place.send(f"{late}{count}")


def test_what_ended_jobs_have_left(place: Place):
    """It is removed: only that of a job that Slurm knows stays."""
    squeue = place.programs / "squeue"
    squeue.write_text('#!/bin/sh\n[ "$3" = 16 ] || echo "$3"\n')
    squeue.chmod(0o755)
    place.send()
    for job in ("15", "16"):
        (place.parts / f"whole.{job}").write_bytes(b"half")
    (place.parts / "00002.ab").unlink()
    assert place.run() == INCOMPLETE
    assert [path.name for path in place.parts.glob("whole.*")] == ["whole.15"]


@pytest.mark.parametrize("room", ["size=100k", "nr_inodes=14"])
def test_a_full_disk(tmp_path: Path, room: str):
    """The code tells; the pieces stay, and half of an image does not."""
    with small_disk(tmp_path / "full", room) as folder:
        place = make(folder, tmp_path / "here")
        place.send()
        if room.startswith("nr"):
            with pytest.raises(OSError, match="No space"):
                for number in range(20):
                    (folder / f"filling{number}").touch()
        assert place.run() == FULL
        assert not list(place.parts.glob("whole.*"))
        assert not place.image.exists()
        assert len(list(place.parts.glob("0*"))) == len(place.plan.pieces)


def test_stripes(tmp_path: Path):
    """Where there is an lfs it is asked for stripes of a large file; its complaints do not count."""
    place = make(tmp_path / "images", tmp_path / "here")
    lfs = place.programs / "lfs"
    lfs.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/told\nexit 1\n')
    lfs.chmod(0o755)
    place.send()
    text = place.text().replace("stripes=0", "stripes=4")
    assert place.run(text=text) == 0
    assert place.done
    assert (tmp_path / "told").read_text() == f"setstripe -c 4 {place.parts}/whole.17\n"


def test_bytes_of_an_image_that_lies_beside(place: Place):
    """Only what it does not have was sent; a list of chunks goes beside the image."""
    old = place.image.parent / "old.sqsh"
    old.parent.mkdir()
    old.write_bytes(b"12345" + DATA[18000:50000])
    made = (Range("", 0, 18000), Range("old.sqsh", 5, 32000), Range("", 50000, len(DATA) - 50000))
    place.plan = Plan.of(Sqsh(str(place.plan.source), place.plan.sha256), 9000, made)
    assert place.plan.to_send == len(DATA) - 32000
    place.send()
    (place.parts / "chunks").write_text("list\n")
    assert place.run(text=place.text().replace("chunks=0", "chunks=5")) == 0
    assert place.image.read_bytes() == DATA
    assert old.with_name(f"{place.slot.stem}.chunks").read_text() == "list\n"
    old.unlink()
    old.with_name(f"{place.slot.stem}.chunks").unlink()
    assert place.done


def test_an_image_that_lay_beside(place: Place):
    """Without it nothing is made; with other bytes in it, neither."""
    made = (Range("old.sqsh", 0, 9000), Range("", 9000, len(DATA) - 9000))
    place.plan = Plan.of(Sqsh(str(place.plan.source), place.plan.sha256), 9000, made)
    place.send()
    assert place.run() == INCOMPLETE
    (place.image.parent / "old.sqsh").write_bytes(bytes(9000))
    assert place.run("18") == DAMAGED
    assert place.plan.spoiled((place.parts / "sums.18").read_text()) == []
    assert not list(place.parts.glob("whole.*"))


def test_options_of_the_job(place: Place):
    """The user's, but for what would put it into a container; then ours."""
    text = place.text("--partition=debug", "--environment=/x.toml", "--comment='a b'")
    lines = [line for line in text.splitlines() if line.startswith("#SBATCH")]
    assert lines[0] == '#SBATCH --partition=debug "--comment=a b"'
    assert lines[1].startswith("#SBATCH --no-requeue --job-name=fcx-ship-thing-abababab")


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="no shellcheck: apt-get install it")
def test_shellcheck_has_nothing_to_say(place: Place):
    """Of the whole script, as POSIX has the shell."""
    command = ["shellcheck", "--shell=sh", "--norc", "-"]
    done = subprocess.run(command, input=place.text().encode(), capture_output=True, check=False)
    assert done.stdout.decode() == ""
