"""A module that travels with a task, as its files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .places import File
from .requirements import Import


@dataclass(frozen=True)
class Shipped:
    """A top-level module of the user's own, with all its files.

    ``imports`` are the statements that run when its modules are imported: the remote side
    must be able to satisfy those that name modules which are not shipped.
    """

    name: str
    files: tuple[File, ...]
    imports: tuple[Import, ...] = field(default=(), compare=False)

    @property
    def needs_extraction(self) -> bool:
        """True if it has extension modules or data files, which cannot be used from a zip."""
        return any(not file.name.endswith((".py", ".pyi", "/py.typed")) for file in self.files)


def needs_extraction(shipped: Iterable[Shipped]) -> bool:
    """Whether an archive must be unpacked to be used; else ``sys.path`` takes the zip itself."""
    return any(one.needs_extraction for one in shipped)
