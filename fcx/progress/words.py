"""A snapshot as text (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .snapshot import Snapshot

MOST_REASONS = 2  # that are said of pilots which wait


def clock(seconds: float) -> str:
    """``1:05``, ``2:03:04``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def title(seen: Snapshot) -> str:
    """Whose numbers these are."""
    return f"fcx {seen.name}".rstrip()


def done(seen: Snapshot) -> str:
    """How far it is."""
    return f"{seen.done}/{seen.total} done"


def tasks(seen: Snapshot) -> str:
    """What becomes of the others, and how many ended badly."""
    counts = (
        (seen.running, "running"),
        (seen.waiting, "waiting"),
        (seen.failed, "failed"),
        (seen.cancelled, "cancelled"),
    )
    return ", ".join(f"{count} {word}" for count, word in counts if count)


def pilots(seen: Snapshot) -> str:
    """How many pilots there are, and why those wait that do."""
    found = seen.pilots
    if not found.up and not found.waiting:
        return "no pilot yet" if seen.pending else ""
    up = f"{found.up} {_pilot(found.up)} up" if found.up else ""
    if not found.waiting:
        return up
    most = sorted(found.waits, key=lambda each: -each[1])
    why = "; ".join(words for words, _ in most[:MOST_REASONS])
    verb = "waits" if found.waiting == 1 else "wait"
    noun = "" if up else f" {_pilot(found.waiting)}"
    return f"{up}{', ' if up else ''}{found.waiting}{noun} {verb}: {why}"


def cost(seen: Snapshot) -> str:
    """What it has cost so far."""
    requests = f"{seen.requests} request{'' if seen.requests == 1 else 's'}"
    return f"{requests}, {_hours(seen.pilots.node_hours)} node hours"


def _hours(hours: float) -> str:
    return f"{hours:.1f}" if hours >= 10 else f"{hours:.2f}" if hours >= 1 else f"{hours:.3f}"


def _pilot(count: int) -> str:
    return "pilot" if count == 1 else "pilots"


def line(seen: Snapshot, width: int = 10**6) -> str:
    """All of it, or what of it a line has room for: what matters most comes first."""
    return _fitted([_head(seen), pilots(seen), cost(seen), clock(seen.seconds)], width)


def summary(seen: Snapshot, width: int = 10**6) -> str:
    """What a run came to."""
    return _fitted([_head(seen), cost(seen), clock(seen.seconds)], width)


def _head(seen: Snapshot) -> str:
    others = tasks(seen)
    return f"{title(seen)}: {done(seen)}{', ' if others else ''}{others}"


def _fitted(parts: Iterable[str], width: int) -> str:
    """As many as there is room for, and of the first at least its beginning."""
    text = ""
    for part in filter(None, parts):
        longer = f"{text} | {part}" if text else part
        if text and _columns(longer) > width:
            break
        text = longer
    return _cut(text, width)


def _columns(text: str) -> int:
    """That it takes on a terminal, where some letters take two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # only names are not ASCII: rich takes its time to import

    return cell_len(text)


def _cut(text: str, width: int) -> str:
    """It, or its beginning."""
    if _columns(text) <= width:
        return text
    room = max(0, width - 3)
    if text.isascii():
        return f"{text[:room]}..."
    from rich.cells import set_cell_size

    return f"{set_cell_size(text, room)}..."


def lines(seen: Sequence[Snapshot], width: int) -> str:
    """Several in one line."""
    if len(seen) == 1:
        return line(seen[0], width)
    each = max(20, (width - 3 * (len(seen) - 1)) // len(seen))
    return _cut(" || ".join(line(one, each) for one in seen), width)


def counts(seen: Snapshot) -> str:
    """What a line says that is worth another line: neither requests nor time."""
    return f"{seen.name} {done(seen)} {tasks(seen)} {pilots(seen)}"
