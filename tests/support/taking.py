"""What a task finds of what it takes: loaded in a process that writes into a run directory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fcx.payload.contents import Content
from fcx.payload.sharing import Parcel

CODE = """
import sys
from fcx.protocol import pickling
try:
    fn, args, kwargs = pickling.loads(open(sys.argv[1], "rb").read())
    print(fn(*args, **kwargs))
except Exception as error:
    print("%s: %s" % (type(error).__name__, error))
"""


def lay_down(run: Path, contents: tuple[Content, ...], part: int = 5_000_000) -> None:
    """Have the contents in a run directory; a large one in parts."""
    (run / "objects").mkdir(parents=True, exist_ok=True)
    (run / "output").mkdir(exist_ok=True)
    for content in contents:
        pieces = [content.piece(at, part) for at in range(0, content.size, part)]
        if len(pieces) == 1:
            (run / content.name).write_bytes(pieces[0])
            continue
        for number, piece in enumerate(pieces):
            (run / f"{content.name}.{number}").write_bytes(piece)


def said(run: Path, payload: Parcel | bytes) -> str:
    """What the call in a payload gives, as text; the error where it fails."""
    data = payload if isinstance(payload, bytes) else payload.payload()
    (run / "payload").write_bytes(data)
    out = run / "output" / "worker.out"
    command = [sys.executable, "-c", CODE, str(run / "payload")]
    with out.open("wb") as file:
        subprocess.run(command, stdout=file, check=True, timeout=60)
    return out.read_text().strip()
