"""A report as an RO-Crate 1.1: a folder that says of itself what lies in it and how it was made.

https://www.researchobject.org/ro-crate/specification/1.1/ (pure)
"""

from __future__ import annotations

import json
from typing import Any

from ..records import plain
from . import words
from .model import Report
from .page import page
from .provenance import cited
from .summary import summary

METADATA, PAGE, JSON, ENVIRONMENT = (
    *("ro-crate-metadata.json", "report.html"),
    *("report.json", "environment.json"),
)
SPECIFICATION = "https://w3id.org/ro/crate/1.1"
FCX = "#firecrest-fcx"
UNLICENSED = {
    "@id": "#license",
    "@type": "CreativeWork",
    "name": "No licence is stated",
    "description": "Whoever publishes this crate names a licence here.",
}


def crate(report: Report) -> dict[str, str]:
    """Its files, by name."""
    environment = {
        "citation": cited(report),
        "shapes": plain(report.shapes),
        "functions": plain(report.functions),
        "modules": plain(report.modules),
        "processes": plain(report.processes),
    }
    files = {
        PAGE: page(report),
        JSON: json.dumps(plain(report)) + "\n",
        ENVIRONMENT: json.dumps(environment, indent=2) + "\n",
    }
    return {METADATA: json.dumps(_metadata(report, files), indent=2) + "\n", **files}


def _metadata(report: Report, files: dict[str, str]) -> dict[str, Any]:
    """Every file, the run that made the numbers, and what it used."""
    images = [image for shape in report.shapes if (image := _image(shape.place))]
    graph = [
        {
            "@id": METADATA,
            "@type": "CreativeWork",
            "conformsTo": {"@id": SPECIFICATION},
            "about": {"@id": "./"},
        },
        _root(report, files),
        *_files(files),
        _run(report, images),
        {
            "@id": FCX,
            "@type": "SoftwareApplication",
            "name": "fcx",
            "version": report.processes[-1].fcx,
            "description": "Python functions on a supercomputer over FirecREST",
        },
        *{image["@id"]: image for image in images}.values(),
        UNLICENSED,
    ]
    return {"@context": f"{SPECIFICATION}/context", "@graph": graph}


def _root(report: Report, files: dict[str, str]) -> dict[str, Any]:
    return {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Report of the run {report.name} on {report.system}",
        "description": f"{summary(report)}.\n{cited(report)}",
        "datePublished": words.iso(report.drawn),
        "license": {"@id": UNLICENSED["@id"]},
        "hasPart": [{"@id": name} for name in files],
        "mentions": {"@id": "#run"},
    }


def _files(files: dict[str, str]) -> list[dict[str, Any]]:
    said = {
        PAGE: ("text/html", "The report as a page", "Timeline, waits, failures, node hours."),
        JSON: ("application/json", "The report as data", "All that the page shows, and each task."),
        ENVIRONMENT: (
            *("application/json", "The environment"),
            "Verdict, image, EDF, packages and digests of the code.",
        ),
    }
    return [
        {
            "@id": name,
            "@type": "File",
            "name": said[name][1],
            "description": said[name][2],
            "encodingFormat": said[name][0],
            "contentSize": str(len(text.encode())),
        }
        for name, text in files.items()
    ]


def _run(report: Report, images: list[dict[str, Any]]) -> dict[str, Any]:
    ended = {"endTime": words.iso(report.ended)} if report.ended else {}
    return {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"The run {report.name}",
        "description": summary(report),
        "instrument": {"@id": FCX},
        **_used(images),
        "result": [{"@id": PAGE}, {"@id": JSON}],
        "startTime": words.iso(report.began),
        **ended,
    }


def _used(images: list[dict[str, Any]]) -> dict[str, Any]:
    """What the run has used; one thing is said as itself, and not as a list of one."""
    ids = [{"@id": one} for one in dict.fromkeys(image["@id"] for image in images)]
    return {"object": ids[0] if len(ids) == 1 else ids} if ids else {}


def _image(place: dict[str, Any]) -> dict[str, Any]:
    """The container image of a shape, by what names it most surely."""
    manifest = place.get("manifest") or {}
    ids = ("repo_digest", "image_id", "build_id", "sqsh_sha256")
    known = [f"{key}: {manifest[key]}" for key in ids if manifest.get(key)]
    if not known:
        return {}
    named = manifest.get("tag") or manifest.get("name")
    return {
        "@id": f"#image-{known[0].rpartition(':')[2].strip()}",
        "@type": "SoftwareApplication",
        "name": f"The container image {named}",
        "identifier": known,
    }
