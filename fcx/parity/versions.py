"""When two versions count as equal, and what ``[parity.packages]`` allows instead (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..config import ParitySettings
from ..errors import ConfigError

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version


class Rules:
    """``[parity]`` made ready for questions. Raises ConfigError for what is not a specifier.

    ``packages`` has the versions that are allowed remotely, by normalised name.
    """

    def __init__(self, settings: ParitySettings) -> None:
        self.packages: dict[str, SpecifierSet] = {
            normal(name): _specifier(name, text) for name, text in settings.packages.items()
        }
        self._assumed = {normal(name) for name in settings.assume}

    def assumes(self, *names: str) -> bool:
        """Whether any of these modules or distributions is to be taken for granted."""
        return any(normal(name) in self._assumed for name in names)

    def has(self, name: str) -> bool:
        """Whether a distribution has a rule of its own."""
        return name in self.packages

    def allows(self, name: str, version: str | None) -> bool:
        """Whether a version satisfies the distribution's rule; an unknown one does not."""
        parsed = parse(version)
        return parsed is not None and self.packages[name].contains(parsed, prereleases=True)


def parse(version: str | None) -> Version | None:
    """The version by PEP 440; None for what is not one."""
    from packaging.version import Version

    try:
        return Version(version or "")
    except ValueError:  # an InvalidVersion is one; so is a number of thousands of digits
        return None


def same(one: str | None, other: str | None) -> bool:
    """Equal in every part, however spelt (``1.0`` is ``1.0.0``); unknown equals nothing."""
    if one is None or other is None:
        return False
    first, second = parse(one), parse(other)
    return one == other if first is None or second is None else first == second


def same_release(one: str | None, other: str | None) -> bool:
    """Equal in epoch and release major.minor; local, pre-, post- and dev parts do not matter."""
    first, second = parse(one), parse(other)
    if first is None or second is None:
        return one == other and one is not None
    return (first.epoch, first.major, first.minor) == (second.epoch, second.major, second.minor)


def normal(name: str) -> str:
    """A distribution's or a module's name as the probe has it."""
    from packaging.utils import canonicalize_name

    return str(canonicalize_name(name))


def _specifier(name: str, text: str) -> SpecifierSet:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(text)
    except InvalidSpecifier as error:
        raise ConfigError(
            f"[parity.packages] {name} = {text!r} is not a version specifier of PEP 440. Write for "
            'example ">=2.1,<3", or "" if every version will do.'
        ) from error
