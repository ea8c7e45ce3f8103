"""The wheel of this fcx."""

from __future__ import annotations

import io
import zipfile

from fcx.image.wheel import fcx_wheel


def test_the_wheel_is_the_same_each_time():
    """The same fcx gives the same bytes, with the probe and the Dockerfile in it."""
    (name, one), (_, two) = fcx_wheel(), fcx_wheel()
    assert one == two
    assert name.startswith("firecrest_fcx-")
    with zipfile.ZipFile(io.BytesIO(one)) as wheel:
        names = set(wheel.namelist())
        assert {"fcx/protocol/probe.py", "fcx/containers/Dockerfile", "fcx/image/build.py"} <= names
        metadata = wheel.read(next(n for n in names if n.endswith("METADATA"))).decode()
    assert "Requires-Dist: dill" in metadata
    assert not any("__pycache__" in name for name in names)
