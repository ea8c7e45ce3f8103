"""What is installed here of what tasks rely on: asked at each claim, read when something changed.

A set of requirements is {distribution: versions with which it has passed}, None for its absence.
"""

import os
import sys

from ..protocol import probe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, Optional

    from ..protocol.bundle import Relied


def stamp(path: str) -> "Optional[int]":
    """What changes with a file, or with the list of a folder; None where there is none."""
    found: "Optional[int]" = probe.attempt(lambda: os.stat(path).st_mtime_ns)
    return found


class Installed:
    """The distributions that tasks have asked for so far, as imports would find them."""

    def __init__(self) -> None:
        self.path = [entry for entry in sys.path if entry]
        self.versions: "Dict[str, Optional[str]]" = {}
        # Of all that versions follow from; a worker may import something before it is asked for.
        self.stamps: "Dict[str, Optional[int]]" = {path: stamp(path) for path in self.path}
        self.moved = False  # something came or went of which it is not known what

    def look(self, sets: "Iterable[Relied]") -> bool:
        """See what is there; whether that may be another than what a worker has imported."""
        names = {name for each in sets for name in each}
        same = all(stamp(path) == known for path, known in self.stamps.items())
        fresh = names.difference(self.versions)
        if same and not fresh:
            return False
        before, names = self.versions, names.union(self.versions)
        # Stamped before they are read: what changes meanwhile is seen at the next look.
        self.stamps = {path: stamp(path) for path in self.path}
        found = probe.find_distributions(self.path, names)
        for _, _, folder in found.values():
            for path in folder + "/METADATA", folder + "/PKG-INFO":
                self.stamps[path] = stamp(path)
        self.versions = {name: found[name][0] if name in found else None for name in names}
        moved = self.moved or not same
        changed = any(self.versions[name] != version for name, version in before.items())
        changed = changed or (moved and bool(fresh))
        self.moved = moved and not changed
        return changed

    def lacks(self, relied: "Relied") -> bool:
        """Whether something of a set is not as it has passed."""
        return any(self.versions[name] not in passed for name, passed in relied.items())
