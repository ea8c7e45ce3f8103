"""What a run is made with: which EDF, of all that name one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fcx.config import VARIABLES
from fcx.errors import OptionError
from fcx.executor.settings import RunEnvironment, settle

CREDENTIALS = dict.fromkeys(VARIABLES, "http://127.0.0.1:1/x")


def environment(folder: Path, own: dict[str, object], **given: object) -> RunEnvironment:
    """The run's EDF: from arguments and what fcx.toml says under [executor]."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in own.items()]
    (folder / "fcx.toml").write_text("\n".join(["[executor]", *lines]))
    settings, question = settle({"working_dir": "/w", **given}, CREDENTIALS)
    assert question.edf == settings.environment.name
    return settings.environment


pytestmark = pytest.mark.usefixtures("project")


IN_FILE = [
    {"environment": "./one.toml"},
    {"srun_options": ["--environment=/far/one.toml"]},
    {"srun_options": ["--edf", "/far/one.toml", "--mpi=none"]},
]


@pytest.mark.parametrize("own", IN_FILE)
def test_an_argument_goes_before_whatever_names_an_edf_in_the_file(project: Path, own: dict):
    """Another one, or none at all: an empty text asks for that."""
    assert environment(project, own).name.startswith("one-")
    assert environment(project, own, environment=None).name.startswith("one-")
    assert environment(project, own, environment="").name == ""
    other = environment(project, own, environment="./two.toml")
    assert other.name.startswith("two-")
    assert b"one" not in other.text


def test_arguments_that_contradict_each_other_are_refused(project: Path):
    """As two lines of the file are."""
    options = ["--environment=/far/one.toml"]
    with pytest.raises(OptionError, match="asks for none; give one of them"):
        environment(project, {}, environment="", srun_options=options)
    with pytest.raises(OptionError, match="both name an EDF"):
        environment(project, {}, environment="./two.toml", srun_options=options)
    with pytest.raises(OptionError, match="both name an EDF"):
        environment(project, {"environment": "./two.toml", "srun_options": options})


@pytest.mark.parametrize(
    ("image", "named"),
    [
        ("img:265e", True),
        ("me/img:265e", True),
        ("r.example.org#img:265e", False),
        ("/scratch/me/img.sqsh", False),
    ],
)
def test_what_only_the_machine_that_built_it_calls_an_image(image: str, named: bool):
    """A tag of its engine's, in an EDF of fcx's own: one of a registry's may be where it will."""
    assert RunEnvironment("e", image=image, build_id="b").tag == (image if named else "")
    assert RunEnvironment("e", image=image).tag == ""
