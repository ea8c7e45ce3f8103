"""What a task asks of the place where it runs: modules, and the statements that import them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

OPTIONAL = GUARDED, LOOKED_FOR, PLATFORM = (
    "guarded by except",
    "beside a look whether it is there",
    "depends on the platform or the Python version",
)
"""Pardons of imports that succeed wherever the module is."""

INSTEAD = "only when something else fails"
"""The pardon of an import that stands in for another one, which was tried first."""

MODULE_LEVEL = "<module>"
"""The ``Import.function`` of a statement that runs when its module is imported."""


@dataclass(frozen=True)
class Import:
    """One import statement: what it names, where it stands, and why it may fail (``pardon``)."""

    module: str  # dotted; a relative one begins with its dots
    names: tuple[str, ...] = ()  # of `from module import names`
    function: str = MODULE_LEVEL
    file: str = ""
    line: int = 0
    pardon: str = ""  # empty: the statement must succeed for its function to work

    @property
    def optional(self) -> bool:
        """Whether its function works without the module, and uses it where it is there."""
        return self.pardon in OPTIONAL

    @property
    def top(self) -> str:
        """The top-level module that must be importable; empty for a relative import."""
        return self.module.partition(".")[0]

    @property
    def where(self) -> str:
        """``function (file:line)``, as a message shows it."""
        return f"{self.function} ({self.file}:{self.line})"


@dataclass(frozen=True)
class Relied:
    """What a task of an earlier process relies on, as its bundle has it.

    ``versions``: distribution -> the releases with which it has passed; None: its absence.
    """

    versions: Mapping[str, tuple[str | None, ...]]


@dataclass(frozen=True)
class Requirements:
    """The modules of a task: ``references`` (dotted) of its pickle, ``imports`` of its code.

    ``installed`` has each top-level module among them that the client can import, with the versions
    of the distributions that provide it; none for one that has no metadata. Where several
    distributions share a top-level module, it also has the dotted names that tell them apart.
    """

    references: frozenset[str] = frozenset()
    imports: tuple[Import, ...] = ()
    installed: Mapping[str, Mapping[str, str]] = field(default_factory=dict, compare=False)

    @cached_property
    def names(self) -> frozenset[str]:
        """Every dotted module name that the task mentions, relative imports left out."""
        inside = {
            name
            for one in self.imports
            if one.top
            for name in (one.module, *(f"{one.module}.{each}" for each in one.names))
        }
        return self.references | inside

    def __or__(self, other: Requirements) -> Requirements:
        """What either asks for; what is installed is not told yet."""
        imports = dict.fromkeys((*self.imports, *other.imports))
        return Requirements(self.references | other.references, tuple(imports))

    def known(self, name: str) -> str:
        """Of a dotted name, the longest part that ``installed`` has; empty if it has none."""
        while name and name not in self.installed:
            name = name.rpartition(".")[0]
        return name

    def without(self, own: Collection[str], and_imports: Iterable[Import] = ()) -> Requirements:
        """Leave out the top-level modules ``own``, which travel along; add their imports."""
        imports = dict.fromkeys((*self.imports, *and_imports))
        return replace(
            self,
            references=frozenset(n for n in self.references if n.partition(".")[0] not in own),
            imports=tuple(one for one in imports if one.top not in own),
        )
