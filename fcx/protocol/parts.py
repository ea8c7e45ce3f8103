"""What is too large for one file or one record, in several files.

An outcome goes to the client in parts (``parts/<task>.<attempt>.<n>``), each of which one request
downloads; their number and digest stand in its record. A file of the user's goes to the
cluster in parts (``<name>.<n>``) and an index, ``<name>.parts``, which comes last.
"""

import hashlib
import json
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, Iterator

PART = 3900000  # bytes of an outcome in a part: a direct download brings at most 3,932,157
MOST = 1 << 16  # parts of one file
INDEX = ".parts"


def count(size: int) -> int:
    """In how many parts an outcome of this size lies."""
    return -(-size // PART)


def fields(data: bytes) -> "Dict[str, Any]":
    """The fields of a record whose data lies in parts."""
    return {"parts": count(len(data)), "size": len(data), "sha": hashlib.sha256(data).hexdigest()}


class Index(NamedTuple):
    """Of how many parts a file is made, and its digest."""

    parts: int
    sha256: str

    @classmethod
    def parse(cls, text: bytes) -> "Index":
        """From the index file. Raises ValueError for one that is not whole."""
        try:
            known = json.loads(text.decode("ascii"))
            found = cls(known["parts"], known["sha256"])
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ValueError("not the index of a file in parts: %s" % error) from None
        if type(found.parts) is not int or not 0 < found.parts <= MOST:
            raise ValueError("not the index of a file in parts: %r parts" % (found.parts,))
        return found


def joined(index: Index, pieces: "Iterable[bytes]") -> "Iterator[bytes]":
    """The pieces as they come; ValueError after the last where they are not the file."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
        yield piece
    if digest.hexdigest() != index.sha256:
        raise ValueError("the parts are not the file that their index names")
