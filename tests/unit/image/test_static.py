"""Reading an image from its files alone."""

from __future__ import annotations

import pytest
from exported import elf, export

from fcx.image.static import Reading
from fcx.image.tree import Files


def test_reading_follows_links():
    """Merged folders, relative and absolute links, alternatives: as the image would see them."""
    entries = {
        "bin": "usr/bin",
        "usr/bin/dash": elf(183),
        "usr/bin/sh": "dash",
        "usr/local/bin/python3": "/etc/alternatives/python",
        "etc/alternatives/python": "../../opt/py/bin/python3.12",
        "opt/py/bin/python3.12": elf(183, b"\x003.12.4\x00"),
        "usr/local/lib/python3.12/site-packages/dill-0.4.1.dist-info/METADATA": (
            b"Name: dill\nVersion: 0.4.1\n\nName: no\n"
        ),
        "etc/os-release": b'NAME="x"\nPRETTY_NAME="A System 1"\n',
    }
    found = Reading.from_files(Files.from_tar(export(entries)), "/usr/local/bin:/bin")
    assert found.python
    assert (found.python.version, found.python.executable) == ("3.12.4", "/usr/local/bin/python3")
    assert (found.architecture, found.dill, found.os) == ("arm64", "0.4.1", "A System 1")
    assert found.shell == "/bin/sh"


@pytest.mark.parametrize("entries", [{}, {"bin/sh": "sh"}, {"bin/sh": "/a", "a": "/b", "b": "/a"}])
def test_reading_of_what_is_not_there(entries: dict[str, bytes | str]):
    """Empty images and links in circles have no shell and no Python."""
    found = Reading.from_files(Files.from_tar(export(entries)), "/bin")
    assert (found.shell, found.python, found.dill, found.machine) == ("", None, None, "")
