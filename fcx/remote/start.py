"""Runs the agent or a worker: the one file in which the programs travel.

The rest of them is packed into it. The first agent unpacks all of it beside this file, so that byte
code is kept from then on; all others run from that folder, and workers the copy of this file that
lies there. What stands here is read by every Python since 2.7: one that is too old for the rest, or
of another kind, is refused in words, which the client finds in the run directory.
"""

import os
import stat
import sys

OLDEST = (3, 8)
MAIN = "__main__.py"  # what a copy of this file is called in the folder


def refuse(arguments):
    """Say that this Python will not do, where people and the client will look."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info >= OLDEST:
        version = sys.implementation.name + " " + version
    text = "fcx needs %sPython %d.%d or later on the cluster; this is %s: %s\n" % (
        ("C" if " " in version else "",) + OLDEST + (version, sys.executable)
    )
    sys.stderr.write(text)
    if arguments[:1] == ["agent"] and len(arguments) > 1:
        names = "SLURM_JOB_ID", "SLURM_RESTART_COUNT", "SLURM_NODEID"
        name = ".".join(os.environ.get(name, "0") for name in names) + ".exit"
        with open(os.path.join(arguments[1], "logs", name), "a") as note:
            note.write(text)
    return 1


def is_ours(folder):
    """Whether nobody else can have written into it, nor put a link in its place."""
    found = os.lstat(folder)
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return ours and not found.st_mode & 0o022


def unpack(file, parent):
    """All of it, in a new folder."""
    import base64
    import shutil
    import tempfile
    import zlib

    os.umask(0o077)
    own = tempfile.mkdtemp("", os.path.basename(file)[: -len(".py")] + "~", parent)
    try:
        shutil.copyfile(file, os.path.join(own, MAIN))
        packed = zlib.decompress(base64.b85decode("".join(PACKED.split()))).decode("ascii")
        for part in packed.split("\f")[1:]:
            name, _, text = part.partition("\n")
            path = os.path.join(own, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as source:
                source.write(text)
    except OSError:
        shutil.rmtree(own, ignore_errors=True)
        raise
    return own


def place(file):
    """The folder to import from: beside the file, or one of our own where that will not do."""
    import atexit
    import shutil

    if os.path.basename(file) == MAIN:
        return os.path.dirname(file)
    folder = file[: -len(".py")]
    try:
        if not os.path.lexists(folder):
            own = unpack(file, os.path.dirname(file))
            try:
                os.rename(own, folder)
            except OSError:  # another agent was first
                shutil.rmtree(own, ignore_errors=True)
        if is_ours(folder):
            return folder
    except OSError:  # there is no room
        pass
    own = unpack(file, None)
    atexit.register(shutil.rmtree, own, True)
    return own


def main(arguments):
    """``agent RUN CONFIG`` or ``worker READ_FD WRITE_FD OUT ERR``."""
    if sys.version_info < OLDEST or sys.implementation.name != "cpython":
        return refuse(arguments)
    file = os.path.abspath(__file__)
    here = ["", os.path.dirname(file)]
    if os.path.basename(file) != MAIN:  # a job names the folder by a number, Python by its name
        here.append(os.path.dirname(os.path.realpath(file)))
    # What a task spawns finds our programs in their own folder, which therefore stays.
    sys.path[:] = [entry for entry in sys.path if entry not in here]
    sys.path.insert(0, place(file))
    if arguments[0] == "agent":
        from _fcx.remote.agent import main as run
    else:
        from _fcx.remote.worker import main as run
    del sys.path[0]  # what is ours shadows nothing of the user's
    return run(arguments[1:])


PACKED = ""  # the rest, name by name, where it travels

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
