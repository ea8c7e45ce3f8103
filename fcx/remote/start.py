"""Imports ``agent`` or ``worker`` and runs it: so its byte code is kept for the next time."""

import os
import sys

if __name__ == "__main__":
    own = os.path.dirname(os.path.abspath(__file__))
    if own not in sys.path:  # PYTHONSAFEPATH, which generated EDFs set, leaves it out
        sys.path.insert(0, own)
    if sys.argv[1] == "agent":
        import agent as program
    else:
        import worker as program
    sys.exit(program.main(sys.argv[2:]))
