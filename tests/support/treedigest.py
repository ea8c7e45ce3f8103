"""What a file system has, in one digest: as docker has it, in a .sqsh, and inside a step.

The source of this module is also run elsewhere, by Pythons that have nothing else of the tests.
"""

import hashlib
import os
import stat

FOLDERS = ("etc", "opt", "srv", "usr", "var")
OTHERS = {
    "etc/environment", "etc/fstab", "etc/rc",  # enroot's
    "etc/group", "etc/hostname", "etc/hosts", "etc/mtab", "etc/passwd", "etc/resolv.conf",  # a host's
}  # fmt: skip
"""What engines put into any image, or lay over it."""


def tree(root):
    """SHA-256 of names, kinds, modes, links and contents, and how many entries there were.

    Byte code is left out: where it may, an interpreter writes it as it goes.
    """
    whole, count = hashlib.sha256(), 0
    for top in FOLDERS:
        for folder, folders, files in os.walk(os.path.join(root, top)):
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            for name in sorted([*folders, *files]):
                path = os.path.join(folder, name)
                place = os.path.relpath(path, root)
                if place not in OTHERS:
                    line = f"{place}\0{described(path)}\n"
                    whole.update(line.encode("utf-8", "surrogateescape"))
                    count += 1
    return f"{whole.hexdigest()} of {count} entries"


def described(path):
    """An entry, with the mode as enroot keeps it: what its owner may read, and enter."""
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        return f"link to {os.readlink(path)}"
    if stat.S_ISDIR(mode):
        return f"folder {stat.S_IMODE(mode) | 0o700:o}"
    if not stat.S_ISREG(mode):
        return "other"
    with open(path, "rb") as file:
        content = hashlib.sha256(file.read()).hexdigest()
    kept = stat.S_IMODE(mode) | 0o400 | (0o100 if mode & 0o111 else 0)
    return f"file {kept:o} {content}"
