"""Scenarios of requests: each is made, and its answer held against what exchanges.toml says."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from firecrest.FirecrestException import FirecrestException

from conformance.contract import Contract
from conformance.plain import violations
from conformance.servers import Server

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = Path(__file__).with_name("exchanges.toml")
CONTRACT = Contract()

# What differs from run to run in a message, and says nothing.
NOISE = [
    (re.compile(r"\n\n +file .*", re.DOTALL | re.IGNORECASE), ""),  # where in the server's source
    (re.compile(r"(job (?:id )?)\d+"), r"\1N"),
    (re.compile(r"slurm-\d+\.out"), "slurm-N.out"),
    (re.compile(r"[\d.e-]+ s, [\d.]+ \w+/s"), "TIME"),
]


@dataclass
class Answer:
    """How a request ended: `ok`, `http` or an exception's name; status; value or body."""

    kind: str
    status: int | None
    value: Any


def attempt(request: Callable[[], Any]) -> Answer:
    """Make a request, and put whatever comes of it into one form."""
    try:
        value = request()
    except FirecrestException as error:
        answer = error.responses[-1]
        return Answer(type(error).__name__, answer.status_code, answer.text)
    except Exception as error:  # whatever the real server's client raises must be raised here too
        return Answer(type(error).__name__, None, str(error))
    if isinstance(value, httpx.Response):
        return Answer("http", value.status_code, value.text)
    return Answer("ok", None, value)


@dataclass
class Scenario:
    """A scenario on one server, in a directory of its own: each of its requests is made once.

    `omit` says why one cannot be made on this server.
    """

    server: Server
    name: str
    home: str
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        scenarios = tomllib.loads(FILE.read_text(encoding="utf-8"))
        self.waiting: dict[str, dict[str, Any]] = scenarios[self.name]

    def omit(self, request: str, why: str) -> None:
        """A request that can't be made on this server."""
        assert why
        del self.waiting[request]

    def ask(self, request: str, make: Callable[[], Any]) -> Any:
        """Make a request, note what of its answer is wrong; the answer's value."""
        answer = attempt(make)
        self.judge(request, answer)
        return answer.value

    def judge(self, request: str, answer: Answer) -> None:
        """Note what of an answer is wrong."""
        found = self._problems(self.waiting.pop(request), answer)
        self.wrong += [f"{request}: {problem}" for problem in found]

    def _problems(self, wanted: dict[str, Any], answer: Answer) -> list[str]:
        fails = "status" in wanted
        ends = wanted.get("ends", "UnexpectedStatusException" if fails else "ok")
        if (answer.kind, answer.status) != (ends, wanted.get("status")):
            brief = str(answer.value)[:300]
            return [f"{answer.kind} {answer.status or ''} is no {ends}: {brief}"]
        problems = []
        if "value" in wanted and self._told(answer.value) != wanted["value"]:
            problems.append(f"{answer.value!r} instead of {wanted['value']!r}")
        if "shape" in wanted:
            value = json.loads(answer.value) if answer.kind == "http" else answer.value
            problems += violations(whole(CONTRACT.plain(wanted["shape"])), value)
        if "bytes" in wanted and len(answer.value.encode()) != wanted["bytes"]:
            problems.append(f"{len(answer.value.encode())} bytes instead of {wanted['bytes']}")
        if "body" in wanted and json.loads(answer.value) != wanted["body"]:
            problems.append(f"{answer.value} instead of {wanted['body']}")
        if "message" in wanted:
            problems += self._error_problems(wanted, json.loads(answer.value))
        return problems

    def _error_problems(self, wanted: dict[str, Any], body: dict[str, Any]) -> list[str]:
        problems = violations(CONTRACT.plain("Error"), body)
        if problems:
            return problems
        expected = {
            "errorType": wanted.get("kind", "error"),
            "message": quiet(wanted["message"]),
            "causedBy": wanted.get("caused_by"),
        }
        found = {name: self._told(body[name]) for name in expected}
        found["message"] = quiet(found["message"])
        if "fields" in wanted:
            expected["fields"] = wanted["fields"]
            found["fields"] = [one["name"] for one in body["data"]["fields"]]
        return [
            f"{name}\n    wanted {expected[name]!r}\n    found  {found[name]!r}"
            for name in expected
            if expected[name] != found[name]
        ]

    def _told(self, value: Any) -> Any:
        """A value of this server in the words of exchanges.toml."""
        text = json.dumps(value).replace(self.home, "@").replace(self.server.system, "{system}")
        return json.loads(text)

    def verdict(self) -> str:
        """What is wrong, empty if nothing is; requests that were forgotten count."""
        left = [f"neither made nor omitted: {request}" for request in self.waiting]
        return "\n".join(self.wrong + left)


def whole(form: Any) -> Any:
    """The form with every field required: an answer leaves none out, it says null."""
    if not isinstance(form, dict):
        return form
    if "any of" in form:
        return {"any of": [whole(one) for one in form["any of"]]}
    return {name.rstrip("?"): whole(inner) for name, inner in form.items()}


def quiet(text: str) -> str:
    """A message without what differs from run to run."""
    for pattern, replacement in NOISE:
        text = pattern.sub(replacement, text)
    return text
