"""A script, or a function of a module, as one task of a run that is watched from a terminal."""
