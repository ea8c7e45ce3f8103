"""The EDFs of the repository: what people copy must be right, and say all that fcx would write."""

from __future__ import annotations

from pathlib import Path

import pytest
from cluster import edf_resolve
from places import REPOSITORY
from sample import MANIFEST

from fcx.config import KNOWN_SITES
from fcx.edf.check import check
from fcx.edf.document import Edf
from fcx.edf.generate import environment
from fcx.edf.read import read, text_of
from fcx.records import replace

EXAMPLES = {
    **dict.fromkeys(("python", "uv", "micromamba", "mpi"), [*KNOWN_SITES]),
    "ngc-pytorch": ["clariden", "daint", "santis"],
}


def example(name: str) -> Path:
    """The file of one of them."""
    return REPOSITORY / "edf" / f"{name}.toml"


def test_each_example_is_among_those_that_are_tried():
    """A file that is added there is added here; what an image of this project left is none."""
    found = {path.stem for path in example("x").parent.glob("*.toml")}
    assert found - {"fcx-image", "fcx-image-generated"} == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_check_has_nothing_to_say_of_an_example(name: str):
    """On the engine behind --environment, at each system that it is for; no errors anywhere."""
    text = text_of(example(name))
    assert check(text, dialect="ce") == []
    for site in EXAMPLES[name]:
        assert check(text, dialect="ce", site=KNOWN_SITES[site]) == []
    assert not [finding for finding in check(text) if finding.severity == "error"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_says_what_fcx_would_write(name: str):
    """Each variable that keeps the host out, unless the base brings its own value."""
    edf = read(example(name))
    own = {"LD_LIBRARY_PATH": "/usr/local/cuda/lib64"} if name == "ngc-pytorch" else {}
    wanted = environment(replace(MANIFEST, env={"PATH": "/usr/bin", **own}))
    assert set(wanted) <= set(edf.env)
    assert {key: edf.env[key] for key in wanted if key != "PATH"} == {
        key: value for key, value in wanted.items() if key != "PATH"
    }
    assert edf.entrypoint is False


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_read_by_others_to_the_same_meaning(name: str):
    """The reader that stands in for the engine's was written apart."""
    theirs = edf_resolve.load(str(example(name)), ())
    ours = read(example(name))
    assert isinstance(ours, Edf)
    assert (theirs["image"], theirs["env"]) == (ours.image, dict(ours.env))
    assert theirs["mounts"] == list(ours.mounts)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_commented(name: str):
    """Above each block of lines stands what it is for."""
    for block in text_of(example(name)).split("\n\n"):
        assert block.lstrip().startswith(("#", "[")), block
        assert "#" in block
