"""Whether the far side is the environment that is wanted: policy, two sides -> Verdict (pure).

Two comparisons: the *image* (manifest against far side) and the *caller* (the interpreter that
calls ``submit`` against the far side). ``compare`` judges a place; ``before_queue`` judges what
one call refers to. How severe each rule is stands in ``RULES``.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..config import ParitySettings
from ..payload.requirements import Requirements
from .call import call
from .caller import caller_python, packages
from .image import files, image, place
from .manifest import Manifest, Snapshot
from .rules import POLICIES, RULES, Judge, Side, check_policy, difference, short
from .verdict import Difference, Verdict
from .versions import Rules

__all__ = [
    "POLICIES",
    "RULES",
    "Difference",
    "Verdict",
    "before_queue",
    "check_policy",
    "compare",
    "difference",
]


def compare(
    policy: str,
    *,
    far: Side,
    manifest: Manifest | None = None,
    caller: Snapshot | None = None,
    rules: ParitySettings | None = None,
    requirements: Requirements | None = None,
    python: str = "",
    hashes: Mapping[str, tuple[str, str | None]] | None = None,
) -> Verdict:
    """Judge a far side: a live one by its Snapshot, or an image by its Manifest.

    ``python`` is an interpreter that the user chose over the manifest's. ``hashes`` are digests
    (wanted, found) of files on the cluster by name: unequal or unknown ones are refused. Raises
    ConfigError for an unknown policy or a rule that is not a version specifier.
    """
    judge = Judge(
        check_policy(policy),
        far,
        manifest if manifest is not None else (far if isinstance(far, Manifest) else None),
        caller,
        Rules(rules or ParitySettings()),
        python,
    )
    found = (
        *files(judge, hashes or {}),
        *image(judge),
        *place(judge),
        *caller_python(judge),
        *packages(judge),
        *call(judge, requirements or Requirements()),
    )
    return Verdict(policy, tuple(dict.fromkeys(found)), _sides(judge))


def before_queue(
    requirements: Requirements,
    far: Side | None,
    policy: str,
    rules: ParitySettings | None = None,
    *,
    caller: Snapshot | None = None,
    manifest: Manifest | None = None,
) -> Verdict:
    """Judge what one call refers to against the known far side; nothing known, nothing refused.

    ``caller`` and ``manifest`` only make the mending commands fit.
    """
    check_policy(policy)
    if far is None:
        return Verdict(policy)
    known = manifest if manifest is not None else (far if isinstance(far, Manifest) else None)
    judge = Judge(policy, far, known, caller, Rules(rules or ParitySettings()), "")
    return Verdict(policy, tuple(dict.fromkeys(call(judge, requirements))))


def _sides(judge: Judge) -> dict[str, str]:
    """A line for each side that took part."""
    lines = {"there": _described(judge.far)}
    if judge.manifest is not None and judge.manifest is not judge.far:
        lines = {"image": _described(judge.manifest), **lines}
    if judge.caller is not None:
        lines["here"] = _described(judge.caller)
    return lines


def _described(side: Side) -> str:
    dill = f"dill {side.dill}" if side.dill else "no dill"
    parts = [f"Python {side.python.version}", dill, side.architecture]
    if isinstance(side, Manifest):
        parts.insert(0, side.name)
    elif side.live.node:
        parts.append(f"node {side.live.node}")
    if side.build_id:
        parts.append(f"build {short(side.build_id)}")
    return ", ".join(parts)
