"""The pipelines of examples/ci as shell scripts: as much of either service's language as they use."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from places import EXAMPLES

GITHUB, GITLAB = EXAMPLES / "ci" / "github-actions.yml", EXAMPLES / "ci" / "gitlab-ci.yml"
Known = Mapping[
    str, str
]  # "secrets.REGISTRY_TOKEN", "steps.credentials.outputs.given": their values


@dataclass(frozen=True)
class Step:
    """Commands with variables of their own."""

    name: str
    script: str
    env: Mapping[str, str]
    condition: str = ""
    id: str = ""

    def told(self, known: Known) -> dict[str, str]:
        """Its variables."""
        return {name: fill(text, known) for name, text in self.env.items()}

    def wanted(self, known: Known) -> bool:
        """Whether it is to run."""
        return not self.condition or fill(self.condition, known) == "true"


def github() -> tuple[Step, ...]:
    """The steps of the only job that have commands."""
    (job,) = yaml.safe_load(GITHUB.read_text())["jobs"].values()
    return tuple(
        Step(
            step["name"], step["run"], {**job["env"], **step.get("env", {})},
            str(step.get("if", "")), step.get("id", ""),
        )
        for step in job["steps"]
        if "run" in step
    )  # fmt: skip


def gitlab() -> tuple[Step, ...]:
    """Each job as one step: what it shares with others, then its own."""
    content = yaml.safe_load(GITLAB.read_text())
    shared = content[".fcx"]["before_script"]
    jobs = {name: job for name, job in content.items() if isinstance(job, dict) and "script" in job}
    return tuple(Step(name, "\n".join([*shared, *job["script"]]), {}) for name, job in jobs.items())


def fill(text: str, known: Known) -> str:
    """A text of GitHub's with its expressions' values."""
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: evaluated(found[1], known), text)


def evaluated(expression: str, known: Known) -> str:
    """Of names, and of comparisons of one with a word, joined by `&&`."""
    terms = [term.strip() for term in expression.split("&&")]
    if terms == [expression.strip()] and not re.search("[!=]=", expression):
        return known.get(expression.strip(), "")
    return str(all(_holds(term, known) for term in terms)).lower()


def _holds(term: str, known: Known) -> bool:
    found = re.fullmatch(r"([\w.]+) (==|!=) '(.*)'", term)
    assert found, f"not of the language that these tests know: {term}"
    return (known.get(found[1], "") == found[3]) is (found[2] == "==")


def secrets_in(node: Any) -> Iterator[str]:
    """The texts below a node that take a secret."""
    if isinstance(node, str):
        if "secrets." in node:
            yield node
    elif isinstance(node, Mapping | list):
        for each in node.values() if isinstance(node, Mapping) else node:
            yield from secrets_in(each)
