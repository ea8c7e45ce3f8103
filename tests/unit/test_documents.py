"""What the documents name exists: files, targets of make, arguments of the executor."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from documents.pages import read
from places import REPOSITORY

from fcx import FirecrestExecutor, FirecrestFuture
from fcx.executor.attach import AttachedRun

DOCUMENTS = [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")]
PLACE = re.compile(r"`((?:fcx|tests|docs|examples|containers|\.ci)/[\w./-]+)")
USERS_OWN = {"my_script.py", "test_parity.py", "json.py", "secrets.py", "httpx.py"}
each = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


@each
def test_links_lead_to_files(document: Path):
    """A link within the repository has a target."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8"))
    assert not [link for link in links if not (document.parent / link).exists()]


@each
def test_places_exist(document: Path):
    """A path in backticks is one of this repository."""
    text = document.read_text(encoding="utf-8")
    assert not [name for name in PLACE.findall(text) if not (REPOSITORY / name).exists()]
    files = {path.name for path in REPOSITORY.rglob("*.py") if ".venv" not in path.parts}
    assert set(re.findall(r"`(\w+\.py)`", text)) - USERS_OWN <= files


@each
def test_targets_of_make_exist(document: Path):
    """A command that begins with make works."""
    targets = re.findall(
        r"^([a-z0-9]+):", (REPOSITORY / "Makefile").read_text("utf-8"), re.MULTILINE
    )
    text = document.read_text(encoding="utf-8")
    named = re.findall(r"^\$ make (?:[A-Z]+=\S+ )*([a-z0-9]+)", text, re.MULTILINE)
    named += re.findall(r"`make (?:[A-Z]+=\S+ )*([a-z0-9]+)", text)
    assert set(named) <= set(targets)


@each
def test_a_transcript_is_one_that_is_run(document: Path):
    """What is typed stands in a block that readers of tests/system/ follow."""
    text = document.read_text(encoding="utf-8")
    blocks = re.findall(r"^ *```(.*)\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    typed = [info for info, block in blocks if re.search(r"^ *\$ ", block, re.MULTILINE)]
    assert all(info.startswith("console") for info in typed)


def test_what_a_page_needs_some_test_has():
    """A word that no test knows would have the story read by nobody."""
    stories = [story for path in sorted((REPOSITORY / "docs").glob("*.md")) for story in read(path)]
    needed = {story.needs for story in stories if story.tells}
    assert needed == {"", "engine", "registry", "Slurm", "uenv", "building job"}


def test_the_settings_have_every_argument():
    """One row of its table for each, with the default, and in the same order."""
    text = (REPOSITORY / "docs/settings.md").read_text(encoding="utf-8")
    table = text.partition("| argument | default | what |")[2].partition("\n\n")[0]
    named = [word for line in table.splitlines() for word in names(line)]
    arguments = list(inspect.signature(FirecrestExecutor).parameters)
    assert sorted(named) == sorted(arguments)


@pytest.mark.parametrize(
    "kind", [FirecrestExecutor, FirecrestFuture, AttachedRun], ids=lambda kind: kind.__name__
)
def test_every_public_name_is_listed(kind: type):
    """Beyond those of the standard library: what is not listed is not for users."""
    text = (REPOSITORY / "docs/tasks.md").read_text(encoding="utf-8")
    listed = text.partition("All that these have beyond the standard's")[2].partition("\n\n")[0]
    made = FirecrestFuture("t1", None) if kind is FirecrestFuture else kind
    own = {name for name in dir(made) if not name.startswith("_")}
    own |= {"futures"} if kind is AttachedRun else set()
    assert own - set(dir(kind.__base__)) <= set(re.findall(r"`(\w+)`", listed))


def test_the_first_example_is_one_that_is_run():
    """The tests do what the site's front page says, and that begins as the README."""
    examples = [
        re.findall(
            r"```(?:python|text)\n(.*?)```", (REPOSITORY / name).read_text("utf-8"), re.DOTALL
        )
        for name in ("README.md", "docs/index.md")
    ]
    assert examples[0] == examples[1] != []


def names(row: str) -> list[str]:
    """The words in backticks of a row's first column."""
    return re.findall(r"`(\w+)`", row.split("|")[1]) if row.startswith("|") else []
