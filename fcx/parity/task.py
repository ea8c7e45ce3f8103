"""What one task refers to and imports against the remote side (pure)."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

from ..payload.requirements import Import, Requirements
from .caller import rule
from .rules import Judge
from .verdict import Difference
from .versions import same, same_release


def task(judge: Judge, requirements: Requirements) -> Iterator[Difference]:
    """The modules that one task refers to and imports."""
    known = requirements.installed
    references = {name.partition(".")[0] for name in requirements.references} & known.keys()
    for top in sorted(references):
        yield from _reference(judge, top, known[top])
    asked: set[str] = set(references)
    for one in requirements.imports:
        if not one.pardon and one.top in known and one.top not in asked:
            asked.add(one.top)
            yield from _import(judge, one, known[one.top])


def _reference(judge: Judge, top: str, versions: Mapping[str, str]) -> Iterator[Difference]:
    """A module that unpickling imports: it must exist, and agree."""
    if top in sys.stdlib_module_names:
        if top in judge.stdlib_missing:
            fix = judge.fixes.system_package(top)
            yield judge.differ("reference-missing", f"module {top}", "present", None, fix)
        return
    if judge.rules.assumes(top, *versions):
        return
    name, version = next(iter(versions.items()), (top, ""))
    if not _exists(judge, top, versions):
        wanted, fix = f"{name} {version}".strip(), judge.fixes.add(name, version)
        yield judge.differ("reference-missing", f"module {top}", wanted, None, fix)
        return
    yield from _reference_versions(judge, top, versions)


def _reference_versions(
    judge: Judge, top: str, versions: Mapping[str, str]
) -> Iterator[Difference]:
    common = [name for name in versions if name in judge.remote.distributions]
    if not common:
        fix = judge.fixes.assume(top)
        wanted = " ".join(next(iter(versions.items()), ("a known version",)))
        yield judge.differ("reference-unknown", f"module {top}", wanted, "no version", fix)
    agrees = same if judge.policy == "strict" else same_release
    for name in common:
        mine, remote = versions[name], judge.remote.distributions[name]
        if judge.rules.has(name):
            yield from rule(judge, name)
        elif not agrees(mine, remote):
            code = "reference-version" if len(versions) == 1 else "reference-shared"
            fix = judge.fixes.install(name, remote)
            yield judge.differ(code, f"{name} (pickled by reference)", mine, remote, fix)


def _import(judge: Judge, one: Import, versions: Mapping[str, str]) -> Iterator[Difference]:
    """A module that a function imports when it runs: it must merely exist."""
    standard = one.top in sys.stdlib_module_names
    if standard and one.top not in judge.stdlib_missing:
        return
    if judge.rules.assumes(one.top, *versions):
        return
    if not standard and _exists(judge, one.top, versions):
        return
    name, version = next(iter(versions.items()), (one.top, ""))
    fixes = judge.fixes
    fix = fixes.system_package(name) if standard else fixes.add(name, version)
    what = f"import {one.top} in {one.where}"
    yield judge.differ("import-missing", what, f"{name} {version}".strip(), None, fix)


def _exists(judge: Judge, top: str, versions: Mapping[str, str]) -> bool:
    """Whether the remote side has a module; where its modules are not known, it is given credit."""
    if any(name in judge.remote.distributions for name in versions):
        return True
    if judge.remote.modules is None:
        return not versions
    return top in judge.remote.modules.names
