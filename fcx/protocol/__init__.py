"""Formats that both ends share, written once; the syntax and library of Python 3.6, and dill."""
