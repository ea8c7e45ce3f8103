"""What a worker runs for ``fcx run`` stands alone: in an image, fcx and what it imports are not."""

from __future__ import annotations

import sys

from fcx.launch.program import program
from fcx.payload.dump import dump
from fcx.payload.needs import needed


def test_it_needs_nothing_but_the_standard_library():
    """Nor fcx's own modules, which an editable install would take for the user's."""
    task = program("script.py")
    requirements = needed(task, dump(task, (), {}).data)
    tops = {name.partition(".")[0] for name in requirements.names}
    assert tops
    assert tops <= sys.stdlib_module_names
