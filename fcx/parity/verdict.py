"""A Verdict: the differences that were found, as a table and as JSON (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from ..records import Meta, Struct, without_nulls
from .reading import parse, read, render
from .snapshot import Text

REFUSE: Literal["refuse"] = "refuse"
WARN: Literal["warn"] = "warn"
INFO: Literal["info"] = "info"
Severity = Annotated[Literal["refuse", "warn", "info"], Meta(description="refuse, warn or info")]
SPOKEN = {REFUSE: "refused", WARN: "warning", INFO: "noted"}
_WIDEST = 60  # of a column, in characters; what is longer ends in an ellipsis


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

    @property
    def passed(self) -> bool:
        """Whether payload may be sent."""
        return not self.refusals

    @property
    def refusals(self) -> tuple[Difference, ...]:
        """The differences that forbid it."""
        return tuple(one for one in self.differences if one.severity == REFUSE)

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
        """A table (what, wanted, found, verdict) with the fix below each row."""
        outcome = "passed" if self.passed else f"REFUSED ({len(self.refusals)})"
        lines = [f"Parity under policy {self.policy!r}: {outcome}"]
        if self.mark:
            lines[0] = f"Parity off: nothing is enforced, {len(self.differences)} found"
        lines += [f"  {side:<8}{what}" for side, what in self.sides.items()]
        ranked = sorted(self.differences, key=lambda one: list(SPOKEN).index(one.severity))
        rows = ranked if all_packages else _summed_up(ranked)
        if rows:
            lines += ["", *_table(rows)]
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


def _summed_up(differences: Iterable[Difference]) -> list[Difference]:
    """Packages that are merely noted, in one row."""
    rows: list[Difference] = []
    packages: list[Difference] = []
    for one in differences:
        noted = one.code.startswith("package-") and one.severity == INFO
        (packages if noted else rows).append(one)
    if len(packages) > 1:
        names = ", ".join(one.what for one in packages)
        count = f"{len(packages)} packages differ"
        rows.append(
            Difference("packages", count, _cut(names), "", INFO, "--all-packages lists them")
        )
    else:
        rows += packages
    return rows


def _table(rows: list[Difference]) -> list[str]:
    cells = [("what", "wanted", "found", "verdict")]
    cells += [(one.what, _cut(one.wanted), _cut(one.found), SPOKEN[one.severity]) for one in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    shown = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    lines = [shown[0]]
    for one, line in zip(rows, shown[1:], strict=True):
        lines += [line, f"    fix: {one.fix}"] if one.fix else [line]
    return lines


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def spoken(value: Any) -> str:
    """A value as a table shows it: nothing is ``none``."""
    return "none" if value in (None, "") else str(value)
