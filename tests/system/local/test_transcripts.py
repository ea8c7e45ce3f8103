"""The recorded transcripts replayed: the same calls, the same statuses, the same shape of answer.

What can't be replayed on a server is said where it is omitted, with the reason.
"""

from __future__ import annotations

import collections
import concurrent.futures
import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from conformance.replay import Replay, attempt
from conformance.servers import ENDED, Server, bounded, local_server, script, until
from conformance.transcripts import FOLDER, last_snapshots
from firecrest.Authorization import ClientCredentialsAuth
from firecrest.v2 import Firecrest

pytest_plugins = ["conformance.fixtures"]
pytestmark = [
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the recorded transcripts are not here"),
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]

ONE_SYSTEM = "the server has one system, with no ssh behind it that could be down"
ONE_USER = "the server knows one user, the one who started it"


@pytest.fixture
def direct(server: Server) -> Iterator[Firecrest]:
    """A client that sends every size directly, as the recorded one did."""
    client = bounded(Firecrest(server.url, authorization=server.auth))
    client.MAX_DIRECT_UPLOAD_SIZE = 10**9
    yield client
    client.close_session()


class Fixed:
    """An authorization that hands out one token, whatever it is."""

    def __init__(self, token: str) -> None:
        self.token = token

    def get_access_token(self) -> str:
        """That token."""
        return self.token


def systems_with(server: Server, token: str) -> Any:
    """The systems, asked for with some token."""
    client = bounded(Firecrest(server.url, authorization=Fixed(token)))
    try:
        return client.systems()
    finally:
        client.close_session()


def clear_up(server: Server, jobs: list[Any]) -> None:
    """Cancel what was submitted and has not ended."""
    for job in jobs:
        if isinstance(job, dict) and "jobId" in job:
            attempt(lambda job=job: server.client.cancel_job(server.system, job["jobId"]))


# --- transcript-main


def test_main_transcript(server, there, direct, tmp_path):
    """Status, jobs, files, tokens: ninety calls in the recorded order."""
    replay = Replay(server, "main", there)
    _status(replay, direct)
    _first_jobs(replay, direct)
    _directories(replay, direct)
    _uploads(replay, direct, tmp_path)
    _odd_names(replay, direct, tmp_path)
    _views(replay, direct, tmp_path)
    _changes(replay, direct)
    _refusals(replay, direct)
    _unknown(replay, direct)
    _listings(replay, direct)
    _tokens(replay)
    assert replay.verdict() == ""
    assert replay.done >= 80


def _status(replay: Replay, c: Firecrest) -> None:
    system = replay.server.system
    replay.call("server_version", c.server_version, same=True)
    replay.call("nodes", lambda: c.nodes(system))
    replay.call("partitions", lambda: c.partitions(system))
    replay.call("reservations", lambda: c.reservations(system), same=True)
    replay.call("userinfo", lambda: c.userinfo(system))


def _first_jobs(replay: Replay, c: Firecrest) -> None:
    system, home = replay.server.system, replay.home
    text = (
        "#!/bin/bash\n#SBATCH --job-name=full\n#SBATCH --output=o-%j.txt\n"
        "#SBATCH --error=e-%j.txt\necho out; echo err >&2; env | grep MYV; sleep 2\n"
    )
    env = {"MYV": "v1", "MYV2": "a b=c;d"}
    job = replay.call(
        "submit(script_str)", lambda: c.submit(system, home, script_str=text, env_vars=env)
    )["jobId"]
    replay.call("wait_for_job", lambda: c.wait_for_job(system, job))
    meta = replay.call("job_metadata", lambda: c.job_metadata(system, job))
    assert meta[0]["script"] == text
    out = replay.call("view stdout", lambda: c.view(system, f"{home}/o-{job}.txt"))
    assert {"out", "MYV=v1", "MYV2=a b=c;d"} <= set(out.splitlines())
    replay.call("view stderr", lambda: c.view(system, f"{home}/e-{job}.txt"), same=True)
    text = script("env | grep MYV", "--output=o-comma")
    env = {"MYV": "a,b", "MYV3": "x"}
    job = replay.call(
        "env_vars with comma", lambda: c.submit(system, home, script_str=text, env_vars=env)
    )["jobId"]
    replay.server.finished(job)
    out = replay.call("view o-comma", lambda: c.view(system, f"{home}/o-comma"))
    assert {"MYV=a", "MYV3=x"} <= set(out.splitlines())
    text = script("env; ulimit -a; umask", "--output=o-env")
    job = replay.call(
        "submit(env_vars=None) job env default", lambda: c.submit(system, home, script_str=text)
    )["jobId"]
    replay.server.finished(job)
    out = replay.call("view o-env", lambda: c.view(system, f"{home}/o-env")).splitlines()
    assert {"F7T_version=v2.0.0", "0022"} <= set(out)
    assert any(line.startswith("HOME=/") for line in out)


def _directories(replay: Replay, c: Firecrest) -> None:
    system, home = replay.server.system, replay.home
    replay.call("mkdir", lambda: c.mkdir(system, f"{home}/d1/d2", create_parents=True))
    replay.call("mkdir existing", lambda: c.mkdir(system, f"{home}/d1/d2"))
    replay.call("mkdir -p existing", lambda: c.mkdir(system, f"{home}/d1/d2", create_parents=True))
    replay.call("mkdir in missing parent", lambda: c.mkdir(system, f"{home}/nope/d2"))
    replay.call("mkdir outside fs", lambda: c.mkdir(system, "/var/tmp/x"))
    if c.userinfo(system)["user"]["id"] == "0":
        replay.omit("the user who started the server is root, who may do it", "mkdir no permission")
    else:
        replay.call("mkdir no permission", lambda: c.mkdir(system, "/home/x"))


def _uploads(replay: Replay, c: Firecrest, tmp_path: Any) -> None:
    system, home = replay.server.system, replay.home
    (tmp_path / "up").write_bytes(bytes(range(256)) * 100)
    python = "import os  # \u00e4\n\n\ndef f(x):\n    return x  # " + "y" * 600 + "\n"
    (tmp_path / "py").write_text(python, encoding="utf-8")
    (tmp_path / "none").write_bytes(b"")
    up, down = tmp_path / "up", tmp_path / "down"
    path = f"{home}/d1/up.bin"
    replay.call("upload 25600B binary", lambda: c.upload(system, up, f"{home}/d1", "up.bin"))
    replay.call("download", lambda: c.download(system, path, down))
    assert down.read_bytes() == up.read_bytes()
    replay.call(
        "upload overwrite same name",
        lambda: c.upload(system, tmp_path / "py", f"{home}/d1", "up.bin"),
    )
    replay.call("stat", lambda: c.stat(system, path))
    replay.call("checksum", lambda: c.checksum(system, path))
    kind = replay.call("file_type", lambda: c.file_type(system, path))
    assert "Python script" in kind
    replay.call("list_files", lambda: c.list_files(system, f"{home}/d1"))
    replay.call("list_files on a file", lambda: c.list_files(system, path))
    replay.call("list_files missing", lambda: c.list_files(system, f"{home}/nope"))
    replay.call("upload to missing dir", lambda: c.upload(system, up, f"{home}/nope", "up.bin"))
    replay.call(
        "upload empty file", lambda: c.upload(system, tmp_path / "none", f"{home}/d1", "empty")
    )
    replay.call("stat", lambda: c.stat(system, f"{home}/d1/empty"))
    replay.call("download empty file", lambda: c.download(system, f"{home}/d1/empty", down))
    assert down.read_bytes() == b""
    replay.call("view empty", lambda: c.view(system, f"{home}/d1/empty"), same=True)


def _odd_names(replay: Replay, c: Firecrest, tmp_path: Any) -> None:
    system, folder = replay.server.system, f"{replay.home}/d1"
    for label, name in (
        ("upload name with space/quote", "a b.bin"),
        ("upload name with single quote", "a'b.bin"),
        ("upload name with unicode", "ä.bin"),
        ("upload name with double quote", 'a"b.bin'),
        ("upload name with $", "a$HOME`id`.bin"),
    ):
        replay.call(label, lambda name=name: c.upload(system, tmp_path / "up", folder, name))

    def names() -> list[str]:
        return sorted(entry["name"] for entry in c.list_files(system, folder))

    # `ls --quoting-style=c` in the C locale shows what is not ASCII in octal.
    replay.call("ls", lambda: sorted(names(), key=lambda name: (name[0] == "\\", name)), same=True)


def _views(replay: Replay, c: Firecrest, tmp_path: Any) -> None:
    system, home = replay.server.system, replay.home
    text = replay.call("view binary", lambda: c.view(system, f"{home}/d1/a b.bin"))
    assert text == (bytes(range(256)) * 100).decode("utf-8", "replace")
    replay.call("view missing", lambda: c.view(system, f"{home}/nope"))
    replay.call("view dir", lambda: c.view(system, f"{home}/d1"))
    down = tmp_path / "x"
    replay.call("download missing", lambda: c.download(system, f"{home}/nope", down))
    replay.call("download dir", lambda: c.download(system, f"{home}/d1", down))
    replay.call("stat missing", lambda: c.stat(system, f"{home}/nope"))
    replay.call("view relative path", lambda: c.view(system, "d1"))
    replay.call("view outside fs", lambda: c.view(system, "/etc/passwd"))
    replay.call(
        "view /home/../../etc/passwd",
        lambda: c.view(system, f"{home}/../../../../../../etc/passwd"),
    )
    replay.call("view no permission", lambda: c.view(system, "/etc/munge/munge.key"))
    replay.server.put(f"{home}/o", b"out\nMYV=v1\nMYV2=a b=c;d\n")
    replay.call("head", lambda: c.head(system, f"{home}/o", num_lines=1), same=True)
    replay.call("tail", lambda: c.tail(system, f"{home}/o", num_lines=1), same=True)


def _changes(replay: Replay, c: Firecrest) -> None:
    system, home = replay.server.system, replay.home
    replay.call("chmod", lambda: c.chmod(system, f"{home}/d1/up.bin", "700"))
    replay.call("symlink", lambda: c.symlink(system, f"{home}/d1/up.bin", f"{home}/d1/ln"))
    replay.call("rm file", lambda: c.rm(system, f"{home}/d1/ln"))
    replay.call("rm missing", lambda: c.rm(system, f"{home}/d1/ln"))
    old, new = f"{home}/d1/up.bin", f"{home}/d1/moved"
    replay.call("mv (job)", lambda: c.mv(system, old, new, account=replay.server.account))
    replay.call("rm dir", lambda: c.rm(system, f"{home}/d1"))


def _refusals(replay: Replay, c: Firecrest) -> None:
    server, home = replay.server, replay.home

    def submit(text: str, directory: str = home, **kwargs: Any) -> Any:
        return c.submit(server.system, directory, script_str=text, **kwargs)

    fine = script("sleep 1")
    if server.kind == "slurm":
        replay.omit("without an accounting database Slurm takes any account", "script bad account")
    else:
        replay.call("script bad account", lambda: submit(fine, account="nope"))
    jobs = [
        replay.call("script empty", lambda: submit("")),
        replay.call("script no shebang", lambda: submit("echo hello\n")),
        replay.call("bad partition", lambda: submit(script("true", "--partition=nope"))),
        replay.call("workdir missing", lambda: submit(fine, f"{home}/nope")),
        replay.call("workdir outside fs", lambda: submit(fine, "/var/tmp")),
        replay.call("CRLF script", lambda: submit("#!/bin/bash\r\ntrue\r\n")),
        replay.call("script with NUL", lambda: submit("#!/bin/bash\ntrue \0\n")),
        replay.call("time over partition limit", lambda: submit(script("true", "--time=30-0"))),
        replay.call("too many cpus", lambda: submit(script("true", "--ntasks=5000"))),
    ]
    server.put(f"{home}/far.sh", fine.encode())
    jobs.append(
        replay.call(
            "script_remote_path",
            lambda: c.submit(server.system, home, script_remote_path=f"{home}/far.sh"),
        )
    )
    clear_up(server, jobs)


def _unknown(replay: Replay, c: Firecrest) -> None:
    system, home = replay.server.system, replay.home
    replay.call("job_info nonexistent", lambda: c.job_info(system, "99999999"))
    replay.call("job_info bad id", lambda: c.job_info(system, "a-b"))
    replay.call("job_info alpha id", lambda: c.job_info(system, "abc"))
    replay.call("job_metadata nonexistent", lambda: c.job_metadata(system, "99999999"))
    replay.call("nonexistent system", lambda: c.job_info("nope", "1"))
    replay.call("nonexistent system ls", lambda: c.list_files("nope", home))
    replay.call("system name upper case", lambda: c.list_files(system.upper(), home))
    replay.omit(
        ONE_SYSTEM, "broken ssh system job_info", "broken ssh system ls", "broken ssh submit"
    )


def _listings(replay: Replay, c: Firecrest) -> None:
    system = replay.server.system
    replay.call("job_info() all", lambda: c.job_info(system))
    replay.call("job_info(name=)", lambda: c.job_info(system, name="full"))
    replay.call("job_info(time_window=1h)", lambda: c.job_info(system, time_window="1h"))
    replay.call("job_info(time_window=bad)", lambda: c.job_info(system, time_window="2h"))


def _tokens(replay: Replay) -> None:
    server = replay.server
    real = server.auth.get_access_token()
    middle = len(real) // 2
    tampered = real[:middle] + ("A" if real[middle] != "A" else "B") + real[middle + 1 :]
    replay.call("token garbage", lambda: systems_with(server, "garbage"))
    replay.call("token tampered", lambda: systems_with(server, tampered))
    replay.call("token empty", lambda: systems_with(server, ""))
    wrong = ClientCredentialsAuth(
        server.env["FIRECREST_CLIENT_ID"], "no-such-secret", server.env["AUTH_TOKEN_URL"]
    )
    replay.call("bad client secret", wrong.get_access_token)
    replay.omit(ONE_USER, "valid token, user without ssh key: systems", "userinfo")
    replay.omit(
        "lifetimes are set when a server starts: test_conformance_faults.py does it",
        "token with ttl 31",
        "token with ttl 29",
        "token with ttl 5",
    )
    replay.call("GET /nonexistent", lambda: server.ask("GET", "/nonexistent"))


# --- transcript-limits


def test_limits_transcript(server, there, direct, tmp_path):
    """Sizes at each limit: direct transfers, views, heads and tails, scripts, variables."""
    replay = Replay(server, "limits", there)
    server.client.mkdir(server.system, f"{there}/d1")
    _direct_sizes(replay, direct, tmp_path)
    replay.omit(
        "a stage is configured here: large files go through it (test_conformance_client.py)",
        "pyfirecrest default: upload 1 MiB (no data_transfer configured on server)",
        "pyfirecrest default: download 1 MiB",
    )
    _text_sizes(replay, direct, tmp_path)
    _raw_views(replay, direct, tmp_path)
    _script_sizes(replay, direct)
    assert replay.verdict() == ""
    assert replay.done >= 50


def _direct_sizes(replay: Replay, c: Firecrest, tmp_path: Any) -> None:
    system, folder = replay.server.system, f"{replay.home}/d1"
    down = tmp_path / "down"
    for size in (
        1048575, 1048576, 3932157, 3932158, 3932160, 5242879, 5242880, 5242881, 6000000,
    ):  # fmt: skip
        (tmp_path / "up").write_bytes(bytes(range(256)) * (size // 256) + b"z" * (size % 256))
        name = f"big{size}"
        replay.call(
            f"upload direct {size}",
            lambda name=name: c.upload(system, tmp_path / "up", folder, name),
        )
        replay.call(
            f"download direct {size}",
            lambda name=name: c.download(system, f"{folder}/{name}", down),
        )
        if size < 3932158:
            assert down.read_bytes() == (tmp_path / "up").read_bytes()


def _text_sizes(replay: Replay, c: Firecrest, tmp_path: Any) -> None:
    system, folder = replay.server.system, f"{replay.home}/d1"
    for size in (2621439, 2621440, 5242879, 5242880, 6000000):
        (tmp_path / "text").write_text("x" * size)
        name = f"txt{size}"
        replay.call(
            f"upload text {size}",
            lambda name=name: c.upload(system, tmp_path / "text", folder, name),
        )
        text = replay.call(
            f"view whole {size}", lambda name=name: c.view(system, f"{folder}/{name}")
        )
        if size < 5242880:
            assert text == "x" * size


def _raw_views(replay: Replay, c: Firecrest, tmp_path: Any) -> None:
    server, folder = replay.server, f"{replay.home}/d1"

    def ask(call: str, name: str, **params: int) -> Any:
        params = {"path": f"{folder}/{name}", **params}  # type: ignore[dict-item]
        return server.ask("GET", f"/filesystem/{{system}}/ops/{call}", params=params)

    for size in (1048576, 2621439, 2621440, 3145728, 5242880, 5242881):
        label = f"view file 5242880 size={size}"
        body = replay.call(label, lambda size=size: ask("view", "txt5242880", size=size))
        if size < 2621440:
            assert json.loads(body) == {"output": "x" * size}
    (tmp_path / "u8").write_text("é" * 100, encoding="utf-8")
    replay.call("upload u8", lambda: c.upload(server.system, tmp_path / "u8", folder, "u8"))
    for offset, size, length in ((0, 10, 10), (0, 11, 11), (10, 10, 10), (15, 10, 5), (3, 100, 97)):
        label = f"view utf8(2-byte chars) offset {offset} size {size}"
        body = replay.call(
            label, lambda offset=offset, size=size: ask("view", "u8", offset=offset, size=size)
        )
        assert json.loads(body) == {"output": "é" * length}
    beyond = replay.call("view beyond EOF", lambda: ask("view", "u8", offset=100000, size=10))
    assert json.loads(beyond) == {"output": ""}
    for call in ("head", "tail"):
        for size in (5242880, 5242879):
            label = f"{call} bytes={size}"
            replay.call(label, lambda call=call, size=size: ask(call, "txt5242880", bytes=size))


def _script_sizes(replay: Replay, c: Firecrest) -> None:
    server, home = replay.server, replay.home
    jobs = []
    for size in (100000, 1000000, 3900000, 4300000, 6000000):
        start = script(": padding")
        text = start + "#" + "x" * (size - len(start) - 2) + "\n"
        assert len(text) == size
        label = f"submit script of {size} bytes"
        jobs.append(
            replay.call(label, lambda text=text: c.submit(server.system, home, script_str=text))
        )
    for size in (10000, 100000, 130000, 200000):
        env = {"BIG": "v" * size}
        jobs.append(
            replay.call(
                f"submit env value of {size} bytes",
                lambda env=env: c.submit(
                    server.system, home, script_str=script("true"), env_vars=env
                ),
            )
        )
    clear_up(server, jobs)


# --- transcript-states


def test_states_transcript(server, there):
    """How jobs end: exit codes, signals, cancelled while running, pending, or at once."""
    replay = Replay(server, "states", there)
    endings = iter(last_snapshots("states"))
    for name, body in (
        ("exit3", "exit 3"),
        ("exit3b", "false; exit 3"),
        ("kill9", "kill -9 $$; sleep 5"),
        ("segv", "kill -SEGV $$; sleep 5"),
        ("accountless", "sleep 1"),
    ):
        record = server.finished(server.submit(there, body, f"--job-name={name}"))
        _same_ending(server, next(endings), record)
    _cancellations(replay, endings)
    assert replay.verdict() == ""
    assert next(endings, None) is None


def _cancellations(replay: Replay, endings: Iterator[tuple[Any, ...]]) -> None:
    server, c, system = replay.server, replay.server.client, replay.server.system
    running = server.submit(replay.home, "sleep 300", "--job-name=cancelme")
    server.running(running)
    replay.call("cancel_job", lambda: c.cancel_job(system, running), same=True)
    _same_ending(server, next(endings), server.finished(running))
    held = server.submit(replay.home, "true", "--hold", "--job-name=cancelpend")
    until(lambda: server.job(held), within=20, what="the held job")
    (before,) = replay.call("job_info held", lambda: c.job_info(system, held))
    assert (before["status"]["state"], before["status"]["stateReason"]) == (
        "PENDING",
        "JobHeldUser",
    )
    replay.call("cancel_job", lambda: c.cancel_job(system, held), same=True)
    _same_ending(server, next(endings), server.finished(held))
    at_once = server.submit(replay.home, "sleep 300", "--job-name=atonce")
    replay.call("cancel_job", lambda: c.cancel_job(system, at_once), same=True)
    record = server.finished(at_once)
    assert record["status"]["state"].startswith("CANCELLED")
    next(endings)
    replay.call("cancel again (already done)", lambda: c.cancel_job(system, running))
    replay.call("cancel nonexistent", lambda: c.cancel_job(system, "99999999"))
    label = "cancel other user's job id 2 (fireuser's; finished)"
    replay.call(label, lambda: c.cancel_job(system, "88888888"))


def _same_ending(server: Server, recorded: tuple[Any, ...], record: dict[str, Any]) -> None:
    """State, exit code, signal and the batch step's state are the recorded ones."""
    _, _, state, _, code, signal, steps = recorded
    user = server.client.userinfo(server.system)["user"]["id"]
    status = record["status"]
    assert status["state"] in (state.replace("by 1001", f"by {user}"), state.split()[0])
    assert (status["exitCode"] or 0, status["interruptSignal"] or 0) == (code, signal)
    found = [(task["name"], task["status"]["state"]) for task in record["tasks"]]
    assert found == [(name, step_state) for name, step_state, _ in steps]


# --- transcript-poll, transcript-conc, transcript-hang


def test_poll_transcript(server, there):
    """A watched job goes through the recorded states, whatever bogus record comes between."""
    text = (FOLDER / "transcript-poll.txt").read_text(encoding="utf-8")
    recorded = set(re.findall(r"'poll', '([A-Z]+)'", text))
    long_enough = 8 if server.kind == "env" else 2
    job_id = server.submit(there, f"sleep {long_enough}", "--job-name=poll")
    seen: list[str] = []

    def ended() -> bool:
        found = server.job(job_id)
        if found and found["name"] == "poll":
            seen.append(found["status"]["state"])
        return bool(seen) and seen[-1].startswith(ENDED)

    until(ended, within=60, what="the job to end", pause=0.05)
    assert set(seen) <= recorded | {"COMPLETING"}
    assert {"RUNNING", "COMPLETED"} <= set(seen)


def test_conc_transcript(server, there):
    """Many clients at once: as many answers as on a login node that allows the sessions."""
    if server.kind == "env":
        pytest.skip("this login node has sshd's default of 10 sessions")
    text = (FOLDER / "transcript-conc.txt").read_text(encoding="utf-8")
    pattern = r"^cluster-slurm-ssh (\w+) n=(\d+) workers=(\d+) "
    rounds = re.findall(pattern, text, re.MULTILINE)
    assert len(rounds) == 9
    job_id = server.submit(there, "true")
    server.finished(job_id)
    submitted: list[str] = []
    asks = {
        "job_info": lambda: server.client.job_info(server.system, job_id),
        "submit": lambda: submitted.append(server.submit(there, "true", "--hold")),
    }
    for call, count, workers in rounds:
        with concurrent.futures.ThreadPoolExecutor(int(workers)) as pool:
            answers = list(
                pool.map(lambda _, call=call: attempt(asks[call]).kind, range(int(count)))
            )
        assert collections.Counter(answers) == {"ok": int(count)}
    clear_up(server, [{"jobId": job} for job in submitted])


def test_array_transcript(server, there):
    """Ids of array tasks are refused; the rest is about arrays, which we never use."""
    replay = Replay(server, "array", there)
    c, system = server.client, server.system
    replay.call("job_info('252_1')", lambda: c.job_info(system, "252_1"))
    replay.call("job_info('252,251')", lambda: c.job_info(system, "252,251"))
    replay.call("cancel_job('252_1')", lambda: c.cancel_job(system, "252_1"))
    replay.call("cancel_job('252_[0-1]')", lambda: c.cancel_job(system, "252_[0-1]"))
    replay.omit(
        "job arrays are a trap (facts/firecrest.md); nothing here submits them",
        "submit array 0-3%2",
        "job_info(array id) full",
        "job_info(raw id of a task: 253)",
        "job_metadata(array id)",
        "submit array 0-999%1",
        "job_info(big array)",
        "cancel_job(big array)",
        "job_info(big array after cancel)",
        "submit array 0-1001 (> MaxArraySize-1)",
    )
    assert replay.verdict() == ""


# --- transcript-more, transcript-more2


def test_more_transcript(server, there):
    """Odd job names, dependencies, quoting, raw submissions."""
    replay = Replay(server, "more", there)
    system, c, jobs = server.system, server.client, []

    def submit(label: str, text: str, directory: str = there) -> str:
        job = replay.call(label, lambda: c.submit(system, directory, script_str=text))
        jobs.append(job)
        return str(job["jobId"])

    submit("submit --time=1 sleep 300", script("sleep 300", "--time=1"))
    steps = submit("submit steps+requeue", script("srun true", "--job-name=steps", "--hold"))
    odd = submit("submit name with newline/unicode", script("true", '--job-name="ä b"', "--hold"))
    long = submit("submit name 300 chars", script("true", f"--job-name={'n' * 300}", "--hold"))
    (record,) = replay.call("job_info unicode name", lambda: c.job_info(system, odd))
    assert record["name"] == "ä b"
    replay.call("job_info steps", lambda: c.job_info(system, steps))
    (record,) = replay.call("job_info long name", lambda: c.job_info(system, long))
    assert record["name"] == "n" * 300
    replay.omit(
        "takes five minutes: a job leaves the scheduler after MinJobAge",
        "job_metadata of a job >MinJobAge (300 s) old",
        "job_info of the same",
    )
    _dependency(replay, submit)
    quoted = submit(
        "submit --wrap-like long line/quotes", script("echo '\"$`\\ é %s ! '", "--hold")
    )
    replay.call("view", lambda: c.view(system, f"{there}/slurm-{quoted}.out"))
    submit("working_dir with quote", script("true"), f"{there}/it's")
    jobs += _raw_submissions(replay)
    replay.omit("on a server of its own, below", "submit name with |", "job_info '|' name")
    clear_up(server, jobs)
    assert replay.verdict() == ""


def _dependency(replay: Replay, submit: Any) -> None:
    server, system = replay.server, replay.server.system
    failed = server.submit(replay.home, "exit 1")
    server.finished(failed)
    never = submit(
        "submit dependency afterok on failed",
        script("true", f"--dependency=afterok:{server.submit(replay.home, 'true', '--hold')}"),
    )
    (record,) = replay.call(
        "job_info dep never satisfied", lambda: server.client.job_info(system, never)
    )
    assert record["status"]["stateReason"] == "Dependency"
    replay.call("cancel", lambda: server.client.cancel_job(system, never))


def _raw_submissions(replay: Replay) -> list[Any]:
    """What pyfirecrest does not send: a name, an output file, an empty environment."""
    server, home = replay.server, replay.home
    base = {"workingDirectory": home, "script": script("true")}

    def post(**job: Any) -> Any:
        return server.ask("POST", "/compute/{system}/jobs", json={"job": job})

    named = replay.call(
        "raw POST name/standardOutput",
        lambda: post(**base, name="raw", standardOutput=f"{home}/raw.out"),
    )
    bare = replay.call("raw POST env={} no account", lambda: post(**base, env={}))
    replay.call("raw POST missing wd", lambda: post(script="x"))
    record = server.finished(json.loads(named)["jobId"])
    assert record["name"] == "raw"
    assert server.client.view(server.system, f"{home}/raw.out") == ""
    return [json.loads(named), json.loads(bare)]


def test_more2_transcript(server, there):
    """A missing working directory; the rest is about a login node that is down."""
    replay = Replay(server, "more2", there)
    job_id = server.submit(f"{there}/nope", "true", account=None)
    record = server.finished(job_id)
    replay.call("job 233 (missing workdir)", lambda: server.client.job_info(server.system, job_id))
    status = record["status"]
    assert (status["state"], status["exitCode"], status["interruptSignal"]) == ("FAILED", 0, 53)
    replay.omit(ONE_SYSTEM, *["broken ls", "next call on same client"] * 4)
    assert replay.verdict() == ""


@pytest.mark.skipif(
    "FCX_TEST_ENDPOINT" in os.environ, reason="would spoil somebody's listings for a day"
)
def test_a_bar_in_a_job_name_spoils_the_listing(tmp_path):
    """The real server cuts sacct's lines at `|`: once such a job has run, no listing works."""
    with local_server("process", tmp_path) as server:
        replay = Replay(server, "more", str(tmp_path))
        system, c = server.system, server.client
        waiting = script("true", "'--job-name=a|b'", "--hold")
        job = replay.call(
            "submit name with |", lambda: c.submit(system, str(tmp_path), script_str=waiting)
        )
        replay.call("job_info '|' name", lambda: c.job_info(system, job["jobId"]))
        assert replay.wrong == []
        other = server.submit(str(tmp_path), "true")
        server.finished(other)
        assert other in {record["jobId"] for record in c.job_info(system)}
        server.submit(str(tmp_path), f"touch {tmp_path}/ran", "'--job-name=a|b'")
        until((tmp_path / "ran").exists, within=30, what="the job to run")
        until(
            lambda: attempt(lambda: c.job_info(system)).status == 500,
            within=30,
            what="the listing to break",
        )
        assert server.job(other) is not None
