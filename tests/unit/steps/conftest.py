"""What the tests of steps share."""

from stepping import project

__all__ = ["project"]
