"""The pictures and the recording in docs/, of a real run: `make pictures` (needs Chromium).

A thousand tasks on the local cluster, on a terminal of 80 columns: what that showed goes into
docs/progress.md, the report on that run becomes docs/report.png. A notebook is run by nbclient and
drawn as it then stands: docs/notebook.png.
"""

from __future__ import annotations

import html
import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbclient
import nbformat
from chromium import Page, opened
from PIL import Image
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from terminals import Seen, on_terminal

from fcx.local import cluster

DOCS = Path(__file__).parents[2] / "docs"
RECORDING = re.compile(r"(<!-- recording -->\n```\n).*?(```\n<!-- /recording -->)", re.DOTALL)
CLOCK = re.compile(r"(\d+)/1000 done +(\d+:\d\d)")
SHARES = (0.0, 0.35, 0.7, 0.99)  # of the tasks that are done when a screen is taken
COLOURS = 96  # of a picture: it stays small
SCRIPT = """
import os, time
from concurrent.futures import wait
from fcx import FirecrestExecutor

def simulate(x):
    time.sleep(0.1)
    if x % 400 == 57:
        raise ValueError(f"no convergence for {x}")
    return x

with FirecrestExecutor(os.environ["W"], ["--time=10"], max_workers=4, workers_per_node=2,
                       run="sweep") as executor:
    futures = [executor.submit(simulate, x) for x in range(1000)]
    print("all submitted")
    wait(futures)
    print(sum(not future.exception() for future in futures), "good ones")
"""
CELLS = (
    """import os
from concurrent.futures import wait

from fcx import FirecrestExecutor

executor = FirecrestExecutor(os.environ["W"], ["--time=10"], max_workers=2, workers_per_node=2)""",
    """def simulate(x):
    import time

    time.sleep(0.5)
    return x * x


futures = [executor.submit(simulate, x) for x in range(40)]
done, left = wait(futures, timeout=7)
print(len(done), "of them for a first look")""",
    "sum(future.result() for future in futures)",
)
STYLE = """
body { margin: 18px; font: 14px/1.45 sans-serif; background: #fff; }
.cell { display: grid; grid-template-columns: 64px 1fr; margin-bottom: 10px; }
.count { color: #616161; font: 13px monospace; padding-top: 9px; }
.code { background: #f5f5f5; border: 1px solid #e0e0e0; padding: 7px 10px; }
.code pre { margin: 0; font: 13px/1.35 monospace; }
.out { grid-column: 2; padding: 6px 10px; font: 13px/1.35 monospace; white-space: pre-wrap; }
.out pre { font: 13px/1.15 'DejaVu Sans Mono', monospace; }
"""


def main() -> None:
    """All of them."""
    with cluster(nodes=2, cpus_per_node=2) as env, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "w").mkdir()
        own = {**env, "W": str(folder / "w"), "FCX_STATE_DIR": str(folder / "state")}
        plain = {**own, "NO_COLOR": "1"}  # a text has none, and a bar shows where it ends by it
        recorded(on_terminal(SCRIPT, plain, folder, columns=80, rows=24))
        page = folder / "sweep.html"
        fcx = [sys.executable, "-m", "fcx", "runs", "report", "sweep", "-o", str(page)]
        subprocess.run(fcx, env={**os.environ, **own}, check=True, cwd=folder)
        with browser(folder) as taken:
            taken(page.read_text("utf-8"), "report.png", 1060, 1000)
            taken(notebook(own, folder), "notebook.png", 860, 0)


def recorded(seen: Seen) -> None:
    """Screens of the terminal go into the page about it."""
    if seen.code:
        raise SystemExit("\n".join(seen.last))
    chosen: dict[str, list[str]] = {}
    for share in SHARES:
        screen = next(one for one in seen.screens if (_done(one) or (-1, ""))[0] >= 1000 * share)
        chosen[(_done(screen) or (0, ""))[1]] = screen
    parts = ["\n".join([f"--- {at} " + "-" * 12, *screen]) for at, screen in chosen.items()]
    text = "\n".join([*parts, "--- at the end " + "-" * 5, *seen.last, ""])
    page = DOCS / "progress.md"
    before = page.read_text("utf-8")
    page.write_text(RECORDING.sub(lambda found: found[1] + text + found[2], before), "utf-8")


def _done(screen: list[str]) -> tuple[int, str] | None:
    """How many tasks are done on it, and when that was."""
    found = CLOCK.search("\n".join(screen))
    return (int(found[1]), found[2]) if found else None


def notebook(env: dict[str, str], folder: Path) -> str:
    """One that was run, as a page."""
    for variable, value in {**env, "IPYTHONDIR": str(folder / "ipython")}.items():
        os.environ[variable] = value
    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    nbclient.NotebookClient(nbformat.v4.new_notebook(cells=cells), timeout=300).execute()
    formatter = HtmlFormatter()
    body = "".join(
        f'<div class="cell"><div class="count">[{number}]:</div><div class="code">'
        f"{highlight(cell.source, PythonLexer(), formatter)}</div>"
        f"{''.join(map(_output, cell.outputs))}</div>"
        for number, cell in enumerate(cells, 1)
    )
    style = STYLE + formatter.get_style_defs(".highlight")
    return f'<!DOCTYPE html><meta charset="utf-8"><style>{style}</style><body>{body}</body>'


def _output(given: Any) -> str:
    """What a cell has shown."""
    if given.output_type == "stream":
        return f'<div class="out">{html.escape(given.text)}</div>'
    rich = given.data.get("text/html")
    return f'<div class="out">{rich or html.escape(given.data["text/plain"])}</div>'


@contextmanager
def browser(folder: Path) -> Iterator[Callable[[str, str, int, int], None]]:
    """Takes pictures of pages; without a height, of all of one."""
    with opened(folder) as page:

        def taken(text: str, name: str, width: int, height: int) -> None:
            file = folder / f"{name}.html"
            file.write_text(text, "utf-8")
            _sized(page, width, height or 400)
            page.open(file.as_uri())
            if not height:
                _sized(page, width, int(page.says("document.documentElement.scrollHeight")))
            image = Image.open(io.BytesIO(page.picture())).convert("RGB")
            small = image.quantize(COLOURS, dither=Image.Dither.NONE)
            small.save(DOCS / name, optimize=True)

        yield taken


def _sized(page: Page, width: int, height: int) -> None:
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    page.ask("Emulation.setDeviceMetricsOverride", **size)


if __name__ == "__main__":
    main()
