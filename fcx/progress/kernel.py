"""Whether this runs in a notebook, and in which cell; nothing is imported for that."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any


def shell() -> Any:
    """IPython's, where a kernel of Jupyter has it; else None."""
    ipython = sys.modules.get("IPython")
    found = ipython.get_ipython() if ipython is not None else None
    return found if getattr(found, "kernel", None) is not None else None


def cell() -> str:
    """What tells the cell that runs, or has run last, from others; empty where nobody can tell.

    It is the request that its output answers. A number of the shell's goes up before a cell is
    over, or after that, by its version. Other requests come between, as for what Tab completes.
    """
    with suppress(Exception):  # a kernel of another kind
        parent = shell().kernel.get_parent("shell")["header"]
        if parent["msg_type"] == "execute_request":
            return str(parent["msg_id"])
    return ""
