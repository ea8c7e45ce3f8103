"""An environment at the client becomes what the image is: made, or repaired where it is.

::

    manifest, environment -> plan: Python, releases, what cannot be had
    journal: busy -> [made anew] -> releases -> fcx with its needs -> journal: done -> verdict

fcx and what it needs come last, held to the image's releases: where the two do not go together,
fcx has its way, for without it nothing could be submitted, and that is said.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from .. import records
from ..config import Settings
from ..errors import ParityError, UsageError, VenvError
from ..install import NAME
from ..parity.compare import compare
from ..parity.manifest import Manifest
from ..parity.snapshot import Interpreter
from ..parity.verdict import Verdict
from ..parity.versions import same
from .indexes import Indexes
from .installer import Installer, make
from .interpreters import Python, find_python, minor_of
from .journal import Journal, Lack
from .own import Wheel, closure, requirements, version
from .plan import Change, Plan, pins, planned
from .target import Target, clear_halves
from .wholeness import unlisted

OLDEST = (3, 10)  # that fcx runs on at the client

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What is to follow which image, and how far that may go."""

    manifest: Manifest
    folder: Path
    clear: bool = False  # make it anew, also where fcx did not make it
    prune: bool = False  # take out what neither the image has nor fcx needs
    fresh: bool = False  # ask again for what could not be had the last time
    compile_python: bool = False  # let pyenv compile the interpreter
    indexes: Indexes = Indexes()  # before those that pip and uv were told


@dataclass(frozen=True)
class Prepared:
    """What has to be done; ``python`` is None where the environment keeps its own."""

    request: Request
    target: Target
    python: Python | None
    plan: Plan
    fcx: bool  # whether fcx is put in

    @property
    def idle(self) -> bool:
        """Whether everything is as it should be."""
        return not (self.python or self.plan.install or self.plan.remove or self.fcx)


@dataclass(frozen=True)
class Synced:
    """What was done, what was not to be had, and how the environment stands to the image."""

    prepared: Prepared
    python: Interpreter  # that is there
    lacks: Mapping[str, Lack]
    notes: tuple[str, ...]
    verdict: Verdict


def prepare(request: Request, *, fetch: bool) -> Prepared:
    """See what has to be done; nothing is changed, and no network asked unless ``fetch``.

    Raises ParityError for an image that no client can follow, UsageError for an environment that
    is not to be touched, VenvError where there is no Python for it.
    """
    _refuse_image(request.manifest)
    target = Target.look(request.folder)
    python = None
    if _is_made(request, target):
        wanted = request.manifest.python
        spelt = f"{wanted.version}{wanted.abi}"
        python = find_python(spelt, fetch=fetch, compile_it=request.compile_python and fetch)
    return _prepared(request, target, python)


def _prepared(request: Request, target: Target, python: Python | None) -> Prepared:
    found = None if python else target.found
    known = {} if request.fresh or python else target.journal.lacks
    kept = closure() | {"pip"} if request.prune else None
    damaged = {} if python else target.damaged
    plan = planned(request.manifest, found, known, kept, damaged)
    plan = replace(plan, install=(*plan.install, *_damaged_needs(plan, damaged)))
    return Prepared(request, target, python, plan, bool(python) or _lacks_fcx(target))


def _damaged_needs(plan: Plan, damaged: Mapping[str, str]) -> Iterator[Change]:
    """What fcx needs beside the image's, and is not whole: that is put in anew, too."""
    needed = closure() - {NAME}
    for name in plan.extra:
        if name in needed and name in damaged:
            yield Change(name, damaged[name], damaged[name], damaged=True)


def sync(request: Request, settings: Settings, tell: Tell) -> Synced:
    """Do it. Raises VenvError for what keeps it from being done; then the same goes on later."""
    clear_halves(request.folder, Journal.read(request.folder).busy)
    prepared = prepare(request, fetch=True)
    notes: list[str] = []
    lacks, found = dict(prepared.plan.lacks), prepared.target.found
    if not prepared.idle:
        prepared = _with_python(prepared, tell)
        lacks, notes = _changed(prepared, tell)
        found = Target.look(request.folder).found
    if found is None:
        raise VenvError(f"The Python in {request.folder} does not run any more. Run this again.")
    verdict = compare(
        settings.parity.policy, remote=request.manifest, caller=found, rules=settings.parity
    )
    notes += _remarks(request.manifest, found.python)
    return Synced(prepared, found.python, lacks, tuple(notes), verdict)


def _with_python(prepared: Prepared, tell: Tell) -> Prepared:
    """Make the environment, if it has to be, and see what a fresh one has already."""
    request, python, folder = prepared.request, prepared.python, prepared.request.folder
    if python is None:
        return prepared
    tell(f"Making {folder} with Python {python.version} ({python.by}) ...")
    if folder.exists():
        shutil.rmtree(folder)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        why = f"{folder} cannot be made: {error.strerror}. Name another folder with --venv."
        raise UsageError(why) from error
    Journal(made=True).write(folder)
    make(folder, python)
    return replace(_prepared(request, Target.look(folder), None), python=python, fcx=True)


def _changed(prepared: Prepared, tell: Tell) -> tuple[dict[str, Lack], list[str]]:
    """Put in, take out; what could not be had, and what does not go together."""
    plan, target, request = prepared.plan, prepared.target, prepared.request
    there = target.found.distributions if target.found else {}
    installer = Installer.of(target.python, request.indexes, has_pip="pip" in there)
    if target.own:
        plan = _harmless(plan, installer, pins(request.manifest, dict(plan.lacks)))
    names = {change.name for change in plan.install} | ({*closure()} if prepared.fcx else set())
    journal = records.replace(target.journal, busy=tuple(sorted(names))).write(target.folder)
    installer.remove(plan.remove)
    _forget_unlisted(target, plan)
    if plan.install:
        tell(f"Installing {len(plan.install)} distributions ...")
    lacks = {**dict(plan.lacks), **_installed(installer, plan)}
    digest = _put_fcx(prepared, installer, pins(request.manifest, lacks), tell)
    lacks |= _moved(request, lacks)
    records.replace(journal, busy=(), lacks=lacks, fcx=digest or journal.fcx).write(target.folder)
    return lacks, installer.complaints()


def _forget_unlisted(target: Target, plan: Plan) -> None:
    """Of what is put in anew, the metadata that say nothing of files: they bar the way."""
    damaged = [change.name for change in plan.install if change.damaged]
    if damaged and target.found:
        for info in unlisted(target.folder, target.found.python.minor, damaged):
            shutil.rmtree(info)


def _harmless(plan: Plan, installer: Installer, held: list[str]) -> Plan:
    """Where fcx runs: without releases that it could not do with, not even for a moment.

    Killed in that moment, it could not be run again to repair itself.
    """
    if not installer.install_with_needs(requirements(), held, "--dry-run"):
        return plan
    needed = closure() - {"dill"}
    lacks = [
        (one.name, Lack(one.version, f"{one.found or 'none'} is there: fcx needs that"))
        for one in plan.install
        if one.name in needed
    ]
    kept = tuple(one for one in plan.install if one.name not in needed)
    return replace(plan, install=kept, lacks=(*plan.lacks, *lacks))


def _installed(installer: Installer, plan: Plan) -> dict[str, Lack]:
    """The releases of the image; those that the client cannot have."""
    lacks = {}
    for change, why in installer.install(plan.install):
        public = change.public
        if public and not installer.install([public]):
            why = f"{public.version} is there instead: {why}"
        lacks[change.name] = Lack(change.version, why)
    return lacks


def _put_fcx(prepared: Prepared, installer: Installer, held: list[str], tell: Tell) -> str:
    """Put fcx in, or where it runs see that it still has what it needs; the wheel's digest."""
    target, digest, wanted = prepared.target, "", requirements()
    if prepared.fcx:
        tell("Installing this fcx, and what it needs ...")
        wheel = Wheel.running()
        wanted, digest = [f"{NAME} @ {wheel.put(target.folder).as_uri()}"], wheel.digest
        if target.found and NAME in target.found.distributions:
            installer.remove([NAME])  # of one version, and yet another
    elif not target.own:
        return ""
    needed = closure()
    free = [pin for pin in held if pin.partition("==")[0] not in needed]
    why = installer.install_with_needs(wanted, held)
    why = why and installer.install_with_needs(wanted, free)
    if why:
        raise VenvError(
            f"fcx and what it needs cannot be installed in {target.folder}: {why}. Without it "
            "nothing can be submitted from there; `fcx image run SCRIPT.py` runs a script inside "
            "the image."
        )
    return digest


def _moved(request: Request, lacks: Mapping[str, Lack]) -> dict[str, Lack]:
    """Releases of the image that fcx could not do with."""
    target = Target.look(request.folder)
    rest = planned(request.manifest, target.found, lacks, damaged=target.damaged)
    return {change.name: Lack(change.version, _remains(change)) for change in rest.install}


def _remains(change: Change) -> str:
    """Why a release is not in place after all was put in."""
    if change.damaged and change.found == change.version:
        return "its files are not those that its RECORD lists, also after it was installed anew"
    return f"{change.found or 'none'} is there: fcx needs that"


def _lacks_fcx(target: Target) -> bool:
    """Whether this very fcx has to be put in."""
    if target.own or target.found is None:
        return False
    if NAME in target.damaged:
        return True
    there = target.found.distributions.get(NAME)
    if there is None or not same(there, version()) or NAME in target.journal.busy:
        return True
    return bool(target.journal.fcx) and target.journal.fcx != Wheel.running().digest


def _refuse_image(manifest: Manifest) -> None:
    python = manifest.python
    numbers = tuple(int(part) for part in minor_of(python.version).split(".") if part.isdigit())
    if python.implementation == "cpython" and numbers >= OLDEST:
        return
    raise ParityError(
        f"{manifest.name} has {python.implementation} {python.version}, which no client can "
        f"follow: fcx needs CPython {'.'.join(map(str, OLDEST))} or later. Build the image on one "
        "(`fcx image build`), or choose another interpreter in it."
    )


def _is_made(request: Request, target: Target) -> bool:
    """Whether the environment is made, anew if it is there; what is not ours is left alone."""
    folder, found, mine = target.folder, target.found, target.journal.made
    if target.empty:
        return True
    if found is None and mine:
        return True
    if not target.virtual:
        raise UsageError(
            f"{folder} is no virtual environment, and is left alone: name another with --venv."
        )
    wanted = request.manifest.python
    fits = found is not None and (found.python.implementation, found.python.minor) == (
        wanted.implementation,
        wanted.minor,
    )
    if fits and not request.clear:
        return False
    if target.own:
        raise UsageError(
            f"This fcx runs in {folder}, and no program can be given another Python while it runs. "
            f"`fcx env sync --venv .venv-{wanted.minor}` makes an environment beside it."
        )
    if mine or request.clear:
        return True
    has = f"Python {found.python.version}" if found else "a Python that does not run"
    raise UsageError(
        f"{folder} has {has}, {request.manifest.name} has {wanted.version}, and fcx did not make "
        "that environment. --clear makes it anew, and what is in it is lost; "
        f"--venv .venv-{wanted.minor} makes another beside it."
    )


def _remarks(manifest: Manifest, found: Interpreter) -> list[str]:
    """What is not quite the same, and passes."""
    remarks, wanted = [], manifest.python
    if not same(found.version, wanted.version) or found.abi != wanted.abi:
        remarks.append(
            f"Python {found.version}{found.abi} is there, {manifest.name} has "
            f"{wanted.version}{wanted.abi}: parity takes it unless it is strict. With that one on "
            "this machine, --clear makes it anew."
        )
    its = manifest.distributions.get(NAME)
    if its and not same(its, version()):
        remarks.append(f"{manifest.name} has fcx {its}; here it is {version()}, the one that runs.")
    return remarks
