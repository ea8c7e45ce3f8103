"""What lies in the run directory, what is only in job scripts, and how the rest gets there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import msgspec

from ...protocol.layout import epoch_of_client
from .actions import DropBundle, MakeDirectory, UploadArchive, UploadBundle, UploadInitializer
from .external import Transfers
from .limits import Limits
from .requests import Requests

LISTED = 60.0  # seconds after which a listing has what was written, whichever machine made it

Archives = tuple[tuple[str, int], ...]
"""(name, bytes) of the user's own modules."""


class Bundle(msgspec.Struct):
    """Tasks that travel together, whose bytes the driver keeps until they have arrived."""

    name: str
    archives: Archives = ()
    size: int = 0  # bytes, compressed
    pilot: str = ""  # the only one that may claim from it


class Inbox:
    """The run directory as far as we have filled it."""

    def __init__(self, requests: Requests, limits: Limits) -> None:
        self.requests = requests
        self.limits = limits
        self.transfers = Transfers(requests, limits.external)
        self.directory = limits.words.directory  # its path, for messages
        self.landed = False  # an agent has come up: the directory is there
        self.begun = False  # we may have made the directory
        self.made = False  # we made it ourselves
        self.initializer = not limits.initializer  # it is there, or there is none
        self.epoch = 1  # which client of the run this is
        self.newest = 1  # that was seen
        self.kept: dict[str, Bundle] = {}  # not known to have arrived
        self._archives: dict[str, None] = {}  # that have arrived
        self._arrived_at: dict[str, float] = {}  # bundles, and when that was heard of

    @property
    def taken(self) -> bool:
        """Whether another client has taken the run over."""
        return self.newest > self.epoch

    def see_clients(self, files: Iterable[str]) -> None:
        """Look for newer clients among the names in ``logs/``."""
        self.newest = max([self.newest, *map(epoch_of_client, files)])

    @property
    def there(self) -> bool:
        """Whether there is a directory that something can be written to."""
        return self.landed or self.made

    def found(self, *, filled: bool) -> None:
        """An earlier process has made it, or an agent of it: nobody knows which.

        Where bundles lie in it (``filled``), so does what had to be there before them.
        """
        self.landed = True
        self.initializer = self.initializer or filled

    def emptied(self) -> None:
        """A clean-up took what lay there, and a pilot has made the directory anew."""
        self._archives.clear()
        self.initializer = not self.limits.initializer

    def prepared(self, directory: str) -> None:
        """It will lie there."""
        self.directory = directory

    def keep(self, bundle: Bundle) -> None:
        """A bundle that has been made."""
        self.kept[bundle.name] = bundle

    def drop(self, bundle: str) -> None:
        """It has arrived, or is not wanted any more."""
        if self.kept.pop(bundle, None) is not None:
            self._arrived_at[bundle] = self.requests.now
            self.requests.note(DropBundle(bundle))

    def listed(self, bundle: str) -> bool:
        """Whether a listing that does not have it means that it is gone, not that it is new."""
        came = self._arrived_at.get(bundle)
        return bundle not in self.kept and (came is None or self.requests.now >= came + LISTED)

    def missing(self, archives: Archives) -> Archives:
        """Those that have not arrived, though a pilot may carry them: it may never begin.

        One of no size belongs to a task of an earlier process, which brought it.
        """
        return tuple((name, size) for name, size in archives if size and name not in self._archives)

    def making(self) -> list[tuple[Any, ...]]:
        """What makes the directory, where there is none."""
        self.begun = True
        return [] if self.there else [(MakeDirectory,)]

    def upload(
        self, bundles: Iterable[Bundle], archives: Archives, then: Callable[[], None]
    ) -> None:
        """Bring them there: the directory first, the bundles last, what they need before them."""
        bundles = list(bundles)
        names = [name for name, _ in archives]
        steps = self.making()
        if not self.initializer and bundles:
            steps.append((UploadInitializer,))
        before: list[tuple[Any, ...]] = [
            (UploadArchive, name, self.transfers.of(size)) for name, size in archives
        ]
        last: list[tuple[Any, ...]] = [(UploadBundle, bundle.name) for bundle in bundles]
        arrived = partial(self._arrived, bundles, names, then)
        send = partial(self.requests.chain, last, arrived)
        heard = self.transfers.heard
        self.requests.chain(steps, partial(self.requests.together, before, send, heard))

    def _arrived(
        self, bundles: list[Bundle], archives: list[str], then: Callable[[], None]
    ) -> None:
        """They lie in the run directory."""
        self.made = True
        for bundle in bundles:
            self.initializer = True
            self.drop(bundle.name)
        self._archives.update(dict.fromkeys(archives))
        then()

    def agent_up(self, bundles: Iterable[str], archives: Archives, *, opened: bool) -> None:
        """An agent has begun: what its pilot's script brought is there."""
        self.landed = True
        if opened and self.limits.inline:
            self.initializer = True
        for name in bundles:
            self.drop(name)
        self._archives.update(dict.fromkeys(name for name, _ in archives))
