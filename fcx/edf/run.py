"""The EDF that travels with a run: everything merged in, the working directory mounted."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..errors import EdfError, UsageError
from .document import Edf
from .lookup import finder, is_path
from .merge import Lookup, merged_layers, over
from .pair import written_for
from .read import read
from .render import render
from .variables import literal


@dataclass(frozen=True)
class RunEdf:
    """A file name with a hash of the content in it, and the text.

    ``source`` is the file on this machine that it was read from: the image's manifest lies beside
    it (``fcx.files.manifest_of_edf``). ``build_id`` is the build that it was written for, ``image``
    the one that it names.
    """

    name: str
    text: str
    source: str = field(default="", compare=False)
    build_id: str = field(default="", compare=False)
    image: str = field(default="", compare=False)


def run_edf(
    environment: Edf | str | os.PathLike[str], working_dir: str, *, lookup: Lookup | None = None
) -> RunEdf:
    """The EDF of a run, from an Edf, a local path, or the name of a local EDF.

    Everything that it is based on is merged in, ``working_dir`` is mounted at its own place, and
    variables stay for the cluster. Raises EdfError, also when there is no image in it.
    """
    find = lookup or finder()
    if isinstance(environment, Edf):
        edf = environment
    elif isinstance(environment, str) and not is_path(environment):
        edf = find(environment)
    else:
        edf = read(environment)
    whole, layers = merged_layers(edf, find)
    if not whole.image:
        raise EdfError(
            'it names no image, so nothing would be contained; add image = "..."', edf.file
        )
    travelling = _travelling(whole, working_dir, Path(edf.file).stem)
    build_id = written_for(layers)
    return replace(travelling, source=edf.file, build_id=build_id, image=whole.image)


def run_edf_over(reference: str, working_dir: str) -> RunEdf:
    """The EDF of a run for ``srun --environment=reference``: that one plus the run's mount.

    A bare name and an absolute path stay as they are. A relative path starts from the directory
    that srun is called in, which is the job's ``working_dir``, and is written out from there;
    ``~/`` becomes ``${HOME}/``, ``$NAME`` becomes ``${NAME}``. Raises UsageError for a command
    substitution or an empty reference.
    """
    if not reference or "`" in reference or "$(" in reference:
        message = f"--environment={reference} is no name or path of an EDF; give it plainly"
        raise UsageError(message)
    base = re.sub(r"\$([A-Za-z_][A-Za-z0-9_]*)", r"${\1}", reference)
    if base.startswith("~/"):
        base = "${HOME}" + base[1:]
    elif is_path(base) and base[0] not in "/$":
        base = f"{literal(working_dir)}/{base.removeprefix('./')}"
    stem = Path(reference).name.removesuffix(".toml")
    return _travelling(Edf(base_environment=(base,)), working_dir, stem)


def _travelling(edf: Edf, working_dir: str, stem: str) -> RunEdf:
    if ":" in working_dir or not working_dir.startswith("/"):
        why = "must be absolute" if ":" not in working_dir else "has a colon in it"
        raise UsageError(f"the working directory {working_dir!r} cannot be mounted: it {why}")
    place = literal(working_dir.rstrip("/") or "/")
    whole = over(Edf(mounts=(f"{place}:{place}",)), edf)
    text = render(replace(whole, base_environment=edf.base_environment))
    digest = hashlib.sha256(text.encode("ascii")).hexdigest()[:12]
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip("-.")[:40] or "edf"
    return RunEdf(f"{plain}-{digest}.toml", text)
