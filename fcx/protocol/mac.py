"""Digests that are made with a key of a pilot's configuration: ``keys.py`` says which there are."""

import hmac

DIGITS = 32  # hex digits of a MAC: 128 bits


def sign(key: bytes, data: bytes) -> str:
    """The MAC of data: 32 hex digits."""
    return hmac.digest(key, data, "sha256").hex()[:DIGITS]


def verify(key: bytes, data: bytes, mac: bytes) -> bool:
    """Whether this is the MAC of the data, as it stands in a file."""
    return hmac.compare_digest(sign(key, data).encode("ascii"), mac)
