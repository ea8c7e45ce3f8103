"""Annotations, which switch the engine's hooks: known, well spelt, and fit for the container.

Those of the network have rules of their own, in ``network``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..network import SOURCE
from ..schema import ANNOTATIONS, HOOK_SWITCHES, leaves
from ..toml import Path
from ..variables import VARIABLE
from . import fixes
from .context import WARNING, Context, Hit
from .keys import belongs_elsewhere

_PREFIXES = ("com.hooks.", "com.pyxis.")
_CE_ONLY = ("com.hooks.ssh.", "com.hooks.netstack.", "com.pyxis.")
_MAX_GUESSES = 500  # nearest names looked for in one file; each takes 0.2 ms


def names(context: Context) -> Iterator[Hit]:
    """Annotations that nobody knows: ``com.`` forgotten, or misspelt."""
    guesses = _MAX_GUESSES
    for path, name, _ in annotated(context):
        if re.match(r"(hooks|pyxis|sarus)\.", name):
            what = f"annotation {name} lacks its com."
            why = "no engine looks at it, so it does nothing"
            fix = _with_com(context, path, name)
            yield Hit(path, "missing-com", WARNING, what, why, fix)
            continue
        ours = name.startswith(_PREFIXES)
        if belongs_elsewhere(name.rpartition(".")[2]):
            continue
        if name in ANNOTATIONS or name.startswith("com.sarus.") or not (ours or guesses):
            continue
        near: list[str] = []
        if guesses:
            near = difflib.get_close_matches(name.lower(), ANNOTATIONS, 1, 0.6 if ours else 0.85)
            guesses -= 1
        if ours or near:
            fix = f"{fixes.OUT}; known ones: {', '.join(ANNOTATIONS)}"
            if near:
                fix = fixes.meant(near[0]) + f" Then {_respelt(context, path, near[0])}"
            why = "engines ignore an annotation that they do not know, without a word"
            yield Hit(path, "unknown-annotation", WARNING, f"unknown annotation {name}", why, fix)


def _with_com(context: Context, path: Path, name: str) -> str:
    """The header of the annotation's table where ``hooks`` stands in it, else its own name."""
    heads = [head for head in context.index.headers if path[: len(head)] == head and len(head) > 1]
    if heads:
        _, *parts = max(heads, key=len)
        return f"write com.{name}: {fixes.header(('annotations', 'com', *parts))}"
    return fixes.renamed(f"com.{name}")


def _respelt(context: Context, path: Path, name: str) -> str:
    """A better name for an annotation, as its place in the file has it spelt."""
    heads = [head for head in context.index.headers if path[: len(head)] == head]
    inside = max(heads, key=len, default=("annotations",))[1:]
    parts = tuple(name.split("."))
    if parts[: len(inside)] != inside:
        return f"move it below [{'.'.join(('annotations', *parts[:-1]))}] as {parts[-1]}"
    prefix = ("annotations",) if not heads else ()
    return fixes.renamed(".".join((*prefix, *parts[len(inside) :])))


def values(context: Context) -> Iterator[Hit]:
    """Switches that are neither ``"true"`` nor ``"false"``, sources that are none."""
    for path, name, value in annotated(context):
        if not isinstance(value, str) or VARIABLE.search(value):
            continue
        if name in HOOK_SWITCHES and value not in ("true", "false"):
            why = "the hook compares it with the word true"
            on = value.strip().lower() in ("true", "yes", "on", "1", "enabled")
            fix = fixes.item("true" if on else "false") + " (it is true or false)"
            what = f"{name} is {value!r}"
            yield Hit(path, "annotation-value", WARNING, what, why, fix)
        elif name == SOURCE and not re.fullmatch(r"host|artifact(:.+)?", value):
            what, why = f"{name} is {value!r}", "there are only two sources"
            yield Hit(path, "annotation-value", WARNING, what, why, 'write "host" (or "artifact")')
        elif name == "com.hooks.ssh.authorize_ssh_key" and not value.startswith(("/", "<")):
            what = f"{name} is no absolute path"
            why, fix = "it names a file that holds the public key", "write the path of that file"
            yield Hit(path, "annotation-value", WARNING, what, why, fix)


def needs(context: Context) -> Iterator[Hit]:
    """Hooks that want something else of the EDF: a writable container, a key."""
    everything = (context.whole or context.edf).annotations
    for path, name, value in annotated(context):
        if name not in ("com.hooks.ssh.enabled", "com.hooks.nvidia_cuda_mps.enabled"):
            continue
        on = _is_on(value)
        if on and context.whole and context.whole.writable is False:
            what, why = f"{name} in a read-only container", "the hook writes into the container"
            yield Hit(
                path, "hook-needs-writable", WARNING, what, why, fixes.top("writable", data=True)
            )
        if on and ".ssh." in name and context.whole and not _has_key(everything):
            what, why = "the ssh hook has no key", "nobody can log in then"
            needed = "com.hooks.ssh.authorize_ssh_key"
            fix = fixes.below(context.index, "annotations", needed, "/users/ME/key.pub")
            yield Hit(path, "ssh-key", WARNING, what, why, fix)


def unsupported(context: Context) -> Iterator[Hit]:
    """Hooks of the CE that the Sarus suite does not have."""
    for path, name, _ in annotated(context) if context.sarus else ():
        if name in ANNOTATIONS and name.startswith(_CE_ONLY):
            what, why = f"{name} does nothing on Sarus", "it has no such hook yet"
            yield Hit(path, "hook-absent", WARNING, what, why, fixes.OUT)


def _is_on(value: Any) -> bool:
    return value in ("true", True)


def _has_key(annotations: Mapping[str, str]) -> bool:
    return "com.hooks.ssh.authorize_ssh_key" in annotations


def annotated(context: Context) -> Iterator[tuple[Path, str, Any]]:
    """Every annotation of the file, with its path and its dotted name."""
    for path, value in leaves(context.data.get("annotations", {})):
        yield ("annotations", *path), ".".join(path), value
