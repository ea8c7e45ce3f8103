"""The served OpenAPI document and live answers against the real server's recorded document."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conformance.openapi import Document, operations
from conformance.servers import script, until
from conformance.transcripts import FOLDER

pytest_plugins = ["conformance.fixtures"]
RECORD = FOLDER / "openapi.json"
pytestmark = pytest.mark.skipif(not RECORD.is_file(), reason="the recorded document is not here")

CALLS = operations(RECORD)


@pytest.fixture(scope="module")
def recorded() -> Document:
    """The real server's document."""
    return Document(json.loads(RECORD.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def served(server) -> Document:
    """What the server under test says of itself."""
    answer = server.http.request("GET", "/openapi.json", auth=None)
    assert answer.status_code == 200
    return Document(answer.json())


def test_the_record_has_33_paths(recorded):
    """Guards the other tests: they go over the record."""
    assert len(recorded.text["paths"]) == 33
    assert len(CALLS) == 35


def test_no_call_is_missing_and_none_is_invented(served):
    """Paths and methods are the recorded ones."""
    ours = {(method, path) for path, item in served.text["paths"].items() for method in item}
    assert set(CALLS) - ours == set()
    invented = {(method, path) for method, path in ours - set(CALLS)}
    assert {path for _, path in invented if not path.startswith(("/auth", "/stage"))} == set()


@pytest.mark.parametrize(("method", "path"), CALLS, ids=[f"{m} {p}" for m, p in CALLS])
def test_parameters_are_the_recorded_ones(served, recorded, method, path):
    """Each parameter has the recorded place, name, necessity and types."""
    assert served.parameters(method, path) == recorded.parameters(method, path)


@pytest.mark.parametrize(("method", "path"), CALLS, ids=[f"{m} {p}" for m, p in CALLS])
def test_bodies_are_the_recorded_ones(served, recorded, method, path):
    """Each body has the recorded fields, necessity and types."""
    assert served.body(method, path) == recorded.body(method, path)


@pytest.mark.parametrize(("method", "path"), CALLS, ids=[f"{m} {p}" for m, p in CALLS])
def test_answers_are_described_as_recorded(served, recorded, method, path):
    """The success status and its fields, required and optional, are the recorded ones."""
    assert served.answer(method, path) == recorded.answer(method, path)


# --- Live answers


class Visit:
    """Makes each recorded call once, and checks its answer against the recorded schema."""

    def __init__(self, server: Any, recorded: Document) -> None:
        self.server = server
        self.recorded = recorded
        self.visited: set[tuple[str, str]] = set()
        self.wrong: list[str] = []

    def __call__(self, method: str, path: str, *, job_id: str = "", **kwargs: Any) -> Any:
        """Ask, check status and body, and give the body."""
        live = path.replace("{system_name}", self.server.system).replace("{job_id}", job_id)
        answer = self.server.ask(method.upper(), live, **kwargs)
        self.visited.add((method, path))
        status, schema = self.recorded.success(method, path)
        if str(answer.status_code) != status:
            self.wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
            return None
        if not schema or not answer.content:
            return None
        body = answer.json()
        self.wrong += [f"{method} {path}: {w}" for w in self.recorded.violations(schema, body)]
        return body


def test_live_answers_fit_the_recorded_schemas(server, there, recorded):
    """Every call of the record once; its answer has all that is required, and nothing unknown."""
    visit = Visit(server, recorded)
    _visit_status(visit)
    _visit_files(visit, there)
    _visit_transfers(visit, there)
    _visit_jobs(visit, there)
    assert visit.wrong == []
    assert set(CALLS) - visit.visited == set()


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


def _visit_files(visit: Visit, there: str) -> None:
    base = "/filesystem/{system_name}/ops"
    info = visit.server.client.userinfo(visit.server.system)
    path = f"{there}/f"
    visit("post", f"{base}/upload", params={"path": there}, files={"file": ("f", b"a\nb\n")})
    for call in ("ls", "head", "tail", "view", "checksum", "file", "stat"):
        assert visit("get", f"{base}/{call}", params={"path": path})
    download = visit.server.ask("GET", f"{base}/download".replace("{system_name}", "{system}"),
                                params={"path": path})  # fmt: skip
    assert (download.status_code, download.content) == (200, b"a\nb\n")
    assert download.headers["content-type"] == "application/octet-stream"
    visit.visited.add(("get", f"{base}/download"))
    visit("post", f"{base}/mkdir", json={"sourcePath": f"{there}/d"})
    visit("post", f"{base}/symlink", json={"sourcePath": path, "linkPath": f"{there}/ln"})
    visit("put", f"{base}/chmod", json={"sourcePath": path, "mode": "600"})
    owner = {"owner": info["user"]["name"], "group": info["group"]["name"]}
    visit("put", f"{base}/chown", json={"sourcePath": path, **owner})
    archive = {"sourcePath": path, "targetPath": f"{there}/a.tgz"}
    visit("post", f"{base}/compress", json=archive)
    visit("post", f"{base}/extract", json={"sourcePath": f"{there}/a.tgz", "targetPath": there})
    visit("delete", f"{base}/rm", params={"path": f"{there}/ln"})


def _visit_transfers(visit: Visit, there: str) -> None:
    base = "/filesystem/{system_name}/transfer"
    account = visit.server.account
    jobs = []
    for call, body in (
        ("cp", {"sourcePath": f"{there}/f", "targetPath": f"{there}/f2"}),
        ("mv", {"sourcePath": f"{there}/f2", "targetPath": f"{there}/f3"}),
        ("compress", {"sourcePath": f"{there}/f", "targetPath": f"{there}/b.tgz"}),
        ("extract", {"sourcePath": f"{there}/a.tgz", "targetPath": there}),
    ):
        job = visit("post", f"{base}/{call}", json={**body, "account": account})
        jobs.append(job["transferJob"]["jobId"])
        visit.server.finished(jobs[-1])
    job = visit("delete", f"{base}/rm", params={"path": f"{there}/f3", "account": account})
    jobs.append(job["transferJob"]["jobId"])
    for call, body in (
        ("upload", {"transferMethod": "s3", "fileSize": 10}),
        ("download", {"transferMethod": "s3"}),
    ):
        request = {"sourcePath": f"{there}/f", "transferDirectives": body, "account": account}
        job = visit("post", f"{base}/{call}", json=request)
        if job is not None:
            jobs.append(job["transferJob"]["jobId"])
    for job_id in jobs:
        visit.server.ask("DELETE", f"/compute/{{system}}/jobs/{job_id}")


def _visit_jobs(visit: Visit, there: str) -> None:
    base = "/compute/{system_name}/jobs"
    job = {
        "workingDirectory": there,
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
        within=30,
        what="the cancelled job to end",
    )
