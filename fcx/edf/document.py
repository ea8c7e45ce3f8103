"""An EDF: read it, merge what it is based on, expand its variables, render it.

The rules are those of the CSCS documentation. ``edf_write`` generates an EDF from an image,
``edf_check`` tells what is wrong with one.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, time
from pathlib import Path
from typing import Any

from ..errors import EdfError, UsageError
from . import toml as edf_toml
from .schema import ARRAYS, KEYS, STRINGS, SWITCHES, VARIABLE, leaves, whole_mount, wrong_types

MAX_LEVELS = 10
"""Levels of ``base_environment``, the file itself included."""

_UNNAMED = "<edf>"


@dataclass(frozen=True)
class Edf:
    """What an EDF says; None where it says nothing.

    ``mounts`` are ``SRC:DST[:FLAGS]``, a single path written out as both; annotations are flat
    (``com.hooks.cxi.enabled``); ``other`` holds the keys that fcx does not know. ``text`` and
    ``file`` are where it came from, and take no part in comparisons.
    """

    base_environment: tuple[str, ...] = ()
    image: str | None = None
    workdir: str | None = None
    entrypoint: bool | None = None
    writable: bool | None = None
    mounts: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    other: Mapping[str, Any] = field(default_factory=dict)
    text: str = field(default="", compare=False, repr=False)
    file: str = field(default=_UNNAMED, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mounts", tuple(map(whole_mount, self.mounts)))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Edf:
        """Read a file. Raises EdfError, with line and column where the content is to blame."""
        return cls.parse(text_of(path), file=os.fspath(path))

    @classmethod
    def parse(cls, text: str, file: str = _UNNAMED) -> Edf:
        """Read a text. Raises EdfError for broken TOML and for values of a wrong type."""
        return from_data(edf_toml.load(text, file), text, file)

    def render(self, header: str = "") -> str:
        """The EDF as ASCII text, one value a line, the header's lines as comments on top."""
        lines = [f"# {line}".rstrip() for line in map(_printable, header.splitlines())]
        if self.base_environment:
            lines.append(f"base_environment = {edf_toml.value(self.base_environment)}")
        for name in (*STRINGS, *SWITCHES):
            if (said := getattr(self, name)) is not None:
                lines += [f"{name} = {edf_toml.value(said)}"]
        for name in ARRAYS:
            if items := getattr(self, name):
                lines += [f"{name} = [", *(f"    {edf_toml.quoted(i)}," for i in items), "]"]
        lines += [f"{edf_toml.key(k)} = {edf_toml.value(v)}" for k, v in self.other.items()]
        if self.env:
            lines += ["", "[env]"]
            lines += [f"{edf_toml.key(k)} = {edf_toml.quoted(v)}" for k, v in self.env.items()]
        if self.annotations:
            names = set(self.annotations)
            lines += ["", "[annotations]"]
            lines += [
                f"{annotation_key(name, names)} = {edf_toml.quoted(text)}"
                for name, text in self.annotations.items()
            ]
        return "\n".join(lines).lstrip("\n") + "\n"

    def to_data(self) -> dict[str, Any]:
        """The same as plain data, without the keys that say nothing."""
        known = {name: getattr(self, name) for name in KEYS}
        data = {k: list(v) if isinstance(v, tuple) else v for k, v in known.items()}
        return {k: v for k, v in {**data, **self.other}.items() if v not in (None, [], {})}

    def over(self, base: Edf) -> Edf:
        """The EDF on top of another one: what ``base_environment`` means, for one base."""
        scalars = {
            name: getattr(base, name) if getattr(self, name) is None else getattr(self, name)
            for name in (*STRINGS, *SWITCHES)
        }
        return replace(
            self,
            **scalars,
            mounts=_joined(base.mounts, self.mounts),
            devices=_joined(base.devices, self.devices),
            env={**base.env, **self.env},
            annotations={**base.annotations, **self.annotations},
            other={**base.other, **self.other},
        )

    def merged(self, lookup: Callable[[str], Edf]) -> Edf:
        """With every ``base_environment`` merged in; ``lookup`` gives the EDF of a name.

        Raises EdfError for a cycle, for more than ten levels, and what ``lookup`` raises.
        """
        return _Merge(lookup).whole(self, (self.file,))[0]

    def expanded(self, variables: Mapping[str, str], *, final: bool = False) -> Edf:
        """With variables replaced; unknown ones and ``$$`` stay, so that it means the same.

        With ``final``, ``$$`` becomes ``$`` and an unknown variable is an EdfError.
        """

        def text(value: str) -> str:
            return expand(value, variables, final=final, file=self.file)

        return replace(
            self,
            base_environment=tuple(map(text, self.base_environment)),
            image=None if self.image is None else text(self.image),
            workdir=None if self.workdir is None else text(self.workdir),
            mounts=tuple(map(text, self.mounts)),
            devices=tuple(map(text, self.devices)),
            env={name: text(value) for name, value in self.env.items()},
            annotations={name: text(value) for name, value in self.annotations.items()},
        )

    def undefined(self, variables: Mapping[str, str]) -> list[str]:
        """Names of the variables that it needs and ``variables`` does not have, in order."""
        texts = [*self.base_environment, self.image or "", self.workdir or "", *self.mounts]
        texts += [*self.devices, *self.env.values(), *self.annotations.values()]
        found = (m for text in texts for m in VARIABLE.finditer(text) if m["name"])
        needed = [m["name"] for m in found if m["default"] is None and m["name"] not in variables]
        return list(dict.fromkeys(needed))


def text_of(path: str | os.PathLike[str]) -> str:
    """The text of a file. Raises EdfError if it cannot be read, or is not UTF-8."""
    file = os.fspath(path)
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise EdfError(f"the EDF cannot be read: {reason}", file) from error
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = edf_toml.place(data[: error.start].decode("utf-8"), error.start)
        message = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise EdfError(message, file, line, max(column, 1)) from error


def from_data(data: dict[str, Any], text: str, file: str) -> Edf:
    """An Edf of TOML data. Raises EdfError, with its place, for a value of a wrong type."""
    for path, message in wrong_types(data):
        raise EdfError(message, file, *edf_toml.Index(text).place(path))
    base = data.get("base_environment", [])
    bases = [base] if isinstance(base, str) else base
    return Edf(
        base_environment=tuple(name for name in bases if name),
        image=data.get("image"),
        workdir=data.get("workdir"),
        entrypoint=data.get("entrypoint"),
        writable=data.get("writable"),
        mounts=tuple(data.get("mounts", ())),
        devices=tuple(data.get("devices", ())),
        env={name: _string(value) for name, value in data.get("env", {}).items()},
        annotations={".".join(p): _string(v) for p, v in leaves(data.get("annotations", {}))},
        other={name: value for name, value in data.items() if name not in KEYS},
        text=text,
        file=file,
    )


def annotation_key(name: str, names: set[str]) -> str:
    """A dotted annotation as a TOML key; quoted whole where a part of it has a value itself."""
    parts = name.split(".")
    prefixes = (".".join(parts[:count]) for count in range(1, len(parts)))
    if len(parts) > edf_toml.MAX_DEPTH // 2 or any(prefix in names for prefix in prefixes):
        return edf_toml.quoted(name)
    return ".".join(map(edf_toml.key, parts))


def expand(
    text: str, variables: Mapping[str, str], *, final: bool = False, file: str = _UNNAMED
) -> str:
    """Replace ``${NAME}`` and ``${NAME:-default}``; see ``Edf.expanded`` for ``final``."""

    def value(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        if match["dollars"]:
            return "$" if final else "$$"
        if name is None:
            return match[0]
        if name in variables and (variables[name] or default is None):
            return variables[name] if final else variables[name].replace("$", "$$")
        if not final:
            return match[0]
        if default is None:
            raise EdfError(f"${{{name}}} is not defined; ${{{name}:-}} would stand for ''", file)
        return str(default)

    return VARIABLE.sub(value, text)


def finder(
    environ: Mapping[str, str] | None = None, cwd: str | os.PathLike[str] | None = None
) -> Callable[[str], Edf]:
    """A ``lookup`` for ``Edf.merged`` that reads files of this machine as ``--environment`` does.

    A path is absolute or relative to ``cwd``; a bare name is looked for in ``EDF_PATH``, else in
    ``~/.edf``. Raises EdfError that says where it looked.
    """
    variables = os.environ if environ is None else environ
    here = Path(cwd or Path.cwd())
    home = variables.get("HOME") or "~"
    folders = [f for f in variables.get("EDF_PATH", "").split(":") if f] or [f"{home}/.edf"]

    def lookup(name: str) -> Edf:
        wanted = expand(name, variables, final=True)
        candidates = [here / wanted]
        if not is_path(wanted):
            candidates = [Path(folder).expanduser() / f"{wanted}.toml" for folder in folders]
        for candidate in candidates:
            if os.path.exists(candidate):  # noqa: PTH110 - False, not an error, for a NUL
                return Edf.read(candidate)
        places = ", ".join(map(repr, map(str, candidates)))
        raise EdfError(f"there is no EDF {name!r} here; looked for {places}")

    return lookup


def is_path(reference: str) -> bool:
    """Whether ``--environment=reference`` names a file rather than an EDF of the search path."""
    return "/" in reference or reference.endswith(".toml")


@dataclass(frozen=True)
class RunEdf:
    """An EDF that travels with a run: its file name, with a hash of its content, and its text."""

    name: str
    text: str


def run_edf(
    environment: Edf | str | os.PathLike[str],
    working_dir: str,
    *,
    lookup: Callable[[str], Edf] | None = None,
) -> RunEdf:
    """The EDF of a run, from an Edf, a local path, or the name of a local EDF.

    Everything that it is based on is merged in, ``working_dir`` is mounted at its own place, and
    variables stay for the far side. Raises EdfError, also when there is no image in it.
    """
    find = lookup or finder()
    if isinstance(environment, Edf):
        edf = environment
    elif isinstance(environment, str) and not is_path(environment):
        edf = find(environment)
    else:
        edf = Edf.read(environment)
    whole = edf.merged(find)
    if not whole.image:
        raise EdfError(
            'it names no image, so nothing would be contained; add image = "..."', edf.file
        )
    return _travelling(whole, working_dir, Path(edf.file).stem)


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
        base = f"{_literal(working_dir)}/{base.removeprefix('./')}"
    stem = Path(reference).name.removesuffix(".toml")
    return _travelling(Edf(base_environment=(base,)), working_dir, stem)


def _travelling(edf: Edf, working_dir: str, stem: str) -> RunEdf:
    if ":" in working_dir or not working_dir.startswith("/"):
        why = "must be absolute" if ":" not in working_dir else "has a colon in it"
        raise UsageError(f"the working directory {working_dir!r} cannot be mounted: it {why}")
    place = _literal(working_dir.rstrip("/") or "/")
    whole = Edf(mounts=(f"{place}:{place}",)).over(edf)
    text = replace(whole, base_environment=edf.base_environment).render()
    digest = hashlib.sha256(text.encode("ascii")).hexdigest()[:12]
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip("-.")[:40] or "edf"
    return RunEdf(f"{plain}-{digest}.toml", text)


def _literal(path: str) -> str:
    return path.replace("$", "$$")


class _Merge:
    """One walk over what an EDF is based on; each base is read and merged once."""

    def __init__(self, lookup: Callable[[str], Edf]) -> None:
        self._lookup = lookup
        self._done: dict[str, tuple[Edf, int]] = {}

    def whole(self, edf: Edf, chain: tuple[str, ...]) -> tuple[Edf, int]:
        """The merged EDF and the levels in it; ``chain`` is what led here, itself included."""
        below, levels = Edf(), 1
        for number, name in enumerate(edf.base_environment):
            try:
                base, height = self._base(name, chain)
            except EdfError as error:
                if error.file != _UNNAMED or edf.file == _UNNAMED:
                    raise
                place = _base_place(edf, number)
                raise EdfError(error.message, edf.file, *place) from error
            if len(chain) + height > MAX_LEVELS:
                message = f"base_environment {name!r} makes more than {MAX_LEVELS} levels"
                raise EdfError(message, edf.file, *_base_place(edf, number))
            below, levels = base.over(below), max(levels, height + 1)
        return replace(edf.over(below), base_environment=()), levels

    def _base(self, name: str, chain: tuple[str, ...]) -> tuple[Edf, int]:
        if name not in self._done:
            edf = self._lookup(name)
            identity = name if edf.file == _UNNAMED else edf.file
            if identity in chain:
                way = " -> ".join((*chain[chain.index(identity) :], identity))
                raise EdfError(f"base_environment goes round in a circle: {way}")
            if len(chain) >= MAX_LEVELS:
                raise EdfError(f"base_environment {name!r} makes more than {MAX_LEVELS} levels")
            self._done[name] = self.whole(edf, (*chain, identity))
        return self._done[name]


def _base_place(edf: Edf, number: int) -> tuple[int, int]:
    if not edf.text:
        return 1, 1
    index = edf_toml.Index(edf.text)
    path: edf_toml.Path = ("base_environment", number)
    return index.place(path if path in index.values else path[:1])


def _joined(first: Iterable[str], then: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *then)))


def _string(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, (date, time)) else str(value)


def _printable(line: str) -> str:
    return "".join(c if " " <= c <= "~" else "?" for c in line)
