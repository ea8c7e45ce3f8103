"""Formats that both ends share, written once; the syntax and library of Python 3.6, and dill.

On the cluster this package is ``_fcx.protocol``. Nothing in it does I/O but ``probe``.

names     the run directory: its folders, the names of its files, who an agent is
config    what a pilot's agents are told
mac       keys that are derived from the run's, and digests made with them
record    the lines of an agent's log                               agent -> client
parts     what is too large for one file or one record              both ways
bundle    tasks that travel together; orders                        client -> agents
frames    what an agent and its workers say to each other
pickling  dill, with what dill leaves out
probe     what a Python environment is
"""
