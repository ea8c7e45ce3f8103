"""The interpreter that calls ``submit`` against the remote one: Python, dill, packages (pure)."""

from __future__ import annotations

from collections.abc import Iterator

from .rules import Judge, short
from .snapshot import Interpreter, Snapshot
from .verdict import Difference
from .versions import same


def caller_python(judge: Judge) -> Iterator[Difference]:
    """The caller's interpreter and dill against the remote ones."""
    caller, remote = judge.caller, judge.remote
    if caller is None:
        return
    yield from _inside(judge, caller)
    yield from _interpreter(judge, caller.python, remote.python)
    if remote.dill is None:
        fix = judge.fixes.add("dill", caller.dill or "")
        yield judge.differ("dill-missing", "dill", caller.dill, None, fix)
    elif caller.dill != remote.dill and not judge.rules.has("dill"):
        fix = judge.fixes.install("dill", remote.dill)
        yield judge.differ("dill", "dill", caller.dill, remote.dill, fix)


def _interpreter(judge: Judge, mine: Interpreter, remote: Interpreter) -> Iterator[Difference]:
    """The first of what tells two Pythons apart: the rest follows from it."""
    code, wanted, found = "", mine.version, remote.version
    if mine.implementation != remote.implementation:
        code, wanted, found = "python-implementation", mine.implementation, remote.implementation
    elif mine.minor != remote.minor:
        code = "python-minor"
    elif mine.magic and remote.magic and mine.magic != remote.magic:
        code = "python-bytecode"
    elif not same(wanted, found):
        code = "python-micro"
    elif mine.abi != remote.abi:
        code, wanted, found = "python-abi", wanted + mine.abi, found + remote.abi
    if code:
        fix = judge.fixes.follow(remote.version, anew=True)
        yield judge.differ(code, "Python", wanted, found, fix)


def _inside(judge: Judge, caller: Snapshot) -> Iterator[Difference]:
    """Whether the caller runs in the remote image, or in it for another platform."""
    if judge.policy != "strict":
        return
    name, mine, remote = "build id", caller.build_id, judge.remote.build_id
    if _other_platform(judge, caller):
        name, mine, remote = "recipe id", caller.recipe_id, judge.remote.recipe_id
    if not mine or mine != remote:
        yield judge.differ(
            "not-inside-image",
            f"{name} of the caller's image",
            short(remote) if remote else "an image that fcx built",
            short(mine),
            judge.fixes.run_inside(),
        )


def _other_platform(judge: Judge, caller: Snapshot) -> bool:
    return caller.architecture != judge.remote.architecture


def packages(judge: Judge) -> Iterator[Difference]:
    """Every distribution of the caller and of the remote side, and the rules about them."""
    for name in judge.rules.packages:
        yield from rule(judge, name)
    if judge.caller is None:
        return
    mine, remote = judge.caller.distributions, judge.remote.distributions
    for name in sorted({*mine, *remote}):
        decided = name == "dill" or judge.rules.has(name)
        if not decided and not same(mine.get(name), remote.get(name)):
            yield _package(judge, name, mine.get(name), remote.get(name))


def rule(judge: Judge, name: str) -> Iterator[Difference]:
    """A distribution that fcx.toml has a specifier for."""
    found = judge.remote.distributions.get(name)
    if not judge.rules.allows(name, found) and not judge.rules.assumes(name):
        allowed = str(judge.rules.packages[name])
        fix = judge.fixes.add(f"{name}{allowed}")
        yield judge.differ("package-rule", name, allowed or "any version", found, fix)


def _package(judge: Judge, name: str, mine: str | None, remote: str | None) -> Difference:
    if judge.rules.assumes(name):
        return judge.differ("assumed", name, mine, remote)
    if (mine is None or remote is None) and judge.caller and _other_platform(judge, judge.caller):
        return judge.differ("package-platform", name, mine, remote)
    if remote is None:
        fix = judge.fixes.add(name, mine or "")
        return judge.differ("package-missing", name, mine, remote, fix)
    code = "package-extra" if mine is None else "package-version"
    return judge.differ(code, name, mine, remote, judge.fixes.install(name, remote))
