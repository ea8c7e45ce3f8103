"""What a folder of the run directory is: there or gone, ours or not, held open or not."""

import os
import re
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

_HELD = re.compile("/proc/self/fd/([0-9]+)/")


def is_gone(folder: str) -> bool:
    """True where the file system says that there is none; any other trouble may pass."""
    try:
        os.stat(folder)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def is_ours(folder: str) -> bool:
    """Whether nobody else can have written into it or its parent, nor put a link in its place."""
    return _private(folder) and _private(os.path.join(folder, os.pardir))


def _private(folder: str) -> bool:
    found = os.lstat(folder)
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return ours and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def held(path: str) -> "List[int]":
    """The descriptor through which a path leads: the job's script holds the folder of runs open."""
    match = _HELD.match(path)
    return [int(match.group(1))] if match else []
