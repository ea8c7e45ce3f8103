"""Keys that are derived from the run's: each for one purpose."""

from __future__ import annotations

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from fcx.protocol import keys, mac

RUN = b"k" * 32


def test_keys_differ_by_pilot_and_purpose():
    """One does not sign for another."""
    found = [keys.pilot_key(RUN, "p1"), keys.pilot_key(RUN, "p2"), keys.inbox_key(RUN)]
    found += [keys.pilot_key(b"x" * 32, "p1"), keys.inbox_key(b"x" * 32), RUN]
    assert len(set(found)) == len(found)


def test_is_hmac_sha256():
    """As the protocol says, so that others can check it."""
    assert keys.pilot_key(RUN, "p") == hmac.new(RUN, b"fcx2 pilot p", hashlib.sha256).digest()
    assert mac.sign(RUN, b"x") == hmac.new(RUN, b"x", hashlib.sha256).hexdigest()[:32]


@given(st.binary(), st.binary())
def test_verifies_what_was_signed_and_nothing_else(data, other):
    """Neither other data nor another key."""
    signed = mac.sign(RUN, data).encode()
    assert len(signed) == 32
    assert mac.verify(RUN, data, signed)
    assert mac.verify(RUN, other, signed) is (data == other)
    assert not mac.verify(b"x" * 32, data, signed)
    assert not mac.verify(RUN, data, other)
