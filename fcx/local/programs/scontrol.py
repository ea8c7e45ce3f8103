"""scontrol of the process back end: requeue, hold, release, show job, show hostnames."""

# ruff: noqa: T201  # what a program prints is its answer

from __future__ import annotations

import os
import re

from .controller import ask
from .getopts import Table
from .queue_program import fail, run

OPTIONS = Table("a|all d|details o|oneliner Q|quiet v|verbose M|cluster= h|help V|version F|future")


def main() -> None:
    """Run as a program."""
    run("scontrol", scontrol)


def scontrol(words: list[str]) -> None:
    """Do what the verb says."""
    options, rest = OPTIONS.parse(words)
    verb, *arguments = rest or [""]
    if verb in {"requeue", "hold", "release"} and arguments:
        for job_id in ",".join(arguments).split(","):
            ask(verb, id=job_id)
    elif verb == "show" and arguments[:1] in (["job"], ["jobs"]):
        oneline = "oneliner" in dict(options)
        for text in ask("show", ids=arguments[1:] or None):
            print(re.sub(r"\n\s*", " ", text).strip() if oneline else f"{text}\n")
    elif verb == "show" and arguments[:1] == ["hostnames"]:
        print("\n".join(host_names(",".join(arguments[1:]) or os.environ["SLURM_JOB_NODELIST"])))
    else:
        fail("scontrol", f"not offered by the local cluster: {' '.join(rest)}")


def host_names(listed: str) -> list[str]:
    """`fcx-node-[1-2,4]` -> its three names."""
    found = []
    for part in re.findall(r"[^,\[]+(?:\[[^\]]*\])?", listed):
        base, bracket, inside = part.strip(",").partition("[")
        if not bracket:
            found.append(base)
            continue
        for span in inside.rstrip("]").split(","):
            first, _, last = span.partition("-")
            found.extend(f"{base}{n}" for n in range(int(first), int(last or first) + 1))
    return found
