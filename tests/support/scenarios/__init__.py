"""Scenarios of the simulator, carried out for real: same seed, same outcomes."""
