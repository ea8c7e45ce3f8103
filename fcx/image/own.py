"""What of a Dockerfile is fcx's to fill in: what stands below a comment ``# fcx: ...`` (pure).

An argument of the same name in a Dockerfile of somebody else's is none of ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..protocol import probe
from .context import RESERVED
from .recipe import Recipe, argument_defaults

WHEEL = ("COPY", "ADD")
FOLDER = f"{RESERVED[:-1]}[{RESERVED[-1]}]/dist"
"""Where the context has the wheel; written as a pattern, so that docker may find none."""


def host_arguments() -> dict[str, str]:
    """The build arguments that follow the interpreter that runs fcx."""
    client = probe.snapshot()
    return {"PYTHON_VERSION": client["python"]["version"], "DILL_VERSION": client["dill"] or ""}


def marked_arguments(recipe: Recipe) -> frozenset[str]:
    """The arguments that a Dockerfile leaves to fcx."""
    lines = [one for one in recipe.marked if one.word == "ARG"]
    return frozenset(name for one in lines for name, _ in argument_defaults(one))


def filled(recipe: Recipe, host: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """What fcx sets: not what is given, and not the Python of another base."""
    wanted = marked_arguments(recipe) - given.keys()
    wanted -= {"PYTHON_VERSION"} if given.get("BASE_IMAGE") else frozenset()
    return {name: value for name, value in host.items() if name in wanted}


def takes_wheel(recipe: Recipe) -> bool:
    """Whether a Dockerfile takes fcx itself out of the context."""
    return any(one.word in WHEEL and FOLDER in one.rest for one in recipe.marked)


def mark_warnings(recipe: Recipe, host: Mapping[str, str]) -> Iterator[str]:
    """Marks that mean nothing, and a Dockerfile that was fcx's before there were marks."""
    for name in sorted(marked_arguments(recipe) - host.keys()):
        yield (
            f"The Dockerfile's `ARG {name}` is marked `# fcx:`, and fcx has no value for it: it "
            f"keeps its default. Known: {', '.join(host)}."
        )
    copies = [one for one in recipe.file.instructions if one.word in WHEEL and FOLDER in one.rest]
    if copies and not takes_wheel(recipe):
        yield (
            f"The Dockerfile's line {copies[0].line} takes fcx from {FOLDER}, which is empty: fcx "
            "fills in only what a comment `# fcx: ...` stands above. Put one there, and above "
            "`ARG PYTHON_VERSION` and `ARG DILL_VERSION` (`fcx init --force` does, and keeps a "
            ".bak)."
        )
