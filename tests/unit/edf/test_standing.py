"""Which step is missing on the way to an image, as EDF and manifest tell it."""

from __future__ import annotations

from pathlib import Path

import pytest
from parity.sides import BUILD, manifest

from fcx.edf.lookup import locate
from fcx.edf.standing import said
from fcx.errors import EdfError
from fcx.parity.manifest import Manifest, Shipped, Sqsh
from fcx.records import replace

REMOTE, LOCAL = "https://api.example.org/v2 santis", "http://127.0.0.1:8123 fcx-local"
HERE = replace(manifest(), tag="img:bbbb", sqsh=Sqsh("/home/me/edf/img.sqsh", "0" * 64))
SHIPPED = replace(HERE, shipped={"santis": Shipped("/scratch/img.sqsh", "0" * 64, 1)})
PUSHED = replace(HERE, repo_digest="r.example.org/img@sha256:" + "0" * 64)


def told(image: str, of: Manifest | None, place: str = REMOTE, build: str = BUILD) -> str:
    return " ".join(said("edf/img.toml", build, image, of, place))


@pytest.mark.parametrize("image", ["img:bbbb", "/home/me/edf/img.sqsh"])
def test_an_image_that_went_nowhere(image: str):
    """To be shipped; to a cluster on this machine it need not go."""
    assert "Fix: `fcx image ship`" in told(image, HERE)
    assert told(image, HERE, LOCAL) == ""


@pytest.mark.parametrize(("of", "how"), [(SHIPPED, "shipped"), (PUSHED, "pushed")])
def test_an_edf_of_before_the_image_went_away(of: Manifest, how: str):
    """It is to be written again; shipped elsewhere is not shipped here."""
    words = told("img:bbbb", of)
    assert how in words
    assert "Fix: `fcx edf write`" in words
    elsewhere = replace(of, shipped={"daint": Shipped("/x", "0" * 64, 1)}, repo_digest="")
    assert "Fix: `fcx image ship`" in told("img:bbbb", elsewhere)


def test_an_edf_whose_manifest_is_missing():
    """Only fcx's own has one."""
    words = told("img:bbbb", None)
    assert "manifest" in words
    assert "Fix: `fcx up`" in words
    assert told("img:bbbb", None, build="") == ""


def test_what_is_as_it_should_be_is_not_said():
    """A file or a digest that it names; another build, which is told elsewhere; an adopted one."""
    assert told("/scratch/img.sqsh", SHIPPED) == ""
    assert told("r.example.org#img@sha256:" + "0" * 64, PUSHED) == ""
    assert told("/of/my/own.sqsh", HERE) == ""
    assert told("img:bbbb", HERE, build="c" * 64) == ""
    assert told("img:bbbb", replace(HERE, origin="adopted")) == ""


def test_a_name_without_an_edf(tmp_path: Path):
    """Whether the image was built decides what is to be called."""
    (tmp_path / "fcx.toml").touch()
    (tmp_path / "edf").mkdir()
    environ = {"HOME": str(tmp_path)}
    with pytest.raises(EdfError, match="`fcx up` all that comes before"):
        locate("img", environ, tmp_path)
    (tmp_path / "edf/img.manifest.json").touch()
    with pytest.raises(EdfError, match=r"its image is built, and `fcx edf write` makes .*img.toml"):
        locate("img", environ, tmp_path)
