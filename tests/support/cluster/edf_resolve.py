"""Resolve an EDF for the `--environment` stand-in: `edf_resolve.py NAME`, run by srun as its user.

Standard output gets fields that end with the byte 0x1e, a key and its values by turns:

    image PATH          a SquashFS file, absolute ("" means no container)
    workdir PATH        "" means that of the image
    writable 0|1
    mount SOURCE TARGET FLAGS     SOURCE may be "tmpfs" or "umount", then it is no path
    env NAME VALUE
    unset NAME

On failure it gets one message instead, and the exit status is 1. This is written apart from
fcx.edf on purpose, from the same documentation, so that a misreading shows when both are used.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

try:
    import tomllib

    def parse(text: str) -> dict[str, Any]:
        """TOML to plain data; ValueError says what is wrong and where."""
        return tomllib.loads(text)
except ImportError:  # Python 3.10
    import tomlkit

    def parse(text: str) -> dict[str, Any]:
        """TOML to plain data; ValueError says what is wrong and where."""
        return tomlkit.parse(text).unwrap()


END = "\x1e"
MAX_LEVELS = 10
STRINGS, SWITCHES, ARRAYS = ("image", "workdir"), ("writable", "entrypoint"), ("mounts", "devices")
TABLES = ("env", "annotations")

# What enroot's fstab takes and a bind mount can mean; `x-create=` says what a missing target is.
FLAGS = {
    "ro", "rw", "bind", "rbind", "nosuid", "nodev", "noexec", "sqsh",
    "private", "rprivate", "slave", "rslave", "shared", "rshared",
    "x-create=dir", "x-create=file", "x-create=auto",
}  # fmt: skip
VARIABLE = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}")


class Refused(Exception):
    """Why the step can't have this environment."""


def main(name: str) -> str:
    """The fields of the EDF that `name` means, with everything merged and expanded."""
    edf = load(name, ())
    image = expand(edf.get("image", ""), os.environ.get, "image")
    if not image:
        return f"image{END}{END}"
    if edf.get("entrypoint", False):
        raise Refused("entrypoint = true: this engine starts no entrypoint; write false")
    image = image_path(image)
    variable = host_then_image(image)
    workdir = expand(edf.get("workdir", ""), variable, "workdir")
    fields = ["image", image, "workdir", place(workdir) if workdir else ""]
    fields += ["writable", "1" if edf.get("writable", True) else "0"]
    for mount in edf.get("mounts", []):
        fields += ["mount", *mount_fields(expand(mount, variable, f"mounts: {mount!r}"))]
    for key, value in edf.get("env", {}).items():
        whole = expand(value, variable, f"[env] {key}")
        fields += ["env", key, whole] if whole else ["unset", key]
    if any(END in field or "\0" in field for field in fields):
        raise Refused("a value holds the character NUL or RS")
    return "".join(field + END for field in fields)


def load(name: str, above: tuple[str, ...]) -> dict[str, Any]:
    """An EDF with its bases merged in: bases in order, then the file itself."""
    path = os.path.realpath(find(name))
    if path in above:
        raise Refused(f"{path}: base_environment goes round: {' -> '.join([*above, path])}")
    if len(above) >= MAX_LEVELS:
        raise Refused(f"{path}: base_environment goes deeper than {MAX_LEVELS} levels")
    own = read(path)
    bases = own.pop("base_environment", [])
    merged: dict[str, Any] = {}
    for base in [bases] if isinstance(bases, str) else bases:
        if base:
            expanded = expand(base, os.environ.get, f"{path}: base_environment")
            merge(merged, load(expanded, (*above, path)))
    merge(merged, own)
    return merged


def find(name: str) -> str:
    """The file that a name means: a path, or NAME.toml in EDF_PATH, else in ~/.edf."""
    if "/" in name or name.endswith(".toml"):
        candidates = [place(name)]
    else:
        folders = [folder for folder in os.environ.get("EDF_PATH", "").split(":") if folder]
        candidates = [
            f"{folder}/{name}.toml" for folder in folders or [Path("~/.edf").expanduser()]
        ]
    for candidate in candidates:
        if Path(candidate).exists():
            return candidate
    raise Refused(f"no EDF {name!r}: looked for {', '.join(candidates)}")


def read(path: str) -> dict[str, Any]:
    """The content of one file, its types checked."""
    try:
        data = parse(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise Refused(f"{path}: not valid TOML: {error}") from error
    for key, wanted, value in wrong(data):
        raise Refused(f"{path}: {key} must be {wanted}, not {value!r}")
    data["env"] = {key: as_text(value) for key, value in data.get("env", {}).items()}
    return data


def wrong(data: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Keys whose value has a type that the documentation rules out."""
    for key, value in data.items():
        if key in STRINGS and not isinstance(value, str):
            yield key, "a string", value
        elif key in SWITCHES and not isinstance(value, bool):
            yield key, "true or false", value
        elif key in ARRAYS and not is_strings(value):
            yield key, "an array of strings", value
        elif key == "base_environment" and not (isinstance(value, str) or is_strings(value)):
            yield key, "a string or an array of strings", value
        elif key in TABLES and not isinstance(value, dict):
            yield key, "a table", value
    for key, value in data.get("env", {}).items() if isinstance(data.get("env"), dict) else ():
        if isinstance(value, (dict, list)) or "=" in key or not key:
            yield f"[env] {key}", "a name with a string", value


def is_strings(value: Any) -> bool:
    """Whether a value is an array of strings."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def as_text(value: Any) -> str:
    """A value of [env]; engines take numbers and booleans there too."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def merge(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    """Put `above` over `below`: tables by key, arrays appended once, scalars replaced."""
    for key, value in above.items():
        if key in TABLES:
            below[key] = {**below.get(key, {}), **value}
        elif key in ARRAYS:
            below[key] = list(dict.fromkeys([*below.get(key, []), *value]))
        else:
            below[key] = value


def expand(text: str, variable: Callable[[str], str | None], where: str) -> str:
    """Replace `${NAME}` and `${NAME:-default}`; `$$` is a dollar. An undefined one is refused."""

    def value(match: re.Match[str]) -> str:
        name, optional, default = match.groups()
        if name is None:
            return "$"
        found = variable(name)
        if found is None and optional is None:
            raise Refused(f"{where}: ${{{name}}} is not defined; ${{{name}:-}} may be empty")
        return found or default or ""

    return VARIABLE.sub(value, text)


def host_then_image(image: str) -> Callable[[str], str | None]:
    """Variables of the submitting environment, then of the image; that is read only when needed."""
    known: dict[str, str] = {}

    def variable(name: str) -> str | None:
        if name in os.environ:
            return os.environ[name]
        if not known:
            known.update(image_environment(image))
        return known.get(name)

    return variable


def image_environment(image: str) -> dict[str, str]:
    """What an image's /etc/environment sets."""
    command = ["unsquashfs", "-cat", image, "etc/environment"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Refused(f"unsquashfs is needed for the image's variables: {error}") from error
    pairs = (line.partition("=") for line in done.stdout.splitlines())
    return {"": "", **{name: value for name, equals, value in pairs if equals}}


def image_path(image: str) -> str:
    """The SquashFS file; this engine has no registry to pull from."""
    if not image.startswith(("/", "./")):
        raise Refused(
            f"image {image!r} is not the path of a .sqsh file: this engine pulls from no "
            "registry; pack the image and give its absolute path"
        )
    path = place(image)
    try:
        with Path(path).open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise Refused(f"image {path}: {error.strerror}") from error
    if magic != b"hsqs":
        raise Refused(f"image {path}: not a SquashFS image")
    return path


def mount_fields(mount: str) -> list[str]:
    """SOURCE, TARGET and FLAGS of one entry of `mounts`."""
    parts = mount.split(":")
    if len(parts) > 3 or not parts[0]:
        raise Refused(f"mounts: {mount!r} is not SRC:DST[:FLAGS]")
    source, target = parts[0], parts[1] if len(parts) > 1 else parts[0]
    flags = parts[2] if len(parts) > 2 else ""
    if len(parts) == 2 and source not in {"tmpfs", "umount"} and not target.startswith(("/", ".")):
        source, target, flags = parts[0], parts[0], parts[1]  # SRC:FLAGS, as pyxis has it
    for flag in filter(None, flags.split("+")):
        if flag not in FLAGS:
            raise Refused(f"mounts: {mount!r}: unknown flag {flag!r}")
    if not target.startswith("/"):
        target = place(target) if target.startswith("./") else target
    if not target.startswith("/") or os.path.normpath(target) == "/":
        raise Refused(f"mounts: {mount!r}: the target must be an absolute path below /")
    if source not in {"tmpfs", "umount"}:
        if not source.startswith(("/", "./")):
            raise Refused(f"mounts: {mount!r}: the source must be absolute or start with ./")
        source = place(source)
        if not Path(source).exists():
            raise Refused(f"mounts: {mount!r}: there is no {source}")
    return [source, target, flags]


def place(path: str) -> str:
    """A path, relative ones from the directory that srun is called in."""
    return os.path.normpath(Path.cwd() / path)


if __name__ == "__main__":
    try:
        sys.stdout.buffer.write(main(sys.argv[1]).encode("utf-8", "surrogateescape"))
    except Refused as refusal:
        print(refusal)
        sys.exit(1)
