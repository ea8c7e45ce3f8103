"""The interpreter that calls ``submit`` against the far side: Python, dill, packages (pure)."""

from __future__ import annotations

from collections.abc import Iterator

from .manifest import Snapshot
from .rules import Judge, short
from .verdict import Difference
from .versions import same


def caller_python(judge: Judge) -> Iterator[Difference]:
    """The caller's interpreter and dill against the far side's."""
    caller, far, mender = judge.caller, judge.far, judge.mender
    if caller is None:
        return
    yield from _inside(judge, caller)
    here, there = caller.python, far.python
    code, wanted, found = "", here.version, there.version
    if here.implementation != there.implementation:
        code, wanted, found = "python-implementation", here.implementation, there.implementation
    elif here.minor != there.minor:
        code = "python-minor"
    elif here.magic and there.magic and here.magic != there.magic:
        code = "python-bytecode"
    elif not same(wanted, found):
        code = "python-micro"
    if code:
        mend = mender.same_python(there.version, far.dill)
        yield judge.differ(code, "Python", wanted, found, mend)
    if far.dill is None:
        mend = mender.add_there("dill", caller.dill or "")
        yield judge.differ("dill-missing", "dill", caller.dill, None, mend)
    elif caller.dill != far.dill and not judge.rules.has("dill"):
        mend = mender.install("dill", far.dill)
        yield judge.differ("dill", "dill", caller.dill, far.dill, mend)


def _inside(judge: Judge, caller: Snapshot) -> Iterator[Difference]:
    """Whether the caller runs in the far side's image, or in it for another platform."""
    if judge.policy != "strict":
        return
    name = "recipe id" if _other_platform(judge, caller) else "build id"
    attribute = name.replace(" ", "_")
    here, there = getattr(caller, attribute), getattr(judge.far, attribute)
    if not here or here != there:
        yield judge.differ(
            "not-inside-image",
            f"{name} of the caller's image",
            short(there) if there else "an image that fcx built",
            short(here),
            judge.mender.run_inside(),
        )


def _other_platform(judge: Judge, caller: Snapshot) -> bool:
    return caller.architecture != judge.far.architecture


def packages(judge: Judge) -> Iterator[Difference]:
    """Every distribution of the caller and of the far side, and the rules about them."""
    for name in judge.rules.packages:
        yield from rule(judge, name)
    if judge.caller is None:
        return
    for name in sorted({*judge.caller.distributions, *judge.far.distributions}):
        here = judge.caller.distributions.get(name)
        there = judge.far.distributions.get(name)
        if name != "dill" and not judge.rules.has(name) and not same(here, there):
            yield _package(judge, name, here, there)


def rule(judge: Judge, name: str) -> Iterator[Difference]:
    """A distribution that fcx.toml has a specifier for."""
    there = judge.far.distributions.get(name)
    if not judge.rules.allows(name, there) and not judge.rules.assumes(name):
        allowed = str(judge.rules.packages[name])
        mend = judge.mender.add_there(f"{name}{allowed}")
        yield judge.differ("package-rule", name, allowed or "any version", there, mend)


def _package(judge: Judge, name: str, here: str | None, there: str | None) -> Difference:
    if judge.rules.assumes(name):
        return judge.differ("assumed", name, here, there)
    if (here is None or there is None) and judge.caller and _other_platform(judge, judge.caller):
        return judge.differ("package-platform", name, here, there)
    if there is None:
        mend = judge.mender.add_there(name, here or "")
        return judge.differ("package-missing", name, here, there, mend)
    code = "package-extra" if here is None else "package-version"
    return judge.differ(code, name, here, there, judge.mender.install(name, there))
