"""Which modules the client has, and of which distributions they are."""

from __future__ import annotations

import pytest

from fcx.payload.installed import installed


def test_installed():
    """Distributions go by other names than their modules; absent modules are left out."""
    found = installed(["dateutil", "yaml", "sklearn", "json", "absent_one", "winreg", "_pytest"])
    assert set(found) == {"dateutil", "yaml", "sklearn", "json", "_pytest"}
    assert list(found["yaml"]) == ["pyyaml"]
    assert found["json"] == {}
    assert found["_pytest"] == {"pytest": pytest.__version__}


def test_here_of_a_module_without_metadata(project):
    """A loose module is there, and nobody knows its version."""
    project({"loose.py": ""})
    assert installed(["loose"]) == {"loose": {}}
