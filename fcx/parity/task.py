"""What one task refers to and imports against the remote side (pure).

A module that unpickling imports and one that a function imports when it runs are judged alike: it
must exist, and be of the same release. An import that its function can do without may be absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..payload.places import is_made_by_hand
from ..payload.requirements import GUARDED, INSTEAD, Import, Relied, Requirements
from .caller import rule
from .library import is_standard, lacking, part_of
from .modules import exists, providers, release, shadow
from .rules import Judge
from .verdict import Difference
from .versions import same, same_release


@dataclass(frozen=True, eq=False)
class _Need:
    """A module, the client's versions of its distributions, and what asks for it."""

    module: str
    versions: Mapping[str, str]
    kind: str  # of a difference's code: reference, import
    where: str = ""  # of an import
    optional: bool = False

    @property
    def standard(self) -> bool:
        """Whether it is the standard library's; some distribution may have a ``test``, too."""
        return is_standard(self.module) and not self.versions

    @property
    def spoken(self) -> str:
        """What is needed, as a message names it."""
        return f"import {self.module} in {self.where}" if self.where else f"module {self.module}"

    def of(self, name: str) -> str:
        """A distribution, with what it is needed for."""
        return f"{name} ({f'imported in {self.where}' if self.where else 'pickled by reference'})"


def task(judge: Judge, requirements: Requirements) -> Iterator[Difference]:
    """The modules that one task refers to and imports."""
    needs: dict[str, _Need] = {}
    for need in _needs(requirements):
        known = needs.setdefault(need.module, need)
        if known.optional and not need.optional:
            needs[need.module] = need
    for need in needs.values():
        yield from _module(judge, need)


def _needs(requirements: Requirements) -> Iterator[_Need]:
    """In the order in which they are told: references, then imports."""
    for name in sorted(requirements.references):
        yield from _known(requirements, name, "reference")
    failing = {_place(one) for one in requirements.imports if _fails(requirements, one)}
    for one in requirements.imports:
        optional = one.optional or (one.pardon == INSTEAD and _place(one) in failing)
        if one.top and (optional or not one.pardon):
            for name in [f"{one.module}.{name}" for name in one.names] or [one.module]:
                yield from _known(requirements, name, "import", one.where, optional=optional)


def _fails(requirements: Requirements, one: Import) -> bool:
    """Whether an import that may fail does so at the client: then it runs with what is instead."""
    return one.pardon == GUARDED and not requirements.known(one.module)


def _place(one: Import) -> tuple[str, str]:
    """The function that an import stands in."""
    return one.function, one.file


def _known(
    requirements: Requirements, name: str, kind: str, where: str = "", *, optional: bool = False
) -> Iterator[_Need]:
    """A module that the client has: of others nobody can tell what they are."""
    module = requirements.known(name)
    if module:
        versions = requirements.installed[module]
        yield _Need(part_of(name) if is_standard(name) else module, versions, kind, where, optional)


def _assumed(judge: Judge, need: _Need) -> bool:
    return judge.rules.assumes(need.module.partition(".")[0], need.module, *need.versions)


def _module(judge: Judge, need: _Need) -> Iterator[Difference]:
    top = need.module.partition(".")[0]
    place = shadow(judge, top)
    if place and not _assumed(judge, need):
        name, version = next(iter(need.versions.items()), (top, ""))
        wanted = "the standard library's" if need.standard else f"{name} {version}".strip()
        fix = judge.fixes.unshadowed(top, place, judge.remote)
        yield judge.differ(f"{need.kind}-shadowed", need.spoken, wanted, f"{top} of {place}", fix)
    elif need.standard:
        missing = lacking(need.module, judge.stdlib_missing)
        if missing and not need.optional:
            yield _missing_of_library(judge, need, missing)
    elif _assumed(judge, need):
        return
    elif exists(judge, need.module, need.versions):
        yield from _versions(judge, need)
    elif not need.optional:
        yield _missing(judge, need)


def releases(judge: Judge, requirements: Requirements) -> dict[str, str | None]:
    """Distribution -> its remote release (None: it is absent), of all that a verdict rests on."""
    found: dict[str, str | None] = {}
    for need in _needs(requirements):
        if not need.standard and not _assumed(judge, need):
            names = [other for _, other, _ in _pairs(judge, need)] or list(need.versions)
            found.update((name, release(judge.remote, name)) for name in names)
    return found


def drift(judge: Judge, relied: Relied) -> Iterator[Difference]:
    """What an earlier process's task relies on, and would not find."""
    agrees = same if judge.policy == "strict" else same_release
    for name, passed in relied.versions.items():
        remote = release(judge.remote, name)
        mine = judge.caller.distributions.get(name) if judge.caller else None
        wanted = [version for version in (*passed, mine) if version]
        if remote in passed or (remote and any(agrees(version, remote) for version in wanted)):
            continue
        fix = judge.fixes.add(name, wanted[0] if wanted else "")
        what = f"{name} (a task of an earlier process relies on it)"
        code = "reference-version" if remote else "reference-missing"
        yield judge.differ(code, what, wanted[0] if wanted else None, remote, fix)


def _missing_of_library(judge: Judge, need: _Need, missing: str) -> Difference:
    fix = judge.fixes.system_package(missing)
    found = None if missing in need.module else f"Python without {missing}"
    return judge.differ(f"{need.kind}-missing", need.spoken, "present", found, fix)


def _missing(judge: Judge, need: _Need) -> Difference:
    name, version = next(iter(need.versions.items()), (need.module, ""))
    fixes, remote = judge.fixes, judge.remote.distributions
    fix, found = fixes.add(name, version), ""
    if not need.versions:
        top = need.module.partition(".")[0]
        fix = fixes.write(top) if is_made_by_hand(top) else fixes.send(top)
    elif name in remote:
        fix, found = fixes.reinstall(name, version), f"{name} {remote[name]} without it"
    return judge.differ(
        f"{need.kind}-missing", need.spoken, f"{name} {version}".strip(), found, fix
    )


def _versions(judge: Judge, need: _Need) -> Iterator[Difference]:
    """The versions on both sides, of one distribution or of those that stand for it."""
    pairs = list(_pairs(judge, need))
    if not pairs:
        wanted = " ".join(next(iter(need.versions.items()), ("a known version",)))
        fix = judge.fixes.assume(need.module.partition(".")[0])
        yield judge.differ(f"{need.kind}-unknown", need.spoken, wanted, "no version", fix)
    agrees = same if judge.policy == "strict" else same_release
    for name, other, mine in pairs:
        remote = judge.remote.distributions[other]
        if judge.rules.has(name):
            yield from rule(judge, name)
        elif not agrees(mine, remote):
            code = f"{need.kind}-version" if len(pairs) == 1 else f"{need.kind}-shared"
            found = remote if name == other else f"{other} {remote}"
            fix = judge.fixes.install(name, remote)
            yield judge.differ(code, need.of(name), mine, found, fix)


def _pairs(judge: Judge, need: _Need) -> Iterator[tuple[str, str, str]]:
    """(the client's distribution, the remote one, the client's version) of what is on both sides.

    Where no name is on both, the remote ones that provide the same module stand for it.
    """
    common = [name for name in need.versions if name in judge.remote.distributions]
    if common:
        # several that the client has: those that the remote side lacks may be the ones in use
        yield from ((name, name, need.versions[name]) for name in common)
        return
    others = providers(judge.remote, need.module)
    mine = dict(need.versions)
    if not mine and judge.caller is not None:
        mine = {name: v for name, v in judge.caller.distributions.items() if name in others}
    for name, version in mine.items():
        for other in [name] if name in others else others[:1]:
            yield name, other, version
