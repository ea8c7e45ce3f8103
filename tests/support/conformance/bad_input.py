"""Bad requests, and what a real server answered to each: status, error type, message.

`@` in a request stands for a directory of the test's own with the file `f` in it, `@` in a message
too. A message is compared from its beginning; None leaves it open.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

JSON = {"content-type": "application/json"}
JOBS = "/compute/{system}/jobs"
OPS = "/filesystem/{system}/ops"
TRANSFER = "/filesystem/{system}/transfer"
FINE = "#!/bin/bash\ntrue\n"
NO_PATH = "Unable to decode request and retreive the required path or source_path parameter."
REFUSED = "Unexpected Slurm command response. exit_status:1 std_err:"
OUTSIDE = "The provided path (/) does not match any of the defined filesystem paths"
UNQUOTED = "bash: -c: line 1: unexpected EOF while looking for matching `''"


@dataclass
class Bad:
    """One request and its answer; `fields` are what a validation error names (None: the body)."""

    name: str
    method: str
    path: str
    status: int
    kind: str = "error"
    message: str | None = None
    request: dict[str, Any] = field(default_factory=dict)
    fields: tuple[str | int | None, ...] = ()


def remote(status: int, words: str) -> str:
    """How the failure of a command on the login node is put."""
    return f"Remote process failed with exit status:{status} and error message:{words}"


def invalid(name: str, method: str, path: str, *fields: Any, **request: Any) -> Bad:
    """A request that does not validate: 400, and where: for a body, its outermost field."""
    count = f"{len(fields)} validation error{'s' if len(fields) > 1 else ''}:\n"
    return Bad(name, method, path, 400, "validation", count, request, fields)


def job(**fields: Any) -> dict[str, Any]:
    """The body of a submission."""
    return {"job": {"workingDirectory": "@", "script": FINE, **fields}}


MALFORMED = [
    invalid("half an object", "POST", JOBS, 1, content=b"{not json", headers=JSON),
    invalid("no body", "POST", JOBS, None, content=b"", headers=JSON),
    Bad("no text", "POST", JOBS, 400, "error", "There was an error parsing the body",
        {"content": b"\xff\xfe\x00", "headers": JSON}),
    invalid("a list", "POST", JOBS, None, content=b"[]", headers=JSON),
    invalid("null", "POST", JOBS, None, content=b"null", headers=JSON),
    invalid("a NaN", "POST", JOBS, "job",
            content=b'{"job":{"workingDirectory":NaN}}', headers=JSON),
    invalid("nested deeply", "POST", JOBS, "job",
            content=b'{"a":' * 900 + b"1" + b"}" * 900, headers=JSON),
    Bad("nested beyond reason", "POST", JOBS, 400, "error", "There was an error parsing the body",
        {"content": b"[" * 100_000, "headers": JSON}),
    invalid("not announced as JSON", "POST", JOBS, None,
            content=b'{"job":{}}', headers={"content-type": "text/plain"}),
    Bad("no parts", "POST", f"{OPS}/upload", 400, "error", "Invalid multipart data.",
        {"params": {"path": "@"}, "content": b"garbage",
         "headers": {"content-type": "multipart/form-data; boundary=x"}}),
    Bad("no boundary", "POST", f"{OPS}/upload", 400, "error", "Missing boundary in multipart.",
        {"params": {"path": "@"}, "content": b"garbage",
         "headers": {"content-type": "multipart/form-data"}}),
]  # fmt: skip

WRONG_TYPES = [
    invalid("job is a number", "POST", JOBS, "job", json={"job": 3}),
    invalid("script is a number", "POST", JOBS, "job", json=job(script=5)),
    invalid("script is null", "POST", JOBS, "job", json=job(script=None)),
    invalid("directory is a number", "POST", JOBS, "job", json=job(workingDirectory=7)),
    invalid("no directory", "POST", JOBS, "job", json={"job": {"script": FINE}}),
    invalid("env is text", "POST", JOBS, "job", "job", json=job(env="x")),
    invalid("env has a number", "POST", JOBS, "job", "job", json=job(env={"A": 1})),
    Bad("env is a list", "POST", JOBS, 500, request={"json": job(env=["A=1"])}),
    invalid("allusers", "GET", JOBS, "allusers", params={"allusers": "maybe"}),
    invalid("long name", "GET", JOBS, "name", params={"name": "x" * 236}),
    invalid("time window", "GET", JOBS, "time_window", params={"time_window": "1y"}),
    invalid("recursive", "GET", f"{OPS}/ls", "recursive", params={"path": "@", "recursive": "x"}),
    invalid("bytes", "GET", f"{OPS}/head", "bytes", params={"path": "@/f", "bytes": "x"}),
    invalid("size", "GET", f"{OPS}/view", "size", params={"path": "@/f", "size": "9" * 5000}),
    invalid("offset", "GET", f"{OPS}/view", "offset", params={"path": "@/f", "offset": "1e3"}),
    Bad("source is a number", "POST", f"{OPS}/mkdir", 400, "error", NO_PATH,
        {"json": {"sourcePath": 5}}),
    invalid("parent", "POST", f"{OPS}/mkdir", "parent",
            json={"sourcePath": "@/q", "parent": "sure"}),
    invalid("mode is a number", "PUT", f"{OPS}/chmod", "mode",
            json={"sourcePath": "@/f", "mode": 777}),
    invalid("command is a number", "PUT", f"{JOBS}/1/attach", "command", json={"command": 3}),
    invalid("compression", "POST", f"{OPS}/compress", "compression",
            json={"sourcePath": "@/f", "targetPath": "@/c", "compression": "zip"}),
    invalid("file without a name", "POST", f"{OPS}/upload", "file",
            params={"path": "@"}, files={"file": ("", b"1")}),
]  # fmt: skip

MISSING = [
    Bad("ls", "GET", f"{OPS}/ls", 400, "error", NO_PATH),
    Bad("rm", "DELETE", f"{OPS}/rm", 400, "error", NO_PATH),
    Bad("mkdir", "POST", f"{OPS}/mkdir", 400, "error", NO_PATH, {"json": {}}),
    Bad("mkdir null", "POST", f"{OPS}/mkdir", 400, "error",
        "All filesystem requests require a path or source_path parameter.",
        {"json": {"sourcePath": None}}),
    Bad("upload's path", "POST", f"{OPS}/upload", 400, "error", NO_PATH,
        {"files": {"file": ("x", b"1")}}),
    invalid("upload's file", "POST", f"{OPS}/upload", "file", params={"path": "@"}),
    invalid("upload under another name", "POST", f"{OPS}/upload", "file",
            params={"path": "@"}, files={"other": ("x", b"1")}),
    invalid("symlink's end", "POST", f"{OPS}/symlink", "linkPath", json={"sourcePath": "@/f"}),
    invalid("mode", "PUT", f"{OPS}/chmod", "mode", json={"sourcePath": "@/f"}),
    invalid("mv's target", "POST", f"{TRANSFER}/mv", "targetPath", json={"sourcePath": "@/f"}),
    Bad("cp's source", "POST", f"{TRANSFER}/cp", 400, "error", NO_PATH,
        {"json": {"targetPath": "@/g"}}),
    invalid("directives", "POST", f"{TRANSFER}/upload", "transferDirectives",
            json={"sourcePath": "@/f"}),
    Bad("script", "POST", JOBS, 408, "error", "Command execution timeout limit exceeded.",
        {"json": {"job": {"workingDirectory": "@"}}}),
    Bad("command", "PUT", f"{JOBS}/1/attach", 500, request={"json": {}}),
]  # fmt: skip

UNKNOWN = [
    Bad("system", "GET", "/compute/nope/jobs", 404, "error", "System not found"),
    Bad("system's nodes", "GET", "/status/nope/nodes", 404, "error", "System not found"),
    Bad("no system", "GET", "/compute//jobs", 404, "error", "Not Found"),
    Bad("call", "GET", "/filesystem/{system}/nope", 404, "error", "Not Found"),
    Bad("below a call", "GET", f"{JOBS}/1/metadata/x", 404, "error", "Not Found"),
    Bad("method", "PATCH", JOBS, 405, "error", "Method Not Allowed"),
    Bad("method of a status", "POST", "/status/systems", 405, "error", "Method Not Allowed"),
    Bad("options", "OPTIONS", "/status/systems", 405, "error", "Method Not Allowed"),
    Bad("job", "GET", f"{JOBS}/99999999", 404, "error", "Job not found."),
    Bad("job 0", "GET", f"{JOBS}/0", 500, "error", "Error executing Slurm command."),
    Bad("vast job", "GET", f"{JOBS}/{'9' * 30}", 500, "error", "Error executing Slurm command."),
    Bad("job of letters", "GET", f"{JOBS}/abc", 500, "error", "Error executing Slurm command."),
    invalid("job with a command", "GET", f"{JOBS}/1;ls", "job_id"),
    invalid("job of a NUL", "GET", f"{JOBS}/%00", "job_id"),
    Bad("metadata of letters", "GET", f"{JOBS}/abc/metadata", 404, "error", "Job not found."),
    Bad("cancel letters", "DELETE", f"{JOBS}/abc", 500, "error",
        f"{REFUSED}scancel: error: Invalid job id abc\n"),
    invalid("cancel a dash", "DELETE", f"{JOBS}/a-b", "job_id"),
    Bad("attach to nothing", "PUT", f"{JOBS}/99999999/attach", 500, "error",
        f"{REFUSED}srun: error: Unable to confirm allocation for job 99999999: Invalid job id",
        {"json": {"command": "true"}}),
    Bad("script path", "POST", JOBS, 500, "error",
        f"{REFUSED}sbatch: error: Unable to open file /nope/x\n",
        {"json": {"job": {"workingDirectory": "@", "scriptPath": "/nope/x"}}}),
    Bad("transfer method", "POST", f"{TRANSFER}/upload", 400, "validation", None,
        {"json": {"sourcePath": "@/f", "account": "staff",
                  "transferDirectives": {"transferMethod": "carrier-pigeon"}}}),
    Bad("transfer method that is not set up", "POST", f"{TRANSFER}/upload", 400, "error",
        "Requested transfer method is not available.",
        {"json": {"sourcePath": "@/f", "account": "staff",
                  "transferDirectives": {"transferMethod": "streamer"}}}),
    Bad("download of nothing", "POST", f"{TRANSFER}/download", 404, "error",
        remote(1, "stat: cannot statx '@/nope': No such file or directory"),
        {"json": {"sourcePath": "@/nope", "account": "staff",
                  "transferDirectives": {"transferMethod": "s3"}}}),
]  # fmt: skip

PATH_TRICKS = [
    Bad("empty", "GET", f"{OPS}/ls", 400, "error",
        "The provided path () is not an absolute path.", {"params": {"path": ""}}),
    Bad("root", "GET", f"{OPS}/ls", 400, "error", OUTSIDE, {"params": {"path": "/"}}),
    Bad("upwards", "GET", f"{OPS}/ls", 400, "error", OUTSIDE,
        {"params": {"path": "@" + "/.." * 12}}),
    Bad("rm root", "DELETE", f"{OPS}/rm", 400, "error", OUTSIDE, {"params": {"path": "/"}}),
    Bad("link to elsewhere", "POST", f"{OPS}/symlink", 400, "error", "The provided path (/etc/",
        {"json": {"sourcePath": "/etc/passwd", "linkPath": "@/pw"}}),
    Bad("above the API", "GET", "/%2e%2e/%2e%2e/etc/passwd", 404, "error", "Not Found"),
    Bad("quote", "GET", f"{OPS}/ls", 500, "error", remote(2, UNQUOTED),
        {"params": {"path": "@/it's"}}),
    Bad("quote in stat", "GET", f"{OPS}/stat", 500, "error", remote(2, UNQUOTED),
        {"params": {"path": "@/it's"}}),
    Bad("double quote", "GET", f"{OPS}/ls", 404, "error",
        remote(2, "ls: cannot access '@/a\"b': No such file or directory"),
        {"params": {"path": '@/a"b'}}),
    Bad("command", "GET", f"{OPS}/ls", 404, "error",
        remote(2, "ls: cannot access '@/$(id)': No such file or directory"),
        {"params": {"path": "@/$(id)"}}),
    Bad("option", "GET", f"{OPS}/ls", 404, "error",
        remote(2, "ls: cannot access '@/-la': No such file or directory"),
        {"params": {"path": "@/-la"}}),
    Bad("newline", "GET", f"{OPS}/ls", 404, "error",
        remote(2, "ls: cannot access '@/'$'\\n': No such file or directory"),
        {"params": {"path": "@/\n"}}),
    Bad("NUL", "GET", f"{OPS}/ls", 424, "error", "Unable to establish SSH connection.",
        {"params": {"path": "@/\0"}}),
    Bad("half a character", "POST", f"{OPS}/mkdir", 500,
        request={"content": b'{"sourcePath":"@/\\ud800"}', "headers": JSON}),
    Bad("long name", "GET", f"{OPS}/ls", 500, "error", None,
        {"params": {"path": "@/" + "x" * 5000}}),
    Bad("deep path", "GET", f"{OPS}/ls", 404, "error", None,
        {"params": {"path": "@" + "/x" * 1500}}),
    Bad("below a file", "POST", f"{OPS}/mkdir", 500, "error",
        remote(1, "mkdir: cannot create directory '@/f/x': Not a directory"),
        {"json": {"sourcePath": "@/f/x"}}),
    Bad("head of a directory", "GET", f"{OPS}/head", 500, "error",
        remote(1, "head: error reading '@': Is a directory"), {"params": {"path": "@"}}),
    Bad("checksum of a directory", "GET", f"{OPS}/checksum", 500, "error",
        remote(1, "sha256sum: @: Is a directory"), {"params": {"path": "@"}}),
    Bad("archive that is none", "POST", f"{OPS}/extract", 500, "error",
        remote(2, "gzip: stdin: not in gzip format"),
        {"json": {"sourcePath": "@/f", "targetPath": "@"}}),
    Bad("archive of nothing", "POST", f"{OPS}/compress", 404, "error",
        remote(2, "tar: nope: Cannot stat: No such file or directory"),
        {"json": {"sourcePath": "@/nope", "targetPath": "@/c"}}),
    Bad("mode with a command", "PUT", f"{OPS}/chmod", 500, "error",
        remote(1, "chmod: invalid mode: 'a+x;ls'"),
        {"json": {"sourcePath": "@/f", "mode": "a+x;ls"}}),
    Bad("both bytes and lines", "GET", f"{OPS}/head", 400, "error",
        "Only one of `bytes` or `lines` can be specified.",
        {"params": {"path": "@/f", "bytes": 1, "lines": 1}}),
    Bad("size 0", "GET", f"{OPS}/view", 400, "error",
        "`size` value must be an integer value greater than 0",
        {"params": {"path": "@/f", "size": 0}}),
    Bad("offset -1", "GET", f"{OPS}/view", 400, "error",
        "`offset` value must be an integer value equal or greater than 0",
        {"params": {"path": "@/f", "offset": -1}}),
    Bad("more lines than there are numbers", "GET", f"{OPS}/tail", 500, "error",
        remote(1, "tail: invalid number of lines:"), {"params": {"path": "@/f", "lines": 10**30}}),
]  # fmt: skip

HUGE = [
    Bad("upload of 64 MB", "POST", f"{OPS}/upload", 413, "error", "File to upload is too large.",
        {"params": {"path": "@"}, "files": {"file": ("x", b"1" * 64_000_000)}}),
    Bad("script of 20 MB", "POST", JOBS, 500, "error",
        f"{REFUSED}sbatch: error: Batch job submission failed: Pathname of a file, directory",
        {"json": job(script=FINE + "#" + "x" * 20_000_000)}),
    Bad("path of 1 MB", "POST", f"{OPS}/mkdir", 424, "error", None,
        {"json": {"sourcePath": "@" + "/x" * 500_000}}),
]  # fmt: skip
