"""A case of the table through all of fcx: an executor, a FirecREST server, a pilot, a worker."""

from __future__ import annotations

import json
import shlex
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from .cases import Case, Row
from .environments import interpreter, is_current
from .fixing import follow
from .trial import Bench

DRIVER = """
import json, sys
from fcx import FirecrestExecutor
from fcx.errors import ParityError

given = json.load(sys.stdin)
space = {"__name__": "__main__"}
exec(compile(given["task"], "task.py", "exec"), space)
chosen = dict(given["options"], sleep_interval=1, idle_timeout=1.0, max_workers=1)
try:
    with FirecrestExecutor(given["folder"], ["--time=00:05:00"], **chosen) as executor:
        executor.submit(space["f"]).result(300)
    said = {"ran": "ran"}
except ParityError as error:
    said = {"error": str(error)}
    if error.verdict:
        said = {"verdict": json.loads(error.verdict.to_json())}
sys.stdout.write("\\n" + json.dumps(said))
"""


def carried_out(bench: Bench, server: Mapping[str, str]) -> Row:
    """What comes of a task that is submitted, and once the fix of a refusal was done, again."""
    (bench.client.site / "zz.pth").write_text(sysconfig.get_path("purelib") + "\n")
    row = Row(bench.case)
    row.take(submitted(bench, server))
    if row.got == "passes":
        row.ran = "ran"
        return row
    row.done = follow(row, bench)
    again = Row(bench.case)
    again.take(submitted(bench, server))
    row.second = again.outcome
    row.ran = "ran" if again.got == "passes" else ""
    return row


def submitted(bench: Bench, server: Mapping[str, str]) -> dict[str, object]:
    """What a script of the client's is told."""
    bench.client.env.update(server)
    bench.client.env["FCX_STATE_DIR"] = str(bench.fresh("state"))
    work = bench.fresh("work")
    work.mkdir()
    options = {"python": str(started(bench)), "include": bench.include, "parity": "minor"}
    given = {"task": bench.case.task, "folder": str(work), "options": options}
    place = bench.client
    place.project.joinpath("fcx.toml").write_text(settings(bench.case))
    answer: dict[str, object] = json.loads(
        place.run(place.python, "-c", DRIVER, given=json.dumps(given)).splitlines()[-1]
    )
    return answer


def started(bench: Bench) -> Path:
    """What the pilot starts: the interpreter, with the variables that are set on the cluster."""
    place = bench.remote
    if not is_current(place.version):
        return interpreter(place.version)
    exports = [f"export {k}={shlex.quote(v)}" for k, v in place.env.items() if v != "unset"]
    script = place.folder / "bin/started"
    script.write_text("\n".join(["#!/bin/sh", *exports, f'exec {place.python} "$@"', ""]))
    script.chmod(0o755)
    return script if exports else place.python


def settings(case: Case) -> str:
    """An fcx.toml with the rules of a case."""
    lines = [
        f"{name} = {json.dumps(rule)}" for name, rule in case.parity.get("packages", {}).items()
    ]
    return "\n".join(["[parity.packages]", *lines, ""])
