"""A fault: records of jobs that are early, not there yet or there and wrong."""

from __future__ import annotations

import time
from collections.abc import Mapping

from ..scheduler import Record
from .site import Site


def as_seen(site: Site, faults: Mapping[str, float], records: list[Record]) -> list[Record]:
    """The records as the faults `missing` and `bogus` let them be seen."""
    now = time.time()
    if "missing" in faults:
        known = site.ledger.submitted
        records = [
            one for one in records if now - known.get(one["jobId"], 0.0) >= faults["missing"]
        ]
    if "bogus" in faults:
        records = [_bogus(one) if _began(one) > now - faults["bogus"] else one for one in records]
    return records


def _began(record: Record) -> float:
    waits = record["status"]["state"] == "PENDING"
    return 0.0 if waits else float(record["time"]["start"] or 0)


def _bogus(record: Record) -> Record:
    """What the accounting database says of a job before it has heard of it."""
    if record["time"]["end"] is not None:
        return record | {"name": "allocation"}
    return record | {
        "name": "allocation",
        "status": record["status"] | {"state": "PENDING", "exitCode": 0, "interruptSignal": 0},
        "time": record["time"] | {"elapsed": 0},
        "account": "",
        "partition": "",
        "workingDirectory": "",
        "priority": 0,
    }
