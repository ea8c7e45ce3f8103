"""What is installed here of what tasks rely on: asked at claims and runs, read when it changed.

A set of requirements is {distribution: releases with which it has passed}, None for its absence. A
release is a version; where a module is imported from elsewhere than from its distribution, or is
gone, it says so: ``1.2 but tiny of /home/me``, ``1.2 but tiny of nowhere``.
"""

import json
import os
import re
import subprocess
import sys

from ..protocol import probe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Optional, Tuple

    from ..protocol.bundle import Relied

PATIENCE = 60.0  # seconds for an interpreter to start
TELL_PATH = "import json,sys;print();print(json.dumps(sys.path))"  # others may print, too
ENDINGS = "|".join(map(re.escape, probe.machinery.all_suffixes()))
TOP = re.compile(r"^(?!__)(\w+)(?:/__init__)?(?:%s)," % ENDINGS, re.MULTILINE)


def stamp(path: str) -> "Optional[Tuple[int, int]]":
    """What changes with a file, or with the list of a folder; None where there is none."""
    found = probe.attempt(lambda: os.stat(path))
    return (found.st_mtime_ns, found.st_ino) if found else None


def place_of(module: str, path: "List[str]") -> "Tuple[str, str]":
    """The entry of the path that a module is imported from, and its file; nowhere, if there is."""
    spec = probe.machinery.PathFinder.find_spec(module, path)
    file = spec.origin if spec and spec.has_location else None
    if not file:
        return "nowhere", ""
    own = file if spec.submodule_search_locations is None else os.path.dirname(file)
    return os.path.abspath(os.path.dirname(own)), file


class Installed:
    """The distributions that tasks have asked for so far, as imports would find them."""

    def __init__(self) -> None:
        self.path = [entry for entry in sys.path if entry]
        self.found: "Dict[str, Tuple[Any, ...]]" = {}  # release, and the stamp of its metadata
        # Of all that these follow from; a worker may import something before it is asked for.
        self.stamps: "Dict[str, Optional[Tuple[int, int]]]" = {}
        self.moved = False  # something came or went of which it is not known what
        self._stamp_path()

    @property
    def versions(self) -> "Dict[str, Optional[str]]":
        """As they are told to the client."""
        return {name: one[0] for name, one in self.found.items()}

    def look(self, sets: "Iterable[Relied]") -> bool:
        """See what is there; whether that may be another than what a worker has imported."""
        names = {name for each in sets for name in each}
        same = all(stamp(path) == known for path, known in self.stamps.items())
        fresh = names.difference(self.found)
        if same and not fresh:
            return False
        before, path = self.found, self.path
        if not same:
            self.path = self._path_now()
        # Stamped before they are read: what changes meanwhile is seen at the next look.
        self._stamp_path()
        self._read(names.union(before))
        moved = self.moved or not same
        changed = path != self.path or any(self.found[name] != before[name] for name in before)
        changed = changed or (moved and bool(fresh))
        self.moved = moved and not changed
        return changed

    def lacks(self, relied: "Relied") -> bool:
        """Whether something of a set is not as it has passed."""
        return any(self.found[name][0] not in passed for name, passed in relied.items())

    def _path_now(self) -> "List[str]":
        """Where a process that starts now imports from: files .pth, and the user's own folder."""
        command = [sys.executable, "-c", TELL_PATH]
        try:
            told = subprocess.check_output(command, stdin=subprocess.DEVNULL, timeout=PATIENCE)
            return [entry for entry in json.loads(told.decode().splitlines()[-1]) if entry]
        except (OSError, ValueError, IndexError, subprocess.SubprocessError):
            return self.path

    def _stamp_path(self) -> None:
        names = [getattr(sys.modules.get("site"), "USER_SITE", None) or "", *self.path]
        for entry in self.path:
            files = [name for name in probe.listed(entry) if name.endswith(".pth")]
            names += [os.path.join(entry, name) for name in files]
        self.stamps = {name: stamp(name) for name in names}

    def _read(self, names: "Iterable[str]") -> None:
        probe.machinery.PathFinder.invalidate_caches()
        found = probe.find_distributions(self.path, names)
        self.found = dict.fromkeys(names, (None,))
        for name in self.found:
            if name in found:
                metadata = [found[name][2] + file for file in ("/METADATA", "/PKG-INFO")]
                self.stamps.update((path, stamp(path)) for path in metadata)
                known = [self.stamps[path] for path in metadata]
                self.found[name] = (self._release(found[name]), *known)

    def _release(self, one: "Tuple[str, str, str]") -> str:
        """The version, and the first of its modules that is not its distribution's."""
        version, entry, folder = one
        for module in sorted(set(TOP.findall(probe.read_text(folder + "/RECORD")))):
            place, file = place_of(module, self.path)
            file = file or os.path.join(entry, module)
            self.stamps[file] = stamp(file)
            if place != os.path.abspath(entry) and not owned(module, place):
                return "%s but %s of %s" % (version, module, place)
        return version


def owned(module: str, place: str) -> bool:
    """Whether another distribution in that place has a module of this name."""
    found = probe.find_distributions([place])
    return probe.normalised(module) in found or module in probe.providers(found)
