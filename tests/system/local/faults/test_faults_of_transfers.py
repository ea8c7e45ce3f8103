"""Faults of large transfers on request, as a plain client sees them."""

from __future__ import annotations

import httpx
import pytest
from conformance.servers import local_server, once, until

TRANSFER = "/filesystem/{system}/transfer/"
S3 = {"transferMethod": "s3"}


def begun(server, verb, **body):
    """The answer to one transfer."""
    answer = once(server, "POST", TRANSFER + verb, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def state(server, begun):
    """Of its job."""
    return server.client.job_info(server.system, begun["transferJob"]["jobId"])[0]["status"][
        "state"
    ]


def ended(server, begun):
    """How its job has, once it has."""
    going = {"PENDING", "RUNNING", "COMPLETING"}
    until(lambda: state(server, begun) not in going, what="its end")
    return state(server, begun)


@pytest.fixture
def file(server, place):
    """A small file."""
    server.put(f"{place}/f", b"hello")
    return f"{place}/f"


def test_a_job_that_fails_does_nothing(server, faults, place, file):
    """The next one does what it should."""
    faults.set("transfer.compress", fails=1)
    body = {"sourcePath": file, "targetPath": f"{place}/f.tar"}
    assert ended(server, begun(server, "compress", **body)) == "FAILED"
    assert ended(server, begun(server, "compress", **body)) == "COMPLETED"


def test_a_job_that_waits(server, faults, file):
    """In the queue, until it is cancelled."""
    faults.set("transfer.download", pending=3600)
    sent = begun(server, "download", sourcePath=file, transferDirectives=S3)
    assert state(server, sent) == "PENDING"
    server.client.cancel_job(server.system, sent["transferJob"]["jobId"])
    assert ended(server, sent).startswith("CANCELLED")


def test_an_object_is_spoilt(server, faults, file):
    """Before it is read."""
    sent = begun(server, "download", sourcePath=file, transferDirectives=S3)
    assert ended(server, sent) == "COMPLETED"
    url = sent["transferDirectives"]["downloadUrl"]
    ranged = httpx.get(url, headers={"Range": "bytes=1-2"})
    assert (ranged.status_code, ranged.content) == (206, b"el")
    assert ranged.headers["Content-Range"] == "bytes 1-2/5"
    faults.set("stage.get", spoil=1)
    assert httpx.get(url).content == b"hemlo"


def test_an_address_expires(server, faults, place):
    """And a part must say how long it is."""
    way = {**S3, "fileSize": 5}
    fresh = begun(server, "upload", sourcePath=f"{place}/g", transferDirectives=way)
    (part,) = fresh["transferDirectives"]["partsUploadUrls"]
    assert httpx.put(part, content=iter([b"hello"])).status_code == 411
    faults.set("transfer.upload", expires=0)
    late = begun(server, "upload", sourcePath=f"{place}/h", transferDirectives=way)
    (part,) = late["transferDirectives"]["partsUploadUrls"]
    refused = httpx.put(part, content=b"hello")
    assert refused.status_code == 403
    assert "<Code>AccessDenied</Code>" in refused.text
    server.client.cancel_job(server.system, fresh["transferJob"]["jobId"])


def test_without_a_stage(tmp_path):
    """The system says so, and the real server stumbles over it."""
    with local_server("process", tmp_path, max_part_size=0) as server:
        (system,) = server.client.systems()
        assert system["dataOperation"]["data_transfer"] is None
        place = server.new_dir()
        server.put(f"{place}/f", b"hello")
        body = {"sourcePath": f"{place}/f", "transferDirectives": S3}
        assert once(server, "POST", TRANSFER + "download", json=body).status_code == 500
