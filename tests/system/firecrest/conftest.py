"""A server that answers what a test tells it to."""

from __future__ import annotations

from odd_fixtures import served, server

__all__ = ["served", "server"]
