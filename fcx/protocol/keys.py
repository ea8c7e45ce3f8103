"""Keys that are derived from the run's.

The run's key stays with the client, and so does this file. A pilot is given two others in its
configuration: its own, under which its agents sign what they report, and the inbox's, under which
the client signs what it sends. Neither tells anything of the run's key or of another pilot's. Nor
does the key's mark, which stands in the run directory.
"""

import hmac

from . import mac


def pilot_key(run_key: bytes, pilot: str) -> bytes:
    """The key under which one pilot's agents sign their records."""
    return _derived(run_key, "pilot " + pilot)


def inbox_key(run_key: bytes) -> bytes:
    """The key under which the client signs bundles and orders."""
    return _derived(run_key, "inbox")


def mark(run_key: bytes) -> str:
    """What may be shown of the run's key: two that have the same mark are the same."""
    return mac.sign(_derived(run_key, "mark"), b"")


def _derived(run_key: bytes, purpose: str) -> bytes:
    return hmac.digest(run_key, b"fcx2 " + purpose.encode("ascii"), "sha256")
