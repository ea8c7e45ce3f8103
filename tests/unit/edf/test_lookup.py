"""Where an EDF of a name is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcx.edf.lookup import finder, locate
from fcx.errors import EdfError
from fcx.files import manifest_of_edf


def test_a_name_is_found_as_srun_finds_it(tmp_path):
    """Bare names in EDF_PATH in order, else in ~/.edf; paths from the caller's folder."""
    for folder in ("one", "two", "home/.edf", "cwd/sub"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("two/x.toml", "one/y.toml", "two/y.toml", "home/.edf/h.toml", "cwd/sub/p.toml"):
        (tmp_path / file).write_text(f'image = "{file}"')
    home, path = str(tmp_path / "home"), f"{tmp_path}/one:{tmp_path}/two"
    find = finder({"HOME": home, "EDF_PATH": path, "SUB": "sub"}, tmp_path / "cwd")
    assert find("x").image == "two/x.toml"
    assert find("y").image == "one/y.toml"
    assert find("./sub/p.toml").image == find("${SUB}/p.toml").image == "cwd/sub/p.toml"
    assert find(f"{tmp_path}/two/x.toml").image == "two/x.toml"
    assert finder({"HOME": home}, tmp_path)("h").image == "home/.edf/h.toml"
    absent = r"^there is no EDF 'h' on this machine; looked for .*one/h.toml.* Correct the name"
    with pytest.raises(EdfError, match=absent):
        find("h")


def test_outside_the_project_its_folder_is_asked_for(tmp_path: Path):
    """There, what makes an EDF would make it in the wrong place."""
    wanted = (
        r"no fcx\.toml is in .*: start it in the project's folder \(that of fcx\.toml\), or give"
    )
    with pytest.raises(EdfError, match=wanted):
        locate("img", {"HOME": str(tmp_path)}, tmp_path)
    (tmp_path / "fcx.toml").touch()
    with pytest.raises(EdfError, match="`fcx up` all that comes before"):
        locate("img", {"HOME": str(tmp_path)}, tmp_path)


def test_a_name_is_found_in_the_projects_folder_after_where_srun_looks(tmp_path: Path):
    """So that what `fcx edf write` wrote needs no path, from any folder of the project."""
    project = tmp_path / "project"
    (project / "sub").mkdir(parents=True)
    (project / "edf").mkdir()
    (project / "fcx.toml").touch()
    own = project / "edf/img.toml"
    own.touch()
    environ = {"HOME": str(tmp_path)}
    assert locate("img", environ, project / "sub") == own
    own.with_name("img.manifest.json").touch()
    assert manifest_of_edf(locate("img", environ, project)) == own.with_name("img.manifest.json")
    (tmp_path / ".edf").mkdir()
    first = tmp_path / ".edf/img.toml"
    first.touch()
    assert locate("img", environ, project) == first
    assert manifest_of_edf(first) is None
    with pytest.raises(EdfError, match=r"looked for .*/\.edf/x\.toml', '.*/project/edf/x\.toml'"):
        locate("x", environ, project)
