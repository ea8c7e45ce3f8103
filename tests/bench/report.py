"""What the figures say: ratios, goals, and which rows got worse than those that are stored."""

from __future__ import annotations

from typing import Any

from .contestants import CONTESTANTS
from .rows import ROWS, SITES, Row

WORSE = 1.2  # times the stored ratio
RED, PLAIN = "\x1b[31m", "\x1b[0m"


def by_row(figures: list[dict[str, Any]]) -> list[tuple[Row, dict[str, dict[str, Any]]]]:
    """The rows that were measured, each with its contestants by name."""
    found = []
    for row in ROWS:
        mine = {f["who"]: f for f in figures if (f["row"], f["site"]) == (row.name, row.site)}
        if mine:
            found.append((row, mine))
    return found


def ratio(row: Row, mine: dict[str, dict[str, Any]], who: str = "fcx") -> float | None:
    """How many times the base's seconds a contestant took."""
    if who not in mine or row.base not in mine or not mine[row.base]["seconds"]:
        return None
    return float(mine[who]["seconds"] / mine[row.base]["seconds"])


def misses(row: Row, mine: dict[str, dict[str, Any]]) -> list[str]:
    """Which parts of its goal fcx has missed, and by how much."""
    fcx, goal, times = mine.get("fcx"), row.goal, ratio(row, mine)
    if fcx is None:
        return []
    share = fcx.get("share")
    pairs = (
        ("ratio", times, goal.times, False),
        ("seconds", fcx["seconds"], goal.seconds, False),
        ("share", share, goal.share, True),
        ("requests", fcx.get("requests"), goal.requests, False),
        ("memory", fcx["memory_MB"], goal.memory, False),
    )
    return [
        f"{name} {_short(value)}, not {_short(wanted)}"
        for name, value, wanted, least in pairs
        if value is not None
        and wanted is not None
        and (value < wanted if least else value > wanted)
    ]


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def told(figures: list[dict[str, Any]], stored: list[dict[str, Any]]) -> tuple[str, list[str]]:
    """The table as text, and the rows that got worse."""
    before = {row.key: ratio(row, mine) for row, mine in by_row(stored)}
    lines, worse = [HEAD], []
    for row, mine in by_row(figures):
        lines.append(f"{row.key}: {row.title}")
        now, then = ratio(row, mine), before.get(row.key)
        got_worse = now is not None and then is not None and now > WORSE * then
        if got_worse:
            worse.append(row.key)
        for who, found in mine.items():
            line = _line(row, mine, who, found)
            if who == "fcx":
                line += f"   stored {then:.2f}" if then is not None else ""
                line += f"   misses {'; '.join(misses(row, mine))}" if misses(row, mine) else ""
                line = f"{RED}{line}{PLAIN}" if got_worse else line
            lines.append(line)
    said = f"\nWorse than {WORSE} times what is stored: {', '.join(worse)}" if worse else ""
    return "\n".join(lines) + said, worse


HEAD = f"{'':14}{'seconds':>10}{'ratio':>8}{'first':>8}{'ideal':>7}{'requests':>10}{'MB':>7}"


def _line(row: Row, mine: dict[str, Any], who: str, found: dict[str, Any]) -> str:
    times, first, share = ratio(row, mine, who), found.get("first"), found.get("share")
    return (
        f"    {who:10}{found['seconds']:>10.3f}"
        f"{f'{times:.2f}' if times is not None else '':>8}"
        f"{f'{first:.2f}' if first is not None else '':>8}"
        f"{f'{share:.0%}' if share is not None else '':>7}"
        f"{found.get('requests', ''):>10}{found['memory_MB']:>7.0f}"
    )


def listed() -> str:
    """Rows, contestants and sites."""
    lines = ["rows (those in brackets run only if they are named):"]
    for row in ROWS:
        name = f"({row.key})" if row.asked else row.key
        lines.append(f"  {name:32} {row.title}; wanted: {row.goal.text() or 'nothing'}")
    lines.append("contestants:")
    lines += [f"  {c.name:32} {c.text}" for c in CONTESTANTS.values()]
    lines.append("sites:")
    lines += [f"  {name}" for name in SITES]
    return "\n".join(lines)
