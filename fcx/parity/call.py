"""What one call refers to and imports against the far side (pure)."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

from ..payload.requirements import Import, Requirements
from .caller import rule
from .rules import Judge
from .verdict import Difference
from .versions import same, same_release


def call(judge: Judge, requirements: Requirements) -> Iterator[Difference]:
    """The modules that one call refers to and imports."""
    here = requirements.here
    references = {name.partition(".")[0] for name in requirements.references} & here.keys()
    for top in sorted(references):
        yield from _reference(judge, top, here[top])
    asked: set[str] = set(references)
    for one in requirements.imports:
        if not one.pardon and one.top in here and one.top not in asked:
            asked.add(one.top)
            yield from _import(judge, one, here[one.top])


def _reference(judge: Judge, top: str, versions: Mapping[str, str]) -> Iterator[Difference]:
    """A module that unpickling imports: it must be there, and agree."""
    if top in sys.stdlib_module_names:
        if top in judge.far.stdlib_missing:
            mend = judge.mender.system_package(top)
            yield judge.differ("reference-missing", f"module {top}", "there", None, mend)
        return
    if judge.rules.assumes(top, *versions):
        return
    name, version = next(iter(versions.items()), (top, ""))
    if not _is_there(judge, top, versions):
        mend = judge.mender.add_there(name, version)
        wanted = f"{name} {version}".strip()
        yield judge.differ("reference-missing", f"module {top}", wanted, None, mend)
        return
    yield from _reference_versions(judge, top, versions)


def _reference_versions(
    judge: Judge, top: str, versions: Mapping[str, str]
) -> Iterator[Difference]:
    common = [name for name in versions if name in judge.far.distributions]
    if not common:
        mend = judge.mender.assume(top)
        wanted = " ".join(next(iter(versions.items()), ("a known version",)))
        yield judge.differ("reference-unknown", f"module {top}", wanted, "no version", mend)
    agrees = same if judge.policy == "strict" else same_release
    for name in common:
        here, there = versions[name], judge.far.distributions[name]
        if judge.rules.has(name):
            yield from rule(judge, name)
        elif not agrees(here, there):
            code = "reference-version" if len(versions) == 1 else "reference-shared"
            mend = judge.mender.install(name, there)
            yield judge.differ(code, f"{name} (pickled by reference)", here, there, mend)


def _import(judge: Judge, one: Import, versions: Mapping[str, str]) -> Iterator[Difference]:
    """A module that a function imports when it runs: it must merely be there."""
    standard = one.top in sys.stdlib_module_names
    if standard and one.top not in judge.far.stdlib_missing:
        return
    if judge.rules.assumes(one.top, *versions):
        return
    if not standard and _is_there(judge, one.top, versions):
        return
    name, version = next(iter(versions.items()), (one.top, ""))
    mender = judge.mender
    mend = mender.system_package(name) if standard else mender.add_there(name, version)
    what = f"import {one.top} in {one.where}"
    yield judge.differ("import-missing", what, f"{name} {version}".strip(), None, mend)


def _is_there(judge: Judge, top: str, versions: Mapping[str, str]) -> bool:
    """Whether a module exists over there; so far as is known, it does."""
    if any(name in judge.far.distributions for name in versions):
        return True
    if judge.far.modules is None:
        return not versions
    return top in judge.far.modules
