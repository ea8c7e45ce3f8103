"""What `scontrol show` prints, read into `key=value` pairs (pure; Slurm 20.11 to 25).

The text form is read, not `--json`: its keys have been the same for ten years, while the JSON
needs a plugin and changed shape between releases.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

Fields = dict[str, str]  # what one object says

_LIVE = {"PENDING", "RUNNING", "SUSPENDED", "COMPLETING", "CONFIGURING", "REQUEUED", "STOPPED"}

JOB_KEYS = (
    "JobId", "JobName", "ArrayJobId", "ArrayTaskId", "UserId", "GroupId", "Priority", "Account",
    "JobState", "Reason", "ExitCode", "RunTime", "TimeLimit", "SubmitTime", "StartTime", "EndTime",
    "Partition", "AllocNode:Sid", "NodeList", "BatchHost", "BatchFlag", "NumNodes", "WorkDir",
)  # fmt: skip

# A value with spaces ends its line, so it is the last key that the line can hold.
_OPEN_ENDED = r"JobName|Comment|WorkDir|Command|StdErr|StdIn|StdOut|Reason|OS|Dependency"
_PAIR = re.compile(rf"(?:^|\s)(?:({_OPEN_ENDED})=(.*)|([A-Za-z][\w/:.&]*)=(\S*))")


def blocks(text: str, first_key: str) -> Iterator[Fields]:
    """The `key=value` pairs of each object that `scontrol show` printed; each begins first_key."""
    return (fields(piece) for piece in pieces(text, first_key))


def pieces(text: str, first_key: str) -> Iterator[str]:
    """The text of each object."""
    parts = re.split(rf"^(?={first_key}=)", text, flags=re.MULTILINE)
    return (part for part in parts if part.startswith(f"{first_key}="))


def fields(piece: str) -> Fields:
    """The pairs of one object."""
    return {key: value for line in piece.split("\n") for key, value in _pairs(line)}


def job_fields(piece: str) -> Fields:
    """What is kept of a job: thousands are remembered."""
    said = fields(piece)
    return {key: said[key] for key in JOB_KEYS if key in said}


def _pairs(line: str) -> Iterator[tuple[str, str]]:
    for match in _PAIR.finditer(line):
        open_key, open_value, key, value = match.groups()
        # Reason= of a waiting job is one word, followed by other keys.
        if open_key in {"Reason", "Dependency"} and re.search(r"\s\w+=", open_value):
            word, _, rest = open_value.partition(" ")
            yield open_key, word
            yield from _pairs(rest)
        elif open_key:
            yield open_key, open_value
        else:
            yield key, value


def is_live(job: Mapping[str, str]) -> bool:
    """Whether Slurm may still change this job's record."""
    return job.get("JobState", "") in _LIVE
