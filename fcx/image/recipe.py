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
from dataclasses import dataclass, field

from ..errors import UsageError
from .dockerfile import WORD, Dockerfile, Instruction
from .expansion import expand

ARGUMENT = re.compile(r"(\w+)(?:=(.*))?", re.DOTALL)


@dataclass(frozen=True)
class Recipe:
    """A Dockerfile, read as far as fcx must know it."""

    file: Dockerfile
    arguments: frozenset[str]
    bases: tuple[str, ...]
    automatic: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)  # base -> its own platform
    runs: bool = False  # whether a step runs on the image's platform

    @classmethod
    def from_text(
        cls, text: str, build_args: Mapping[str, str], platform: Mapping[str, str] | None = None
    ) -> Recipe:
        """Find the ARG names and the images of other makers that the last stage is made of.

        ``bases`` has the last stage's own image first; ``platform`` has what FROM lines may name
        without an ARG, ``automatic`` what of it the stages ask for; ``elsewhere`` has the bases
        that are wanted for another platform only. Raises UsageError without a FROM line.
        """
        return cls.of(Dockerfile.from_text(text), build_args, platform or {})

    @classmethod
    def of(
        cls, file: Dockerfile, build_args: Mapping[str, str], platform: Mapping[str, str]
    ) -> Recipe:
        """The same of a file that has been read."""
        values: dict[str, str] = dict(platform)
        names: set[str] = set()
        asked: dict[str, str] = {}
        stages = _Stages()
        for one in file.instructions:
            if one.word == "ARG":
                for name, default in argument_defaults(one):
                    names.add(name)
                    if stages.all and not default and name not in build_args and name in platform:
                        asked[name] = platform[name]
                    elif not stages.all:
                        own = expand(default, values) if default else values.get(name, "")
                        values[name] = build_args.get(name, own)
            elif one.word == "FROM":
                stages.begin(one, values)
            else:
                stages.take(one)
        if not stages.all:
            raise UsageError("The Dockerfile has no FROM line; an image must start from something.")
        bases, elsewhere, runs = stages.needed(platform.get("TARGETPLATFORM", ""))
        return cls(file, frozenset(names), bases, asked, elsewhere, runs)

    @property
    def text(self) -> str:
        """What is built, as it stands."""
        return self.file.text

    @property
    def marked(self) -> tuple[Instruction, ...]:
        """The instructions that a comment gives to fcx to fill in."""
        return tuple(one for one in self.file.instructions if one.marked)

    def recipe_id(self, context_digest: str, build_args: Mapping[str, str]) -> str:
        """SHA-256 over Dockerfile, context and build arguments, in hex."""
        return _digest("recipe", self.text, context_digest, dict(sorted(build_args.items())))


def source_id(recipe_id: str, base_ids: Sequence[str], platform: str) -> str:
    """SHA-256 over a recipe, the ids of its base images and the platform, in hex."""
    return _digest("build", recipe_id, list(base_ids), platform)


def build_id(source: str, nonce: str) -> str:
    """SHA-256 over what went into one build and what no other build has, in hex."""
    return _digest("build id", source, nonce)


def platform_arguments(target: str, build: str) -> dict[str, str]:
    """What BuildKit sets by itself, of platforms such as ``linux/arm64``."""
    values: dict[str, str] = {}
    for name, platform in (("TARGET", target), ("BUILD", build)):
        system, _, machine = platform.partition("/")
        values |= {f"{name}PLATFORM": platform, f"{name}OS": system, f"{name}ARCH": machine}
        values[f"{name}VARIANT"] = ""
    return values


def same_platform(one: str, other: str) -> bool:
    """Whether both name one system and processor, of whatever variant."""
    return one.split("/")[:2] == other.split("/")[:2]


def argument_defaults(one: Instruction) -> Iterator[tuple[str, str]]:
    """(name, default or an empty string) of each argument that an ARG line declares."""
    for word in WORD.findall(one.rest):
        match = ARGUMENT.fullmatch(word)
        if match:
            yield match[1], match[2] or ""


class _Stages:
    """The stages of a Dockerfile, each with what it is made of: numbers of stages, and images."""

    def __init__(self) -> None:
        self.all: list[list[int | str]] = []
        self._numbers: dict[str, int] = {}
        self._platforms: list[str] = []  # those that FROM lines name; empty: the image's
        self._runs: set[int] = set()

    def begin(self, one: Instruction, values: Mapping[str, str]) -> None:
        """A FROM line."""
        words = one.arguments()
        named = expand(words[0], values) if words else ""
        if not named or named.endswith((":", "@", "/")):
            raise UsageError(
                f"The Dockerfile's line {one.line}, `FROM {one.rest}`, names no image: an argument "
                "in it has no value. Give one with --build-arg NAME=VALUE."
            )
        made_of = [self._known(named)]
        if len(words) >= 3 and words[1].upper() == "AS":
            self._numbers[words[2].lower()] = len(self.all)
        base = made_of[0]
        inherited = self._platforms[base] if isinstance(base, int) else ""
        flag = one.flags().get("platform", [""])[-1]
        self._platforms.append(expand(flag, values) or inherited)
        self.all.append(made_of)

    def take(self, one: Instruction) -> None:
        """What an instruction copies or mounts from elsewhere."""
        flags = one.flags()
        if one.word == "RUN":
            self._runs.add(len(self.all) - 1)
        named = flags.get("from", []) if one.word in ("COPY", "ADD") else []
        for mount in flags.get("mount", []) if one.word == "RUN" else []:
            named += [part[5:] for part in mount.split(",") if part.startswith("from=")]
        for name in named if self.all else []:
            if name.isdigit() and int(name) < len(self.all):
                self.all[-1].append(int(name))
            elif name and "$" not in name:
                self.all[-1].append(self._known(name))

    def needed(self, target: str) -> tuple[tuple[str, ...], dict[str, str], bool]:
        """The images behind the last stage, its own first; none of stages that it does not use.

        With those of them that are for another platform than ``target`` alone, and whether a stage
        of that one runs anything.
        """
        images: dict[str, set[str]] = {}
        waiting: list[tuple[int | str, str]] = [(len(self.all) - 1, target)]
        seen: set[int | str] = set()
        runs = False
        while waiting:
            one, platform = waiting.pop(0)
            if isinstance(one, str):
                images.setdefault(one, set()).add(platform)
            elif one not in seen:
                seen.add(one)
                own = self._platforms[one] or target
                runs = runs or (one in self._runs and same_platform(own, target))
                first, *others = self.all[one]  # what is copied from is for the image's platform
                waiting = [(first, own), *((other, target) for other in others), *waiting]
        elsewhere = {
            name: min(wanted)
            for name, wanted in images.items()
            if not any(same_platform(one, target) for one in wanted)
        }
        return tuple(images), elsewhere, runs

    def _known(self, name: str) -> int | str:
        """The number of the stage of that name, else the name: an image's."""
        return self._numbers.get(name.lower(), name)


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode("utf-8", "surrogateescape")).hexdigest()
