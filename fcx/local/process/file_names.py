"""The names of a job's files: patterns with Slurm's % marks filled in, absolute."""

from __future__ import annotations

import os
import re

from ..users import user_name
from .job import Job


def output(job: Job) -> str:
    """Where its output goes."""
    return _absolute(job, job.spec.files.output or f"slurm-{job.id}.out")


def error(job: Job) -> str:
    """Where its errors go: with the output, unless told otherwise."""
    pattern = job.spec.files.error
    return _absolute(job, pattern) if pattern else output(job)


def source(job: Job) -> str:
    """Where it reads from."""
    return _absolute(job, job.spec.files.input or os.devnull)


def _absolute(job: Job, pattern: str) -> str:
    return os.path.join(job.spec.chdir, _filled(job, pattern))


def _filled(job: Job, pattern: str) -> str:
    marks = {
        "j": job.id,
        "A": job.id,
        "J": job.id,
        "x": job.spec.name,
        "u": user_name(),
        "N": job.nodes[0].name if job.nodes else "",
        "n": "0",
        "t": "0",
        "s": "batch",
        "a": "4294967294",
        "%": "%",
    }

    def one(match: re.Match[str]) -> str:
        text = marks.get(match[2], match[0])
        return text.zfill(int(match[1])) if match[1] and match[2] in "jAJnta" else text

    return re.sub(r"%(\d*)([a-zA-Z%])", one, pattern)
