"""A Verdict: the differences that were found, as a table and as JSON (pure)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ..errors import ManifestError
from .manifest import Record

SCHEMA = 1
REFUSE, WARN, INFO = "refuse", "warn", "info"
SPOKEN = {REFUSE: "refused", WARN: "warning", INFO: "noted"}
_WIDEST = 60  # of a column, in characters; what is longer ends in an ellipsis


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it should be: ``wanted`` there, ``found`` there."""

    code: str  # which rule: see parity.RULES
    what: str
    wanted: str
    found: str
    severity: str  # refuse | warn | info
    mend: str = ""

    @classmethod
    def from_record(cls, record: Record) -> Difference:
        """Read one difference of a verdict's JSON."""
        severity = record.text("severity")
        if severity not in SPOKEN:
            record.fail("severity", "refuse, warn or info", severity)
        names = ("wanted", "found", "mend")
        texts = {name: record.text_or_empty(name) for name in names}
        return cls(record.text("code"), record.text("what"), severity=severity, **texts)


@dataclass(frozen=True)
class Verdict:
    """What a comparison came to. ``sides`` says in a line each what was compared."""

    policy: str
    differences: tuple[Difference, ...] = ()
    sides: Mapping[str, str] = field(default_factory=dict)

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

    def plus(self, *differences: Difference) -> Verdict:
        """The same verdict with more found; what is already there is not repeated."""
        return replace(self, differences=tuple(dict.fromkeys((*self.differences, *differences))))

    def to_json(self) -> str:
        """JSON that ``from_json`` reads; ``passed`` and ``mark`` are there for other readers."""
        record = {"schema": SCHEMA, "passed": self.passed, "mark": self.mark, **asdict(self)}
        return json.dumps(record, indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, where: str = "the verdict") -> Verdict:
        """Read a verdict; ``where`` names it in errors. Raises ManifestError."""
        try:
            record = Record(where, json.loads(text))
        except ValueError as error:
            raise ManifestError(f"{where} is not JSON: {error}. Ask again with --fresh.") from error
        if record.integer("schema") != SCHEMA:
            record.fail("schema", str(SCHEMA), record.values["schema"])
        found = record.values.get("differences")
        if not isinstance(found, list):
            record.fail("differences", "a list", found)
        differences = [Difference.from_record(Record(where, one)) for one in found]
        return cls(record.text("policy"), tuple(differences), record.table("sides"))

    def text(self, *, all_packages: bool = False) -> str:
        """A table (what, wanted, found, verdict) with the mending command below each row."""
        outcome = "passed" if self.passed else f"REFUSED ({len(self.refusals)})"
        lines = [f"Parity under policy {self.policy!r}: {outcome}"]
        if self.mark:
            lines[0] = f"Parity off: nothing is enforced, {len(self.differences)} found"
        lines += [f"  {side:<7}{what}" for side, what in self.sides.items()]
        ranked = sorted(self.differences, key=lambda one: list(SPOKEN).index(one.severity))
        rows = ranked if all_packages else _summed_up(ranked)
        if rows:
            lines += ["", *_table(rows)]
        return "\n".join(lines)


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
    return rows or packages


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
        lines += [line, f"    mend: {one.mend}"] if one.mend else [line]
    return lines


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def spoken(value: Any) -> str:
    """A value as a table shows it: nothing is ``none``."""
    return "none" if value in (None, "") else str(value)
