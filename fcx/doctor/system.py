"""The system: its name, its services, who we are there, who pays, and the partitions."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from ..firecrest.answers import Health, Partition
from .case import Case
from .check import Found, fine, warning, wrong

WAIT = "fcx doctor, some minutes later: nothing of yours is wrong. The site's status page says more"


def system(case: Case) -> Found:
    """Whether the server has it; its own spelling does not matter."""
    wanted, known = case.credentials.system, case.server.health
    name = next((one for one in known if one.lower() == wanted.lower()), None)
    if name is None:
        names = ", ".join(known) or "no system"
        said = f"the server has no system {wanted!r}; it has: {names}"
        return wrong(said, f"export FIRECREST_SYSTEM={shlex.quote(_like(wanted, known))}")
    case.server.services = known[name]
    return fine(name)


def scheduler(case: Case) -> Found:
    """Slurm, and the ssh by which the server gets there."""
    return _of_services(_named(case, "scheduler", "ssh"), "the scheduler")


def file_systems(case: Case) -> Found:
    """That of the working directory must be well; others, and the staging area, may not be."""
    known = _named(case, "filesystem")
    own = [one for one in known if _holds(one, case.working_dir)]
    nearest = max(own, key=lambda one: len(one.path or ""), default=None)
    first = _of_services([nearest] if nearest else [], "the file system of the working directory")
    rest = [one for one in (*known, *_named(case, "s3")) if one is not nearest]
    if not first.usable or not _ill(rest):
        return first if nearest else _of_services(known, "the file systems")
    said = f"{_told(_ill(rest))}: large files go in parts, and other folders may not be reached"
    return warning(said, WAIT)


def _named(case: Case, *kinds: str) -> list[Health]:
    return [one for one in case.server.services if one.service_type in kinds]


def _holds(one: Health, path: str) -> bool:
    root = (one.path or "").rstrip("/")
    return bool(path) and (path == root or path.startswith(f"{root}/"))


def _ill(services: Sequence[Health]) -> list[Health]:
    return [one for one in services if one.healthy is False]


def _told(ill: Sequence[Health]) -> str:
    """The server's words for what is not well."""
    return "; ".join(
        f"the server calls {' '.join(filter(None, (one.service_type, one.path)))} unwell"
        + (f" ({one.message})" if one.message else "")
        for one in ill
    )


def _of_services(services: Sequence[Health], what: str) -> Found:
    if ill := _ill(services):
        return wrong(_told(ill), WAIT)
    return fine(f"{what}: well" if services else f"the server tells nothing of {what}")


async def user(case: Case) -> Found:
    """Who jobs run as."""
    known = case.server.identity = await case.client.about.identity()
    number = "" if known.uid is None else f" (user {known.uid})"
    return fine(f"jobs run as {known.user}{number}")


def account(case: Case) -> Found:
    """Who pays: the one of the options, else that of the variable."""
    known, wanted = case.identity.accounts, case.options.account or case.credentials.account
    if not known:
        return fine(f"{wanted} pays; this server does not tell which accounts may")
    if wanted in known:
        return fine(f"{wanted} pays")
    named = "--account among the sbatch options" if case.options.account else "FIRECREST_ACCOUNT"
    other = shlex.quote(_like(wanted, known))
    fix = f"export FIRECREST_ACCOUNT={other}"
    if case.options.account:
        fix = f"--account={other} in sbatch_options"
    said = f"{named} is {wanted!r}, and you may charge: {', '.join(known)}"
    return wrong(said, fix)


async def partitions(case: Case) -> Found:
    """That the one asked for is there, up and large enough."""
    known = {one.name: one for one in await case.client.about.partitions()}
    details = tuple(map(_described, known.values()))
    named = list(filter(None, case.options.partition.split(",")))
    up = [one.name for one in known.values() if one.is_up]
    other = _like(case.options.partition, up)
    for_up = f"--partition={other} in sbatch_options" if up else WAIT
    if missing := [name for name in named if name not in known]:
        said = f"there is no partition {', '.join(missing)}; there are: {', '.join(known)}"
        return wrong(said, for_up, details)
    taken = [known[name] for name in named] or list(known.values())
    if taken and not any(one.is_up for one in taken):
        states = ", ".join(f"{one.name} is {one.state}" for one in taken)
        return wrong(f"no job will start: {states}", for_up, details)
    most = max((one.total_nodes or 0 for one in taken), default=0)
    if most and case.options.nodes > most:
        said = f"{case.options.nodes} nodes are asked for, and there are {most} in {_names(taken)}"
        return wrong(said, f"--nodes={most} in sbatch_options, or another partition", details)
    return fine(f"{_names(taken) or 'none is told'}: up", details)


def _like(name: str, known: Iterable[str]) -> str:
    """The one of them that was meant, as it seems; else the first."""
    there = list(known)
    return (*get_close_matches(name, there, 1), *there, "...")[0]


def _names(taken: Sequence[Partition]) -> str:
    return ", ".join(one.name for one in taken)


def _described(one: Partition) -> str:
    """Its state and limits, as far as they are told."""
    sizes = ((one.total_nodes, "node"), (one.cpus, "CPU"))
    known = [
        f"{number} {unit}{'s' * (number != 1)}" for number, unit in sizes if number is not None
    ]
    return f"{one.name}: {', '.join((one.state or 'no state', *known))}"
