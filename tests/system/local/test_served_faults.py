"""Faults on request: each does what the facts say of it, as often as asked, and can be repeated."""

from __future__ import annotations

import concurrent.futures
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from conformance.replay import Replay, attempt
from conformance.servers import Server, bounded, local_server, script, until
from conformance.transcripts import FOLDER
from firecrest.Authorization import ClientCredentialsAuth
from firecrest.FirecrestException import ClientsCredentialsException
from firecrest.v2 import Firecrest

LS = "/filesystem/{system}/ops/ls"
MKDIR = "/filesystem/{system}/ops/mkdir"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A process back end of this module's own."""
    with local_server("process", tmp_path_factory.mktemp("faults"), nodes=2) as server:
        yield server


@pytest.fixture
def server(cluster: Server) -> Iterator[Server]:
    """The same, with nothing wrong before and after a test."""
    yield cluster
    cluster.handle.faults.clear()
    cluster.handle.faults.token_lifetime(300)
    cluster.handle.faults.refuse_credentials(False)


@pytest.fixture
def faults(server: Server) -> Any:
    """The way to make things go wrong."""
    return server.handle.faults


@pytest.fixture
def there(server: Server) -> str:
    """A directory of the test's own."""
    return server.new_dir()


def once(server: Server, method: str, path: str, **kwargs: Any) -> httpx.Response:
    """One request, on a connection of its own, with no second try."""
    with httpx.Client(base_url=server.url, timeout=30) as http:
        token = {"Authorization": f"Bearer {server.auth.get_access_token()}"}
        return http.request(
            method, path.replace("{system}", server.system), headers=token, **kwargs
        )


@pytest.fixture
def fresh(server: Server) -> Iterator[Callable[[], Firecrest]]:
    """Makes clients, each with a token of its own."""
    made: list[Firecrest] = []
    names = ("FIRECREST_CLIENT_ID", "FIRECREST_CLIENT_SECRET", "AUTH_TOKEN_URL")

    def make() -> Firecrest:
        auth = ClientCredentialsAuth(*(server.env[name] for name in names))
        made.append(bounded(Firecrest(server.url, authorization=auth)))
        return made[-1]

    yield make
    for client in made:
        client.close_session()


# --- Requests


def test_latency_slows_one_kind_down(server, faults):
    """Systems wait, liveness does not."""
    faults.set("systems", latency=0.6)
    begin = time.monotonic()
    assert once(server, "GET", "/status/systems").status_code == 200
    slow = time.monotonic() - begin
    begin = time.monotonic()
    assert once(server, "GET", "/status/liveness/").status_code == 200
    assert 0.3 <= slow
    assert time.monotonic() - begin < slow


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_error_status_instead_of_an_answer(server, faults, there, status):
    """As often as asked, and nothing is done."""
    faults.set("mkdir", status=status, times=2)
    for _ in range(2):
        answer = once(server, "POST", MKDIR, json={"sourcePath": f"{there}/d"})
        assert answer.status_code == status
        assert answer.json()["errorType"] == "error"
    assert server.client.list_files(server.system, there) == []
    assert once(server, "POST", MKDIR, json={"sourcePath": f"{there}/d"}).status_code == 201


def test_a_crash_answers_500_and_closes_the_connection(server, faults, there):
    """As after an error that the real server did not foresee; nothing is done."""
    faults.set("mkdir", crash=1)
    where = urlsplit(server.url)
    body = f'{{"sourcePath": "{there}/d"}}'
    path = MKDIR.replace("{system}", server.system)
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {server.auth.get_access_token()}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    with socket.create_connection((where.hostname, where.port), timeout=10) as line:
        line.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        received = b""
        while piece := _received(line):
            received += piece
    assert received.startswith(b"HTTP/1.1 500")
    assert server.client.list_files(server.system, there) == []


def _received(line: socket.socket) -> bytes:
    try:
        return line.recv(65536)
    except ConnectionResetError:
        return b""


def test_a_dropped_connection_does_nothing_and_a_lost_answer_does(server, faults, there):
    """Both look the same to the client: no answer."""
    faults.set("mkdir", drop=1)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        once(server, "POST", MKDIR, json={"sourcePath": f"{there}/dropped"})
    faults.set("mkdir", lost=1)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        once(server, "POST", MKDIR, json={"sourcePath": f"{there}/lost"})
    names = [entry["name"] for entry in server.client.list_files(server.system, there)]
    assert names == ["lost"]


def test_rate_limits_name_the_time_to_wait(server, faults):
    """429 with Retry-After; pyfirecrest waits so long, and gets its answer."""
    faults.set("systems", rate=1, times=2)
    answer = once(server, "GET", "/status/systems")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    begin = time.monotonic()
    assert server.client.systems()
    assert time.monotonic() - begin >= 1


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the recorded transcripts are not here")
def test_hang_transcript(server, faults, there, fresh):
    """What each call ends in while the scheduler hangs, as it was recorded; five seconds each."""
    replay = Replay(server, "hang", there)
    system = server.system
    job_id = server.submit(there, "true", "--job-name=nodbd")
    server.finished(job_id)
    for kind in ("submit", "metadata", "nodes", "job"):
        faults.set(kind, hang=40, times=1)
    calls = {
        "submit while slurmctld hangs": lambda c: c.submit(
            system, there, script_str=script("true", "--job-name=ghost")
        ),
        "job_metadata while slurmctld hangs": lambda c: c.job_metadata(system, job_id),
        "nodes while slurmctld hangs": lambda c: c.nodes(system),
        "job_info while slurmdbd hangs": lambda c: c.job_info(system, job_id),
    }
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        answers = pool.map(lambda call: attempt(lambda: call(fresh())), calls.values())
        for label, answer in zip(calls, answers, strict=True):
            replay.judge(label, answer)
    assert 4.5 <= time.monotonic() - begin < 20
    replay.call(
        "job_info(name=ghost) afterwards", lambda: server.client.job_info(system, name="ghost")
    )
    replay.call(
        "submit while slurmdbd hangs",
        lambda: server.client.submit(system, there, script_str=script("true")),
    )
    replay.call(
        "job_metadata while slurmdbd hangs", lambda: server.client.job_metadata(system, job_id)
    )
    replay.call("job_info", lambda: server.client.job_info(system, job_id))
    replay.omit(
        "a connection that the answer before it left broken: see the crash above",
        "job_info while slurmctld hangs",
        "cancel_job while slurmctld hangs",
    )
    assert replay.verdict() == ""


# --- Tokens


def test_tokens_too_near_their_end_are_refused(server, faults, fresh):
    """31 s to live are enough, 29 and 5 are not."""
    for lifetime, status in ((31, 200), (29, 401), (5, 401)):
        faults.token_lifetime(lifetime)
        answer = attempt(lambda: fresh()._get_request(endpoint="/status/systems"))
        assert answer.status == status
        if status == 401:
            assert "Access token expires too soon (less than 30s remaining)." in answer.value


def test_tokens_can_end_at_once(server, faults, fresh):
    """The old one is refused, a new one is not."""
    client = fresh()
    assert client.systems()
    faults.expire_tokens()
    assert attempt(client.systems).status == 401
    assert fresh().systems()
    server.auth._access_token = None


def test_credentials_can_be_refused(server, faults, fresh):
    """As a wrong secret is."""
    faults.refuse_credentials()
    with pytest.raises(ClientsCredentialsException) as caught:
        fresh().systems()
    assert caught.value.responses[-1].status_code == 401
    faults.refuse_credentials(False)
    assert fresh().systems()


# --- Files


def test_half_an_upload_leaves_half_a_file(server, faults, there):
    """The answer is an error, and what is there is not whole; the next upload mends it."""
    content = b"0123456789" * 1000
    faults.set("upload", half=1)
    answer = once(
        server,
        "POST",
        "/filesystem/{system}/ops/upload",
        params={"path": there},
        files={"file": ("f", content)},
    )
    assert answer.status_code == 500
    assert server.get(f"{there}/f") == content[: len(content) // 2]
    server.put(f"{there}/f", content)
    assert server.get(f"{there}/f") == content


def test_listings_can_lag(server, faults, there):
    """A new file is not listed at first, though it can be read; later it is."""
    server.put(f"{there}/old", b"1")
    assert [e["name"] for e in server.client.list_files(server.system, there)] == ["old"]
    time.sleep(1.6)
    faults.set("ls", lag=1.5)
    server.put(f"{there}/new", b"2")

    def names() -> list[str]:
        return [entry["name"] for entry in server.client.list_files(server.system, there)]

    assert names() == ["old"]
    assert server.client.view(server.system, f"{there}/new") == "2"
    until(lambda: names() == ["new", "old"], within=20, what="the listing to show the new file")


# --- Submissions and records


def listed(server: Server, name: str) -> list[dict[str, Any]]:
    """The jobs of a name; asked again where a crash before has left the connection broken."""
    try:
        return server.client.job_info(server.system, name=name)
    except httpx.TransportError:
        return server.client.job_info(server.system, name=name)


def test_a_ghost_submit_is_an_error_and_a_job(server, faults, there):
    """500, and yet the job runs; the next submit is an ordinary one."""
    faults.set("submit", ghost=1)
    answer = attempt(lambda: server.submit(there, "touch ran", "--job-name=ghost1"))
    assert (answer.status, "Channel not open for sending" in answer.value) == (500, True)
    until(lambda: listed(server, "ghost1"), within=20, what="the ghost")
    (job,) = listed(server, "ghost1")
    assert server.finished(job["jobId"])["status"]["state"] == "COMPLETED"
    assert server.client.stat(server.system, f"{there}/ran")
    assert server.submit(there, "true").isdigit()


def test_a_job_may_appear_long_after_its_submit_failed(server, faults, there):
    """Looking the name up for a while proves nothing."""
    faults.set("submit", appears=2.5, times=1)
    begin = time.monotonic()
    assert attempt(lambda: server.submit(there, "true", "--job-name=late1")).status == 500
    while time.monotonic() - begin < 1.5:
        assert listed(server, "late1") == []
        time.sleep(0.2)
    until(lambda: listed(server, "late1"), within=20, what="the late job")
    assert time.monotonic() - begin >= 2.4


def test_jobs_can_be_made_to_wait(server, faults, there):
    """PENDING for so long, then it runs."""
    faults.set("submit", pending=1.5, times=1)
    begin = time.monotonic()
    job_id = server.submit(there, "true")
    assert server.job(job_id)["status"]["state"] == "PENDING"
    server.finished(job_id)
    assert time.monotonic() - begin >= 1.4


def test_records_can_be_late(server, faults, there):
    """Not found for some seconds after submit, though the job is well."""
    faults.set("job", missing=1.5)
    begin = time.monotonic()
    job_id = server.submit(there, "true")
    assert server.job(job_id) is None
    until(lambda: server.job(job_id), within=20, what="the record")
    assert time.monotonic() - begin >= 1.4
    server.finished(job_id)


def test_early_records_can_be_bogus(server, faults, there):
    """The name `allocation`, PENDING, exit code 0, no directory, while a step already runs."""
    faults.set("job", bogus=1.5)
    job_id = server.submit(there, "sleep 1; exit 3", "--job-name=truth")
    early = until(
        lambda: (record := server.job(job_id)) and record["name"] == "allocation" and record,
        within=20,
        what="the bogus record",
    )
    assert early["status"]["state"] == "PENDING"
    assert early["status"]["exitCode"] == 0
    assert early["workingDirectory"] == ""
    assert early["tasks"]
    late = server.finished(job_id)
    assert (late["name"], late["status"]["exitCode"]) == ("truth", 3)


# --- What befalls jobs


@pytest.mark.parametrize(
    ("effect", "state"),
    [("fail_node", "NODE_FAIL"), ("preempt", "PREEMPTED"), ("run_out_of_memory", "OUT_OF_MEMORY")],
)
def test_jobs_can_be_ended(server, faults, there, effect, state):
    """A dead node, a job that matters more, too much memory: each has its state."""
    job_id = server.submit(there, "sleep 300", "--no-requeue")
    server.running(job_id)
    getattr(faults, effect)(job_id)
    assert server.finished(job_id)["status"]["state"] == state


@pytest.mark.parametrize("effect", ["fail_node", "preempt", "requeue"])
def test_requeued_jobs_run_again_under_the_same_id(server, faults, there, effect):
    """From the beginning, and they can know it."""
    body = "echo ${SLURM_RESTART_COUNT:-0} >> runs; test -e again && exit 0; touch again; sleep 300"
    job_id = server.submit(there, body, "--requeue")
    until(
        lambda: any(
            entry["name"] == "again" for entry in server.client.list_files(server.system, there)
        ),
        within=30,
        what="the first run",
    )
    getattr(faults, effect)(job_id)
    assert server.finished(job_id)["status"]["state"] == "COMPLETED"
    assert server.get(f"{there}/runs") == b"0\n1\n"


def test_what_befalls_jobs_can_be_left_to_chance(server, faults, there):
    """With probability 1 it always happens, and it is written down."""
    faults.set("run", node_fail=1.0)
    job_id = server.submit(there, "sleep 300", "--no-requeue")
    assert server.finished(job_id)["status"]["state"] == "NODE_FAIL"
    assert any(
        one["kind"] == "run" and one["effects"].get("job") == job_id for one in faults.injected()
    )


# --- Seeds, counts, settings


def test_a_seed_repeats_the_run(server, faults, there):
    """The same seed, the same requests: the same ones fail."""
    path = server.put(f"{there}/f", b"x")

    def run(seed: int) -> list[int]:
        faults.clear()
        faults.seed(seed)
        faults.set("view", status=503, probability=0.5)
        params = {"path": path}
        return [
            server.ask("GET", "/filesystem/{system}/ops/view", params=params).status_code
            for _ in range(40)
        ]

    first = run(7)
    assert run(7) == first
    assert run(8) != first
    assert set(first) == {200, 503}
    assert 5 <= first.count(503) <= 35


def test_requests_are_counted_by_kind(server, there):
    """Exactly what was asked, failures too."""
    c, system = server.client, server.system
    server.auth.get_access_token()
    server.handle.reset_counts()
    job_id = server.submit(there, "true")
    for _ in range(3):
        attempt(lambda: c.job_info(system, job_id))
    attempt(lambda: c.job_info(system))
    attempt(lambda: c.view(system, f"{there}/nope"))
    server.put(f"{there}/f", b"x")
    attempt(lambda: c.stat(system, f"{there}/f"))
    assert server.handle.counts() == {
        "submit": 1, "job": 3, "jobs": 1, "view": 1, "upload": 1, "stat": 1,
    }  # fmt: skip
    assert server.handle.statuses()[404] == 1
    assert server.handle.submissions()[-1]["jobId"] == job_id
    assert server.handle.uploads()[-1]["path"] == f"{there}/f"


def test_an_unknown_fault_is_refused_by_name(faults):
    """A misspelt one would do nothing, and the test would pass for nothing."""
    with pytest.raises(RuntimeError, match="gosht"):
        faults.set("submit", gosht=1)


def test_faults_can_stand_from_the_start(tmp_path):
    """As `fcx local up --fault` does it."""
    with local_server("process", tmp_path, faults={"mkdir.status": 503, "seed": 3}) as server:
        assert once(server, "POST", MKDIR, json={"sourcePath": f"{tmp_path}/d"}).status_code == 503
        assert once(server, "GET", LS, params={"path": str(tmp_path)}).status_code == 200
