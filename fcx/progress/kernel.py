"""Whether this runs in a notebook; nothing is imported for that."""

from __future__ import annotations

import sys
from typing import Any


def shell() -> Any:
    """IPython's, where a kernel of Jupyter has it; else None."""
    ipython = sys.modules.get("IPython")
    found = ipython.get_ipython() if ipython is not None else None
    return found if getattr(found, "kernel", None) is not None else None
