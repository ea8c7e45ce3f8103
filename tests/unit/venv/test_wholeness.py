"""Metadata whose files are gone, told from what only looks so."""

from __future__ import annotations

from pathlib import Path

import pytest
from parity.sides import laptop, manifest

from fcx.venv.plan import planned
from fcx.venv.wholeness import damaged, unlisted

SITE = "lib/python3.11/site-packages"


def put(folder: Path, name: str, version: str, record: str | None, tool: str = "pip") -> Path:
    """A distribution of one module, with this list of files."""
    site = folder / SITE
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n\nName: other\n")
    (info / "INSTALLER").write_text(f"{tool}\n")
    (site / name).mkdir(exist_ok=True)
    (site / name / "a, b.py").write_text("x = 1\n")
    if record is not None:
        (info / "RECORD").write_text(record)
    return site / name / "a, b.py"


RECORD = '"one/a, b.py",sha256=x,6\none/__pycache__/a.cpython-311.pyc,,\n'


def test_files_that_are_gone_or_of_another_length_are_told(tmp_path: Path):
    """Bytecode may go; a length counts where one is listed."""
    file = put(tmp_path, "one", "1.0", RECORD)
    put(tmp_path, "Two.b", "2.0", '"Two.b/a, b.py"')
    assert damaged(tmp_path, "3.11") == {}
    file.write_text("")
    assert damaged(tmp_path, "3.11") == {"one": "1.0"}
    file.unlink()
    assert damaged(tmp_path, "3.11") == {"one": "1.0"}
    (tmp_path / SITE / "Two.b/a, b.py").unlink()
    assert damaged(tmp_path, "3.11") == {"one": "1.0", "two-b": "2.0"}
    assert damaged(tmp_path, "3.12") == {}
    assert damaged(tmp_path / "absent", "3.11") == {}


@pytest.mark.parametrize(
    ("record", "tool"),
    [
        ('"one/a, b.py",sha256=x,99', "conda"),  # it puts the environment's path into files
        ('"one/a, b.py",,', "pip"),
        ('"one/a, b.py"', "pip"),
        ('"one/a, b.py",,-1', "pip"),
        (f'"one/a, b.py",,{"9" * 5000}', "pip"),
        ("", "pip"),
        (None, "conda"),
        (None, "debian"),
    ],
)
def test_what_tells_nothing_is_no_damage(tmp_path: Path, record: str | None, tool: str):
    """Lengths of tools that change files, and no list where the tool writes none."""
    put(tmp_path, "one", "1.0", record, tool)
    assert damaged(tmp_path, "3.11") == {}


def test_a_script_counts_by_being_there(tmp_path: Path):
    """Installers put the interpreter into it after its length was noted."""
    put(tmp_path, "one", "1.0", "../../../bin/one,sha256=x,9\n")
    assert damaged(tmp_path, "3.11") == {"one": "1.0"}
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/one").write_text("#!/long/path/of/python\n")
    assert damaged(tmp_path, "3.11") == {}


def test_data_may_be_of_any_length(tmp_path: Path):
    """A site adds its own CA to what certifi brings; a repair would take it out again."""
    put(tmp_path, "one", "1.0", "one/cacert.pem,sha256=x,9\n")
    assert damaged(tmp_path, "3.11") == {"one": "1.0"}
    (tmp_path / SITE / "one/cacert.pem").write_text("longer than it was")
    assert damaged(tmp_path, "3.11") == {}


def test_a_file_of_two_distributions_has_the_length_of_either(tmp_path: Path):
    """Else each repair would undo the other."""
    put(tmp_path, "one", "1.0", '"one/a, b.py",x,6')
    put(tmp_path, "two", "1.0", '"one/a, b.py",x,9')
    assert damaged(tmp_path, "3.11") == {}


def test_a_leftover_beside_the_whole_one_is_no_damage(tmp_path: Path):
    """Updates leave metadata behind."""
    put(tmp_path, "one", "1.0", '"one/a, b.py",x,9\n')
    put(tmp_path, "one", "1.1", RECORD)
    (tmp_path / SITE / "one-1.0.dist-info/RECORD").write_text('"one/gone.py",x,9\n')
    assert damaged(tmp_path, "3.11") == {}


def test_a_list_that_an_installer_owes_is_missed(tmp_path: Path):
    """Then its metadata bar the way."""
    put(tmp_path, "one", "1.0", None, "uv")
    put(tmp_path, "two", "1.0", None, "conda")
    assert damaged(tmp_path, "3.11") == {"one": "1.0"}
    assert [info.name for info in unlisted(tmp_path, "3.11", ["one", "two"])] == ["one-1.0.dist-info"]


def test_what_the_image_has_is_put_in_anew_and_nothing_else():
    """A release that is there by its metadata alone; what is beside the image's is not fcx's."""
    wanted = manifest({"distributions": {"dill": "0.4.1", "one": "1.0"}}, origin="built")
    found = laptop({"distributions": {"dill": "0.4.1", "one": "1.0", "mine": "3"}})
    assert planned(wanted, found, {}).install == ()
    plan = planned(wanted, found, {}, damaged={"one": "1.0", "mine": "3"})
    assert [(change.name, change.damaged) for change in plan.install] == [("one", True)]
