"""What tasks need beside their payload: the user's modules, and the initializer."""

import os

from ..protocol import parts
from ..protocol.names import INITIALIZER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

UNPACKED = ".x.zip"  # ends the name of an archive that must lie unpacked


class Supplies:
    """Finds them in the run directory. OSError or ValueError: they may not be whole yet."""

    def __init__(self, run: str, me: str) -> None:
        self.run, self.me = run, me

    def module(self, name: str) -> str:
        """The archive itself, or the folder it is unpacked into where it must be.

        By its own path: processes that a task starts look for it too.
        """
        if os.path.basename(name) != name:
            raise ValueError("%r is no name of a module's archive" % name)
        path = os.path.join(self.run, "modules", name)
        if not name.endswith(UNPACKED):
            return os.path.realpath(self._whole(path))
        folder = path[: -len(UNPACKED)]
        if not os.path.isdir(folder):
            self._unpack(self._whole(path), folder)
        return os.path.realpath(folder)

    def initializer(self) -> bytes:
        """Pickled; nothing where there is none."""
        path = self._whole(os.path.join(self.run, INITIALIZER), optional=True)
        if not os.path.exists(path):
            return b""
        with open(path, "rb") as file:
            return file.read()

    def _unpack(self, path: str, folder: str) -> None:
        import zipfile  # rarely needed

        own = "%s~%s" % (folder, self.me)
        try:
            with zipfile.ZipFile(path) as archive:
                archive.extractall(own)
        except OSError:
            raise
        except Exception as error:  # zipfile has a dozen for what is no archive, or half of one
            raise ValueError("%s: %s" % (os.path.basename(path), error)) from None
        try:
            os.rename(own, folder)
        except OSError:
            if not os.path.isdir(folder):  # else another agent was first
                raise

    def _whole(self, path: str, optional: bool = False) -> str:
        """The path itself; a file that was too large for one upload is joined first."""
        if os.path.exists(path):
            return path
        if not os.path.exists(path + parts.INDEX):
            if optional:
                return path
            raise FileNotFoundError("%s has not arrived" % os.path.basename(path))
        with open(path + parts.INDEX, "rb") as file:
            index = parts.Index.parse(file.read())
        own = "%s~%s" % (path, self.me)
        with open(own, "wb") as target:
            target.writelines(parts.joined(index, self._pieces(path, index.parts)))
        os.rename(own, path)
        return path

    @staticmethod
    def _pieces(path: str, count: int) -> "Iterator[bytes]":
        for number in range(count):
            with open("%s.%d" % (path, number), "rb") as part:
                yield part.read()
