"""Which kinds of requests came, how many, and what they brought.

A kind is the name of the operation: `token`, `systems`, `submit`, `jobs` (the listing), `job` (one
id), `metadata`, `cancel`, `attach`, `ls`, `tail`, `upload`, ..., `transfer.cp`, `stage.put`,
`other`. Tests read the figures to prove what reached the server and how often.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

from fcx.local.scheduler import JobRequest

_STATUS = ("systems", "nodes", "reservations", "partitions", "userinfo", "liveness")


class Ledger:
    """Requests by kind, and the jobs and files that were handed in, in order.

    Scripts are kept in `folder`, not in memory.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.submitted: dict[str, float] = {}
        self.uploads: list[dict[str, Any]] = []
        self._jobs: list[dict[str, Any]] = []

    def reset(self) -> None:
        """Forget the figures, not the jobs and files."""
        self.requests.clear()
        self.statuses.clear()

    def note_job(self, job_id: str, request: JobRequest) -> None:
        """A job was accepted."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if request.script is not None:
            (self.folder / job_id).write_bytes(request.script.encode("utf-8", "surrogatepass"))
        self.submitted[job_id] = time.time()
        self._jobs.append(
            {
                "jobId": job_id,
                "scriptPath": request.script_path,
                "workingDirectory": request.working_directory,
                "account": request.account,
            }
        )

    def note_upload(self, path: str, size: int) -> None:
        """A file was taken in."""
        self.uploads.append({"path": os.path.normpath(path), "size": size})

    def submissions(self) -> list[dict[str, Any]]:
        """The jobs with their scripts (None for one that came by its path)."""
        return [job | {"script": self._script(job["jobId"])} for job in self._jobs]

    def _script(self, job_id: str) -> str | None:
        path = self.folder / job_id
        return path.read_bytes().decode("utf-8", "replace") if path.exists() else None


def kind_of(method: str, path: str) -> str:
    """The kind of a request, from its method and its (lower-case) path."""
    parts = [part for part in path.split("/") if part]
    if parts == ["auth", "token"]:
        return "token"
    if parts[:1] == ["stage"]:
        return f"stage.{method.lower()}"
    if parts[:1] == ["status"]:
        return parts[-1] if parts[-1] in _STATUS else "other"
    if parts[:1] == ["compute"] and parts[2:3] == ["jobs"]:
        return _compute_kind(method, parts[3:])
    if parts[:1] == ["filesystem"] and len(parts) == 4:
        return parts[3] if parts[2] == "ops" else f"{parts[2]}.{parts[3]}"
    return "other"


def _compute_kind(method: str, rest: list[str]) -> str:
    if not rest:
        return "submit" if method == "POST" else "jobs"
    if len(rest) == 2:
        return rest[1] if rest[1] in {"metadata", "attach"} else "other"
    return "cancel" if method == "DELETE" else "job"
