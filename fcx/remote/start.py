"""Imports ``agent`` or ``worker`` and runs it: so its byte code is kept for the next time."""

import sys

if __name__ == "__main__":
    if sys.argv[1] == "agent":
        import agent as program
    else:
        import worker as program
    sys.exit(program.main(sys.argv[2:]))
