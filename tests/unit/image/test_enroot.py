"""The files by which enroot knows an image."""

from __future__ import annotations

import io
import tarfile

import pytest
from exported import export

from fcx.errors import ImageRefused
from fcx.image.enroot import layout, mode_there
from fcx.image.pack import rewrite


def test_enroots_files():
    """Environment, mounts and start-up script follow the image's record, quoted."""
    config = {
        "Env": ["PATH=/bin", "A=b c"],
        "Volumes": {"/data": {}},
        "Labels": {"k": "v\nw"},
        "WorkingDir": "/my dir",
        "Entrypoint": ["/e", "it's"],
        "Cmd": ["c d"],
    }
    files = layout({"Config": config})
    assert files["etc/environment"] == (0o644, b"PATH=/bin\nA=b c\n")
    assert b"/data /data none" in files["etc/fstab"][1]
    mode, script = files["etc/rc"]
    assert mode == 0o755
    assert b"# k v w\n" in script
    assert b"cd '/my dir' && unset OLDPWD || exit 1\n" in script
    assert b"""exec /e 'it'"'"'s' 'c d'\n""" in script
    assert b"exec /bin/sh\n" in layout({})["etc/rc"][1]
    with pytest.raises(ImageRefused, match="line break"):
        layout({"Config": {"Env": ["A=b\nc"]}})


@pytest.mark.parametrize(
    ("name", "folder", "mode", "there"),
    [
        ("etc/shadow", False, 0o000, 0o400),
        ("etc/passwd", False, 0o644, 0o644),
        ("bin/x", False, 0o011, 0o511),
        ("bin/su", False, 0o4111, 0o4511),
        ("root", True, 0o000, 0o700),
        ("a/b/c/d/e", True, 0o555, 0o755),
        ("a/b/c/d/e/f", True, 0o055, 0o555),
        ("tmp", True, 0o1777, 0o1777),
    ],
)
def test_modes_as_enroot_keeps_them(name: str, folder: bool, mode: int, there: int):
    """As its `chmod -R u+rX`, and `u+w` for folders near the top, leave them."""
    assert oct(mode_there(mode, name, folder=folder)) == oct(there)


def test_an_export_is_rewritten_with_those_modes():
    """Files and folders; a link's mode is nobody's matter."""
    made = export({"etc": 0o555, "etc/shadow": b"x", "tmp": 0o1777, "sh": "bin/dash"})
    target = io.BytesIO()
    rewrite(made, target, layout({}), 0)
    target.seek(0)
    with tarfile.open(fileobj=target) as archive:
        found = {member.name: oct(member.mode) for member in archive if not member.issym()}
    assert (found["etc"], found["tmp"], found["etc/rc"]) == ("0o755", "0o1777", "0o755")


@pytest.mark.parametrize(
    ("time", "there"),
    [(-86400.5, 0), (-1, 0), (0, 0), (1.5, 1.5), (2**32 - 1, 2**32 - 1), (2**32, 2**32 - 1),
     (2**33 + 0.5, 2**32 - 1)],
)  # fmt: skip
def test_a_time_that_squashfs_cannot_hold_becomes_the_nearest(time: float, there: float):
    """mksquashfs refuses the archive for some, and puts others into 1970."""
    made, target, file = io.BytesIO(), io.BytesIO(), tarfile.TarInfo("f")
    file.mtime = time
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(file)
    made.seek(0)
    rewrite(made, target, {}, 0)
    target.seek(0)
    with tarfile.open(fileobj=target) as archive:
        (member,) = archive
    assert member.mtime == there
    assert ("mtime" in member.pax_headers) == (there != int(there))
