"""What ``put`` gives: it stands for an object in the tasks of one run."""

from __future__ import annotations

from typing import Any

from .. import spoken
from ..errors import PayloadError
from .contents import Content, Contents
from .dump import dump_object, name_of_kind
from .scan import Scan
from .sharing import Sharing, Supply


class SharedObject:
    """An object of a run, uploaded once: a task that is given this finds the object itself.

    It may stand anywhere in a call: as an argument, in a container, a partial or a closure. Each
    task has its own copy, as of any argument. It is one run's, and is gone with it.
    """

    def __init__(self, run: Contents, supply: Supply, kind: str, size: int) -> None:
        self._run = run
        self._supply = supply
        self._kind = kind
        self.size = size  # bytes, as pickled

    @property
    def digest(self) -> str:
        """SHA-256 of its pickle."""
        return str(self._supply.entry[1])

    def __repr__(self) -> str:
        return f"<SharedObject {self._kind}, {spoken.size(self.size)}, {self.digest[:8]}>"

    def __reduce__(self) -> Any:
        raise PayloadError(
            f"{self!r} can only be pickled as a part of a task of its run, where it stands for its "
            "object: give it to submit"
        )

    def supply_in(self, run: Contents) -> Supply:
        """How a task of this run gets it. Raises PayloadError in another."""
        if run is not self._run:
            raise PayloadError(
                f"{self!r} was put by another executor, and lies in its run directory alone: put "
                "the object with this one, too"
            )
        return self._supply


def put(value: Any, sharing: Sharing) -> SharedObject:
    """Keep an object for the tasks of a run. Raises PayloadError for what cannot be pickled."""
    parcel = dump_object(value, sharing)
    if parcel.takes:
        raise PayloadError("An object that is put cannot hold futures: give these to submit")
    scan = Scan(None, parcel.data)
    scan.refuse_half()
    whole: Content = sharing.contents.keep(memoryview(parcel.payload()))
    contents = (whole, *parcel.contents)
    supply = Supply(("o", whole.sha, whole.size), contents, (scan, *parcel.looked))
    size = sum(content.size for content in contents)
    return SharedObject(sharing.contents, supply, name_of_kind(value), size)
