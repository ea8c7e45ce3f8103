"""Variables of an EDF: found, and replaced as the engines do it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from ..errors import EdfError
from .document import UNNAMED, Edf

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
VARIABLE = re.compile(
    rf"(?P<dollars>\$\$)|\$\{{(?P<name>{_NAME})(?::-(?P<default>[^}}]*))?\}}|(?P<odd>\$\{{[^}}]*\}}?)"
    rf"|\$(?P<bare>{_NAME})|(?P<command>\$\()"
)
"""``$$``, ``${NAME}``, ``${NAME:-default}``, and what looks like a variable but is none."""


def expand(
    text: str, variables: Mapping[str, str], *, final: bool = False, file: str = UNNAMED
) -> str:
    """Replace ``${NAME}`` and ``${NAME:-default}``; see ``expanded`` for ``final``."""

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


def expanded(edf: Edf, variables: Mapping[str, str], *, final: bool = False) -> Edf:
    """The EDF with variables replaced; unknown ones and ``$$`` stay, so that it means the same.

    With ``final``, ``$$`` becomes ``$`` and an unknown variable is an EdfError.
    """

    def text(value: str) -> str:
        return expand(value, variables, final=final, file=edf.file)

    return replace(
        edf,
        base_environment=tuple(map(text, edf.base_environment)),
        image=None if edf.image is None else text(edf.image),
        workdir=None if edf.workdir is None else text(edf.workdir),
        mounts=tuple(map(text, edf.mounts)),
        devices=tuple(map(text, edf.devices)),
        env={name: text(value) for name, value in edf.env.items()},
        annotations={name: text(value) for name, value in edf.annotations.items()},
    )


def undefined(edf: Edf, variables: Mapping[str, str]) -> list[str]:
    """Names of the variables that an EDF needs and ``variables`` does not have, in order."""
    texts = [*edf.base_environment, edf.image or "", edf.workdir or "", *edf.mounts]
    texts += [*edf.devices, *edf.env.values(), *edf.annotations.values()]
    found = (m for text in texts for m in VARIABLE.finditer(text) if m["name"])
    needed = [m["name"] for m in found if m["default"] is None and m["name"] not in variables]
    return list(dict.fromkeys(needed))


def literal(path: str, dialect: str = "ce") -> str:
    """A path as an EDF must spell it so that the engine finds no variable in it."""
    return path.replace("$", r"\$" if dialect == "sarus" else "$$")
