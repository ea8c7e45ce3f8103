"""Variables in a Dockerfile's words, put in as docker does it (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping

INNER = r"(?:[^{}]|\$\{[^{}]*\})*"
VARIABLE = re.compile(
    rf"\\\$|\$(?:\{{(\w+)(?:(:?[-+?])({INNER})|(##?|%%?)({INNER})|(//?)([^/{{}}]*)/?([^{{}}]*))?\}}|(\w+))"
)


def expand(text: str, values: Mapping[str, str]) -> str:
    """``$NAME``, ``${NAME:-default}`` and its kin, ``${NAME#pattern}``, ``${NAME/pattern/text}``.

    What has no value is empty, as in a FROM line.
    """

    def value(match: re.Match[str]) -> str:
        if match.group() == "\\$":
            return "$"
        name = match[1] or match[9]
        found = values.get(name, "")
        if match[2]:
            return _instead(match[2], expand(match[3], values), values.get(name))
        if match[4]:
            return _trimmed(found, match[4], expand(match[5], values))
        if match[6]:
            wanted, count = _pattern(match[7], lazy=False), 0 if match[6] == "//" else 1
            return re.sub(wanted, lambda _: match[8], found, count=count)
        return found

    return VARIABLE.sub(value, unquoted(text))


def unquoted(text: str) -> str:
    """A word without the quotes around it."""
    return text.strip("\"'")


def _instead(how: str, other: str, found: str | None) -> str:
    """A default or a replacement; the colon makes what is empty count as what is not there."""
    there = bool(found) if how.startswith(":") else found is not None
    if how.endswith("+"):
        return other if there else ""
    return found or "" if there or how.endswith("?") else other


def _trimmed(found: str, how: str, pattern: str) -> str:
    """Without the shortest or (twice the mark) longest match at its begin or its end."""
    wanted = _pattern(pattern, lazy=len(how) == 1)
    if how.startswith("#"):
        match = re.match(wanted, found, re.DOTALL)
        return found[match.end() :] if match else found
    starts = range(len(found) + 1)
    for start in reversed(starts) if len(how) == 1 else starts:
        if re.fullmatch(wanted, found[start:], re.DOTALL):
            return found[:start]
    return found


def _pattern(text: str, *, lazy: bool) -> str:
    """A regular expression of ``*`` and ``?``, the only two that docker knows there."""
    any_text = ".*?" if lazy else ".*"
    return "".join({"*": any_text, "?": "."}.get(one) or re.escape(one) for one in text)
