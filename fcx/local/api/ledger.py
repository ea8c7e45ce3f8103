"""What came in: how many requests of which kind, and the jobs and files that they brought.

Tests read the figures to prove what reached the server and how often.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

from ..scheduler import JobRequest


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
