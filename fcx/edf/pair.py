"""An EDF in two files: the user's, and fcx's own, on which it is based.

`img.toml` is the user's; `img-generated.toml` is written whole by each `fcx edf write`. The base is
named, not given as a path: engines look for a path in the folder that srun is called in, for a
name in EDF_PATH and `~/.edf`, where both files lie side by side. fcx takes the one beside it.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from pathlib import Path

from ..errors import EdfError
from ..files import generated_edf
from .document import UNNAMED, Edf
from .index import Index
from .read import parse, read
from .schema import STRINGS, SWITCHES
from .toml import Path as Place

WHOLE = "Written whole by `fcx edf write`"
"""How the head of fcx's own file begins: that is how one is known."""

_BUILD = re.compile(r"^#:? build id: +([0-9a-f]{64})\s*$", re.MULTILINE)


def base_of(file: str | Path) -> str:
    """The name by which a user's EDF takes fcx's own as its base."""
    return generated_edf(file).stem


def beside(name: str, file: str) -> str:
    """Where a base of a file lies: fcx's own beside it, any other as it is named."""
    if file == UNNAMED or name != base_of(file):
        return name
    own = generated_edf(file)
    return str(own.absolute()) if own.is_file() else name


def is_generated(text: str) -> bool:
    """Whether fcx wrote all of a file."""
    return text.startswith(f"#: {WHOLE}")


def written_for(layers: Iterable[Edf]) -> str:
    """The build id in the head of the layer that counts most of those that have one; else empty."""
    found = (_BUILD.search(layer.text) for layer in reversed([*layers]))
    return next((match[1] for match in found if match), "")


def takes_generated(edf: Edf) -> bool:
    """Whether a user's EDF names fcx's own as a base of it, by name or by path."""
    own = generated_edf(edf.file)
    return any(name == own.stem or Path(name).name == own.name for name in edf.base_environment)


def generated_of(file: str | Path) -> Edf | None:
    """The EDF of fcx's own that lies beside a user's; None if there is none, or none to be read."""
    own = generated_edf(file)
    if not own.is_file():
        return None
    try:
        edf = read(own)
    except EdfError:
        return None
    return edf if is_generated(edf.text) else None


def hidden(text: str, file: str, generated: Edf) -> Container[int]:
    """Lines of fcx's own file that do not count: all if it is not taken, else what is set anew."""
    try:
        edf = parse(text, file)
    except EdfError:
        return ()
    if not takes_generated(edf):
        return range(1, generated.text.count("\n") + 2)
    said = edf.values()
    scalars = [name for name in (*STRINGS, *SWITCHES) if said[name] is not None]
    paths: list[Place] = [(name,) for name in scalars]
    paths += [("env", name) for name in edf.env]
    index = Index(generated.text)
    return {index.place(path)[0] for path in paths if path in index.values}
