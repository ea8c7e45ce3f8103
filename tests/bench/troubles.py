"""Small troubles, one after the other: what became of each, in how many seconds and requests.

    PYTHONPATH=tests/support python tests/bench/troubles.py [words of a trouble's name]

Each runs on a local cluster of its own behind a proxy that spoils what the trouble says; what is
printed is the caller's: a value, or the error's message.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from chaos.faults import Answer, page, worded
from chaos.relay import Relay, Request, serving

from fcx import FirecrestExecutor
from fcx.local import Environment, cluster

TIME = "--time=00:05:00"
LONGEST = 180.0  # seconds for one
Spoil = tuple[bytes, Callable[[Answer | None], Answer | None], bool]


class Spoiler:
    """Spoils the next requests whose first line has a word: (word, answer, forwarded)."""

    def __init__(self, url: str) -> None:
        self.relay = Relay(url, self._treat)
        self.requests = 0
        self.spoils: deque[Spoil] = deque()

    def spoil(
        self,
        word: str,
        answer: Answer | None = None,
        *,
        forwards: bool = False,
        times: int = 1,
        change: Callable[[bytes], bytes] | None = None,
    ) -> None:
        """``change``: of the real answer's body."""

        def answered(real: Answer | None) -> Answer | None:
            if change is None or real is None:
                return answer
            return Answer(real.status, real.kind, change(real.body))

        given = (word.encode(), answered, forwards or change is not None)
        self.spoils.extend([given] * times)

    async def _treat(self, request: Request) -> Answer | None:
        self.requests += 1
        if not self.spoils or self.spoils[0][0] not in request.head.split(b"\r\n", 1)[0]:
            return await self.relay.forward(request)
        _, answer, forwards = self.spoils.popleft()
        return answer(await self.relay.forward(request) if forwards else None)


class Place:
    """Where a trouble happens: a cluster, the proxy in front of it, a folder, settings."""

    def __init__(self, env: Environment, proxy: Spoiler, folder: Path) -> None:
        self.cluster = env
        self.proxy = proxy
        self.folder = folder
        self.env = proxy.relay.env(env)

    def one(self, *options: str, function: Any = abs, argument: Any = -1, **settings: Any) -> Any:
        """One task's outcome."""
        chosen = {"idle_timeout": 5.0, "sleep_interval": 1.0, "max_workers": 2, **settings}
        given = [TIME, *options]
        folder = settings.pop("folder", self.folder)
        chosen.pop("folder", None)
        with FirecrestExecutor(folder, given, env=self.env, **chosen) as executor:
            return executor.submit(function, argument).result(LONGEST)


def _slow(seconds: float) -> str:
    time.sleep(seconds)
    return "done"


TROUBLES: dict[str, Callable[[Place], Any]] = {}


def trouble(name: str) -> Callable[[Callable[[Place], Any]], Callable[[Place], Any]]:
    """Enter a function under its name."""

    def enter(do: Callable[[Place], Any]) -> Callable[[Place], Any]:
        TROUBLES[name] = do
        return do

    return enter


# -- Slurm and the API ----------------------------------------------------------------------


@trouble("1 a job is missing from the listing for 20 s")
def _missing(place: Place) -> Any:
    place.cluster.faults.set("submit", pending=25)
    place.cluster.faults.set("jobs", missing=20)
    return place.one()


@trouble("1 sbatch refuses a further pilot")
def _limit(place: Place) -> Any:
    with FirecrestExecutor(place.folder, [TIME], env=place.env, max_workers=2) as executor:
        first = executor.submit(_slow, 4.0)
        while not first.running():
            time.sleep(0.05)
        place.cluster.faults.set("submit", limit=1)
        second = executor.submit(_slow, 0.1)
        return first.result(LONGEST), second.result(LONGEST)


@trouble("1 preempted three times")
def _preempted(place: Place) -> Any:
    with FirecrestExecutor(place.folder, [TIME], env=place.env, max_workers=1) as executor:
        future = executor.submit(_slow, 3.0)
        for _ in range(3):
            while not future.running():
                time.sleep(0.05)
            with contextlib.suppress(RuntimeError):
                place.cluster.faults.preempt(future.job_id)
            while future.running():
                time.sleep(0.05)
        return future.result(LONGEST), f"begun {len(future.attempts)} times"


ODD = {
    "2 HTML with status 200 to an upload": ("upload", page(200)),
    "2 a single 403": ("ops/", page(403)),
    "2 a single 400": ("ops/", worded(400, "Bad")),
    "2 a 404 with a cut body": ("ops/", Answer(404, "application/json", b'{"errorTy', cut=9)),
    "2 JSON of another shape": ("jobs", Answer(200, "application/json", b"[[[]]]")),
    "2 408 from the token endpoint": ("token", worded(408, "Timeout")),
}
for _name, (_word, _answer) in ODD.items():

    @trouble(_name)
    def _odd(place: Place, word: str = _word, answer: Answer = _answer) -> Any:
        place.proxy.spoil(word, answer)
        return place.one()


@trouble("2 two 401 in a row")
def _unauthorised(place: Place) -> Any:
    place.proxy.spoil("ops/", worded(401, "Access token is invalid."), times=2)
    return place.one()


@trouble("2 408 to a submit that made the job")
def _timeout(place: Place) -> Any:
    place.proxy.spoil("POST /compute", worded(408, "Timeout"), forwards=True)
    return place.one(), f"{len(place.cluster.submissions())} job(s)"


@trouble("3 an outage longer than patience")
def _outage(place: Place) -> Any:
    with FirecrestExecutor(place.folder, [TIME], env=place.env, max_workers=1) as executor:
        executor._run._driver.core.requests.patience = 5.0  # of 15 minutes
        executor.submit(abs, 1).result(LONGEST)
        future = executor.submit(_slow, 3.0)
        while not future.running():
            time.sleep(0.05)
        place.proxy.spoil("", page(503), times=10_000)
        error = future.exception(LONGEST)
        place.proxy.spoils.clear()
    return error


# -- this machine ---------------------------------------------------------------------------


@trouble("6 a state folder that is a file")
def _no_state(place: Place) -> Any:
    (place.folder / "state").write_text("")
    os.environ["FCX_STATE_DIR"] = str(place.folder / "state")
    return place.one()


@trouble("7 a forked child after an executor")
def _fork(place: Place) -> Any:
    value = place.one()
    child = os.fork()
    if not child:
        sys.exit(0)
    return value, f"the child ended with {os.waitpid(child, 0)[1]}"


@trouble("9 somebody else's folder in working_dir")
def _foreign(place: Place) -> Any:
    user = place.cluster.get("USER") or os.environ.get("USER") or "root"
    (place.folder / f".fcx-{user}").mkdir(mode=0o777)
    (place.folder / f".fcx-{user}").chmod(0o777)
    return place.one()


WRONG = {
    "10 a URL without a scheme": {"FIRECREST_URL": "api.example.org"},
    "10 nothing listens on loopback": {"FIRECREST_URL": "http://127.0.0.1:9"},
    "10 a wrong path": {"FIRECREST_URL": "{url}/nowhere"},
    "10 a wrong token path": {"AUTH_TOKEN_URL": "{url}/nowhere/token"},
    "10 wrong credentials": {"FIRECREST_CLIENT_SECRET": "other"},
}
for _name, _change in WRONG.items():

    @trouble(_name)
    def _wrong(place: Place, change: dict[str, str] = _change) -> Any:
        url = f"http://127.0.0.1:{place.proxy.relay.port}"
        place.env.update({name: value.format(url=url) for name, value in change.items()})
        return place.one()


@trouble("11 --output into a missing folder")
def _output(place: Place) -> Any:
    return place.one(f"--output={place.folder}/missing/out", task_retries=0)


@trouble("11 a Python that is not there, errors sent elsewhere")
def _python(place: Place) -> Any:
    return place.one(f"--error={place.folder}/errors", python="/no/such/python")


@trouble("11 a task that eats more than --mem")
def _memory(place: Place) -> Any:
    return place.one("--mem=200", function=_eat, argument=400)


def _eat(size: int) -> int:
    held = [b"x" * (1 << 20) for _ in range(size)]
    time.sleep(60)
    return len(held)


# -- run ------------------------------------------------------------------------------------


@contextlib.contextmanager
def _place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as folder, cluster(scheduler="process", nodes=8) as env:
        os.environ["FCX_STATE_DIR"] = f"{folder}/remembered"
        proxy = Spoiler(env.url)
        with serving(proxy.relay):
            work = Path(folder) / "work"
            work.mkdir()
            yield Place(env, proxy, work)


def tried(do: Callable[[Place], Any]) -> tuple[str, float, int]:
    """What became of it, seconds and requests."""
    with _place() as place:
        began = time.monotonic()
        try:
            became = repr(do(place))
        except Exception as error:  # noqa: BLE001 - which is what is to be shown
            became = f"{type(error).__name__}: {error}"
        return " ".join(became.split()), time.monotonic() - began, place.proxy.requests


def main() -> None:
    """One line each."""
    logging.getLogger("fcx").setLevel(logging.CRITICAL)
    wanted = " ".join(sys.argv[1:])
    for name, do in TROUBLES.items():
        if wanted in name:
            became, seconds, requests = tried(do)
            print(f"| {name} | {became} | {seconds:.1f} | {requests} |", flush=True)


if __name__ == "__main__":
    main()
