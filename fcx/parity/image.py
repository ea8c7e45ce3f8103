"""The image against the remote side: files, ids, interpreter, distributions (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..protocol.content import IMAGE_RECORD
from .manifest import SEALED, Manifest
from .rules import Judge, short
from .verdict import Difference
from .versions import same

OUTDATED = frozenset({"image-stale", "edf-stale", "manifest-unsealed"})
"""What this machine's own files tell, before anything is asked of the cluster."""


def files(judge: Judge, hashes: Mapping[str, tuple[str, str | None]]) -> Iterator[Difference]:
    """Files on the cluster against the ones that were sent."""
    for name, (wanted, found) in hashes.items():
        if wanted != found:
            fix = judge.fixes.ask_anew()
            yield judge.differ("tampered", name, short(wanted), short(found), fix)


def image(judge: Judge) -> Iterator[Difference]:
    """The manifest against the remote side."""
    wanted, remote, fixes = judge.manifest, judge.remote, judge.fixes
    if wanted is None or wanted is remote:
        return
    if wanted.build_id and wanted.build_id != (remote.build_id or ""):
        found = short(remote.build_id) if remote.build_id else "not an image that fcx built"
        over = _over_its_record(judge, wanted)
        fix = fixes.unmounted(over) if over else fixes.same_image()
        yield judge.differ("build-id", "build id", short(wanted.build_id), found, fix)
    if remote.architecture != wanted.architecture:
        mine, found = wanted.architecture, remote.architecture
        yield judge.differ("architecture", "architecture", mine, found, fixes.other_platform(found))
    yield from _python(judge, wanted)
    yield from _packages(judge, wanted)
    yield from _content(judge, wanted)


def _over_its_record(judge: Judge, wanted: Manifest) -> str:
    """The mounts that hide who the image is: then no other image helps."""
    mine, found = wanted.content, judge.remote.content
    if mine is None or found is None:
        return ""
    return ", ".join(found.mounts_over(IMAGE_RECORD, mine.files))


def outdated(judge: Judge, stale: str, edf_build: str) -> Iterator[Difference]:
    """An image of before its source changed, an EDF of before the image, a manifest of no seal."""
    wanted, fixes = judge.manifest, judge.fixes
    if wanted is None:
        return
    if wanted.schema < SEALED:
        fix = "fcx image build" if wanted.origin == "built" else fixes.adopt()
        yield judge.differ("manifest-unsealed", "the image's manifest", "sealed", "no seal", fix)
    if stale:
        fix = f"{fixes.rebuild()} && {fixes.ask_anew()}"
        yield judge.differ("image-stale", "source of the image", "as it is now", stale, fix)
    if edf_build and wanted.build_id and edf_build != wanted.build_id:
        mine, its = short(wanted.build_id), short(edf_build)
        yield judge.differ("edf-stale", "build that the EDF is for", mine, its, fixes.new_edf())


def _content(judge: Judge, wanted: Manifest) -> Iterator[Difference]:
    """What Python imports there, file by file: the build id alone can be copied or inherited."""
    mine, found = wanted.content, judge.remote.content
    if mine is None or found is None or _chosen(judge, wanted):
        return
    for entry, known in mine.files.items():
        whole = mine.contents.get(entry)
        told = found.files.get(entry), found.contents.get(entry, whole)
        if told == (known, whole):
            continue
        points = ", ".join(found.mounts_over(entry, mine.files))
        if points:
            fix = judge.fixes.unmounted(points)
            yield judge.differ("image-overlaid", entry, "the image's own", f"mounts: {points}", fix)
        elif told[0] is None:
            fix = judge.fixes.found_again(entry)
            wanted_there = "there" if entry == IMAGE_RECORD else "on sys.path"
            yield judge.differ("image-changed", entry, wanted_there, None, fix)
        else:
            pair = (known, told[0]) if known != told[0] else (whole, told[1])
            fix = judge.fixes.same_image()
            yield judge.differ("image-changed", entry, short(pair[0]), short(pair[1]), fix)


def _python(judge: Judge, wanted: Manifest) -> Iterator[Difference]:
    executable, found = judge.python or wanted.python.executable, judge.remote.python
    fixes = judge.fixes
    if executable and executable != found.executable:
        fix = fixes.new_edf()
        yield judge.differ("interpreter", "interpreter", executable, found.executable, fix)
    if _chosen(judge, wanted) or same(wanted.python.version, found.version):
        return
    fix = fixes.adopt() if wanted.origin == "adopted" else fixes.new_edf()
    what = "Python of the image"
    yield judge.differ("image-python", what, wanted.python.version, found.version, fix)


def _packages(judge: Judge, wanted: Manifest) -> Iterator[Difference]:
    """The distributions: what tells an adopted image, and what lies over a built one."""
    if _chosen(judge, wanted):
        return
    known = bool(wanted.build_id)
    code = "image-overlaid" if known else "image-content"
    points = ", ".join(judge.remote.content.mounts) if judge.remote.content else ""
    fix = judge.fixes.new_edf() if known else judge.fixes.adopt()
    fix = judge.fixes.unmounted(points) if known and points else fix
    for name in sorted({*wanted.distributions, *judge.remote.distributions}):
        mine, found = wanted.distributions.get(name), judge.remote.distributions.get(name)
        if not same(mine, found) and not judge.rules.assumes(name):
            yield judge.differ(code, f"{name} in the image", mine, found, fix)


def _chosen(judge: Judge, wanted: Manifest) -> bool:
    """Whether the user chose an interpreter that the manifest knows nothing of."""
    return bool(judge.python) and judge.python != wanted.python.executable
