"""How the numbers of a run were made: for what options, in what environment, by which code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from . import words
from .model import Report, Shape
from .tables import table

NOTABLE = 60  # findings that are shown
IMAGE = {
    "name": "name",
    "tag": "tag",
    "repo_digest": "digest in the registry",
    "image_id": "image id",
    "build_id": "build id (fcx)",
    "recipe_id": "recipe id (fcx)",
    "sqsh_sha256": "SHA-256 of the packed image",
    "source_sha256": "SHA-256 of what it was built of",
    "base_image": "base image",
    "base_image_id": "base image id",
    "architecture": "architecture",
    "origin": "origin",
    "created": "created",
}


def section(report: Report) -> str:
    """All of it, and a paragraph to copy."""
    shapes = "".join(_shape(shape, alone=len(report.shapes) == 1) for shape in report.shapes)
    return (
        f"<h2>How these numbers were made</h2><pre>{words.shown(cited(report))}</pre>"
        f"{shapes}{_code(report)}{_processes(report)}"
    )


def cited(report: Report) -> str:
    """A paragraph for a paper."""
    names = ", ".join(one.name for one in report.functions[:4])
    more = len(report.functions) - 4
    names += f" and {more} more" if more > 0 else ""
    which = (
        f"{words.plural(report.totals.tasks, 'task')} ({names or 'none'}) of the run "
        f"{report.name} on {report.system}, with fcx {report.processes[-1].fcx}, from "
        f"{words.moment(report.began)} to {words.moment(report.ended or report.drawn)}."
    )
    alone = len(report.shapes) == 1
    said = [which, *(_cited(shape, alone=alone) for shape in report.shapes)]
    digests = [one for one in report.functions if one.digest][:8]
    if digests:
        told = "; ".join(f"{one.name} {one.digest[:16]}" for one in digests)
        said.append(f"Code (SHA-256): {told}.")
    return "\n".join(said)


def _cited(shape: Shape, *, alone: bool) -> str:
    place = shape.place
    manifest, remote = place.get("manifest") or {}, place.get("remote") or {}
    known = [
        ("image", manifest.get("repo_digest") or manifest.get("image_id") or place.get("image")),
        ("build", manifest.get("build_id") or remote.get("build_id")),
        ("EDF (SHA-256)", (place.get("edf") or {}).get("sha256")),
        ("Python", remote.get("python")),
        ("dill", remote.get("dill")),
        ("system", ", ".join(filter(None, (remote.get("os"), remote.get("machine"))))),
        ("packages", len(remote["packages"]) if remote.get("packages") else None),
    ]
    told = "; ".join(f"{name} {value}" for name, value in known if value)
    which = "" if alone else f" of shape {shape.shape}"
    return f"Environment{which}: {told or 'not recorded'}. Parity: {_parity(place)}."


def _parity(place: Mapping[str, Any]) -> str:
    policy = place.get("policy", "not recorded")
    if "passed" not in place:
        return f"policy {policy}, no verdict was reached"
    found = len(place.get("findings", ()))
    passed = "passed" if place["passed"] else "refused"
    return f"policy {policy}, {passed}, {words.plural(found, 'difference')} found"


def _shape(shape: Shape, *, alone: bool) -> str:
    place = shape.place
    title = "Environment" if alone else f"Environment of shape {shape.shape}"
    rows = [
        ("sbatch options", " ".join(shape.sbatch_options) or "none"),
        ("srun options", " ".join(shape.srun_options) or "none"),
        ("workers on each node", str(shape.workers_per_node)),
        ("parity", _parity(place)),
    ]
    if place.get("checked"):
        rows.append(("looked at", words.moment(place["checked"])))
    if place.get("edf"):
        rows.append(("EDF", f"{place['edf'].get('name')}, SHA-256 {place['edf'].get('sha256')}"))
    if place.get("image"):
        rows.append(("image that it names", place["image"]))
    manifest = place.get("manifest") or {}
    rows += [(f"image: {said}", manifest[key]) for key, said in IMAGE.items() if manifest.get(key)]
    return (
        f"<h3>{title}</h3>"
        + _pairs(rows)
        + _sides(place)
        + _findings(place.get("findings", ()))
        + _packages(place, shape.shape)
    )


def _pairs(rows: Iterable[tuple[str, Any]]) -> str:
    shown = [
        (words.name(name), f'<span class="mono">{words.shown(value, 2000)}</span>')
        for name, value in rows
    ]
    return table(("what", "value"), shown)


def _sides(place: Mapping[str, Any]) -> str:
    remote, client = place.get("remote") or {}, place.get("client") or {}
    if not remote and not client:
        return '<p class="sub">What was installed there is not recorded.</p>'
    names = ("python", "dill", "os", "libc", "machine")
    rows = [
        (name, *(words.name(side.get(name) or words.NONE) for side in (remote, client)))
        for name in names
    ]
    return table(("", "remote", "client"), rows)


def _findings(found: Iterable[list[str]]) -> str:
    some = [list(map(str, one)) for one in found]
    if not some:
        return ""
    rows = [[words.name(cell) for cell in one] for one in some[:NOTABLE]]
    left = len(some) - len(rows)
    more = f'<p class="sub">{left} more are in the JSON.</p>' if left else ""
    return table(("", "what", "wanted", "found"), rows) + more


def _packages(place: Mapping[str, Any], shape: int) -> str:
    remote = (place.get("remote") or {}).get("packages")
    client = (place.get("client") or {}).get("packages") or {}
    if not remote:
        return ""
    shown = []
    for name, version in list(remote.items())[:2000]:
        told = f"{words.name(name)} {words.name(version)}"
        other = client.get(name)
        if client and other != version:
            theirs = f"client: {words.name(other)}" if other else "not at the client"
            told += f' <span class="differs">({theirs})</span>'
        shown.append(f"<li>{told}</li>")
    return (
        f'<details id="packages-{shape}"><summary><b>{len(remote)}</b> packages at the remote side'
        f'</summary><ul class="packages mono">{"".join(shown)}</ul></details>'
    )


def _code(report: Report) -> str:
    rows = [
        (
            f'<span class="mono">{words.name(one.name)}</span>',
            f'<span class="mono">{words.shown(one.digest or "its code cannot be seen")}</span>',
        )
        for one in report.functions[:NOTABLE]
    ]
    rows += [
        ("modules that travelled", f'<span class="mono">{words.name(name)}</span>')
        for name in list(report.modules)[:NOTABLE]
    ]
    python = report.processes[-1].python
    return (
        "<h3>Code</h3><p>SHA-256 of what each function does, without its comments, lines and "
        f"files, as Python {words.shown(python)} compiles it.</p>" + table(("function", ""), rows)
        if rows
        else ""
    )


def _processes(report: Report) -> str:
    rows = [
        (
            words.moment(one.began),
            words.moment(one.ended) if one.ended else "not seen",
            words.name(one.host),
            words.name(one.fcx),
            words.name(one.python),
        )
        for one in report.processes
    ]
    heads = ("from", "to", "on", "fcx", "Python")
    return "<h3>Processes that served the run</h3>" + table(heads, rows)
