"""What a Dockerfile asks for, and the ids that follow from it (pure).

The recipe id stands for the source: Dockerfile, context and build arguments. The source id stands
for all that goes in: the recipe, the base images and the platform. What comes of it may differ each
time: so each fresh build has a build id of its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..errors import UsageError

VARIABLE = re.compile(r"\\\$|\$(?:\{(\w+)(?::([-+])((?:[^{}]|\$\{[^{}]*\})*))?\}|(\w+))")


@dataclass(frozen=True)
class Recipe:
    """A Dockerfile, read as far as fcx must know it."""

    text: str
    arguments: frozenset[str]
    bases: tuple[str, ...]

    @classmethod
    def from_text(cls, text: str, build_args: Mapping[str, str]) -> Recipe:
        """Find the ARG names and the images of other makers that the stages start from.

        ``bases`` has the last stage's own image first. Raises UsageError without a FROM line.
        """
        values: dict[str, str] = {}
        names: set[str] = set()
        stages: dict[str, str] = {}
        copied: list[str] = []
        last = ""
        for word, rest in instructions(text):
            if word == "ARG":
                for name, default in _arguments(rest):
                    names.add(name)
                    if not last:
                        values[name] = build_args.get(name, expand(default, values))
            elif word == "FROM":
                last = _image(rest, values, stages)
            elif word in ("COPY", "ADD"):
                match = re.match(r"(?:--\S+\s+)*--from=(\S+)", rest)
                copied += [match.group(1)] if match else []
        if not last:
            raise UsageError("The Dockerfile has no FROM line; an image must start from something.")
        others = [*stages.values(), *(_stage(name, stages) for name in copied)]
        return cls(text, frozenset(names), tuple(dict.fromkeys((last, *filter(None, others)))))

    def recipe_id(self, context_digest: str, build_args: Mapping[str, str]) -> str:
        """SHA-256 over Dockerfile, context and build arguments, in hex."""
        return _digest("recipe", self.text, context_digest, dict(sorted(build_args.items())))


def source_id(recipe_id: str, base_ids: Sequence[str], platform: str) -> str:
    """SHA-256 over a recipe, the ids of its base images and the platform, in hex."""
    return _digest("build", recipe_id, list(base_ids), platform)


def build_id(source: str, nonce: str) -> str:
    """SHA-256 over what went into one build and what no other build has, in hex."""
    return _digest("build id", source, nonce)


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """(instruction in capitals, its arguments on one line); comments and blank lines dropped."""
    escape = re.match(r"(?:#.*\n)*?#\s*escape\s*=\s*`", text, re.IGNORECASE)
    mark = "`" if escape else "\\"
    pending = ""
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        pending += line
        if pending.endswith(mark):
            pending = pending[:-1] + " "
            continue
        word, _, rest = pending.partition(" ")
        pending = ""
        yield word.upper(), rest.strip()


def expand(text: str, values: Mapping[str, str]) -> str:
    """``$NAME``, ``${NAME}``, ``${NAME:-default}`` and ``${NAME:+other}``, as Docker has them."""

    def value(match: re.Match[str]) -> str:
        if match.group() == "\\$":
            return "$"
        found = values.get(match.group(1) or match.group(4), "")
        if match.group(2) == "-":
            return found or expand(match.group(3), values)
        if match.group(2) == "+":
            return expand(match.group(3), values) if found else ""
        return found

    return VARIABLE.sub(value, text.strip("\"'"))


def _arguments(rest: str) -> Iterator[tuple[str, str]]:
    for match in re.finditer(r"(\w+)(?:=(\"[^\"]*\"|'[^']*'|\S*))?", rest):
        yield match.group(1), match.group(2) or ""


def _image(rest: str, values: Mapping[str, str], stages: dict[str, str]) -> str:
    """The image that a FROM line leads to; remembers the stage's name and number."""
    words = [word for word in rest.split() if not word.startswith("--")]
    named = expand(words[0], values) if words else ""
    if not named:
        raise UsageError(
            f"The Dockerfile's line `FROM {rest}` names no image: an argument in it has no value. "
            "Give one with --build-arg NAME=VALUE."
        )
    image = stages.get(named.lower(), named)
    stages[str(len({key for key in stages if key.isdigit()}))] = image
    if len(words) >= 3 and words[1].upper() == "AS":
        stages[words[2].lower()] = image
    return image


def _stage(name: str, stages: Mapping[str, str]) -> str:
    """The image behind the name in ``COPY --from=``; a stage's own is known already."""
    return "" if name.lower() in stages or "$" in name else name


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode("utf-8", "surrogateescape")).hexdigest()
