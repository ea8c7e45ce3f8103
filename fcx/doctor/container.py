"""The container, as far as this machine knows it: engine, BuildKit, image, EDF."""

from __future__ import annotations

import os
from contextlib import closing

from ..errors import EngineError, EngineUnavailable
from ..files import EDF_FOLDER, manifest_path
from ..jobscript.options import Options
from ..parity.manifest import Manifest
from ..spoken import size
from .case import Case
from .check import Found, State, fine, parted, warning, wrong

OWN_BUILD = "fcx up --build-remote (a job on the cluster builds it), or start an engine here"


def engine(case: Case) -> Found:
    """Docker or Podman: wanted only by who builds here, or runs a script in the image."""
    from ..image.builder import find_builder
    from ..image.engine import connect

    try:
        with closing(connect()) as client:
            return fine(f"{find_builder(client).engine} at {client.where}")
    except EngineUnavailable as error:
        said, *tried = str(error).splitlines()
        fix = tried.pop() if tried else OWN_BUILD
        details = tuple(line.strip() for line in tried)
        if not _builds_here(case):
            unneeded = f"{_bare(said)}; nothing here takes one"
            return Found(State.FINE, unneeded, details=details, usable=False)
        return warning(_bare(said), fix, details, usable=False)


def _bare(said: str) -> str:
    return said.removesuffix(" Tried:").rstrip(".")


def _builds_here(case: Case) -> bool:
    own = case.settings.image
    return (case.settings.root / own.dockerfile).is_file() and own.build == "local"


def builder(case: Case) -> Found:
    """Whether BuildKit builds, and has what the Dockerfile asks for."""
    from ..image.builder import find_builder
    from ..image.engine import connect
    from ..image.plan import read_dockerfile

    with closing(connect()) as client:
        found = find_builder(client)
    dockerfile = case.settings.root / case.settings.image.dockerfile
    if dockerfile.is_file():
        try:
            found.require(read_dockerfile(dockerfile))
        except EngineError as error:
            said, *lines = str(error).splitlines()
            return warning(said.rstrip(":"), lines.pop() if lines else OWN_BUILD, tuple(lines))
    if found.is_podman:
        return fine("Podman's own")
    if found.command:
        return fine(f"BuildKit, by {found.command[0]}")
    return fine(f"the classic one, {found.why.partition('. ')[0]}: enough for this Dockerfile")


def image(case: Case) -> Found:
    """The project's image, as its manifest has it, for the system's processors."""
    from ..image.check import architecture_finding, target_site
    from ..image.manifests import read_manifest

    path = manifest_path(case.settings.image.name, case.settings.root / EDF_FOLDER)
    if not path.is_file():
        return fine("none was built or adopted here")
    known = case.container.manifest = read_manifest(path)
    finding = architecture_finding(known, target_site(case.settings, os.environ))
    if finding:
        return wrong(*parted(finding), _described(known), usable=True)
    return fine(f"{known.tag or known.name}, of {path}", _described(known))


def _described(known: Manifest) -> tuple[str, ...]:
    build = f"build {known.build_id[:12]}" if known.build_id else known.origin
    return (
        f"{build}, {known.created or 'at an unknown time'}, {size(known.size)}",
        f"Python {known.python.version}, dill {known.dill}, for {known.architecture}",
        *(f"on {name} as {there.path}" for name, there in known.shipped.items()),
        *((f"in a registry as {known.repo_digest}",) if known.repo_digest else ()),
    )


def edf(case: Case) -> Found:
    """The one that tasks would run in. Raises EdfError, ConfigError."""
    from ..edf.both import of_pair
    from ..edf.run import run_edf

    wanted = _wanted(case)
    if not wanted:
        remote = Options.check((), case.settings.executor.srun_options).environment
        return fine(f"{remote}, the cluster's own" if remote else "none: no container is asked for")
    known = case.container.edf = run_edf(wanted, case.working_dir or "/")
    site = case.settings.site(case.settings.image.site or os.environ.get("FIRECREST_SYSTEM", ""))
    found = of_pair(known.source, site.engine, site, case.container.manifest)
    details = tuple(line for one in found for line in one.message().splitlines())
    bad = next((one for one in found if one.severity == "error"), None)
    odd = next((one for one in found if one.severity == "warning"), None)
    said = f"{known.source}, of the image {known.image}"
    if bad:
        return wrong(f"{said}: {bad.what}", bad.fix, details, usable=True)
    if odd:
        return warning(f"{said}: {odd.what}", odd.fix, details)
    return fine(said)


def _wanted(case: Case) -> str:
    """The EDF's path or name; empty for none."""
    from ..steps.judging import edf_for

    own = case.settings
    if case.asked.edf is not None:
        return case.asked.edf
    named = own.executor.environment
    if named and "/" in named:
        return str(own.root / named)
    return named if named is not None else edf_for(own) or ""
