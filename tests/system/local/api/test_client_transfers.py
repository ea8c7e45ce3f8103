"""pyfirecrest's v2 clients: small files at once, large ones and whole trees by jobs."""

from __future__ import annotations

import hashlib
import io
import os
import stat

import pytest
from conformance.refusals import refusal
from firecrest.FirecrestException import TransferJobFailedException

pytest_plugins = ["conformance.fixtures"]

httpx_wants_content = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
"""So pyfirecrest ends a multipart upload: `data=` with text, which httpx would rather not have."""


def test_small_files_travel_directly(client, server, place, tmp_path):
    """Bytes in, the same bytes out; an upload replaces what was there."""
    data = os.urandom(25_600)
    (tmp_path / "up").write_bytes(data)
    assert client.upload(server.system, tmp_path / "up", place, "f") is None
    assert client.download(server.system, f"{place}/f", tmp_path / "down") is None
    assert (tmp_path / "down").read_bytes() == data
    (tmp_path / "up").write_bytes(b"less")
    client.upload(server.system, tmp_path / "up", place, "f")
    client.download(server.system, f"{place}/f", str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == b"less"


def test_an_open_file_can_be_uploaded(server, place):
    """The plain client takes a file object and its size."""
    server.client.upload(server.system, io.BytesIO(b"stream"), place, "f", file_size=6)
    assert server.get(f"{place}/f") == b"stream"


def test_downloading_what_is_not_there(client, server, place, tmp_path):
    """Here pyfirecrest turns the 404 of stat into FileNotFoundError."""
    with pytest.raises(FileNotFoundError, match="nope"):
        client.download(server.system, f"{place}/nope", tmp_path / "x")


@pytest.fixture
def stage(server) -> dict:
    """The server's S3 settings; a server without a stage can't move large files."""
    settings = server.record["dataOperation"]["data_transfer"]
    if server.kind == "env" and (not settings or settings["serviceType"] != "s3"):
        pytest.skip("the server has no S3 stage")
    return settings


@httpx_wants_content
def test_large_files_travel_in_parts(client, server, place, tmp_path, stage):
    """Upload and download go by way of the stage and a job each; the bytes arrive."""
    size = 3 * 1024 * 1024 + 17
    data = os.urandom(size)
    (tmp_path / "up").write_bytes(data)
    sent = client.upload(server.system, tmp_path / "up", place, "big", account=server.account)
    directives = sent.transfer_data["transferDirectives"]
    assert directives["transferMethod"] == "s3"
    assert len(directives["partsUploadUrls"]) == -(-size // directives["maxPartSize"])
    checksum = client.checksum(server.system, f"{place}/big")
    assert checksum["checksum"] == hashlib.sha256(data).hexdigest()
    got = client.download(server.system, f"{place}/big", tmp_path / "down", account=server.account)
    assert set(got.transfer_data["transferJob"]) == {"jobId", "system", "workingDirectory", "logs"}
    assert (tmp_path / "down").read_bytes() == data


@httpx_wants_content
def test_a_large_upload_can_be_left_to_the_caller(server, place, tmp_path, stage):
    """blocking=False gives the pieces: send the parts, then wait for the job."""
    data = os.urandom(1024 * 1024)
    (tmp_path / "up").write_bytes(data)
    sent = server.client.upload(
        server.system, tmp_path / "up", place, "big", account=server.account, blocking=False
    )
    sent.upload_file_to_stage()
    sent.wait_for_transfer_job(timeout=90)
    assert server.client.stat(server.system, f"{place}/big")["size"] == len(data)


def test_mv_is_a_job(client, server, tree):
    """The answer names the job and its logs, and the file has moved when it has ended."""
    moved = client.mv(server.system, f"{tree}/top.txt", f"{tree}/moved", account=server.account)
    job = moved["transferJob"]
    assert job["system"] == server.system
    assert job["logs"]["outputLog"].startswith(f"{job['workingDirectory']}/.f7t_file_handling_job_")
    assert server.get(f"{tree}/moved") == b"12345"
    assert refusal(client.stat, server.system, f"{tree}/top.txt")[0] == 404


def test_mv_that_fails_says_so(client, server, place):
    """Then pyfirecrest reads the job's log, and finds no word of success."""
    with pytest.raises(TransferJobFailedException):
        client.mv(server.system, f"{place}/nope", f"{place}/x", account=server.account)


def test_cp_copies_files_and_directories(client, server, tree):
    """With dereference, what a link points to; the original stays."""
    client.cp(server.system, f"{tree}/sub", f"{tree}/copy", account=server.account)
    assert server.get(f"{tree}/copy/inner.txt") == b"inner"
    client.cp(
        server.system, f"{tree}/link", f"{tree}/plain", dereference=True, account=server.account
    )
    assert stat.S_ISREG(client.stat(server.system, f"{tree}/plain")["mode"])
    assert server.get(f"{tree}/top.txt") == b"12345"


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "xz", "none"])
def test_compress_and_extract_at_once(client, server, tree, compression):
    """Each kind of compression gives an archive that extracts to the same files."""
    archive = f"{tree}/a.tar"
    client.compress(server.system, f"{tree}/sub", archive, compression=compression)
    magic = {"gzip": b"\x1f\x8b", "bzip2": b"BZh", "xz": b"\xfd7zXZ", "none": b"sub/"}[compression]
    assert server.get(archive).startswith(magic)
    client.mkdir(server.system, f"{tree}/out")
    client.extract(server.system, archive, f"{tree}/out", compression=compression)
    assert server.get(f"{tree}/out/sub/inner.txt") == b"inner"


def test_compress_takes_a_pattern(client, server, tree):
    """Only what matches is packed."""
    server.put(f"{tree}/sub/inner.bin", b"no")
    client.compress(server.system, f"{tree}/sub", f"{tree}/a.tgz", match_pattern=".*/inner\\.txt")
    client.mkdir(server.system, f"{tree}/out")
    client.extract(server.system, f"{tree}/a.tgz", f"{tree}/out")
    found = {
        file["name"] for file in client.list_files(server.system, f"{tree}/out", recursive=True)
    }
    assert "sub/inner.txt" in found
    assert "sub/inner.bin" not in found


def transfer(server, method: str, call: str, **body: object) -> dict:
    """One of the transfers that pyfirecrest falls back to when a direct call takes too long."""
    body["account"] = server.account
    kwargs = {"params": body} if method == "DELETE" else {"json": body}
    answer = server.ask(method, f"/filesystem/{{system}}/transfer/{call}", **kwargs)
    assert answer.status_code == (200 if method == "DELETE" else 201), answer.text
    server.client._wait_for_transfer_job(answer.json(), timeout=90)
    return answer.json()["transferJob"]


def test_compress_extract_and_rm_as_jobs(server, tree):
    """The same by way of jobs."""
    transfer(server, "POST", "compress", sourcePath=f"{tree}/sub", targetPath=f"{tree}/a.tgz")
    server.client.mkdir(server.system, f"{tree}/out")
    transfer(server, "POST", "extract", sourcePath=f"{tree}/a.tgz", targetPath=f"{tree}/out")
    assert server.get(f"{tree}/out/sub/inner.txt") == b"inner"
    transfer(server, "DELETE", "rm", path=f"{tree}/out")
    assert refusal(server.client.stat, server.system, f"{tree}/out")[0] == 404
