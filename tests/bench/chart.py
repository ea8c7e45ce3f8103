"""The figures as a picture: for each row how many times its base every contestant took."""

from __future__ import annotations

import math
from html import escape
from typing import Any

from .report import by_row, ratio

LEFT, WIDTH, STEP, TOP = 250, 640, 26, 64
LOW, HIGH = 0.02, 200.0  # times the base
COLOURS = {
    "floor": "#888888",
    "fcx": "#c8102e",
    "seed": "#b8860b",
    "processes": "#4d4d4d",
    "parsl": "#1f77b4",
    "dask": "#ff7f0e",
    "submitit": "#2ca02c",
}


def drawn(figures: list[dict[str, Any]]) -> str:
    """SVG: one line for a row, one dot for a contestant, on a logarithmic scale."""
    rows = by_row(figures)
    height = TOP + STEP * len(rows) + 20
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 30}" height="{height}" '
        'font-family="sans-serif" font-size="12">'
    )
    parts = [head, f'<rect width="100%" height="100%" fill="white"/>{_legend()}{_scale(height)}']
    for number, (row, mine) in enumerate(rows):
        y = TOP + STEP * number + STEP / 2
        parts.append(
            f'<text x="{LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(row.key)}</text>'
        )
        parts.append(f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y}" y2="{y}" stroke="#eeeeee"/>')
        for who in mine:
            times = ratio(row, mine, who)
            if times is not None:
                said = f"{row.key}, {who}: {mine[who]['seconds']:.3g} s, {times:.2f} times"
                parts.append(_dot(who, times, y, said))
    return "\n".join([*parts, "</svg>", ""])


def _x(times: float) -> float:
    share = math.log(min(HIGH, max(LOW, times)) / LOW) / math.log(HIGH / LOW)
    return round(LEFT + WIDTH * share, 1)


def _dot(who: str, times: float, y: float, said: str) -> str:
    size = 6 if who == "fcx" else 4
    return (
        f'<circle cx="{_x(times)}" cy="{y}" r="{size}" fill="{COLOURS[who]}" fill-opacity="0.85">'
        f"<title>{escape(said)}</title></circle>"
    )


def _legend() -> str:
    parts = []
    for number, (who, colour) in enumerate(COLOURS.items()):
        x = LEFT + number * 92
        parts.append(f'<circle cx="{x}" cy="16" r="5" fill="{colour}"/>')
        parts.append(f'<text x="{x + 9}" y="20">{who}</text>')
    return "".join(parts)


def _scale(height: int) -> str:
    parts = []
    for times in (0.1, 1, 10, 100):
        x, colour = _x(times), "#999999" if times == 1 else "#dddddd"
        parts.append(
            f'<line x1="{x}" x2="{x}" y1="{TOP - 8}" y2="{height - 14}" stroke="{colour}"/>'
        )
        parts.append(f'<text x="{x}" y="{TOP - 14}" text-anchor="middle">{times:g} x</text>')
    return "".join(parts)
