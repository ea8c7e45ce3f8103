"""Which modules a remote side has, and of which distributions (pure)."""

from __future__ import annotations

from collections.abc import Mapping

from .rules import Judge, Side
from .snapshot import Modules, Snapshot
from .versions import normal


def exists(judge: Judge, module: str, versions: Mapping[str, str]) -> bool:
    """Whether the remote side has a module; where its modules are not known, it is given credit.

    ``versions`` are the distributions that have it at the client. Their metadata alone prove
    nothing where folders list modules: those may be gone.
    """
    modules, top = judge.remote.modules, module.partition(".")[0]
    if isinstance(judge.remote, Snapshot) and judge.remote.lost(top):
        return False
    gone = judge.remote.absent if isinstance(judge.remote, Snapshot) else ()
    has = any(name in judge.remote.distributions and name not in gone for name in versions)
    if modules is None:
        return has or not versions
    if modules.providers is None:
        return has or top in modules.names
    if top in modules.names:
        return _below(modules, module, has=has)
    editable = any("editable" in name for name in modules.names)  # their finders list nothing
    return has and (editable or not _listed(judge.caller, top))


def providers(side: Side, module: str) -> tuple[str, ...]:
    """The distributions of a side that have a module."""
    top = module.partition(".")[0]
    known = side.modules.providers if side.modules else None
    names = (normal(top), *(known or {}).get(top, ()))
    return tuple(name for name in dict.fromkeys(names) if name in side.distributions)


def release(side: Side, name: str) -> str | None:
    """What a side has of a distribution: its version, or what agents say of it besides."""
    return side.release(name) if isinstance(side, Snapshot) else side.distributions.get(name)


def shadow(judge: Judge, top: str) -> str:
    """The entry of the remote path that a module is imported from, past its distribution."""
    modules = judge.remote.modules
    return modules.shadowed.get(top, "") if modules else ""


def _listed(side: Side | None, top: str) -> bool:
    """Whether a folder lists a module; of ``distutils`` by setuptools, none does."""
    return side is None or side.modules is None or top in side.modules.names


def _below(modules: Modules, module: str, *, has: bool) -> bool:
    """Whether a package has what is asked of it: listed in a namespace, else its distribution's."""
    names = frozenset(modules.names)
    while module and module not in names:
        module = module.rpartition(".")[0]
        inside = f"{module}."
        if module in names:
            return has and not any(other.startswith(inside) for other in names)
    return True
