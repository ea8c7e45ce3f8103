"""How often each fault, event, action, record, phase, stage and state occurred."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

ROW = "  {:<32}{:>12,}"


class Table:
    """Counts by (what, name)."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    def note(self, what: str, name: str) -> None:
        """It occurred once more."""
        self.counts[what, name] += 1

    def add(self, other: Table) -> None:
        """What another world saw."""
        self.counts.update(other.counts)

    def never(self, known: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Those that could have occurred and did not."""
        return [key for key in known if not self.counts[key]]

    def text(self, known: Iterable[tuple[str, str]]) -> str:
        """All of it, by what it is."""
        lines, before = [], ""
        for what, name in sorted({*known, *self.counts}):
            if what != before:
                lines.append(what)
                before = what
            lines.append(ROW.format(name, self.counts[what, name]))
        return "\n".join(lines)
