"""Keys that are derived from the run's, and digests made with them.

The run's key stays with the client. A pilot is given two others in its configuration: its own,
under which its agents sign what they report, and the inbox's, under which the client signs what it
sends. Neither tells anything of the run's key or of another pilot's. Nor does the key's mark, which
stands in the run directory.
"""

import hashlib
import hmac

DIGITS = 32  # hex digits of a MAC: 128 bits


def pilot_key(run_key: bytes, pilot: str) -> bytes:
    """The key under which one pilot's agents sign their records."""
    return _derived(run_key, "pilot " + pilot)


def inbox_key(run_key: bytes) -> bytes:
    """The key under which the client signs bundles and orders."""
    return _derived(run_key, "inbox")


def mark(run_key: bytes) -> str:
    """What may be shown of the run's key: two that have the same mark are the same."""
    return sign(_derived(run_key, "mark"), b"")


def _derived(run_key: bytes, purpose: str) -> bytes:
    return hmac.new(run_key, b"fcx2 " + purpose.encode("ascii"), hashlib.sha256).digest()


def sign(key: bytes, data: bytes) -> str:
    """The MAC of data: 32 hex digits."""
    return hmac.new(key, data, hashlib.sha256).hexdigest()[:DIGITS]


def verify(key: bytes, data: bytes, mac: bytes) -> bool:
    """Whether this is the MAC of the data, as it stands in a file."""
    return hmac.compare_digest(sign(key, data).encode("ascii"), mac)
