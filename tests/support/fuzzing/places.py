"""What probes tell of a place, and what is kept of it: snapshots, manifests, verdicts."""

from __future__ import annotations

import json
import time
from typing import Any

from parity.sides import FACTS, manifest, snapshot

from fcx.config import ParitySettings
from fcx.errors import FcxError
from fcx.parity.cache import Known
from fcx.parity.compare import before_queue, compare
from fcx.parity.gate import Gate, Question
from fcx.parity.manifest import Manifest
from fcx.parity.snapshot import Snapshot
from fcx.parity.verdict import Verdict
from fcx.payload.requirements import Import, Requirements
from fcx.remote import guard
from fuzzing.entry import Entry, lenient
from fuzzing.logs import signed, understand

CALLER = snapshot()
IMAGE = manifest()
RULES = ParitySettings(packages={"numpy": ">=1"}, assume=("pip",))
NEEDS = Requirements(
    frozenset({"numpy"}),
    (Import("tkinter", "f"), Import("numpy", "f")),
    {"numpy": {"numpy": "2.4.6"}, "tkinter": {}},
)


class Facts:
    """What is remembered is what was read."""

    def __init__(self, known: Any = None) -> None:
        self.known = known

    def get(self, key: str, max_age: float) -> Any:
        """It."""
        return self.known

    def store(self, key: str, value: Any) -> None:
        """As text, like a data base."""
        self.known = str(value)

    def forget(self, key: str) -> None:
        """No more."""
        self.known = None


def question(policy: str) -> Question:
    """About an image, with a caller that is always the same."""
    asked = Question(policy, "http://api.test sys", RULES, IMAGE, "", "edf", "0" * 64)
    asked.__dict__["caller"] = CALLER  # a cached property: else this process is probed
    return asked


def judge(remote: Snapshot | Manifest) -> None:
    """By each policy, with all that a verdict is used for."""
    for policy in ("strict", "minor", "off"):
        verdict = compare(
            policy, remote=remote, manifest=IMAGE, caller=CALLER, rules=RULES, requirements=NEEDS
        )
        before_queue(NEEDS, remote, policy, RULES, caller=CALLER, manifest=IMAGE)
        verdict.text(all_packages=True)
        assert Verdict.from_json(verdict.to_json()) == verdict


def read_probe(data: bytes) -> None:
    """What an agent found: judged, remembered, recalled, held against a node."""
    found = lenient(data)
    remote = Snapshot.from_probe(found)
    judge(remote)
    facts = Facts()
    asked = question("minor")
    made = asked.guard(remote)
    json.dumps(made)
    guard.compare(made, {"python": "3.11.7"})
    Gate(asked, facts).admit(found, "0" * 64)
    Gate(asked, facts).recall()


def read_manifest(data: bytes) -> None:
    """An image that calls itself so."""
    image = Manifest.from_json(data)
    judge(image)
    assert Manifest.from_json(image.to_json()) == image


def read_verdict(data: bytes) -> None:
    """As JSON that somebody kept."""
    verdict = Verdict.from_json(data)
    verdict.text()
    assert Verdict.from_json(verdict.to_json()) == verdict


def read_known(data: bytes) -> None:
    """What was remembered of a place."""
    known = Known.from_json(data)
    known.is_fresh(time.time(), 7.0)
    known.spoken_age(time.time())
    Gate(question("minor"), Facts(data.decode("utf-8", "replace"))).recall()


def read_findings(data: bytes) -> None:
    """What a node differs in."""
    findings = lenient(data)
    if isinstance(findings, list):
        body = json.dumps({"k": "refused", "findings": findings}).encode()
        understand(signed(body))


def read_guard(data: bytes) -> None:
    """[what a bundle's head asks for, what a node says of itself]."""
    known = lenient(data)
    if isinstance(known, list) and len(known) == 2 and all(isinstance(k, dict) for k in known):
        json.dumps(guard.compare(*known))


VERDICT = compare("strict", remote=snapshot({"dill": "0.3.9"}), manifest=IMAGE, caller=CALLER)
ENTRIES = (
    Entry("place.probe", read_probe, (FACTS,), (FcxError,)),
    Entry("place.manifest", read_manifest, (json.loads(IMAGE.to_json()),), (FcxError,)),
    Entry("place.verdict", read_verdict, (json.loads(VERDICT.to_json()),), (FcxError,)),
    Entry(
        "place.known",
        read_known,
        (json.loads(Known("verdict x", 1.0e9, CALLER).to_json()),),
        (FcxError,),
    ),
    Entry("place.findings", read_findings, ([["python", "3.11.", "3.12.1"], ["dill", "1", None]],)),
    Entry(
        "place.guard",
        read_guard,
        (
            [
                {"python": "cpython 3.11.", "dill": "0.4.1"},
                {"python": "cpython 3.11.7", "dill": None},
            ],
        ),
    ),
)
