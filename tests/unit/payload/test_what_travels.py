"""What people write travels, from a script, a module and a package: as call, as argument and as result."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from travel.kinds import KINDS
from unpacked import unpacked

SUPPORT = Path(__file__).parents[2] / "support"
CONTEXTS = ("main", "module", "package")
PARTS = ("call", "argument", "result")


def cases() -> str:
    """One source with all kinds: names of module level get a number, so that none is another's."""
    whole = []
    for number, each in enumerate(KINDS.values()):
        text = re.sub(r"\b(thing|use)\b", rf"\1_{number}", each.source)
        text += f"\ndef call_{number}(): return use_{number}(thing_{number})"
        text += f"\ndef give_{number}(): return thing_{number}\n"
        whole.append(text)
    return "\n".join(whole)


@functools.lru_cache
def table(context: str) -> dict[str, str]:
    """What became of each case of a context, in processes of their own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        unpacked(folder / "programs")
        refusals = {name: each.refused for name, each in KINDS.items()}
        (folder / "refusals.json").write_text(json.dumps(refusals))
        own = folder / "own"
        inner = own / "parcel" / "inner"
        inner.mkdir(parents=True)
        if context == "package":
            (own / "parcel" / "__init__.py").touch()
            (inner / "__init__.py").touch()
        place = {"main": own / "script.py", "module": own / "cases.py"}
        place.get(context, inner / "cases.py").write_text(cases())
        script = own / "script.py"
        text = script.read_text() if script.exists() else ""
        script.write_text(
            f"{text}\nif __name__ == '__main__':\n"
            f"    import sys, pathlib\n    sys.path.append({str(SUPPORT)!r})\n"
            "    from travel.home import main\n"
            f"    main(globals(), {context!r}, pathlib.Path({str(folder)!r}))\n"
        )
        done = subprocess.run(
            [sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("name", KINDS)
def test_travels(context, name):
    """What it does remotely, and back at home, is what it does at home; or the refusal says why."""
    found = {part: table(context)[f"{name}/{part}"] for part in PARTS}
    wanted = {"refused"} if KINDS[name].refused else {"right"}
    assert {"refused" if told == "refused" else told for told in found.values()} <= {
        *wanted,
        "right",
    }
