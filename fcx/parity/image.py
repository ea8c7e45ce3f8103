"""The image against the remote side: files, ids, interpreter, distributions (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .manifest import Manifest
from .rules import Judge, short
from .verdict import Difference
from .versions import same


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
        fix = f"{fixes.new_edf()} && {fixes.ask_anew()}"
        yield judge.differ("build-id", "build id", short(wanted.build_id), found, fix)
    if remote.architecture != wanted.architecture:
        mine, found = wanted.architecture, remote.architecture
        yield judge.differ("architecture", "architecture", mine, found, fixes.other_platform(found))
    yield from _python(judge, wanted)
    yield from _packages(judge, wanted)


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
    fix = judge.fixes.new_edf() if known else judge.fixes.adopt()
    for name in sorted({*wanted.distributions, *judge.remote.distributions}):
        mine, found = wanted.distributions.get(name), judge.remote.distributions.get(name)
        if not same(mine, found) and not judge.rules.assumes(name):
            yield judge.differ(code, f"{name} in the image", mine, found, fix)


def _chosen(judge: Judge, wanted: Manifest) -> bool:
    """Whether the user chose an interpreter that the manifest knows nothing of."""
    return bool(judge.python) and judge.python != wanted.python.executable
