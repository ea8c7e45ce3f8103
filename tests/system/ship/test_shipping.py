"""An image brought to a system through real HTTP: it is whole or not there, whatever happens."""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import shipping
from executors.deadline import WAIT, eventually, within
from small_disk import fill, small_disk

from fcx.config import Credentials
from fcx.errors import JobNeverRuns, NotShipped, Unreachable
from fcx.firecrest.client import Client
from fcx.firecrest.files import Files
from fcx.firecrest.loop import LoopThread
from fcx.image.progress import Silent
from fcx.jobscript.options import Options
from fcx.local import Environment
from fcx.parity.manifest import Sqsh
from fcx.ship.delivery import Changed, Delivered, Delivery
from fcx.ship.upload import Requests

DATA = shipping.bytes_of(4, 2_000_000)
OPTIONS = Options.check(["--time=5"], ())


class Small(Requests):
    """Small pieces, so that there are many; ``stops``: the line breaks after so many."""

    largest = 50_000

    def __init__(self, files: Files, stops: int | None = None) -> None:
        super().__init__(files)
        self.stops = stops

    async def put(self, folder: str, name: str, data: bytes) -> None:
        if self.stops is not None:
            self.stops -= 1
            if self.stops < 0:
                raise ConnectionResetError
        await super().put(folder, name, data)


class Port:
    """A system, and a folder of images there."""

    def __init__(self, env: Environment, folder: Path, source: Path) -> None:
        self.env = env
        self.folder = folder
        self.manifest = shipping.manifest()
        self.slot = shipping.slot(folder)
        self.packed = shipping.packed(source / "thing.sqsh", DATA)

    async def bring(self, packed: Sqsh | None = None, **options: Any) -> Delivered:
        """A whole ship, as the command does it."""
        patience = options.pop("patience", 900.0)
        client = Client(Credentials.from_env(dict(self.env)), patience)
        try:
            way = Small(client.files, options.pop("stops", None))
            delivery = Delivery(client, self.slot, Silent(), way)
            found = await delivery.find()
            if found is not None:
                return Delivered(found)
            checked = Options.check(options.pop("sbatch", ["--time=5"]), ())
            return await delivery.run(packed or self.packed, self.manifest, checked)
        finally:
            await client.close()

    def ship(self, **options: Any) -> Delivered:
        return run(self.bring(**options))

    def there(self) -> int:
        """Pieces that have arrived whole; one that was under way may come later."""
        found = Path(self.slot.parts(self.packed.sha256)).glob("0*.*")
        return len({path.stem for path in found if path.stat().st_size == 50_000})

    def check(self) -> None:
        """The image is there, whole, and nothing but it."""
        assert Path(self.slot.image).read_bytes() == DATA
        names = sorted(path.name for path in self.folder.iterdir())
        assert set(names) - {f"{self.slot.stem}.chunks"} == {
            f"{self.slot.stem}.json",
            f"{self.slot.stem}.sqsh",
        }

    def check_not_there(self) -> None:
        """Nothing has the final name."""
        assert not Path(self.slot.image).exists()
        assert not Path(self.slot.mark).exists()


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return within(WAIT, LoopThread.shared().run, work)


@pytest.fixture
def port(site: Environment, tmp_path: Path) -> Iterator[Port]:
    site.faults.clear()
    yield Port(site, tmp_path / "images of mine", tmp_path / "here")
    site.faults.clear()


def test_there_then_nothing_to_do(port: Port):
    """The second time it takes two requests, and nothing is packed or sent."""
    assert port.ship().sent == len(DATA)
    port.check()
    port.env.reset_counts()
    assert port.ship().sent == 0
    assert sum(count for kind, count in port.env.counts().items() if kind != "token") == 2


@pytest.mark.parametrize("seed", range(2))
def test_cut_again_and_again(port: Port, seed: int):
    """Each time some pieces more are there, none is sent again, and nothing has the name before."""
    cuts, there = random.Random(seed), 0
    for _ in range(4):
        with pytest.raises(ConnectionResetError):
            port.ship(stops=cuts.randrange(4, 14))
        assert port.there() > there
        there = port.there()
        port.check_not_there()
    assert port.ship().sent <= len(DATA) - 50_000 * there
    port.check()


def test_faults_of_uploads(port: Port):
    """Half written, crashed, lost, dropped, refused for a while: repeated until it is there."""
    faults = port.env.faults
    faults.seed(1)
    for effect in ("half", "crash", "lost", "drop"):
        faults.set("upload", probability=0.1, **{effect: True})
    faults.set("ls", crash=2)
    faults.set("mkdir", lost=1)
    faults.set("submit", ghost=1)
    faults.set("job", missing=0.5)
    port.ship()
    port.check()
    assert {effect for one in faults.injected() for effect in one["effects"]} >= {"half", "ghost"}


def test_an_outage(port: Port):
    """It is said after the patience is over; what was sent is kept."""
    with pytest.raises(ConnectionResetError):
        port.ship(stops=20)
    port.env.faults.set("upload", status=503)
    with pytest.raises(Unreachable):
        port.ship(patience=1.0)
    port.check_not_there()
    port.env.faults.clear()
    there = port.there()
    assert there >= 16
    assert port.ship().sent <= len(DATA) - 50_000 * there
    port.check()


def test_two_at_once(port: Port):
    """All have it, and none sends more than it is."""

    async def both() -> list[Delivered]:
        return await asyncio.gather(*(port.bring() for _ in range(3)))

    done = run(both())
    port.check()
    assert all(one.mark.sha256 == port.packed.sha256 for one in done)
    assert all(one.sent <= len(DATA) for one in done)  # how much the others spare it is chance


def test_pieces_that_were_spoiled(port: Port):
    """They are found by their digests, and sent again: those alone."""
    with pytest.raises(ConnectionResetError):
        port.ship(stops=30)
    folder = Path(port.slot.parts(port.packed.sha256))
    ours = sorted(folder.iterdir())
    ours[3].write_bytes(bytes(50_000))  # of the right length, so that only its digest tells
    ours[4].write_bytes(bytes(100))
    there = port.there()
    assert there >= 24
    assert 2 * 50_000 <= port.ship().sent <= len(DATA) - 50_000 * (there - 1)
    port.check()


@pytest.mark.parametrize("data", [DATA[:-1] + b"?", b"somebody's", b""])
def test_a_file_that_is_not_ours(port: Port, data: bytes):
    """It is left alone, and said to be in the way; of another size without a job."""
    image = Path(port.slot.image)
    image.parent.mkdir(parents=True)
    image.write_bytes(data)
    jobs = len(port.env.submissions())
    with pytest.raises(NotShipped, match="left alone") as caught:
        port.ship()
    assert "--to" in str(caught.value)
    assert image.read_bytes() == data
    assert len(port.env.submissions()) - jobs == (len(data) == len(DATA))


def test_the_same_bytes_without_a_mark(port: Port):
    """Whoever brought them: they are read by a job, marked, and not sent."""
    image = Path(port.slot.image)
    image.parent.mkdir(parents=True)
    image.write_bytes(DATA)
    assert port.ship().sent == 0
    port.check()


def test_a_mark_that_does_not_fit(port: Port):
    """Damaged, or of a file of another size: nothing is believed, nothing touched."""
    port.ship()
    image, mark = Path(port.slot.image), Path(port.slot.mark)
    for path, data in ((mark, b"{}"), (mark, b""), (image, DATA[:-1])):
        before = path.read_bytes()
        path.write_bytes(data)
        with pytest.raises(NotShipped, match="Remove both"):
            port.ship()
        assert path.read_bytes() == data
        path.write_bytes(before)


def test_a_file_that_is_not_what_was_packed(port: Port):
    """The job tells; nothing of it has the name."""
    wrong = Sqsh(port.packed.path, "0" * 64)
    with pytest.raises(Changed):
        port.ship(packed=wrong)
    port.check_not_there()


def test_a_full_disk(port: Port, tmp_path: Path):
    """While it is sent, and while it is joined: told with a remedy, and gone on with later."""
    with small_disk(tmp_path / "small", "size=3500k") as disk:
        small = Port(port.env, disk / "images", tmp_path / "here")
        fill(disk, leave=800_000)
        with pytest.raises(NotShipped, match="No space left") as caught:
            small.ship()
        assert "fcx image clean" in str(caught.value)
        (disk / "filling").unlink()
        with pytest.raises(NotShipped, match="twice") as caught:
            small.ship()
        assert "fcx image clean" in str(caught.value)
        small.check_not_there()
        remount(disk, "size=7m")
        assert small.ship().sent == 0
        small.check()


def test_no_permission(port: Port, tmp_path: Path):
    """The path, the reason, and where to put it instead."""
    with small_disk(tmp_path / "frozen", "size=1m") as disk:
        remount(disk, "ro")
        with pytest.raises(NotShipped, match="Read-only") as caught:
            Port(port.env, disk / "images", tmp_path / "here").ship()
        assert str(disk) in str(caught.value)
        assert "--to" in str(caught.value)
    (tmp_path / "file").touch()
    with pytest.raises(NotShipped, match="--to"):
        Port(port.env, tmp_path / "file/images", tmp_path / "here").ship()


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def newest(port: Port, known: int) -> str:
    """The job that was submitted last; none while there are only those that are known."""
    made = port.env.submissions()
    return str(made[-1]["jobId"]) if len(made) > known else ""


@pytest.mark.parametrize("end", ["scancel", "node_fail"])
def test_a_job_that_is_ended(port: Port, end: str):
    """It is told how; the next time only the job is needed."""
    port.env.faults.set("submit", pending=60.0)

    async def ended() -> None:
        jobs = len(port.env.submissions())
        work = asyncio.ensure_future(port.bring())
        client = Client(Credentials.from_env(dict(port.env)))
        try:
            job = await asyncio.to_thread(eventually, lambda: newest(port, jobs))
            if end == "scancel":
                await client.jobs.cancel(job)
            else:
                await asyncio.to_thread(port.env.faults.fail_node, job)
            with pytest.raises(NotShipped, match=f"Job {job} ended .*is kept"):
                await work
        finally:
            work.cancel()
            await client.close()

    run(ended())
    port.env.faults.clear()
    port.check_not_there()
    assert port.ship().sent == 0
    port.check()


def test_a_clean_up_while_it_is_sent(port: Port):
    """The folder of the pieces goes: it is made again."""

    class Cleaned(Small):
        async def put(self, folder: str, name: str, data: bytes) -> None:
            if self.stops is not None:
                self.stops -= 1
                if self.stops == 0:
                    shutil.rmtree(folder)
            await Requests.put(self, folder, name, data)

    async def bring() -> Delivered:
        client = Client(Credentials.from_env(dict(port.env)))
        try:
            way = Cleaned(client.files, 25)
            return await Delivery(client, port.slot, Silent(), way).run(
                port.packed, port.manifest, OPTIONS
            )
        finally:
            await client.close()

    assert run(bring()).sent > len(DATA)
    port.check()


def test_a_later_image_of_the_name(port: Port, tmp_path: Path):
    """Of what an earlier one has nothing is sent; without it, or if it has changed, all is."""
    port.ship()
    at = len(DATA) // 3
    data = DATA[:at] + b"something new" * 1000 + DATA[at + 500 :]
    later = [Port(port.env, port.folder, tmp_path / f"later{number}") for number in (1, 2)]
    for number, one in enumerate(later, 1):
        one.manifest = shipping.manifest(build=f"{number}" * 64)
        one.slot = shipping.slot(port.folder, build=f"{number}" * 64)
        one.packed = shipping.packed(Path(one.packed.path), data + bytes(number))
    assert later[0].ship().sent < 0.15 * len(data)
    assert Path(later[0].slot.image).read_bytes() == data + bytes(1)
    for old in (port, later[0]):  # of the same size, as if a disk had spoiled them
        Path(old.slot.image).write_bytes(bytes(Path(old.slot.image).stat().st_size))
    assert later[1].ship().sent > len(data)
    assert Path(later[1].slot.image).read_bytes() == data + bytes(2)
    assert not list(port.folder.glob(".*"))


def test_images_of_other_names(port: Port, tmp_path: Path):
    """What they have is not sent, be it of several; one that somebody has renamed is passed by."""
    own = shipping.bytes_of(11, 400_000)

    def sent(number: int, data: bytes) -> int:
        name, build = f"other{number}", f"{number}" * 64
        port.manifest = shipping.manifest(name, build)
        port.slot = shipping.slot(port.folder, name=name, build=build)
        port.packed = shipping.packed(tmp_path / f"{name}.sqsh", data)
        said = port.ship().sent
        assert Path(port.slot.image).read_bytes() == data
        return said

    port.ship()
    assert len(own) <= sent(1, DATA[:900_000] + own) < 1.3 * len(own)
    assert sent(2, own + DATA[1_000_000:]) < 0.4 * len(own)
    for path in [*port.folder.glob("other1-*"), *port.folder.glob("other2-*")]:
        path.rename(path.with_stem(f"a copy of {path.stem}"))
    assert len(own) <= sent(3, own + DATA[900_000:]) < 1.3 * len(own)


def test_on_a_real_slurm(slurm_firecrest: Environment, tmp_path: Path):
    """Cut once, two at once, then there; and a job that Slurm never starts is told."""
    port = Port(slurm_firecrest, tmp_path / "images", tmp_path / "here")
    with pytest.raises(ConnectionResetError):
        port.ship(stops=20)

    async def both() -> list[Delivered]:
        return await asyncio.gather(port.bring(), port.bring())

    run(both())
    port.check()
    assert port.ship().sent == 0
    other = Port(slurm_firecrest, tmp_path / "others", tmp_path / "here")
    with pytest.raises(JobNeverRuns, match="is kept"):  # the partition's time is shorter
        other.ship(sbatch=["--partition=short", "--time=10"])
    assert other.ship().sent == 0
    other.check()
