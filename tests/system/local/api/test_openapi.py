"""The served OpenAPI document, and live answers, held against what the API is known to be."""

from __future__ import annotations

from typing import Any

import pytest
from conformance.contract import Contract
from conformance.openapi import Document
from conformance.plain import violations
from conformance.servers import script, until

pytest_plugins = ["conformance.fixtures"]

CONTRACT = Contract()
REQUESTS = CONTRACT.requests
each_request = pytest.mark.parametrize(
    ("method", "path"), REQUESTS, ids=[f"{method} {path}" for method, path in REQUESTS]
)


@pytest.fixture(scope="module")
def served(server) -> Document:
    """What the server under test says of itself."""
    answer = server.http.request("GET", "/openapi.json", auth=None)
    assert answer.status_code == 200
    return Document(answer.json())


def test_the_contract_has_33_paths():
    """Guards the other tests: they go over the contract."""
    assert len({path for _, path in REQUESTS}) == 33
    assert len(REQUESTS) == 35


def test_no_request_is_missing_and_none_is_invented(served):
    """Paths and methods are those of the contract."""
    ours = set(served.requests)
    assert set(REQUESTS) - ours == set()
    invented = ours - set(REQUESTS)
    assert {path for _, path in invented if not path.startswith(("/auth", "/stage"))} == set()


@each_request
def test_parameters_are_those_of_the_contract(served, method, path):
    """Each parameter has its place, name, necessity and types."""
    assert served.parameters(method, path) == CONTRACT.parameters(method, path)


@each_request
def test_bodies_are_those_of_the_contract(served, method, path):
    """Each body has its fields, necessity and types."""
    assert served.body(method, path) == CONTRACT.body(method, path)


@each_request
def test_answers_are_described_as_in_the_contract(served, method, path):
    """The success status and its fields, required and optional."""
    assert served.answer(method, path) == CONTRACT.answer(method, path)


# --- Live answers


class Visit:
    """Makes each request once, and checks its answer against the contract."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.visited: set[tuple[str, str]] = set()
        self.wrong: list[str] = []

    def __call__(self, method: str, path: str, *, job_id: str = "", **kwargs: Any) -> Any:
        """Ask, check status and body, and give the body."""
        live = path.replace("{system_name}", self.server.system).replace("{job_id}", job_id)
        answer = self.server.ask(method.upper(), live, **kwargs)
        self.visited.add((method, path))
        status, form = CONTRACT.answer(method, path)
        if str(answer.status_code) != status:
            self.wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
            return None
        if form == "anything" or not answer.content:
            return None
        body = answer.json()
        self.wrong += [f"{method} {path}: {w}" for w in violations(form, body)]
        return body


def test_live_answers_fit_the_contract(server, place):
    """Every request once; its answer has all that is required, and nothing unknown."""
    visit = Visit(server)
    _visit_status(visit)
    _visit_files(visit, place)
    _visit_transfers(visit, place)
    _visit_jobs(visit, place)
    assert visit.wrong == []
    assert set(REQUESTS) - visit.visited == set()


def _visit_status(visit: Visit) -> None:
    for path in (
        "/status/systems",
        "/status/liveness/",
        "/status/{system_name}/nodes",
        "/status/{system_name}/partitions",
        "/status/{system_name}/reservations",
        "/status/{system_name}/userinfo",
    ):
        assert visit("get", path)


def _visit_files(visit: Visit, place: str) -> None:
    base = "/filesystem/{system_name}/ops"
    info = visit.server.client.userinfo(visit.server.system)
    path = f"{place}/f"
    visit("post", f"{base}/upload", params={"path": place}, files={"file": ("f", b"a\nb\n")})
    for call in ("ls", "head", "tail", "view", "checksum", "file", "stat"):
        assert visit("get", f"{base}/{call}", params={"path": path})
    download = visit.server.ask("GET", f"{base}/download".replace("{system_name}", "{system}"),
                                params={"path": path})  # fmt: skip
    assert (download.status_code, download.content) == (200, b"a\nb\n")
    assert download.headers["content-type"] == "application/octet-stream"
    visit.visited.add(("get", f"{base}/download"))
    visit("post", f"{base}/mkdir", json={"sourcePath": f"{place}/d"})
    visit("post", f"{base}/symlink", json={"sourcePath": path, "linkPath": f"{place}/ln"})
    visit("put", f"{base}/chmod", json={"sourcePath": path, "mode": "600"})
    owner = {"owner": info["user"]["name"], "group": info["group"]["name"]}
    visit("put", f"{base}/chown", json={"sourcePath": path, **owner})
    archive = {"sourcePath": path, "targetPath": f"{place}/a.tgz"}
    visit("post", f"{base}/compress", json=archive)
    visit("post", f"{base}/extract", json={"sourcePath": f"{place}/a.tgz", "targetPath": place})
    visit("delete", f"{base}/rm", params={"path": f"{place}/ln"})


def _visit_transfers(visit: Visit, place: str) -> None:
    base = "/filesystem/{system_name}/transfer"
    account = visit.server.account
    jobs = []
    for call, body in (
        ("cp", {"sourcePath": f"{place}/f", "targetPath": f"{place}/f2"}),
        ("mv", {"sourcePath": f"{place}/f2", "targetPath": f"{place}/f3"}),
        ("compress", {"sourcePath": f"{place}/f", "targetPath": f"{place}/b.tgz"}),
        ("extract", {"sourcePath": f"{place}/a.tgz", "targetPath": place}),
    ):
        job = visit("post", f"{base}/{call}", json={**body, "account": account})
        jobs.append(job["transferJob"]["jobId"])
        visit.server.finished(jobs[-1])
    job = visit("delete", f"{base}/rm", params={"path": f"{place}/f3", "account": account})
    jobs.append(job["transferJob"]["jobId"])
    for call, body in (
        ("upload", {"transferMethod": "s3", "fileSize": 10}),
        ("download", {"transferMethod": "s3"}),
    ):
        request = {"sourcePath": f"{place}/f", "transferDirectives": body, "account": account}
        job = visit("post", f"{base}/{call}", json=request)
        if job is not None:
            jobs.append(job["transferJob"]["jobId"])
    for job_id in jobs:
        visit.server.ask("DELETE", f"/compute/{{system}}/jobs/{job_id}")


def _visit_jobs(visit: Visit, place: str) -> None:
    base = "/compute/{system_name}/jobs"
    job = {
        "workingDirectory": place,
        "script": script("sleep 300"),
        "account": visit.server.account,
    }
    job_id = visit("post", base, json={"job": job})["jobId"]
    visit.server.running(job_id)
    assert visit("get", base)["jobs"]
    assert visit("get", f"{base}/{{job_id}}", job_id=job_id)["jobs"]
    assert visit("get", f"{base}/{{job_id}}/metadata", job_id=job_id)["jobs"]
    visit("put", f"{base}/{{job_id}}/attach", job_id=job_id, json={"command": "true"})
    visit("delete", f"{base}/{{job_id}}", job_id=job_id)
    until(
        lambda: (
            visit("get", f"{base}/{{job_id}}", job_id=job_id)["jobs"][0]["status"]["state"]
            not in ("RUNNING", "COMPLETING")
        ),
        what="the cancelled job to end",
    )
