"""Read an EDF as the engine does: find it, merge what it is based on, expand its variables.

Standard library and a TOML parser alone; the rules are the documented ones of the Container
Engine. `Problem` says in one line what an EDF lacks.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_LEVELS = 10
VARIABLE = re.compile(r"\$\$|\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}")
COLON = re.compile(r"\$\{[^}]*\}|(:)")
KINDS = {
    "image": (str,), "workdir": (str,), "entrypoint": (bool,), "writable": (bool,),
    "mounts": (list,), "devices": (list,), "env": (dict,), "annotations": (dict,),
    "base_environment": (str, list),
}  # fmt: skip


class Problem(Exception):
    """Why there is no such environment."""


class Mount(NamedTuple):
    """One mount, expanded; `source` may be `tmpfs` or `umount`."""

    source: str
    target: str
    flags: tuple[str, ...]


def read(name: str, environ: Mapping[str, str], cwd: str) -> dict[str, Any]:
    """The merged content of the EDF that `--environment=name` means."""
    return _merged(name, environ, cwd, ())


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace `${NAME}`, `${NAME:-default}` and `$$`; an undefined one is a Problem."""

    def value(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        if name is None:
            return "$"
        if variables.get(name) or (name in variables and default is None):
            return variables[name]
        if default is None:
            raise Problem(f"${{{name}}} is not defined; export it, or write ${{{name}:-}}")
        return str(default)

    return VARIABLE.sub(value, text)


def mount(text: str, variables: Mapping[str, str], cwd: str) -> Mount:
    """Read `SRC:DST[:FLAGS]` or `PATH`; relative sources start from `cwd`."""
    cuts = [0, *(match.end() for match in COLON.finditer(text) if match[1]), len(text) + 1]
    parts = [text[start : end - 1] for start, end in pairwise(cuts)]
    if len(parts) == 3 and not parts[2]:
        parts.pop()
    if len(parts) > 3 or not all(parts):
        raise Problem(f"{text!r} in mounts is neither SRC:DST[:FLAGS] nor a path")
    paths = [expand(part, variables) for part in parts[:2]]
    source, target = paths[0], paths[-1]
    if not target.startswith("/"):
        raise Problem(f"the target of the mount {text!r} is not absolute")
    if source not in {"tmpfs", "umount"}:
        source = os.path.join(cwd, source)
        if not os.path.exists(source):
            raise Problem(f"the source of the mount {text!r} is not there: {source}")
    return Mount(source, target, tuple(parts[2].split("+")) if len(parts) == 3 else ())


def _merged(
    name: str, environ: Mapping[str, str], cwd: str, above: tuple[str, ...]
) -> dict[str, Any]:
    path = os.path.realpath(_find(name, environ, cwd))
    if path in above:
        raise Problem(f"{path}: base_environment goes round in a circle")
    if len(above) >= MAX_LEVELS:
        raise Problem(f"{path}: base_environment has more than {MAX_LEVELS} levels")
    own = _load(path)
    bases = own.pop("base_environment", [])
    whole: dict[str, Any] = {}
    for base in [bases] if isinstance(bases, str) else bases:
        if base:
            _lay_over(whole, _merged(expand(base, environ), environ, cwd, (*above, path)))
    _lay_over(whole, own)
    return whole


def _find(name: str, environ: Mapping[str, str], cwd: str) -> str:
    if "/" in name or name.endswith(".toml"):
        candidates = [os.path.join(cwd, name)]
    else:
        folders = [folder for folder in environ.get("EDF_PATH", "").split(":") if folder]
        folders = folders or [os.path.join(environ.get("HOME", "/"), ".edf")]
        candidates = [os.path.join(folder, f"{name}.toml") for folder in folders]
    for candidate in candidates:
        if os.path.exists(candidate):
            return candidate
    raise Problem(f"there is no EDF {name!r}: looked for {', '.join(candidates)}")


def _load(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8-sig") as file:
            data = tomllib.loads(file.read())
    except (OSError, ValueError, RecursionError) as error:
        raise Problem(f"{path} cannot be read: {error}") from None
    for key, kinds in KINDS.items():
        value = data.get(key, kinds[0]())
        items = value if isinstance(value, list) else []
        if not isinstance(value, kinds) or not all(isinstance(item, str) for item in items):
            raise Problem(f"{path}: {key} is not what it must be")
    data["env"] = {key: _text(path, key, value) for key, value in data.get("env", {}).items()}
    return data


def _text(path: str, key: str, value: Any) -> str:
    if isinstance(value, (dict, list)) or "=" in key or not key:
        raise Problem(f"{path}: [env] {key} is no variable with a text")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _lay_over(whole: dict[str, Any], top: Mapping[str, Any]) -> None:
    for key, value in top.items():
        if key in {"mounts", "devices"}:
            kept = whole.setdefault(key, [])
            kept += [item for item in value if item not in kept]
        elif key == "env":
            whole[key] = {**whole.get(key, {}), **value}
        else:
            whole[key] = value  # annotations mean nothing here
