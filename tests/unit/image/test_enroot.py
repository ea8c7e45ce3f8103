"""The files by which enroot knows an image."""

from __future__ import annotations

import pytest

from fcx.errors import ImageRefused
from fcx.image.enroot import layout


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
