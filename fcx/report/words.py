"""Texts from outside made harmless, and numbers as a reader wants them (pure)."""

from __future__ import annotations

import html
import json
import re
from datetime import datetime, timezone
from typing import Any

LONGEST = 300  # characters of a name
LATEST = 2.5e11  # seconds since the epoch that a calendar has a year for
NONE = "\u2013"  # stands for what is not known
TIMES, LEAST = "\u00d7", "\u2265 "
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
"""What is not seen, changes what is seen, or cannot be written: shown by its number."""


def shown(text: object, most: int = 0) -> str:
    """Text of an element or an attribute: escaped, on whatever page it stands."""
    plain = str(text)
    if most and len(plain) > most:
        plain = f"{plain[:most]} ..."
    return html.escape(_HIDDEN.sub(_number, plain), quote=True)


def _number(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def name(text: object) -> str:
    """The same of a name, which may be long."""
    return shown(" ".join(str(text).split()), LONGEST)


def data(value: Any) -> str:
    """JSON that can stand in a script element: it cannot end that."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def moment(seconds: float | None) -> str:
    """``2026-11-27 07:28:16 UTC``."""
    if seconds is None or not 0 <= seconds <= LATEST:
        return "not known"
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def iso(seconds: float) -> str:
    """``2026-11-27T07:28:16+00:00``."""
    whole = int(min(max(0.0, seconds), LATEST))
    return datetime.fromtimestamp(whole, timezone.utc).isoformat()


def span(seconds: float | None) -> str:
    """``31.9 ms``, ``12.4 s``, ``5 min 3 s``, ``2 h 14 min``."""
    if seconds is None:
        return NONE
    if seconds < 0.9995:
        return f"{seconds * 1000:.3g} ms" if seconds else "0 s"
    if seconds < 99.5:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 100 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole / 86400:.1f} days"


def hours(value: float) -> str:
    """Node hours to three figures; what is little, in all its zeros."""
    if value and value < 0.001:
        return f"{value:.1g}"
    return f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"


def count(number: int) -> str:
    """``12,345``."""
    return f"{number:,}"


def plural(number: int, what: str) -> str:
    """``1 task``, ``12 tasks``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def share(part: float | None) -> str:
    """``68 %``."""
    return NONE if part is None else f"{100 * part:.0f} %"
