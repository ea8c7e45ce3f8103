"""Faults of requests on request: answers that fail, are late or lost, tokens, files, listings."""

from __future__ import annotations

import concurrent.futures
import os
import socket
import time
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx
import pytest
from conformance.exchanges import Scenario, attempt
from conformance.servers import local_server, once, script, until
from firecrest.FirecrestException import ClientsCredentialsException

LS = "/filesystem/{system}/ops/ls"
MKDIR = "/filesystem/{system}/ops/mkdir"
EVER = 3600.0  # seconds that no test lasts


def test_latency_slows_one_kind_down(server, faults):
    """An answer that takes an hour does not come; others do, and it does with less."""
    faults.set("systems", latency=EVER)
    with pytest.raises(httpx.ReadTimeout):
        once(server, "GET", "/status/systems", timeout=1)
    assert once(server, "GET", "/status/liveness/").status_code == 200
    faults.set("systems", latency=0.05)
    assert once(server, "GET", "/status/systems").status_code == 200


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_error_status_instead_of_an_answer(server, faults, place, status):
    """As often as asked, and nothing is done."""
    faults.set("mkdir", status=status, times=2)
    for _ in range(2):
        answer = once(server, "POST", MKDIR, json={"sourcePath": f"{place}/d"})
        assert answer.status_code == status
        assert answer.json()["errorType"] == "error"
    assert server.client.list_files(server.system, place) == []
    assert once(server, "POST", MKDIR, json={"sourcePath": f"{place}/d"}).status_code == 201


def test_a_crash_answers_500_and_closes_the_connection(server, faults, place):
    """As after an error that the real server did not foresee; nothing is done."""
    faults.set("mkdir", crash=1)
    where = urlsplit(server.url)
    body = f'{{"sourcePath": "{place}/d"}}'
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
    assert server.client.list_files(server.system, place) == []


def _received(line: socket.socket) -> bytes:
    try:
        return line.recv(65536)
    except ConnectionResetError:
        return b""


def test_a_dropped_connection_does_nothing_and_a_lost_answer_does(server, faults, place):
    """Both look the same to the client: no answer."""
    faults.set("mkdir", drop=1)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        once(server, "POST", MKDIR, json={"sourcePath": f"{place}/dropped"})
    faults.set("mkdir", lost=1)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        once(server, "POST", MKDIR, json={"sourcePath": f"{place}/lost"})
    names = [entry["name"] for entry in server.client.list_files(server.system, place)]
    assert names == ["lost"]


def test_rate_limits_name_the_time_to_wait(server, faults):
    """429 with Retry-After; pyfirecrest waits, asks again, and gets its answer."""
    faults.set("systems", rate=1, times=2)
    answer = once(server, "GET", "/status/systems")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    server.handle.reset_counts()
    assert server.client.systems()
    assert server.handle.counts()["systems"] == 2
    assert server.handle.statuses()[429] == 1


@pytest.mark.slow
def test_a_scheduler_that_hangs(server, faults, place, fresh):
    """What each request ends in, after the five seconds that a command has."""
    scenario = Scenario(server, "hanging", place)
    system = server.system
    job_id = server.submit(place, "true", "--job-name=nodbd")
    server.finished(job_id)
    for kind in ("submit", "metadata", "nodes", "job"):
        faults.set(kind, hang=40, times=1)
    calls = {
        "submit while slurmctld hangs": lambda c: c.submit(
            system, place, script_str=script("true", "--job-name=ghost")
        ),
        "job_metadata while slurmctld hangs": lambda c: c.job_metadata(system, job_id),
        "nodes while slurmctld hangs": lambda c: c.nodes(system),
        "job_info while slurmdbd hangs": lambda c: c.job_info(system, job_id),
    }
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        answers = pool.map(lambda call: attempt(lambda: call(fresh())), calls.values())
        for label, answer in zip(calls, answers, strict=True):
            scenario.judge(label, answer)
    scenario.ask(
        "job_info(name=ghost) afterwards", lambda: server.client.job_info(system, name="ghost")
    )
    scenario.ask(
        "submit while slurmdbd hangs",
        lambda: server.client.submit(system, place, script_str=script("true")),
    )
    scenario.ask(
        "job_metadata while slurmdbd hangs", lambda: server.client.job_metadata(system, job_id)
    )
    scenario.ask("job_info", lambda: server.client.job_info(system, job_id))
    assert scenario.verdict() == ""


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


def test_half_an_upload_leaves_half_a_file(server, faults, place):
    """The answer is an error, and what is there is not whole; the next upload makes it whole."""
    content = b"0123456789" * 1000
    faults.set("upload", half=1)
    answer = once(
        server,
        "POST",
        "/filesystem/{system}/ops/upload",
        params={"path": place},
        files={"file": ("f", content)},
    )
    assert answer.status_code == 500
    assert server.get(f"{place}/f") == content[: len(content) // 2]
    server.put(f"{place}/f", content)
    assert server.get(f"{place}/f") == content


def test_listings_can_lag(server, faults, place):
    """A new file is not listed at first, though it can be read; later it is."""

    def names() -> list[str]:
        return [entry["name"] for entry in server.client.list_files(server.system, place)]

    server.put(f"{place}/old", b"1")
    a_day_ago = time.time() - 86_400
    os.utime(f"{place}/old", (a_day_ago, a_day_ago))
    server.put(f"{place}/new", b"2")
    faults.set("ls", lag=EVER)
    assert names() == names() == ["old"]
    assert server.client.view(server.system, f"{place}/new") == "2"
    faults.set("ls", lag=0.2)
    until(lambda: names() == ["new", "old"], what="the listing to show the new file")


def test_a_seed_repeats_the_run(server, faults, place):
    """The same seed, the same requests: the same ones fail."""
    path = server.put(f"{place}/f", b"x")

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


def test_requests_are_counted_by_kind(server, place):
    """Exactly what was asked, failures too."""
    c, system = server.client, server.system
    server.auth.get_access_token()
    server.handle.reset_counts()
    job_id = server.submit(place, "true")
    for _ in range(3):
        attempt(lambda: c.job_info(system, job_id))
    attempt(lambda: c.job_info(system))
    attempt(lambda: c.view(system, f"{place}/nope"))
    server.put(f"{place}/f", b"x")
    attempt(lambda: c.stat(system, f"{place}/f"))
    assert server.handle.counts() == {
        "submit": 1, "job": 3, "jobs": 1, "view": 1, "upload": 1, "stat": 1,
    }  # fmt: skip
    assert server.handle.statuses()[404] == 1
    assert server.handle.submissions()[-1]["jobId"] == job_id
    assert server.handle.uploads()[-1]["path"] == f"{place}/f"


def test_an_unknown_fault_is_refused_by_name(faults):
    """A misspelt one would do nothing, and the test would pass for nothing."""
    with pytest.raises(RuntimeError, match="gosht"):
        faults.set("submit", gosht=1)


def test_faults_can_stand_from_the_start(tmp_path):
    """As `fcx local up --fault` does it."""
    with local_server("process", tmp_path, faults={"mkdir.status": 503, "seed": 3}) as server:
        assert once(server, "POST", MKDIR, json={"sourcePath": f"{tmp_path}/d"}).status_code == 503
        assert once(server, "GET", LS, params={"path": str(tmp_path)}).status_code == 200


def test_a_service_is_told_to_be_unwell(server, faults):
    """That one alone, with a word of why; it works all the same."""
    faults.set("health", scheduler=True)
    (system,) = once(server, "GET", "/status/systems").json()["systems"]
    told = {
        one["serviceType"]: (one["healthy"], one["message"]) for one in system["servicesHealth"]
    }
    assert told.pop("scheduler") == (False, "Injected fault")
    assert set(told.values()) == {(True, None)}
    assert once(server, "GET", "/compute/{system}/jobs").status_code == 200


def test_partitions_are_told_to_be_down(server, faults):
    """All of them, and up again once that is lifted."""
    faults.set("partitions", down=True)
    path = "/status/{system}/partitions"
    states = [one["partition"] for one in once(server, "GET", path).json()["partitions"]]
    assert set(states) == {"DOWN"}
    faults.clear("partitions")
    assert once(server, "GET", path).json()["partitions"][0]["partition"] == "UP"


def test_a_clock_is_ahead(server, faults):
    """The answer's Date is one, and only one, and as far off as asked."""
    faults.set("systems", skew=3600)
    told = once(server, "GET", "/status/systems").headers["Date"]
    right = once(server, "GET", "/status/liveness/").headers["Date"]
    apart = parsedate_to_datetime(told) - parsedate_to_datetime(right)
    assert 3500 < apart.total_seconds() < 3700
