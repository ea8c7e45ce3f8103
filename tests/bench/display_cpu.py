"""What the display costs the client's processor while a thousand tasks are waited for.

    python tests/bench/display_cpu.py [--tasks 1000]

On a terminal of its own, against the process back end, which serves from other processes: as a panel,
as a line, and with none. In each, the share of a processor that the display's thread has taken, the
import of rich and the drawing of changes included, and what the whole client has.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

SCRIPT = """
import json, os, sys, threading, time
from pathlib import Path
from fcx import FirecrestExecutor

def taken(thread):
    fields = Path(f"/proc/self/task/{thread}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

folder, tasks = sys.argv[1], int(sys.argv[2])
with FirecrestExecutor(folder, ["--time=10"], max_workers=4, workers_per_node=4) as executor:
    began = time.monotonic()
    futures = [executor.submit(time.sleep, 0.1) for _ in range(tasks)]
    for future in futures:
        future.result()
    seconds = time.monotonic() - began
    threads = [one for one in threading.enumerate() if one.name == "fcx-progress"]
    display = sum(taken(one.native_id) for one in threads)
    found = {"seconds": seconds, "display": display, "client": time.process_time()}
    Path(folder, "found.json").write_text(json.dumps(found))
"""


def measured(shown: str, tasks: int) -> dict[str, float]:
    """With ``FCX_PROGRESS`` as ``shown``."""
    from terminals import on_terminal

    from fcx.local import cluster

    with cluster(scheduler="process", nodes=1) as env, tempfile.TemporaryDirectory() as folder:
        code = SCRIPT.replace("sys.argv[1]", repr(folder)).replace("sys.argv[2]", str(tasks))
        own = {"FCX_STATE_DIR": f"{folder}/state", "FCX_PROGRESS": shown, "PYTHONPATH": str(ROOT)}
        seen = on_terminal(code, {**env, **own}, Path(folder), seconds=600.0)
        assert seen.code == 0, "\n".join(seen.last)
        return json.loads(Path(folder, "found.json").read_text(encoding="utf-8"))


def main() -> None:
    """Print a line for each way of showing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1000)
    tasks = parser.parse_args().tasks
    for shown in ("panel", "line", "off"):
        found = measured(shown, tasks)
        share = 100 * found["display"] / found["seconds"]
        print(
            f"{shown}: {share:.2f} % of a processor ({found['display']:.2f} s of {found['seconds']:.1f} "
            f"s); the whole client {found['client']:.2f} s"
        )


if __name__ == "__main__":
    main()
