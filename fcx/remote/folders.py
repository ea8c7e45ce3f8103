"""Whether a folder of the run directory is gone, or only does not answer."""

import os


def is_gone(folder: str) -> bool:
    """True where the file system says that there is none; any other trouble may pass."""
    try:
        os.stat(folder)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
