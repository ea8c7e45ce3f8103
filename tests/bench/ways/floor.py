"""The floor: what each row costs by hand, with plain pyfirecrest and a script for the purpose."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from firecrest import ClientCredentialsAuth
from firecrest.v2 import Firecrest
from ways.shared import OPTIONS

EVERY = 0.1  # seconds between two looks at a job
PART = 3_900_000  # bytes that one download may have
SENT = 5_000_000  # bytes that one upload may have
ECHO = """
while [ ! -e stop ]; do
  for f in in.*; do [ -e "$f" ] && mv "$f" "tmp" && mv tmp "out.${f#in.}"; done
  sleep 0.01
done
"""
POOL = """srun python3 -c '
import multiprocessing, time
with multiprocessing.Pool({workers}) as pool:
    print(len(pool.map(time.sleep, [{seconds}] * {count}, chunksize=1)))
'
"""


class Hand:
    """A client, the system and a folder."""

    def __init__(self, task: Any) -> None:
        env = task.env
        secrets = env["FIRECREST_CLIENT_ID"], env["FIRECREST_CLIENT_SECRET"]
        auth = ClientCredentialsAuth(*secrets, env["AUTH_TOKEN_URL"])
        self.client = Firecrest(env["FIRECREST_URL"], auth)
        self.client.MAX_DIRECT_UPLOAD_SIZE = 10**9
        self.system = env["FIRECREST_SYSTEM"]
        self.account = env["FIRECREST_ACCOUNT"]
        self.folder = task.folder

    def submit(self, text: str) -> str:
        """A job with this script."""
        script = "#!/bin/bash -l\n#SBATCH " + " ".join(OPTIONS) + "\n" + text
        made = self.client.submit(self.system, self.folder, script_str=script, account=self.account)
        return str(made["jobId"])

    def wait(self, job: str, *states: str) -> None:
        """Until Slurm no longer says any of these."""
        while True:
            time.sleep(EVERY)
            state = self.client.job_info(self.system, job)[0]["status"]["state"]
            if state not in states:
                return

    def run(self, text: str) -> str:
        """A job from its submission to its output."""
        job = self.submit(text)
        self.wait(job, "PENDING", "CONFIGURING", "RUNNING", "COMPLETING")
        output: str = self.client.view(self.system, f"{self.folder}/slurm-{job}.out")
        return output.strip()

    @contextmanager
    def running(self, text: str) -> Iterator[str]:
        """A job that has begun; it is cancelled at the end."""
        job = self.submit(text)
        self.wait(job, "PENDING", "CONFIGURING")
        yield job
        self.client.cancel_job(self.system, job)


def noops(task: Any, meter: Any) -> None:
    """One job does all: it loads what it is to do, and prints what became of it."""
    what = f"import dill; [dill.loads(dill.dumps(None)) for _ in range({task.size['count']})]"
    meter.start()
    assert Hand(task).run(f"srun python3 -c '{what}; print(None)'\n").endswith("None")
    meter.stop()


def sleeps(task: Any, meter: Any) -> None:
    """One job with a pool of processes."""
    meter.start()
    text = Hand(task).run(POOL.format(workers=task.workers, **task.size))
    assert text.endswith(str(task.size["count"]))
    meter.stop()


def series(task: Any, meter: Any) -> None:
    """A job that answers a file with a file: an upload, and a look until it is there."""
    hand = Hand(task)
    small = Path(task.folder, "small")
    small.write_text("x")
    with hand.running(ECHO):
        _echo(hand, small, "first")
        meter.start()
        times = []
        for number in range(task.size["count"]):
            began = meter.elapsed()
            _echo(hand, small, str(number))
            times.append(meter.elapsed() - began)
        meter.stop(sorted(times)[len(times) // 2], worst=max(times))


def _echo(hand: Hand, small: Path, name: str) -> None:
    hand.client.upload(hand.system, small, hand.folder, f"in.{name}")
    _when_there(hand, f"{hand.folder}/out.{name}", every=0.0)


def argument(task: Any, meter: Any) -> None:
    """Parts one after the other, into a job that waits for them."""
    hand, size = Hand(task), task.size["megabytes"] * 10**6
    data, part = b"x" * size, Path(hand.folder, "sent")
    script = "while [ ! -e go ]; do sleep 0.01; done\ncat part.* | wc -c > tmp && mv tmp got\n"
    with hand.running(script + "sleep 60\n"):
        meter.start()
        for number in range(-(-size // SENT)):
            part.write_bytes(data[number * SENT : min(size, (number + 1) * SENT)])
            hand.client.upload(hand.system, part, hand.folder, f"part.{number:03d}")
        _go(hand)
        got = _when_there(hand, f"{hand.folder}/got")
        meter.stop()
        assert int(got) == size


def result(task: Any, meter: Any) -> None:
    """The job writes parts; each is fetched once the last is there."""
    hand, size = Hand(task), task.size["megabytes"] * 10**6
    count = -(-size // PART)
    script = (
        "while [ ! -e go ]; do sleep 0.01; done\n"
        f"head -c {size} /dev/urandom | split -a 3 -d -b {PART} - part. && echo {size} > done\n"
        "sleep 60\n"
    )
    with hand.running(script):
        down, got = Path(hand.folder, "down"), 0
        meter.start()
        _go(hand)
        _when_there(hand, f"{hand.folder}/done")
        for number in range(count):
            hand.client.download(hand.system, f"{hand.folder}/part.{number:03d}", down)
            got += len(down.read_bytes())
        meter.stop()
        assert got == size


def _go(hand: Hand) -> None:
    small = Path(hand.folder, "small")
    small.write_text("x")
    hand.client.upload(hand.system, small, hand.folder, "go")


def _when_there(hand: Hand, path: str, every: float = 0.02) -> str:
    """What stands in a file that will come."""
    while True:
        try:
            found: str = hand.client.view(hand.system, path)
        except Exception:  # it is not there yet
            time.sleep(every)
            continue
        if found:
            return found


ROWS = {
    "noops": noops,
    "sleeps": sleeps,
    "series": series,
    "argument": argument,
    "result": result,
}
