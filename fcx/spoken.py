"""Sizes and ages as a person says them, and names that he may have meant."""

from __future__ import annotations

from collections.abc import Iterable


def size(count: int) -> str:
    """``3.4 MB``."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} B"


def ago(seconds: float) -> str:
    """``3 hours ago``."""
    for unit, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        count = int(seconds // unit)
        if count:
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "just now"


def meant(name: str, known: Iterable[str]) -> str:
    """`` Did you mean 'sweep'?``, where a known name is much like this one; else nothing."""
    from difflib import get_close_matches  # for those who err alone

    near = get_close_matches(name, list(known), 1)
    return f" Did you mean {near[0]!r}?" if near else ""
