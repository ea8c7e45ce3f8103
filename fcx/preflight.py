"""Probe there, compare, remember the verdict. For now: the guard on Python and dill."""

from __future__ import annotations

import platform
import sys
from typing import Any

from .errors import ParityError


class Gate:
    """Holds payloads back until the far side has proven what it is."""

    def __init__(self, policy: str = "minor") -> None:
        import dill

        version = platform.python_version()
        if policy != "strict":
            version = ".".join(version.split(".")[:2]) + "."
        name = sys.implementation.name
        self.guard: dict[str, Any] | None = (
            {} if policy == "off" else {"python": f"{name} {version}", "dill": dill.__version__}
        )

    def admit(self, probe: dict[str, Any]) -> None:
        """Judge what a pilot found."""

    def refused(self, findings: list[list[Any]]) -> ParityError:
        """The error for what an agent's guard found to differ."""
        lines = [f"  {what}: wanted {wanted}, found {found}" for what, wanted, found in findings]
        return ParityError("The far side is another environment:\n" + "\n".join(lines))
