"""Tasks as the executor pickles them, and what is in the archives that travel with them."""

from __future__ import annotations

import io
import textwrap
import zipfile

from fcx.protocol import pickling


def dump(fn, *args):
    """Pickle a call as the executor does."""
    return pickling.dumps((fn, args, {}))


def by_value(source: str, name: str = "f"):
    """A function of ``__main__``: defined in a script, so that it is pickled by value."""
    space = {"__name__": "__main__"}
    exec(compile(textwrap.dedent(source), "script.py", "exec"), space)  # noqa: S102
    return space[name]


def names_in(data: bytes) -> list[str]:
    """The files of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as content:
        return [name for name in content.namelist() if not name.endswith("/")]
