"""Replaying a transcript: each call again, in order, and its answer beside the recorded one."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from firecrest.FirecrestException import FirecrestException

from conformance.servers import Server
from conformance.shapes import differences, parse
from conformance.transcripts import Recorded, read

RECORDED_HOME = "/home/fireuser"
RECORDED_SYSTEM = "cluster-slurm-ssh"

# What differs from run to run in a message, and says nothing.
NOISE = [
    (re.compile(r"\n\n +file .*", re.DOTALL | re.IGNORECASE), ""),  # where in the server's source
    (re.compile(r"(job (?:id )?)\d+"), r"\1N"),
    (re.compile(r"slurm-\d+\.out"), "slurm-N.out"),
    (re.compile(r"[\d.e-]+ s, [\d.]+ \w+/s"), "TIME"),
]


@dataclass
class Answer:
    """How a call ended here: `ok`, `http` or an exception's name; status; value or body."""

    kind: str
    status: int | None
    value: Any

    @property
    def brief(self) -> str:
        """The value's beginning."""
        return str(self.value)[:300]


def attempt(call: Callable[[], Any]) -> Answer:
    """Make a call, and put whatever comes of it into one form."""
    try:
        value = call()
    except FirecrestException as error:
        answer = error.responses[-1]
        return Answer(type(error).__name__, answer.status_code, answer.text)
    except Exception as error:  # whatever the recorded client raised must be raised here too
        return Answer(type(error).__name__, None, str(error))
    if isinstance(value, httpx.Response):
        return Answer("http", value.status_code, value.text)
    return Answer("ok", None, value)


@dataclass
class Replay:
    """One transcript replayed on one server, in a directory that stands for the recorded home.

    `call` takes the next recorded call of that label; `omit` says why one is not replayed.
    """

    server: Server
    name: str
    home: str
    wrong: list[str] = field(default_factory=list)
    omitted: dict[str, str] = field(default_factory=dict)
    done: int = 0

    def __post_init__(self) -> None:
        self.waiting = read(self.name)

    def take(self, label: str) -> Recorded:
        """The next recorded call of this label."""
        for position, recorded in enumerate(self.waiting):
            if recorded.label == label:
                return self.waiting.pop(position)
        raise LookupError(f"transcript-{self.name}: no call {label!r} is left")

    def omit(self, why: str, *labels: str) -> None:
        """These can't be replayed on this server."""
        for label in labels:
            self.take(label)
            self.omitted[label] = why

    def call(self, label: str, request: Callable[[], Any], *, same: bool = False) -> Any:
        """Make the call again, note what differs; its value. `same`: with an equal value."""
        answer = attempt(request)
        self.judge(label, answer, same=same)
        return answer.value

    def judge(self, label: str, answer: Answer, *, same: bool = False) -> None:
        """Note what of an answer differs from the next recorded one of that label."""
        found = self._compare(self.take(label), answer, same=same)
        self.wrong += [f"{label}: {difference}" for difference in found]
        self.done += 1

    def _compare(self, recorded: Recorded, answer: Answer, *, same: bool) -> list[str]:
        if recorded.kind != answer.kind or recorded.status != answer.status:
            was = f"{recorded.kind} {recorded.status or ''}"
            return [f"recorded {was}, here {answer.kind} {answer.status or ''}: {answer.brief}"]
        if recorded.kind == "ok":
            return self._compare_value(recorded.value, answer.value, same=same)
        length, body = _split(recorded.value)
        if body.startswith("{"):
            return self._compare_body(body, str(answer.value))
        if length and length != len(str(answer.value).encode()):
            return [f"{len(str(answer.value).encode())} bytes instead of {length}"]
        return []

    def _compare_value(self, text: str, value: Any, *, same: bool) -> list[str]:
        if text.startswith(("'", '"')):
            if not isinstance(value, str):
                return [f"{type(value).__name__} instead of text"]
            if same and (told := self.told(value)) != ast.literal_eval(text):
                return [f"{told!r} instead of {text}"]
            return []
        wanted, cut = parse(text) if text else (None, True)
        if same and json.loads(self.told(json.dumps(value))) != wanted:
            return [f"{value!r} instead of {text}"]
        return differences(wanted, value, cut=cut)

    def _compare_body(self, text: str, body: str) -> list[str]:
        """Error bodies: the same keys, the same message but for what is noise."""
        wanted, cut = parse(text)
        found = json.loads(body)
        wrong = differences(wanted, found, "body", cut=cut)
        for key in ("errorType", "error"):
            if wanted.get(key) != found.get(key):
                wrong.append(f"{key} {found.get(key)!r} instead of {wanted.get(key)!r}")
        for key in ("message", "causedBy"):
            if key in wanted:
                left, right = quiet(str(wanted[key])), quiet(self.told(str(found.get(key))))
                if left != right:
                    wrong.append(f"{key}\n    recorded {left!r}\n    here     {right!r}")
        return wrong

    def told(self, text: str) -> str:
        """A text of this server in the recorded server's names."""
        return text.replace(self.home, RECORDED_HOME).replace(self.server.system, RECORDED_SYSTEM)

    def verdict(self) -> str:
        """What is wrong, empty if nothing is; calls that were forgotten count."""
        left = [f"not replayed, and no reason given: {call.label}" for call in self.waiting]
        return "\n".join(self.wrong + left)


def _split(text: str) -> tuple[int, str]:
    """A raw answer's recorded length (0 if there is none) and body (empty if it was too long)."""
    found = re.fullmatch(r"(?:(\d+)(?: |$))?(.*)", text, re.DOTALL)
    assert found is not None
    return int(found[1] or 0), found[2]


def quiet(text: str) -> str:
    """A message without what differs from run to run."""
    for pattern, replacement in NOISE:
        text = pattern.sub(replacement, text)
    return text
