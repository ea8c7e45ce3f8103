"""The script of the job that builds an image: the site's commands, files, ``build.sh`` (pure)."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping
from importlib import resources

from ..image.context import RESERVED
from ..image.features import PODMAN_HEREDOCS, features
from ..image.importable import PROGRAMS as IMPORTS
from ..image.importable import SCRIPT as IMPORT_SCRIPT
from ..image.inside import PLAIN_USER
from ..image.probe import PROGRAMS as PROBES
from ..image.probe import SCRIPT as PROBE_SCRIPT
from ..jobscript.options import Options
from ..jobscript.render import shell_word
from ..ship.script import DAMAGED, FOREIGN, INCOMPLETE, assignments, directives, joining, prints
from .order import Order
from .sending import Parcel

NO_PODMAN, OLD_PODMAN, NO_ENROOT, OTHER_MACHINE, BUILD, SILENT, IMPORT, PLACE = range(90, 98)
"""Exit codes: no podman; one that lacks heredocs; no enroot; a node of another processor; a step of
the build failed; the image does not answer; it was not imported; a folder cannot be written to."""
SETUP = 98
WIDTH = 76  # of lines of base64


def script(order: Order, parcel: Parcel, options: Options) -> str:
    """The whole job script; its output is the log in the folder of what is made."""
    text = (resources.files("fcx") / "buildjob" / "build.sh").read_text("utf-8")
    log = f"{order.made}/log".replace("%", "%%")  # Slurm has patterns in names of files
    files = [f"--output={log}", f"--error={log}"]
    lines = [
        "#!/bin/bash -l",
        *directives(options, f"fcx-build-{order.slot.stem}", files),
        "# shellcheck disable=SC2016 # nothing of what is quoted here is for this shell to expand",
        *assignments(_values(order, parcel)),
        joining(parcel.plan),
        *_functions(order),
        text,
    ]
    return "\n".join(lines)


def _values(order: Order, parcel: Parcel) -> Mapping[str, object]:
    """What ``build.sh`` and ``pieces.sh`` take."""
    settings, plan = order.settings, parcel.plan
    heredocs = any(one.name.endswith("heredoc") for one in features(order.plan.recipe.file))
    return {
        "folder": order.home,
        "archive": parcel.stem,
        "parts": parcel.parts,
        "size": plan.size,
        "sha256": plan.sha256,
        "chunks": parcel.chunks,
        "images": order.folder,
        "stem": order.slot.stem,
        "made": order.made,
        "image_name": order.name,
        "build": order.identity.build_id,
        "tag": order.identity.tag,
        "architecture": order.architecture,
        "least": ".".join(map(str, PODMAN_HEREDOCS)) if heredocs else "",
        "program": (shlex.split(settings.enroot) or [""])[0],
        "reserved": RESERVED,
        "python": order.plan.request.python,
        "plain_user": PLAIN_USER,
        "probe_script": PROBE_SCRIPT,
        "import_script": IMPORT_SCRIPT,
        "INCOMPLETE": INCOMPLETE,
        "FOREIGN": FOREIGN,
        "DAMAGED": DAMAGED,
        "NO_PODMAN": NO_PODMAN,
        "OLD_PODMAN": OLD_PODMAN,
        "NO_ENROOT": NO_ENROOT,
        "OTHER_MACHINE": OTHER_MACHINE,
        "BUILD": BUILD,
        "SILENT": SILENT,
        "IMPORT": IMPORT,
        "PLACE": PLACE,
        "SETUP": SETUP,
    }


def _functions(order: Order) -> list[str]:
    """The user's commands as functions, and those that write files."""
    settings, request = order.settings, order.plan.request
    options = [*map(shell_word, settings.build_options)]
    options += ["--no-cache"] if request.no_cache else []
    options += ["--pull=always"] if request.pull else []
    given = order.plan.build_args.items()
    options += [f"--build-arg={shlex.quote(f'{name}={value}')}" for name, value in given]
    setup = [f"{command}\nset_up $? {shlex.quote(command)}" for command in settings.setup]
    mounts = {**PROBES, **IMPORTS}
    volumes = [f'-v "$programs/{path[1:]}:{path}:ro"' for path in mounts]
    texts = {f"program_{number}": name for number, name in enumerate(mounts.values())}
    written = [f'{one} >"$programs/{path[1:]}"' for one, path in zip(texts, mounts, strict=True)]
    run = ["engine run --rm --network=none --workdir=/", *map(shell_word, settings.run_options)]
    return [
        _prints_bytes("dockerfile", order.files["Dockerfile"]),
        _prints_bytes("image_record", order.files["image.json"]),
        *(prints(one, _program(name)) for one, name in texts.items()),
        _function("write_programs", *written),
        _function("engine", f'{settings.podman} "$@"'),
        _function("importer", f'{settings.enroot} "$@"'),
        _function("build_image", " ".join(["engine build", *options, '"$@"'])),
        _function("run_image", " ".join([*run, *volumes, '"$@"'])),
        _function("import_names", " ".join(['"$@"', *map(shlex.quote, order.required)])),
        _function("setup", *(setup or [":"])),
    ]


def _function(name: str, *lines: str) -> str:
    body = "\n".join(lines)
    return f"{name}() {{\n{body}\n}}"


def _program(name: str) -> str:
    return (resources.files("fcx") / name).read_text("utf-8")


def _prints_bytes(name: str, data: bytes) -> str:
    """A function of the shell that prints bytes that are not ours."""
    text = base64.b64encode(data).decode("ascii")
    lines = "".join(f"{text[at : at + WIDTH]}\n" for at in range(0, len(text), WIDTH))
    return f"{name}() {{\n  base64 -d <<'FCX_END'\n{lines}FCX_END\n}}"
