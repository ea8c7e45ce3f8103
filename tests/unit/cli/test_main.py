"""The command line as a whole: help, version, exit codes, and what it imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import typer

from fcx import __version__, errors
from fcx.cli import VERBS, glance
from fcx.cli.root import app


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """`python -m fcx` with these words."""
    command = [sys.executable, "-m", "fcx", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_version_is_said_and_nothing_else():
    """For bug reports and for scripts."""
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"fcx {__version__}\n", "")


def test_help_lists_every_verb():
    """And each verb has a help of its own."""
    listed = run("--help").stdout
    for verb in VERBS:
        assert f"  {verb} " in listed


def test_the_quick_help_is_that_of_the_whole(monkeypatch):
    """It is written without the library that all else goes through, and says the same."""
    monkeypatch.setenv("COLUMNS", "80")
    root = typer.main.get_command(app)
    assert glance() == root.get_help(typer.Context(root, info_name="fcx"))
    narrow = subprocess.run(
        [sys.executable, "-m", "fcx", "--help"],
        env={**os.environ, "COLUMNS": "60"}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert max(map(len, narrow.splitlines())) <= 60


@pytest.mark.parametrize("verb", ["image", "edf", "env", "runs", "local"])
def test_no_summary_is_cut(verb: str):
    """A sentence is told to its end, in as many lines as it takes."""
    assert "..." not in run(verb, "--help").stdout.partition("Commands:")[2]


@pytest.mark.parametrize(
    ("line", "word", "completed"),
    [("fcx ", 1, set(VERBS)), ("fcx im", 1, {"image"}), ("fcx image b", 2, {"build"})],
)
def test_what_a_shell_completes(line: str, word: int, completed: set[str]):
    """The verbs, and those below them."""
    code = "import sys; from fcx.cli import main; sys.argv = ['fcx']; main()"
    given = {"_FCX_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(word)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **given}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert set(done.stdout.split()) == completed, done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str):
    """Whatever extra it needs; of completion, which no verb has alone, it says nothing."""
    told = run(verb, "--help").stdout
    assert "Usage: " in told
    assert "completion" not in told


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["prefligt"], "preflight"),
        (["imge", "build"], "image"),
        (["rusn"], "run' or 'runs"),
        (["edf", "chekc", "x"], "check"),
        (["ship"], "fcx image ship"),
        (["image", "preflight"], "fcx preflight"),
        (["clean"], "fcx image clean' or 'fcx runs clean"),
    ],
)
def test_a_verb_that_was_misspelt_or_stands_elsewhere_is_guessed(words: list[str], meant: str):
    """One of another group, too; of what nothing is like nothing is said."""
    done = run(*words)
    assert (done.returncode, f"Did you mean '{meant}'?" in done.stderr) == (2, True)
    assert "Did you mean" not in run("something").stderr


@pytest.mark.parametrize(
    ("words", "allowed"),
    [(["--help"], set()), (["runs", "list", "--local"], {"typer", "firecrest", "rich"})],
)
def test_a_verb_imports_what_it_needs(words: list[str], allowed: set[str]):
    """It stays quick, and a missing extra hurts only the verb that needs it."""
    slow = {"docker", "tomlkit", "rich", "firecrest", "fastapi", "typer", "pydantic", "mkdocs"}
    code = f"import sys; from fcx.cli import main; sys.argv = ['fcx', *{words!r}]\ntry: main()\n"
    code += f"finally: print(*sorted(({slow!r} - {allowed!r}) & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


def leaves(command, context, words=()):
    """Every verb that does something, with what it is called by."""
    if not isinstance(command, typer.core.TyperGroup):
        return [(" ".join(words), command)]
    below = [(name, command.get_command(context, name)) for name in command.list_commands(context)]
    return [leaf for name, inner in below for leaf in leaves(inner, context, (*words, name))]


def test_every_verb_can_answer_in_json():
    """But those whose standard output is that of a program, in the image or on the cluster."""
    root = typer.main.get_command(app)
    verbs = leaves(root, typer.Context(root))
    assert len(verbs) > len(VERBS)
    without = {
        name for name, verb in verbs if not any("--json" in given.opts for given in verb.params)
    }
    assert without == {"image run", "image shell", "run", "runs follow"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.FcxError, 1),
        (errors.EdfError, 1),
        (errors.UsageError, 2),
        (errors.ConfigError, 2),
        (errors.ParityError, 3),
        (errors.ClusterError, 4),
        (errors.Unreachable, 4),
        (errors.JobRefused, 4),
        (errors.EngineError, 5),
        (errors.ImageRefused, 5),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: type[errors.FcxError], code: int):
    """1 failed, 2 usage, 3 parity, 4 cluster, 5 image or engine."""
    assert error.exit_code == code


def test_a_wrong_command_line_is_told_in_json_too():
    """To whoever asks for that: standard output is not empty."""
    done = run("preflight", "--json", "--nonsense")
    said = json.loads(done.stdout)["error"]
    assert (said["kind"], said["exit_code"], done.returncode) == ("UsageError", 2, 2)
    assert "--nonsense" in said["message"]
    assert "Usage: " in done.stderr


@pytest.mark.parametrize("words", [["nonsense"], ["edf", "write", "--nonsense"], ["runs", "show"]])
def test_a_wrong_command_line_is_exit_code_2(words: list[str]):
    """With the usage on stderr."""
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage: " in done.stderr
