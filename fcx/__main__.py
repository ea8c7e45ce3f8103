"""``python -m fcx``: the command line of this very copy."""

from __future__ import annotations

from .cli import main

main()
