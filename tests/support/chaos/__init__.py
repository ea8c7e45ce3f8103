"""Chaos: a real HTTP proxy that spoils requests, and runs that must come through it whole."""
