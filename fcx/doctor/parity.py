"""Client, image, EDF and cluster against each other: staleness, agreement, the last verdict."""

from __future__ import annotations

import time

from ..errors import FcxError, ManifestError
from ..files import project_root
from ..parity.cache import last_seen
from ..parity.gate import Gate, Question
from ..parity.snapshot import Snapshot
from ..parity.verdict import Difference, Verdict
from ..spoken import ago
from ..state.facts import Facts
from ..state.memory import Memory
from .case import Case
from .check import Found, fine, parted, warning, wrong
from .server import SILENT

ASK = "fcx preflight --fresh"


def staleness(case: Case) -> Found:
    """What of image and EDF is missing, or older than what it is made of. Raises an FcxError."""
    question = case.container.question = _settled(case)
    if not question.outdated:
        edf = case.container.edf
        return fine("nothing is older than what it is made of" if edf else "there is no EDF")
    first, *rest = question.outdated
    said, fix = parted(first)
    return warning(said, fix or "fcx up", tuple(rest))


def _settled(case: Case) -> Question:
    """As an executor would be made now."""
    from ..executor.settings import settle
    from ..steps.judging import given_by

    edf, place = case.container.edf, case.working_dir or "/"
    source = edf.source if edf else ""
    return settle(given_by(case.settings, place, source, case.asked.sbatch, ""))[1]


def agreement(case: Case) -> Found:
    """The image's manifest against the Python that calls: refused without a job."""
    question = case.container.question
    assert question is not None
    if question.manifest is None:
        return fine("there is no manifest: a job will have to tell what is there")
    verdict = question.judge(question.manifest)
    if not verdict.passed:
        return _refused("the image is not what this Python is", verdict)
    notes = f", {verdict.notes} to note" if verdict.notes else ""
    return fine(f"this Python passes against the image under {verdict.policy!r}{notes}")


def _refused(what: str, verdict: Verdict) -> Found:
    lines = tuple(map(_line, verdict.refusals))
    return wrong(what, verdict.follow or verdict.refusals[0].fix, lines)


def _line(one: Difference) -> str:
    return f"{one.what}: wanted {one.wanted}, found {one.found}; fix: {one.fix}"


def verdict(case: Case) -> Found:
    """What is remembered of the remote side, judged by the policy of today."""
    question = _settled(case)  # anew: the working directory is known by now
    known = Gate(question, Memory(SILENT)).remembered()
    if known is not None:
        judged, age = question.judge(known.remote), known.spoken_age(time.time())
        if judged.passed:
            return fine(f"passed under {judged.policy!r}, by what was found {age}")
        return _refused(f"refused, by what was found {age}", judged)
    return _last_seen(question) or fine(
        f"none is remembered for this client, image and EDF: the first run asks ({ASK} does now)"
    )


def _last_seen(question: Question) -> Found | None:
    """The remote side that the project saw last, where that would be refused."""
    try:
        found = Facts().get_with_age(last_seen(project_root()))
        remote = Snapshot.from_json(found[0]) if found else None
    except (FcxError, ManifestError):
        return None
    if found is None or remote is None:
        return None
    judged = question.judge(remote)
    if judged.passed:
        return None
    lines = tuple(map(_line, judged.refusals))
    return warning(f"what the project saw last ({ago(found[1])}) would be refused", ASK, lines)
