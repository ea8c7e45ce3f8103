"""Faults on request."""

from __future__ import annotations


class Faults:
    """Nothing goes wrong yet."""
