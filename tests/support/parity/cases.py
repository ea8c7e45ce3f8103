"""What a row of the table of parity is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .changes import Change
from .environments import OWN


@dataclass(frozen=True)
class Case:
    """Two environments, a task, and what must come of it.

    With ``image`` the remote side runs in a container of an image that was made so, and whose
    manifest the client has; ``remote`` is then what was done to the image afterwards.
    """

    name: str
    about: str  # hazard <n> of the facts, fault <n>, or what kind of thing it is a sibling of
    task: str
    client: tuple[Change, ...] = ()
    remote: tuple[Change, ...] = ()
    code: str = ""  # the rule that refuses it; empty: it passes
    noted: str = ""  # a rule that must be told of all the same
    policy: str = "minor"
    pythons: tuple[str, str] = (OWN, OWN)  # of client and remote side
    parity: Mapping[str, Any] = field(default_factory=dict)  # [parity] of fcx.toml
    image: str = ""  # of ``IMAGES``
    inside: bool = False  # the caller runs in the image, too
    manifest: Mapping[str, Any] = field(default_factory=dict)  # values edited by hand
    told: Mapping[str, Any] = field(default_factory=dict)  # values of the probe's answer edited
    runs: bool = True  # whether what passes must run there, too

    @property
    def expected(self) -> str:
        """In words."""
        return self.code or "passes"

    @property
    def edited(self) -> bool:
        """Whether this can be had only by editing what a side says of itself."""
        return bool(self.told)


@dataclass
class Row:
    """What came of a case."""

    case: Case
    got: str = ""
    message: str = ""
    notes: tuple[str, ...] = ()
    fix: str = ""
    done: str = ""  # how the fix was carried out
    second: str = ""  # the verdict after the fix
    ran: str = ""  # what the task did there, where it passed

    def take(self, answer: Mapping[str, Any]) -> None:
        """What a judgement came to: the first refusal, and whatever else it tells."""
        if "error" in answer:
            self.got, self.message = "error", answer["error"]
            return
        differences = answer["verdict"]["differences"] if "verdict" in answer else []
        self.notes = tuple(one["code"] for one in differences)
        refused = {one["code"]: one for one in differences if one["severity"] == "refuse"}
        if not refused:
            self.got = "passes"
            return
        one = refused.get(self.case.code) or next(iter(refused.values()))
        self.got, self.fix = one["code"], one["fix"]
        self.message = f"{one['what']}: wanted {one['wanted']}, found {one['found']}"

    @property
    def outcome(self) -> str:
        """The verdict in a few words."""
        return self.got if self.got == "passes" else f"{self.got}: {self.message}"

    @property
    def right(self) -> bool:
        """Whether all is as the table says."""
        case = self.case
        told = not case.noted or case.noted in self.notes
        mended = self.second == "passes" or not case.code or case.edited
        ran = self.ran == "ran" or not (case.runs and (self.second or self.got) == "passes")
        return self.got == case.expected and told and mended and ran
