"""An image of a registry: whether the cluster can get at it, and whether it stays the same."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..official import OFFICIAL
from ..reference import HUB, Reference
from ..toml import Path
from ..variables import VARIABLE
from . import fixes
from .context import ERROR, NOTE, WARNING, Context, Hit

_IMAGE: Path = ("image",)
_UNIQUE_TAG = re.compile(r"(^|.*[-_.])[0-9a-f]{12,64}")
_SHORTEST = 12  # digits of a build id that a tag is made of
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_THIS_MACHINE = re.compile(r"localhost|127\.[\d.]+|\[::1\]|host\.docker\.internal|[\w-]+\.local")


def reference(context: Context, text: str, parsed: Reference) -> Iterator[Hit]:
    """What is to be said of an image that is given as a reference."""
    if "://" in text or re.search(r"\s", text):
        yield _form(context, text)
        return
    if context.sarus and "$" in text:
        what, why = "a variable in image", "Sarus expands none there"
        fix = "write the image out, without variables"
        yield Hit(_IMAGE, "image-variable", ERROR, what, why, fix, "$")
    yield from _separator(context, parsed)
    literal = VARIABLE.sub("", parsed.repository)
    if literal != literal.lower():
        what = f"the repository {parsed.repository} has upper-case letters"
        why = "registries take lower case only"
        whole = text.replace(parsed.repository, _lower(parsed.repository), 1)
        fix = fixes.line("image", whole)
        yield Hit(_IMAGE, "uppercase-repository", ERROR, what, why, fix, parsed.repository)
    if (digest := _given_digest(text)) and not _DIGEST.fullmatch(digest):
        yield _broken_digest(context, text, digest)
    elif (local := _local(context, text, parsed)) is not None:
        yield local
    elif not digest and "$" not in text and not _UNIQUE_TAG.fullmatch(parsed.tag):
        what = f"the tag {parsed.tag or 'latest'} may move"
        why = "the engine keeps the first image of that name in its cache, however old it gets"
        fix = _pushed(context) or "name a digest (NAME@sha256:...), as `fcx edf write` does"
        yield Hit(_IMAGE, "moving-tag", NOTE, what, why, fix, parsed.tag)


def _form(context: Context, text: str) -> Hit:
    what = "the image is neither a path nor a reference"
    why = "a reference has no scheme and no blanks"
    blank = re.search(r"\s", text)
    bare = re.sub(r"\s", "", text.rpartition("://")[2])
    spelt = Reference.parse(bare).spelt("sarus") if context.sarus else bare
    fix = fixes.line("image", spelt) if spelt else "name an image, as library/debian:12"
    return Hit(_IMAGE, "image-form", ERROR if blank else WARNING, what, why, fix)


def _separator(context: Context, parsed: Reference) -> Iterator[Hit]:
    """The CE takes both separators by now; Sarus takes one."""
    if context.sarus and (parsed.hashed or parsed.user):
        what = "the registry ends in '#'" if parsed.hashed else f"the user {parsed.user} is named"
        why = "Sarus takes registry/image"
        fix = fixes.line("image", parsed.spelt("sarus").removeprefix(f"{parsed.user}@"))
        needle = "#" if parsed.hashed else "@"
        yield Hit(_IMAGE, "registry-separator", ERROR, what, why, fix, needle)


def _lower(repository: str) -> str:
    """In lower case but for its variables."""
    parts = r"(?P<variable>\$\{[^}]*\})|[^$]+"
    return re.sub(parts, lambda m: m[0] if m["variable"] else m[0].lower(), repository)


def _given_digest(text: str) -> str:
    """What stands where a digest would, empty if none is meant: ``USER@`` is none."""
    before, _, tail = text.rpartition("@")
    if not before or "/" in tail or "#" in tail or "$" in tail:
        return ""
    meant = tail.lower().startswith("sha") or re.fullmatch("[0-9A-Fa-f]{6,}", tail)
    return tail if meant or "/" in before or ":" in before else ""


def _broken_digest(context: Context, text: str, digest: str) -> Hit:
    kind, _, digits = digest.partition(":")
    what = f"@{digest} is no whole digest"
    why = "a digest is sha256: and 64 hexadecimal digits in lower case"
    if _DIGEST.fullmatch(digest.lower()):
        fix = fixes.line("image", text.replace(digest, digest.lower()))
    elif pushed := _pushed(context):
        fix = pushed
    else:
        why += f"; there are {len(digits)} behind {kind}:"
        bare = fixes.line("image", text.rpartition("@")[0])
        fix = f"copy all of it from the registry; or {bare}, without one"
    return Hit(_IMAGE, "half-digest", ERROR, what, why, fix, f"@{digest}")


def _local(context: Context, text: str, parsed: Reference) -> Hit | None:
    """Of an image that no registry has which the cluster could ask.

    An error for a system that is known; a cluster may be this very machine (`fcx local up`).
    """
    host = re.sub(r":\d+$", "", parsed.registry)
    why = ""
    if _built_here(context, text, parsed):
        why = "a cluster that is not this machine would look for it on Docker Hub"
    elif host and _THIS_MACHINE.fullmatch(host):
        why = f"the cluster looks for {host} on itself"
    elif _needs_a_team(parsed):
        why = "without a registry or a team it means one of Docker Hub's official images"
    if not why:
        return None
    push = "`fcx image push REGISTRY/NAME`, then `fcx edf write`"
    fix = _pushed(context)
    if fix == fixes.line("image", text):  # to a registry of this machine's
        fix = f"push it to a registry that the cluster reaches: {push}"
    fix = fix or f"push it and name it as it is there: {push}"
    what = f"{text} is an image of one machine only, as it seems"
    severity = ERROR if context.site and context.site.architecture else WARNING
    return Hit(_IMAGE, "local-image", severity, what, why, fix)


def _needs_a_team(parsed: Reference) -> bool:
    """A name by itself that is none of the official ones."""
    named = parsed.repository
    return not (parsed.registry or "/" in named or "$" in named or named in OFFICIAL)


def _built_here(context: Context, text: str, parsed: Reference) -> bool:
    """Whether it is the tag of a local build: of the manifest's, or of the one that it is for."""
    if parsed.registry:
        return False
    manifest = context.manifest
    if manifest is None or text != manifest.tag:
        return len(parsed.tag) >= _SHORTEST and context.build_id.startswith(parsed.tag)
    return Reference.parse(manifest.repo_digest).registry not in HUB


def _pushed(context: Context) -> str:
    """The fix where the manifest knows by which digest a registry has the image."""
    digest = context.manifest.repo_digest if context.manifest else ""
    return fixes.line("image", Reference.parse(digest).spelt(context.dialect)) if digest else ""
