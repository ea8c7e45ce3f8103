"""The Dockerfiles of the gallery in containers/, as far as reading them tells."""

from __future__ import annotations

from pathlib import Path

import pytest
from places import REPOSITORY

from fcx.image.features import features
from fcx.image.ignore import read_rules, walk
from fcx.image.own import filled
from fcx.image.recipe import Recipe

CONTAINERS = REPOSITORY / "containers"
FOLDERS = sorted(path.parent for path in CONTAINERS.glob("*/Dockerfile"))
each = pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)


@each
def test_any_builder_takes_it_and_fcx_fills_in_what_follows_the_laptop(folder: Path):
    """No feature of BuildKit's; the dill is the client's."""
    recipe = Recipe.from_text((folder / "Dockerfile").read_text(), {})
    assert not [*features(recipe.file)]
    assert filled(recipe, {"DILL_VERSION": "0.4.1"}, {}) == {"DILL_VERSION": "0.4.1"}


@each
def test_it_has_a_row_and_an_edf(folder: Path):
    """With the command that builds it."""
    row = f"`fcx image build containers/{folder.name} --tag fcx-{folder.name}"
    assert row in (CONTAINERS / "README.md").read_text()
    assert (REPOSITORY / f"edf/{folder.name}.toml").is_file()


def test_the_one_image_does_not_change_with_the_others():
    """They are left out of its context, in which its Dockerfile lies above them."""
    assert len(FOLDERS) >= 4
    found = {path.partition("/")[0] for path, _ in walk(CONTAINERS, read_rules(CONTAINERS))}
    assert "Dockerfile" in found
    assert not found & {folder.name for folder in FOLDERS} | found & {"README.md"}
