"""pyfirecrest's v2 clients, every method that the server offers, against each server under test."""

from __future__ import annotations

import hashlib
import inspect
import io
import os
import stat
import time
from pathlib import Path

import pytest
from conformance.servers import ENDED, script, until
from firecrest.FirecrestException import (
    JobTimeoutException,
    TransferJobFailedException,
    UnexpectedStatusException,
)
from firecrest.v2 import AsyncFirecrest, Firecrest

pytest_plugins = ["conformance.fixtures"]

SPEECH = b"".join(b"line %02d\n" % number for number in range(1, 31))
"""A text of 30 lines, 8 bytes each."""
FAILED = "Remote process failed with exit status:"
FILE_KEYS = {
    "name",
    "type",
    "linkTarget",
    "user",
    "group",
    "permissions",
    "lastModified",
    "size",
}


def refusal(call, *args, **kwargs) -> tuple[int, str]:
    """Status and message of the error that a call must end in."""
    with pytest.raises(UnexpectedStatusException) as caught:
        call(*args, **kwargs)
    answer = caught.value.responses[-1]
    body = answer.json()
    assert set(body) == {"errorType", "message", "causedBy", "data", "user"}
    return answer.status_code, body["message"]


httpx_wants_content = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
"""So pyfirecrest ends a multipart upload: `data=` with text, which httpx would rather not have."""

# --- Status


def test_every_method_of_the_client_is_called_here():
    """A method that pyfirecrest gains must be tested here too."""
    ours = Path(__file__).read_text(encoding="utf-8")
    own_affairs = {
        "close_session",
        "create_new_session",
        "is_session_closed",
        "log",
        "set_api_version",
        "set_maximum_s3_connections",
    }
    for kind in (Firecrest, AsyncFirecrest):
        public = {name for name, _ in inspect.getmembers(kind) if name[0].islower()}
        missing = {name for name in public - own_affairs if f"client.{name}" not in ours}
        assert not missing, f"{kind.__name__}: no test calls {sorted(missing)}"


def test_the_version_comes_from_the_header(client):
    """The development build of 2.x is taken for 2, as the recorded server is."""
    assert client.server_version() == "2"


def test_systems_name_the_system_and_its_file_systems(client, server):
    """The system's entry tells where jobs may write and how big a direct transfer may be."""
    entry = next(s for s in client.systems() if s["name"] == server.system)
    assert entry["scheduler"]["type"] == "slurm"
    assert entry["ssh"]["timeout"]["commandExecution"] == 5
    defaults = [fs for fs in entry["fileSystems"] if fs["defaultWorkDir"]]
    assert len(defaults) == 1
    assert any(server.home.startswith(fs["path"].rstrip("/") + "/") for fs in entry["fileSystems"])
    assert entry["dataOperation"]["max_ops_file_size"] == 5 * 1024 * 1024


def test_nodes_have_states_and_cpus(client, server):
    """Each node says what it has and what of it is idle."""
    nodes = client.nodes(server.system)
    assert nodes
    every = server.ask("GET", "/status/{system}/partitions", params={"show_hidden": True}).json()
    for node in nodes:
        assert node["cpus"] >= 1
        assert node["state"]
        assert set(node["partitions"]) <= {p["name"] for p in every["partitions"]}


def test_partitions_count_their_nodes(client, server):
    """Each partition is up and has nodes and processors."""
    partitions = client.partitions(server.system)
    assert partitions
    for partition in partitions:
        assert partition["partition"] in ("UP", ["UP"])
        assert partition["totalNodes"] >= 1
        assert partition["cpus"] >= 1


def test_reservations_are_a_list(client, server):
    """There are none, and the answer says so."""
    assert client.reservations(server.system) == []


def test_userinfo_names_user_groups_and_accounts(client, server):
    """The account that jobs are charged to is among the user's own."""
    info = client.userinfo(server.system)
    assert info["user"]["name"]
    assert info["user"]["id"].isdigit()
    assert info["group"] in info["groups"]
    accounts = {account["name"]: account["default"] for account in info["accounts"]}
    assert server.account in accounts
    assert sum(accounts.values()) == 1


def test_liveness_needs_no_token(server):
    """A load balancer asks without credentials."""
    answer = server.http.request("GET", "/status/liveness/", auth=None)
    assert answer.status_code == 200
    assert set(answer.json()) == {"healthcheckRuns", "lastUpdate"}


def test_every_answer_carries_the_servers_mark(server):
    """Version and time stand in headers of each answer."""
    headers = server.ask("GET", "/status/systems").headers
    assert headers["f7t-appversion"] == "2.x.x"
    assert headers["f7t-timestamp"]


def test_the_system_name_may_be_in_any_case(client, server):
    """Paths are folded to lower case before they are matched."""
    assert client.nodes(server.system.upper())


# --- Files and directories


def test_mkdir_answers_with_the_directory(client, server, there):
    """The answer describes what was made; the mode is 0755 whatever the umask."""
    made = client.mkdir(server.system, f"{there}/d")
    assert set(made) == FILE_KEYS
    assert (made["name"], made["type"]) == (f"{there}/d", "d")
    assert made["permissions"] == "rwxr-xr-x"
    assert refusal(client.mkdir, server.system, f"{there}/d") == (
        400,
        f"{FAILED}1 and error message:mkdir: cannot create directory '{there}/d': File exists",
    )


def test_mkdir_makes_parents_only_when_asked(client, server, there):
    """Without create_parents a missing parent is 404; with it, an existing directory is fine."""
    status, message = refusal(client.mkdir, server.system, f"{there}/a/b")
    assert status == 404
    assert "No such file or directory" in message
    first = client.mkdir(server.system, f"{there}/a/b", create_parents=True)
    again = client.mkdir(server.system, f"{there}/a/b", create_parents=True)
    assert first["name"] == again["name"] == f"{there}/a/b"


@pytest.fixture
def tree(server, there) -> str:
    """A directory with a file, a hidden file, a directory with a file, and a link."""
    server.put(f"{there}/top.txt", b"12345")
    server.put(f"{there}/.hidden", b"x")
    server.client.mkdir(server.system, f"{there}/sub")
    server.put(f"{there}/sub/inner.txt", b"inner")
    server.client.symlink(server.system, f"{there}/top.txt", f"{there}/link")
    return there


def test_list_files_shows_names_sizes_and_links(client, server, tree):
    """Names are relative, sizes are text, links tell where they lead."""
    files = {file["name"]: file for file in client.list_files(server.system, tree)}
    assert list(files) == ["link", "sub", "top.txt"]
    assert all(set(file) == FILE_KEYS for file in files.values())
    assert files["top.txt"]["size"] == "5"
    assert [files[name]["type"] for name in files] == ["l", "d", "-"]
    assert files["link"]["linkTarget"] == f"{tree}/top.txt"
    assert files["top.txt"]["linkTarget"] is None
    time.strptime(files["top.txt"]["lastModified"], "%Y-%m-%dT%H:%M:%S")


def test_list_files_with_each_option(client, server, tree):
    """Hidden, recursive, numeric and dereferenced listings differ as those of ls do."""
    list_files = client.list_files
    hidden = [file["name"] for file in list_files(server.system, tree, show_hidden=True)]
    assert hidden == [".hidden", "link", "sub", "top.txt"]
    deep = [file["name"] for file in list_files(server.system, tree, recursive=True)]
    assert deep == ["link", "sub", "top.txt", "sub/inner.txt"]
    numeric = list_files(server.system, tree, numeric_uid=True)
    info = client.userinfo(server.system)
    assert {file["user"] for file in numeric} == {info["user"]["id"]}
    assert all(file["group"].isdigit() for file in numeric)
    followed = {f["name"]: f for f in list_files(server.system, tree, dereference=True)}
    assert (followed["link"]["type"], followed["link"]["size"]) == ("-", "5")


def test_list_files_of_a_file_gives_its_whole_path(client, server, tree):
    """As ls does, where it is asked for a file."""
    (only,) = client.list_files(server.system, f"{tree}/top.txt")
    assert only["name"] == f"{tree}/top.txt"


def test_list_files_of_an_empty_directory_is_empty(client, server, there):
    """No entries, no error."""
    assert client.list_files(server.system, there) == []


def test_head_counts_lines_and_bytes(client, server, there):
    """Ten lines by default; the positions in the answer are those that were asked for."""
    path = server.put(f"{there}/f", SPEECH)
    assert client.head(server.system, path) == {
        "content": SPEECH[:80].decode(),
        "contentType": "lines",
        "startPosition": 0,
        "endPosition": 10,
    }
    lines = client.head(server.system, path, num_lines=2)
    assert (lines["content"], lines["endPosition"]) == ("line 01\nline 02\n", 2)
    some = client.head(server.system, path, num_bytes=4)
    assert (some["content"], some["contentType"], some["endPosition"]) == ("line", "bytes", 4)
    but_last = client.head(server.system, path, num_lines=1, exclude_trailing=True)
    assert (but_last["content"], but_last["endPosition"]) == (SPEECH[:-8].decode(), -1)
    but_bytes = client.head(server.system, path, num_bytes=8, exclude_trailing=True)
    assert (but_bytes["content"], but_bytes["endPosition"]) == (SPEECH[:-8].decode(), -8)


def test_tail_counts_lines_and_bytes(client, server, there):
    """`exclude_beginning` starts at that byte or line, counted from one."""
    path = server.put(f"{there}/f", SPEECH)
    assert client.tail(server.system, path) == {
        "content": SPEECH[-80:].decode(),
        "contentType": "lines",
        "startPosition": 10,
        "endPosition": -1,
    }
    lines = client.tail(server.system, path, num_lines=2)
    assert (lines["content"], lines["startPosition"]) == ("line 29\nline 30\n", -2)
    some = client.tail(server.system, path, num_bytes=3)
    assert (some["content"], some["contentType"], some["startPosition"]) == ("30\n", "bytes", -3)
    from_line = client.tail(server.system, path, num_lines=29, exclude_beginning=True)
    assert (from_line["content"], from_line["startPosition"]) == ("line 29\nline 30\n", 29)
    from_byte = client.tail(server.system, path, num_bytes=233, exclude_beginning=True)
    assert (from_byte["content"], from_byte["startPosition"]) == ("line 30\n", 233)
    past_end = client.tail(server.system, path, num_bytes=9999, exclude_beginning=True)
    assert past_end["content"] == ""


def test_view_gives_the_text_and_replaces_what_is_no_text(client, server, there):
    """The text calls decode UTF-8, and put U+FFFD where that can't be."""
    assert client.view(server.system, server.put(f"{there}/f", SPEECH)) == SPEECH.decode()
    assert client.view(server.system, server.put(f"{there}/u", "é\n".encode())) == "é\n"
    broken = client.view(server.system, server.put(f"{there}/b", b"a\xff\xfeb"))
    assert broken == "a\ufffd\ufffdb"


def test_checksum_is_sha256(client, server, there):
    """Of the bytes, whatever they are."""
    data = os.urandom(10_000)
    assert client.checksum(server.system, server.put(f"{there}/f", data)) == {
        "algorithm": "SHA256",
        "checksum": hashlib.sha256(data).hexdigest(),
    }


def test_file_type_is_what_file_says(client, server, there):
    """Text, directory, and a script that names its interpreter."""
    assert client.file_type(server.system, server.put(f"{there}/t", b"hello\n")) == "ASCII text"
    assert client.file_type(server.system, there) == "directory"
    path = server.put(f"{there}/s", script("echo hi").encode())
    assert "shell script" in client.file_type(server.system, path)


def test_stat_tells_mode_size_and_times(client, server, there):
    """Those of the link, or with dereference those of the file behind it."""
    path = server.put(f"{there}/f", b"12345")
    client.symlink(server.system, path, f"{there}/ln")
    of_file = client.stat(server.system, path)
    assert stat.S_ISREG(of_file["mode"])
    assert of_file["size"] == 5
    assert set(of_file) == {
        "mode", "ino", "dev", "nlink", "uid", "gid", "size", "atime", "ctime", "mtime",
    }  # fmt: skip
    assert str(of_file["uid"]) == client.userinfo(server.system)["user"]["id"]
    assert abs(of_file["mtime"] - time.time()) < 3600
    assert stat.S_ISLNK(client.stat(server.system, f"{there}/ln")["mode"])
    followed = client.stat(server.system, f"{there}/ln", dereference=True)
    assert followed["ino"] == of_file["ino"]


def test_chmod_takes_octal_modes(client, server, there):
    """The answer describes the file with its new permissions."""
    path = server.put(f"{there}/f", b"x")
    changed = client.chmod(server.system, path, "600")
    assert set(changed) == FILE_KEYS
    assert (changed["name"], changed["permissions"]) == (path, "rw-------")
    assert stat.S_IMODE(client.stat(server.system, path)["mode"]) == 0o600
    assert refusal(client.chmod, server.system, path, "9z9")[0] in (400, 500)


def test_chown_to_oneself_is_allowed(client, server, there):
    """To own user and group; to an unknown user it is refused."""
    info = client.userinfo(server.system)
    path = server.put(f"{there}/f", b"x")
    changed = client.chown(server.system, path, info["user"]["name"], info["group"]["name"])
    assert (changed["user"], changed["group"]) == (info["user"]["name"], info["group"]["name"])
    stranger = "nobody-of-that-name"
    assert refusal(client.chown, server.system, path, stranger, "") == (
        500,
        f"{FAILED}1 and error message:chown: invalid spec: '{stranger}:'",
    )


def test_symlink_answers_with_the_link(client, server, there):
    """Here pyfirecrest hands the whole answer on, `output` and all."""
    path = server.put(f"{there}/f", b"x")
    made = client.symlink(server.system, path, f"{there}/ln")["output"]
    assert (made["type"], made["linkTarget"]) == ("l", path)
    assert made["permissions"] == "rwxrwxrwx"
    status, message = refusal(client.symlink, server.system, path, f"{there}/ln")
    assert (status, "File exists" in message) == (400, True)


def test_rm_takes_files_and_whole_directories(client, server, tree):
    """What is gone is not found any more."""
    assert client.rm(server.system, f"{tree}/top.txt") is None
    assert refusal(client.stat, server.system, f"{tree}/top.txt")[0] == 404
    assert client.rm(server.system, tree) is None
    status, message = refusal(client.rm, server.system, tree)
    assert status == 404
    assert message.endswith(f"rm: cannot remove '{tree}': No such file or directory")


@pytest.mark.parametrize(
    "call",
    ["view", "stat", "head", "tail", "checksum", "list_files"],
)
def test_reading_what_is_not_there_is_404(client, server, there, call):
    """Whichever call asks for it."""
    status, message = refusal(getattr(client, call), server.system, f"{there}/nope")
    assert status == 404
    assert "No such file or directory" in message


def test_paths_outside_the_file_systems_are_refused(client, server):
    """Also by way of `..`, and relative ones."""
    for path in ("/etc/passwd", f"{server.home}/../../../../../../etc/passwd"):
        status, message = refusal(client.view, server.system, path)
        assert status == 400
        assert message == (
            "The provided path (/etc/passwd) does not match any of the defined filesystem paths "
            f"for the requested system ({server.system})."
        )
    assert refusal(client.view, server.system, "d1") == (
        400,
        "The provided path (d1) is not an absolute path.",
    )


# --- Transfers


def test_small_files_travel_directly(client, server, there, tmp_path):
    """Bytes in, the same bytes out; an upload replaces what was there."""
    data = os.urandom(25_600)
    (tmp_path / "up").write_bytes(data)
    assert client.upload(server.system, tmp_path / "up", there, "f") is None
    assert client.download(server.system, f"{there}/f", tmp_path / "down") is None
    assert (tmp_path / "down").read_bytes() == data
    (tmp_path / "up").write_bytes(b"less")
    client.upload(server.system, tmp_path / "up", there, "f")
    client.download(server.system, f"{there}/f", str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == b"less"


def test_an_open_file_can_be_uploaded(server, there):
    """The plain client takes a file object and its size."""
    server.client.upload(server.system, io.BytesIO(b"stream"), there, "f", file_size=6)
    assert server.get(f"{there}/f") == b"stream"


def test_downloading_what_is_not_there(client, server, there, tmp_path):
    """Here pyfirecrest turns the 404 of stat into FileNotFoundError."""
    with pytest.raises(FileNotFoundError, match="nope"):
        client.download(server.system, f"{there}/nope", tmp_path / "x")


@pytest.fixture
def stage(server) -> dict:
    """The server's S3 settings; a server without a stage can't move large files."""
    settings = server.record["dataOperation"]["data_transfer"]
    if server.kind == "env" and (not settings or settings["serviceType"] != "s3"):
        pytest.skip("the server has no S3 stage")
    return settings


@httpx_wants_content
def test_large_files_travel_in_parts(client, server, there, tmp_path, stage):
    """Upload and download go by way of the stage and a job each; the bytes arrive."""
    size = 3 * 1024 * 1024 + 17
    data = os.urandom(size)
    (tmp_path / "up").write_bytes(data)
    sent = client.upload(server.system, tmp_path / "up", there, "big", account=server.account)
    directives = sent.transfer_data["transferDirectives"]
    assert directives["transferMethod"] == "s3"
    assert len(directives["partsUploadUrls"]) == -(-size // directives["maxPartSize"])
    checksum = client.checksum(server.system, f"{there}/big")
    assert checksum["checksum"] == hashlib.sha256(data).hexdigest()
    got = client.download(server.system, f"{there}/big", tmp_path / "down", account=server.account)
    assert set(got.transfer_data["transferJob"]) == {"jobId", "system", "workingDirectory", "logs"}
    assert (tmp_path / "down").read_bytes() == data


@httpx_wants_content
def test_a_large_upload_can_be_left_to_the_caller(server, there, tmp_path, stage):
    """blocking=False gives the pieces: send the parts, then wait for the job."""
    data = os.urandom(1024 * 1024)
    (tmp_path / "up").write_bytes(data)
    sent = server.client.upload(
        server.system, tmp_path / "up", there, "big", account=server.account, blocking=False
    )
    sent.upload_file_to_stage()
    sent.wait_for_transfer_job(timeout=90)
    assert server.client.stat(server.system, f"{there}/big")["size"] == len(data)


def test_mv_is_a_job(client, server, tree):
    """The answer names the job and its logs, and the file has moved when it has ended."""
    moved = client.mv(server.system, f"{tree}/top.txt", f"{tree}/moved", account=server.account)
    job = moved["transferJob"]
    assert job["system"] == server.system
    assert job["logs"]["outputLog"].startswith(f"{job['workingDirectory']}/.f7t_file_handling_job_")
    assert server.get(f"{tree}/moved") == b"12345"
    assert refusal(client.stat, server.system, f"{tree}/top.txt")[0] == 404


def test_mv_that_fails_says_so(client, server, there):
    """Then pyfirecrest reads the job's log, and finds no word of success."""
    with pytest.raises(TransferJobFailedException):
        client.mv(server.system, f"{there}/nope", f"{there}/x", account=server.account)


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


# --- Jobs


def test_a_job_runs_and_leaves_its_output(client, server, there):
    """Script, output, environment, directory and exit code are as sbatch has them."""
    body = 'echo "$A|$B|$PWD|$SLURM_JOB_NAME"; echo bad >&2'
    job = client.submit(
        server.system,
        there,
        script_str=script(body, "--job-name=conf", "--output=o-%j", "--error=e-%j", "--time=10"),
        env_vars={"A": "one", "B": "two words;x"},
        account=server.account,
    )
    record = server.finished(job["jobId"])
    assert record["status"]["state"] == "COMPLETED"
    assert record["status"]["exitCode"] == 0
    assert (record["name"], record["jobId"]) == ("conf", job["jobId"])
    assert record["workingDirectory"] == there
    assert record["time"]["limit"] == 600
    assert record["time"]["end"] >= record["time"]["start"]
    assert record["allocationNodes"] == 1
    assert record["user"] == client.userinfo(server.system)["user"]["name"]
    out = client.view(server.system, f"{there}/o-{job['jobId']}")
    assert out == f"one|two words;x|{there}|conf\n"
    assert client.view(server.system, f"{there}/e-{job['jobId']}") == "bad\n"


def test_a_finished_job_has_its_batch_step(client, server, there):
    """Once the accounting has it, the record shows the batch step with state and times."""
    job_id = server.submit(there, "true", "--job-name=steps")
    server.finished(job_id)
    (record,) = client.job_info(server.system, job_id)
    batch = next(task for task in record["tasks"] if task["name"] == "batch")
    assert batch["id"] == f"{job_id}.batch"
    assert batch["status"]["state"] == "COMPLETED"
    assert set(batch["time"]) == set(record["time"])


def test_job_metadata_gives_script_and_paths(client, server, there):
    """While the scheduler knows the job, its script comes back letter for letter."""
    text = script("true", "--job-name=meta")
    job = client.submit(server.system, there, script_str=text, account=server.account)
    (meta,) = client.job_metadata(server.system, job["jobId"])
    assert meta == {
        "jobId": job["jobId"],
        "script": text,
        "standardInput": "/dev/null",
        "standardOutput": f"{there}/slurm-{job['jobId']}.out",
        "standardError": f"{there}/slurm-{job['jobId']}.out",
    }
    server.finished(job["jobId"])


def test_scripts_from_here_and_from_there(client, server, there, tmp_path):
    """A local file is read and sent; a remote one is named by its path."""
    (tmp_path / "job.sh").write_text(script("echo local", "--output=local"))
    server.put(f"{there}/job.sh", script("echo remote", "--output=remote").encode())
    here = client.submit(
        server.system, there, script_local_path=str(tmp_path / "job.sh"), account=server.account
    )
    far = client.submit(
        server.system, there, script_remote_path=f"{there}/job.sh", account=server.account
    )
    for job, word in ((here, "local"), (far, "remote")):
        assert server.finished(job["jobId"])["status"]["state"] == "COMPLETED"
        assert client.view(server.system, f"{there}/{word}") == f"{word}\n"


def test_wait_for_job_returns_the_record(client, server, there):
    """The loop of pyfirecrest comes to its end."""
    job = client.submit(server.system, there, script_str=script("true"), account=server.account)
    (record,) = client.wait_for_job(server.system, job["jobId"], timeout=60)
    assert record["status"]["state"] == "COMPLETED"


def test_wait_for_job_cancels_on_timeout(client, server, there):
    """When the caller's patience ends, so does the job."""
    job = client.submit(
        server.system, there, script_str=script("sleep 300"), account=server.account
    )
    with pytest.raises(JobTimeoutException):
        client.wait_for_job(server.system, job["jobId"], timeout=1)
    assert server.finished(job["jobId"])["status"]["state"].startswith("CANCELLED")


def test_cancel_ends_a_running_job(client, server, there):
    """It is cancelled by the user's id; a second time it is refused, in scancel's words."""
    job_id = server.submit(there, "sleep 300", "--job-name=cancel")
    server.running(job_id)
    assert client.cancel_job(server.system, job_id) == {}
    state = server.finished(job_id)["status"]["state"]
    user = client.userinfo(server.system)["user"]["id"]
    assert state in (f"CANCELLED by {user}", "CANCELLED")
    status, message = refusal(client.cancel_job, server.system, job_id)
    assert status == 500
    assert message == (
        f"Unexpected Slurm command response. exit_status:0 std_err:scancel: Terminating job "
        f"{job_id}\nscancel: error: Kill job error on job id {job_id}: "
        "Job/step already completing or completed\n"
    )


def test_attach_runs_a_command_inside_a_job(client, server, there):
    """It sees the job's own variables."""
    job_id = server.submit(there, "sleep 300", "--job-name=attach")
    server.running(job_id)
    try:
        command = f"bash -c 'echo $SLURM_JOB_ID > {there}/mark'"
        assert client.attach_to_job(server.system, job_id, command) == {}
        assert server.get(f"{there}/mark") == f"{job_id}\n".encode()
    finally:
        server.client.cancel_job(server.system, job_id)
    server.finished(job_id)


def test_job_info_lists_all_or_by_name(client, server, there):
    """The list holds each of the user's jobs; a name narrows it."""
    name = f"only-{there[-6:]}"
    job_id = server.submit(there, "true", f"--job-name={name}")
    other = server.submit(there, "true")
    server.finished(job_id)
    server.finished(other)
    everything = {job["jobId"] for job in client.job_info(server.system)}
    assert {job_id, other} <= everything
    named = client.job_info(server.system, name=name, time_window="1h")
    assert [job["jobId"] for job in named] == [job_id]
    assert {job_id, other} <= {
        job["jobId"] for job in client.job_info(server.system, account=server.account)
    }
    assert job_id in {job["jobId"] for job in client.job_info(server.system, allusers=True)}
    assert refusal(client.job_info, server.system, time_window="2h")[0] == 400


@pytest.mark.parametrize(
    ("body", "state", "code", "signal"),
    [
        ("exit 3", "FAILED", 3, 0),
        ("kill -9 $$", "FAILED", 0, 9),
        ("kill -SEGV $$", "FAILED", 0, 11),
    ],
    ids=["exit3", "kill9", "segv"],
)
def test_failures_tell_code_or_signal(server, there, body, state, code, signal):
    """An exit code, or the signal that ended the script."""
    status = server.run(there, body)["status"]
    assert status["state"] == state
    assert (status["exitCode"], status["interruptSignal"] or 0) == (code, signal)


def test_a_missing_directory_fails_the_job_without_a_word(client, server, there):
    """It is accepted, then FAILED with signal 53 and no output."""
    job = client.submit(
        server.system, f"{there}/nope", script_str=script("true"), account=server.account
    )
    status = server.finished(job["jobId"])["status"]
    assert (status["state"], status["interruptSignal"]) == ("FAILED", 53)
    assert refusal(client.list_files, server.system, f"{there}/nope")[0] == 404


def test_partitions_can_be_chosen(client, server, there):
    """By the request, which wins over the script; an unknown one is refused in sbatch's words."""
    names = [partition["name"] for partition in client.partitions(server.system)]
    for name in names[:2]:
        job = client.submit(
            server.system, there, script_str=script("true"), partition=name, account=server.account
        )
        assert server.finished(job["jobId"])["partition"] == name
    status, message = refusal(
        client.submit,
        server.system,
        there,
        script_str=script("true"),
        partition="nope",
        account=server.account,
    )
    assert status == 500
    assert "sbatch: error: invalid partition specified: nope" in message


def test_srun_starts_the_tasks_of_a_step(server, there):
    """As many as asked for, each with its own rank."""
    record = server.run(
        there, "srun --ntasks=3 bash -c 'echo $SLURM_PROCID'", "--ntasks=3", "--output=o"
    )
    assert record["status"]["state"] == "COMPLETED"
    assert sorted(server.get(f"{there}/o").split()) == [b"0", b"1", b"2"]
    if server.kind != "slurm":  # steps are known from the accounting, which that one lacks
        assert {"batch"} < {task["name"] for task in record["tasks"]}


def test_unknown_jobs_are_not_found(client, server):
    """404 for a number that was never given out; 400 for what is no id at all."""
    assert refusal(client.job_info, server.system, "99999999") == (404, "Job not found.")
    assert refusal(client.job_metadata, server.system, "99999999") == (404, "Job not found.")
    assert refusal(client.job_info, server.system, "12_3")[0] == 400
    status, message = refusal(client.cancel_job, server.system, "99999999")
    assert (status, "Invalid job id specified" in message) == (500, True)


def test_a_pending_job_can_be_held_and_cancelled(client, server, there):
    """A held job says why it waits, and never runs."""
    job_id = server.submit(there, "touch ran", "--hold", "--job-name=held")
    pending = until(lambda: server.job(job_id), within=20, what="the held job's record")
    assert pending["status"]["state"] == "PENDING"
    assert pending["status"]["stateReason"] == "JobHeldUser"
    assert pending["tasks"] == []
    client.cancel_job(server.system, job_id)
    assert server.finished(job_id)["status"]["state"].startswith("CANCELLED")
    assert refusal(client.stat, server.system, f"{there}/ran")[0] == 404


def test_states_only_go_forward(server, there):
    """PENDING, RUNNING, then one end that stays."""
    job_id = server.submit(there, "sleep 1", "--job-name=forward")
    seen: list[str] = []

    def ended() -> bool:
        record = server.job(job_id)
        if record and record["name"] == "forward" and record["status"]["state"] not in seen[-1:]:
            seen.append(record["status"]["state"])
        return bool(seen) and seen[-1].startswith(ENDED)

    until(ended, within=60, what="the job to end")
    order = ["PENDING", "RUNNING", "COMPLETING", "COMPLETED"]
    assert [order.index(state) for state in seen] == sorted(order.index(state) for state in seen)
    assert seen[-1] == "COMPLETED"


def test_an_unknown_system_is_not_found(client):
    """For jobs and for files alike."""
    assert refusal(client.job_info, "no-such-system", "1") == (404, "System not found")
    assert refusal(client.list_files, "no-such-system", "/home") == (404, "System not found")
