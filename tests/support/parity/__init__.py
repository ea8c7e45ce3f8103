"""Parity on the real thing, and the sides that the pure tests compare."""
