"""When two versions count as equal."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from fcx.parity.versions import same, same_release

versions = st.from_regex(r"\A[0-9]{1,3}(\.[0-9]{1,3}){0,3}((a|b|rc|\.post|\.dev)[0-9]{1,2})?\Z")


@settings(deadline=None)
@given(versions, versions)
def test_version_equality(one, other):
    """Reflexive, symmetric, blind to local parts for the release, sharp for the whole."""
    assert same(one, one)
    assert same(one, other) == same(other, one) == (Version(one) == Version(other))
    assert same_release(one, other) == same_release(other, one)
    assert same_release(one, f"{one}+cpu")
    assert not same(one, f"{one}+cpu")
    if same(one, other):
        assert same_release(one, other)
    assert not same(one, None)
    assert not same_release(None, None)


def test_a_number_that_python_will_not_read():
    """Is no version: texts are compared, then."""
    long = "9" * 5000
    assert same(long, long)
    assert not same(long, "1.0")
