"""Whether the remote side is the environment that is wanted: policy, two sides -> Verdict (pure).

Two comparisons: the *image* (manifest against remote side) and the *caller* (the interpreter that
calls ``submit`` against the remote one). ``compare`` judges a place; ``before_queue`` judges what
one task refers to. How severe each rule is stands in ``RULES``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ..config import ParitySettings, check_policy
from ..payload.requirements import Relied, Requirements
from ..records import replace
from .caller import caller_python, packages
from .image import files, image, outdated
from .manifest import Manifest
from .place import place
from .rules import Judge, Side, short
from .snapshot import Snapshot
from .task import drift, releases, task
from .verdict import REFUSE, Difference, Verdict
from .versions import Rules

CLIENTS = re.compile("^(python-|dill$|(reference|import)-(version|shared)$)")
"""Codes of what the client's environment can be changed for."""
SEVERAL = 2


def compare(
    policy: str,
    *,
    remote: Side,
    manifest: Manifest | None = None,
    caller: Snapshot | None = None,
    rules: ParitySettings | None = None,
    requirements: Requirements | None = None,
    python: str = "",
    hashes: Mapping[str, tuple[str, str | None]] | None = None,
    stale: str = "",
    edf_build: str = "",
) -> Verdict:
    """Judge a remote side: a live one by its Snapshot, or an image by its Manifest.

    ``python`` is an interpreter that the user chose over the manifest's. ``hashes`` are digests
    (wanted, found) of files on the cluster by name: unequal or unknown ones are refused. ``stale``
    says what has changed since the image was built, ``edf_build`` which build the EDF is for.
    Raises ConfigError for an unknown policy or a rule that is not a version specifier.
    """
    judge = Judge(
        check_policy(policy),
        remote,
        manifest if manifest is not None else (remote if isinstance(remote, Manifest) else None),
        caller,
        Rules(rules or ParitySettings()),
        python,
    )
    found = (
        *files(judge, hashes or {}),
        *outdated(judge, stale, edf_build),
        *image(judge),
        *place(judge),
        *caller_python(judge),
        *packages(judge),
        *task(judge, requirements or Requirements()),
    )
    return _verdict(judge, found, _sides(judge))


def before_queue(
    requirements: Requirements | Relied,
    remote: Side | None,
    policy: str,
    rules: ParitySettings | None = None,
    *,
    caller: Snapshot | None = None,
    manifest: Manifest | None = None,
) -> Verdict:
    """Judge what one task refers to against the remote side, if that is known; else all passes.

    ``caller`` and ``manifest`` only make the fixes fit.
    """
    check_policy(policy)
    if remote is None:
        return Verdict(policy)
    known = manifest if manifest is not None else (remote if isinstance(remote, Manifest) else None)
    judge = Judge(policy, remote, known, caller, Rules(rules or ParitySettings()), "")
    if isinstance(requirements, Relied):
        return _verdict(judge, drift(judge, requirements), {})
    return _verdict(judge, _below_interpreter(judge, tuple(task(judge, requirements))), {})


def _below_interpreter(judge: Judge, found: tuple[Difference, ...]) -> tuple[Difference, ...]:
    """What is refused of a task, and before it the other Python that it may follow from."""
    if all(one.severity != REFUSE for one in found):
        return found
    own = [one for one in caller_python(judge) if one.code.startswith("python-")]
    return (*(one for one in own if one.severity == REFUSE), *found)


def _verdict(judge: Judge, found: Iterable[Difference], sides: Mapping[str, str]) -> Verdict:
    """With one command for the client, where several things of it are refused.

    Under ``strict`` a client is the image, and follows none.
    """
    held = "image" if isinstance(judge.remote, Manifest) else "remote"
    verdict = Verdict(judge.policy, tuple(dict.fromkeys(found)), sides, held=held)
    codes = [one.code for one in verdict.refusals if CLIENTS.search(one.code)]
    if len(codes) < SEVERAL or judge.policy == "strict":
        return verdict
    other = any(code.startswith("python") for code in codes)
    return replace(verdict, follow=judge.fixes.follow(judge.remote.python.version, anew=other))


def relied(
    requirements: Requirements | Relied,
    remote: Snapshot,
    policy: str,
    rules: ParitySettings | None = None,
) -> dict[str, str | None]:
    """Distribution -> its remote release (None: absent), of what the verdict on a task rests on."""
    if isinstance(requirements, Relied):
        return {name: remote.release(name) for name in requirements.versions}
    judge = Judge(policy, remote, None, None, Rules(rules or ParitySettings()), "")
    return releases(judge, requirements)


def _sides(judge: Judge) -> dict[str, str]:
    """A line for each side that took part."""
    lines = {"remote": _described(judge.remote)}
    if isinstance(judge.remote, Manifest):
        lines = {"image": _described(judge.remote)}
    elif judge.manifest is not None:
        lines = {"image": _described(judge.manifest), **lines}
    if judge.caller is not None:
        lines["client"] = _described(judge.caller)
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
