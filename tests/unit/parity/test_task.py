"""What one task refers to and imports is judged before it stands in any queue."""

from __future__ import annotations

import pytest
from parity.facts import DISTRIBUTIONS, HERE, codes, with_numpy
from parity.sides import manifest, snapshot

from fcx.parity.compare import before_queue
from fcx.parity.verdict import Verdict
from fcx.payload.requirements import Import, Requirements


def test_an_import_must_merely_exist():
    """Refused if absent, with the function, the file and the line; any version will do."""
    call = Requirements(
        imports=(Import("pandas.core", (), "clean", "tidy.py", 12),), installed=HERE
    )
    verdict = before_queue(call, snapshot(), "minor")
    assert [one.what for one in verdict.refusals] == ["import pandas in clean (tidy.py:12)"]
    assert "pandas==3.1.1" in verdict.refusals[0].fix
    other = with_numpy("1.0") | {"pandas": "1.0"}
    assert before_queue(call, snapshot(distributions=other), "strict").passed


@pytest.mark.parametrize(
    "one",
    [
        Import("pandas", pardon="guarded by except"),
        Import("pandas", pardon="beside a change of sys.path"),
        Import(".pandas", pardon="relative"),
        Import("not_here_either"),
        Import("json"),
        Import("numpy.linalg", ("norm",)),
    ],
    ids=lambda one: f"{one.module}-{one.pardon}",
)
def test_imports_that_are_never_refused(one):
    """Pardoned, relative, absent here, of the standard library, or simply there."""
    assert before_queue(Requirements(imports=(one,), installed=HERE), snapshot(), "strict").passed


def test_a_split_up_standard_library():
    """tkinter, absent from slim images, is missed like any other module."""
    for call in (
        Requirements(imports=(Import("tkinter"),), installed=HERE),
        Requirements(frozenset({"tkinter"}), installed=HERE),
    ):
        verdict = before_queue(call, snapshot(), "minor")
        assert not verdict.passed
        assert "containers/Dockerfile" in verdict.refusals[0].fix


def test_a_module_of_another_distribution():
    """Another distribution provides it: an import passes, a reference has no known version."""
    place = snapshot({"modules": {"names": ["cv2"], "stdlib_missing": []}})
    here = {"cv2": {"opencv-python": "4.10.0"}}
    imported = Requirements(imports=(Import("cv2"),), installed=here)
    referred = Requirements(frozenset({"cv2.dnn"}), installed=here)
    assert before_queue(imported, place, "minor").passed
    verdict = before_queue(referred, place, "minor")
    assert codes(verdict) == {"reference-unknown": "refuse"}
    assert 'assume = ["cv2"]' in verdict.refusals[0].fix


def test_a_namespace_of_several_distributions():
    """One of several providers differs: a warning, as it may not be the one in use."""
    here = {"google": {"google-auth": "2.1.0", "protobuf": "5.1.0"}}
    place = snapshot(distributions={**DISTRIBUTIONS, "google-auth": "1.0", "protobuf": "5.1.2"})
    call = Requirements(frozenset({"google.protobuf"}), installed=here)
    assert codes(before_queue(call, place, "minor")) == {"reference-shared": "warn"}


def test_unknown_remote_side():
    """Nothing known of the remote side: nothing refused."""
    call = Requirements(frozenset({"pandas"}), (Import("pandas"),), HERE)
    assert before_queue(call, None, "strict") == Verdict("strict")


def test_a_manifest_without_modules():
    """A manifest from before modules were listed: distributions decide, the rest is left open."""
    image = manifest({"modules": None})
    call = Requirements(
        imports=(Import("pandas"), Import("loose")), installed={**HERE, "loose": {}}
    )
    verdict = before_queue(call, image, "minor")
    assert [one.what.split()[1] for one in verdict.refusals] == ["pandas"]


def test_off_refuses_nothing():
    """Under off, a missing module is a warning."""
    call = Requirements(frozenset({"pandas"}), installed=HERE)
    verdict = before_queue(call, snapshot(), "off")
    assert verdict.passed
    assert verdict.mark == "parity off"
    assert codes(verdict) == {"reference-missing": "warn"}
