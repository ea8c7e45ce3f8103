"""Manifest against snapshot: whether the remote side is the environment that is wanted."""
