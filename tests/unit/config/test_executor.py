"""The executor's settings: one table, one precedence, and what attach is given of them."""

from __future__ import annotations

import json
import logging
import re
from fractions import Fraction
from pathlib import Path

import pytest

from fcx import FirecrestExecutor
from fcx.cli.template import TEMPLATE
from fcx.config import VARIABLES, ExecutorSettings, Settings, resolve
from fcx.errors import ConfigError, OptionError, UsageError
from fcx.records import names

OTHER = {
    "working_dir": "/other",
    "sbatch_options": ("--time=1",),
    "srun_options": ("--mpi=none",),
    "setup": ("module load cray",),
    "environment": "other",
    "parity": "strict",
    "python": "/opt/python3",
    "inline": False,
    "max_workers": 3,
    "workers_per_node": 2,
    "max_tasks_per_child": 5,
    "task_retries": 0,
    "sleep_interval": 2.0,
    "idle_timeout": 4.5,
    "gate_timeout": 6.0,
    "requests_per_minute": 90.0,
    "progress": "line",
}
"""A value for each setting that is not its default."""


def written(folder: Path, values: dict[str, object]) -> Settings:
    """An fcx.toml with these settings of the executor, read."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items() if name != "parity"]
    parity = f"[parity]\npolicy = {json.dumps(values.get('parity', 'minor'))}"
    (folder / "fcx.toml").write_text("\n".join(["[executor]", *lines, parity]))
    return Settings.load(folder)


def test_the_defaults(tmp_path: Path):
    """Without arguments and file; only the directory has none."""
    settings = resolve({"working_dir": "/w"}, Settings(tmp_path))
    assert settings == ExecutorSettings("/w")
    assert 5 <= settings.max_workers <= 32
    assert settings.parity == "minor"
    assert settings.inline is True
    assert (settings.sleep_interval, settings.idle_timeout) == (30.0, 30.0)
    assert (settings.gate_timeout, settings.task_retries) == (300.0, 3)


def test_there_is_another_value_for_each():
    """So that the tests below are about the whole table."""
    assert set(OTHER) == set(names(ExecutorSettings))
    usual = ExecutorSettings()
    assert all(getattr(usual, name) != value for name, value in OTHER.items())


@pytest.mark.parametrize("name", OTHER)
def test_the_file_comes_before_the_default(tmp_path: Path, name: str):
    """Each setting may stand in fcx.toml."""
    settings = written(tmp_path, {"working_dir": "/w", name: OTHER[name]})
    assert getattr(resolve({}, settings), name) == OTHER[name]


@pytest.mark.parametrize("name", OTHER)
def test_an_argument_comes_before_the_file(tmp_path: Path, name: str):
    """None is no argument; False, 0 and "" are."""
    settings = written(tmp_path, OTHER)
    usual = getattr(ExecutorSettings("/w", environment="mine", python=""), name)
    given = {"max_tasks_per_child": 9, "requests_per_minute": 30.0, "progress": False}
    given = given.get(name, usual)
    assert getattr(resolve({name: given}, settings), name) == given
    assert getattr(resolve({name: None}, settings), name) == OTHER[name]


def test_arguments_of_other_kinds(tmp_path: Path):
    """Paths, any sequence, any real number; a directory is normalised; an EDF object is kept."""
    edf = object()
    settings = resolve(
        {
            "working_dir": Path("/w//x/../y"),
            "sbatch_options": iter(["--time=1"]),
            "idle_timeout": Fraction(1, 2),
            "gate_timeout": 7,
            "environment": edf,
        },
        Settings(tmp_path),
    )
    assert settings.working_dir == "/w/y"
    assert settings.sbatch_options == ("--time=1",)
    assert (settings.idle_timeout, settings.gate_timeout) == (0.5, 7.0)
    assert settings.environment is edf


@pytest.mark.parametrize(
    ("name", "value", "kind", "told"),
    [
        ("max_workers", 0, UsageError, "greater than 0, and a whole number, not 0"),
        ("workers_per_node", 1.5, UsageError, "greater than 0, and a whole number, not 1.5"),
        ("max_tasks_per_child", True, UsageError, "greater than 0, and a whole number, not True"),
        ("task_retries", -1, UsageError, "0 or more, and a whole number, not -1"),
        ("sleep_interval", -0.5, UsageError, "a number of seconds, 0 or more, not -0.5"),
        ("idle_timeout", float("nan"), UsageError, "a number of seconds, 0 or more, not nan"),
        ("gate_timeout", "5", UsageError, "a number of seconds, 0 or more, not '5'"),
        ("inline", 1, UsageError, "true or false, not 1"),
        ("python", 3, UsageError, "a string, not 3"),
        ("sbatch_options", "--time=5", OptionError, "a list, and its items must be strings"),
        ("srun_options", [5], OptionError, "a list, and its items must be strings, not"),
        ("parity", "loose", ConfigError, "Choose one of strict, minor, off"),
        ("working_dir", "here", ConfigError, "must be an absolute path on the cluster, not 'here'"),
        ("working_dir", b"/w", ConfigError, "must be an absolute path on the cluster"),
        ("working_dir", "/it's", ConfigError, "cannot take quotes"),
        ("working_dir", "/two\nlines", ConfigError, "or newlines"),
    ],
)
def test_arguments_that_cannot_be(tmp_path: Path, name, value, kind, told):
    """The message names the setting, what it must be and what it is."""
    with pytest.raises(kind) as caught:
        resolve({"working_dir": "/w", name: value}, Settings(tmp_path))
    assert told in str(caught.value)
    assert (name if name != "parity" else "policy") in str(caught.value)
    assert type(caught.value) is kind


def test_without_a_directory(tmp_path: Path):
    """Neither argument nor file: both are named."""
    with pytest.raises(ConfigError, match=r"give working_dir.*\[executor\] in fcx.toml"):
        resolve({}, Settings(tmp_path))


def test_a_path_of_the_file_starts_at_the_file(tmp_path: Path):
    """An EDF with a slash in it; a bare name is looked up elsewhere."""
    settings = written(tmp_path, {"working_dir": "/w", "environment": "edf/x.toml"})
    assert resolve({}, settings).environment == str(tmp_path / "edf/x.toml")
    assert resolve({}, written(tmp_path, {"environment": "/e/x.toml", **OTHER})).environment


def test_options_that_name_an_edf_come_before_that_of_the_file(tmp_path: Path):
    """They are an argument too; other options leave it in place."""
    settings = written(tmp_path, {"working_dir": "/w", "environment": "x"})
    for option in ("--environment=/y.toml", "--edf=/y.toml"):
        assert resolve({"srun_options": [option]}, settings).environment is None
    assert resolve({"srun_options": ["--mpi=pmi2"]}, settings).environment == "x"


def test_an_empty_edf_is_none(tmp_path: Path):
    """As an argument it goes before that of the file, in the file it is as good as no line."""
    settings = written(tmp_path, {"working_dir": "/w", "environment": "x"})
    assert resolve({"environment": ""}, settings).environment is None
    assert resolve({"environment": None}, settings).environment == "x"
    settings = written(tmp_path, {"working_dir": "/w", "environment": ""})
    assert resolve({}, settings).environment is None


def test_what_attach_gets_makes_the_same_settings(tmp_path: Path):
    """All through JSON, but the EDF, whose text is recorded instead, and what is shown."""
    settings = resolve({**OTHER, "environment": object()}, Settings(tmp_path))
    record = json.loads(json.dumps(settings.to_record()))
    assert "environment" not in record
    assert "progress" not in record
    again = ExecutorSettings.from_record(record)
    assert again == resolve({**OTHER, "environment": None, "progress": None}, Settings(tmp_path))
    assert again.parity == "strict"


def test_a_record_of_an_older_fcx():
    """Other names, other keys, some missing; what is damaged is said."""
    old = {
        "working_dir": "/w",
        "max_workers": 4,
        "max_tasks_per_child": None,
        "sbatch": ["--time=1"],
        "srun": [],
        "edf": ["x.toml", ""],
        "edf_option": "--edf",
        "account": "me",
    }
    settings = ExecutorSettings.from_record(old)
    assert settings == ExecutorSettings("/w", ("--time=1",), max_workers=4)
    with pytest.raises(ConfigError, match="run was begun with: max_workers must be greater than 0"):
        ExecutorSettings.from_record({"max_workers": "many"})


def test_the_template_lists_the_table():
    """Every setting that may stand in the file, and nothing else, in the table's order."""
    section = TEMPLATE.partition("\n[executor]")[2]
    listed = re.findall(r"^(?:# )?(\w+) = ", section, re.MULTILINE)
    assert listed == [name for name in names(ExecutorSettings) if name != "parity"]
    defaults = dict(re.findall(r"^# (\w+) = (true|[\d.]+) ", section, re.MULTILINE))
    for name in ("inline", "workers_per_node", "task_retries", "sleep_interval", "gate_timeout"):
        usual = json.dumps(getattr(ExecutorSettings(), name))
        assert defaults.get(name, usual) == usual


def test_the_executor_obeys_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """[parity] policy binds it too; arguments come first."""
    monkeypatch.setenv("FCX_STATE_DIR", str(tmp_path / "state"))
    written(tmp_path, {"working_dir": "/w", "task_retries": 7, "idle_timeout": 1, "parity": "off"})
    monkeypatch.chdir(tmp_path)
    env = dict.fromkeys(VARIABLES, "http://127.0.0.1:9")
    quiet = logging.getLogger("test.quiet")
    quiet.setLevel(logging.CRITICAL)
    executor = FirecrestExecutor("/mine", env=env, logger=quiet, idle_timeout=2.0)
    settings = executor._intake.settings.table
    assert (settings.working_dir, settings.task_retries, settings.idle_timeout) == ("/mine", 7, 2.0)
    assert executor._intake.question.policy == "off"
    assert settings.to_record()["parity"] == "off"
    executor.shutdown(wait=False)


def test_what_is_shown_may_stand_in_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """After an argument, before the file; words for yes and no; what it cannot say is named."""
    settings = written(tmp_path, {"working_dir": "/w", "progress": "line"})
    for said, meant in {"off": False, "0": False, "ON": True, "panel": "panel", "": "line"}.items():
        monkeypatch.setenv("FCX_PROGRESS", said)
        assert resolve({}, settings).progress == meant
        assert resolve({"progress": True}, settings).progress is True
    monkeypatch.setenv("FCX_PROGRESS", "auto")
    assert resolve({}, settings).progress is None
    monkeypatch.setenv("FCX_PROGRESS", "sometimes")
    with pytest.raises(ConfigError, match="FCX_PROGRESS is 'sometimes': set it to on, off, line"):
        resolve({}, settings)
