"""A Verdict: the differences that were found, as a table and as JSON (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from ..records import Meta, Struct, without_nulls
from . import table
from .reading import parse, read, render
from .snapshot import Text

REFUSE: Literal["refuse"] = "refuse"
WARN: Literal["warn"] = "warn"
INFO: Literal["info"] = "info"
Severity = Annotated[Literal["refuse", "warn", "info"], Meta(description="refuse, warn or info")]


class Difference(Struct, frozen=True):
    """One thing that is not as it should be: what was ``wanted``, what was ``found``."""

    code: Text  # which rule: see parity.RULES
    what: Text
    wanted: str
    found: str
    severity: Severity
    fix: str = ""  # the command that repairs it


class Verdict(Struct, frozen=True):
    """What a comparison came to. ``sides`` says in a line each what was compared."""

    policy: Text
    differences: tuple[Difference, ...] = ()
    sides: Mapping[str, str] = {}
    follow: str = ""  # the command that repairs all that concerns the client, where that is much
    held: str = "remote"  # what the client was held against: that, or its image's manifest

    @property
    def passed(self) -> bool:
        """Whether payload may be sent."""
        return not self.differences or not self.refusals

    @property
    def refusals(self) -> tuple[Difference, ...]:
        """The differences that forbid it."""
        return tuple(one for one in self.differences if one.severity == REFUSE)

    @property
    def notes(self) -> int:
        """How many things it has to say, all packages that are merely noted being one."""
        return table.count(self.differences)

    @property
    def mark(self) -> str:
        """What must stand wherever the run is shown; empty unless nothing was enforced."""
        return "parity off" if self.policy == "off" else ""

    def to_json(self) -> str:
        """JSON that ``from_json`` reads; ``passed`` and ``mark`` are there for other readers."""
        return render(self, passed=self.passed, mark=self.mark)

    @classmethod
    def from_json(cls, text: str | bytes, where: str = "the verdict") -> Verdict:
        """Read a verdict; ``where`` names it in errors. Raises ManifestError."""
        values = parse(text, where, "Ask again with --fresh.")
        if isinstance(values, dict):
            values["differences"] = _in_our_words(values.get("differences"))
        return read(cls, values, where)

    def text(self, *, all_packages: bool = False) -> str:
        """A table (what, each side, verdict) with the fix below each row."""
        outcome = "passed" if self.passed else f"REFUSED ({len(self.refusals)})"
        lines = [f"Parity under policy {self.policy!r}: {outcome}"]
        if self.mark:
            lines[0] = f"Parity off: nothing is enforced, {len(self.differences)} found"
        lines += [f"  {side:<8}{what}" for side, what in self.sides.items()]
        lines += table.lines(self.differences, self.held, all_packages=all_packages)
        if self.follow:
            lines += ["", f"All that concerns the client at once: {self.follow}"]
        return "\n".join(lines)


def _in_our_words(differences: Any) -> Any:
    """The differences of a verdict's JSON; an older fcx called the fix ``mend``."""
    if not isinstance(differences, list):
        return differences
    return [
        without_nulls(Difference, {"fix": one.get("mend"), **one}) if isinstance(one, dict) else one
        for one in differences
    ]


def spoken(value: Any) -> str:
    """A value as a table shows it: nothing is ``none``."""
    return "none" if value in (None, "") else str(value)
