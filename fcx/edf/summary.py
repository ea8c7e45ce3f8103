"""How findings are told: those of one kind as one, what only Sarus refuses in one, few notes.

A check that says the same of each mount, or much of a file that works, is read by nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from .findings import Finding
from .rules.context import ERROR, NOTE

MOST_NOTES = 2
_MOST_FIXES = 5

_WEIGHT = (
    *("shadows-python", "path-from-host", "home-without-nousersite", "ahead-of-image"),
    *("undefined-variable",),
    *("image-over-generated", "moving-tag", "scratch-image", "entrypoint-unsaid"),
    *("slow-network", "hook-without-variant"),
)
"""Codes of notes, the weightiest first; what is not among them weighs least."""


def summary(by_engine: Mapping[str, Iterable[Finding]]) -> list[Finding]:
    """The findings of the one engine asked about, or of the CE with a note about Sarus."""
    asked = next(iter(by_engine))
    told = _grouped(by_engine[asked])
    if len(by_engine) > 1:
        told += _refused_elsewhere(by_engine[asked], by_engine["sarus"])
    notes = [finding for finding in told if finding.severity == NOTE]
    if len(notes) > MOST_NOTES:
        told = [finding for finding in told if finding.severity != NOTE] + _few(notes)
    return sorted(told, key=lambda f: (f.line, f.column, f.code))


def _grouped(findings: Iterable[Finding]) -> list[Finding]:
    """One finding for all of one code and severity."""
    kinds: dict[tuple[str, str], list[Finding]] = {}
    ordered = sorted(dict.fromkeys(findings), key=lambda f: (f.line, f.column, f.code))
    for finding in ordered:
        kinds.setdefault((finding.code, finding.severity), []).append(finding)
    return [_as_one(alike) for alike in kinds.values()]


def _as_one(alike: list[Finding]) -> Finding:
    first = alike[0]
    if len(alike) == 1:
        return first
    lines = _spans(sorted({finding.line for finding in alike}))
    what = f"{first.what}, and {len(alike) - 1} more of this kind: {lines}"
    return replace(first, what=what, fix=_fixes(alike), parts=tuple(alike))


def _spans(lines: list[int]) -> str:
    """Numbers of lines, those in a row as FIRST-LAST."""
    spans: list[list[int]] = []
    for line in lines:
        if spans and line == spans[-1][1] + 1:
            spans[-1][1] = line
        else:
            spans.append([line, line])
    texts = [str(a) if a == b else f"{a}-{b}" for a, b in spans]
    more = f" and {len(texts) - 10} more places" if len(texts) > 10 else ""
    return f"line{'s' if len(lines) > 1 else ''} {', '.join(texts[:10])}{more}"


def _fixes(alike: list[Finding]) -> str:
    different = list(dict.fromkeys(finding.fix for finding in alike))
    if len(different) <= _MOST_FIXES:
        return "; ".join(different)
    return "; ".join(different[:3]) + "; and so on for the others"


def _refused_elsewhere(here: Iterable[Finding], there: Iterable[Finding]) -> list[Finding]:
    """One note of what Sarus refuses, and the CE says nothing of."""
    said = {(f.line, f.column, f.code) for f in here}
    new = [f for f in there if f.severity == ERROR and (f.line, f.column, f.code) not in said]
    if not new:
        return []
    groups = _grouped(replace(finding, severity=NOTE) for finding in new)
    codes = [f"{len(f.singles())} x {f.code}" if f.parts else f.code for f in groups]
    what = f"runs on the CE only: {', '.join(codes)}"
    why = "the Sarus suite (`srun --edf`) refuses it, the CE (`srun --environment`) does not"
    fix = "nothing, if it is for the CE (--dialect ce); --dialect sarus says how to change it"
    file = groups[0].file
    return [Finding(file, 1, 1, "ce-only", NOTE, what, why, fix, tuple(groups))]


def _few(notes: list[Finding]) -> list[Finding]:
    """The weightiest note by itself, and the others as one."""
    order = {code: weight for weight, code in enumerate(_WEIGHT)}
    first, *rest = sorted(notes, key=lambda f: order.get(f.code, len(order)))
    what = "; ".join(f"{f.what} [{f.code}]" for f in rest)
    why = "; ".join(f.why for f in rest)
    fix = "; ".join(f.fix for f in rest)
    place = rest[0].file, rest[0].line, rest[0].column
    return [first, Finding(*place, "further-notes", NOTE, what, why, fix, tuple(rest))]
