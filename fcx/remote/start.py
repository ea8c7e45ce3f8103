"""Runs the agent or a worker. ``__main__.py`` of the zip in which the programs travel.

The first agent unpacks the zip beside itself, so that byte code is kept from then on; all others
run from that folder. What stands here is read by every Python since 2.7: one that is too old for
the rest, or of another kind, is refused in words, which the client finds in the run directory.
"""

import os
import stat
import sys

OLDEST = (3, 8)


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


def unpack(archive, folder):
    """The whole folder or none: under a name of our own first, as several may begin at once."""
    import shutil
    import tempfile
    import zipfile

    os.umask(0o077)
    own = tempfile.mkdtemp("", os.path.basename(folder) + "~", os.path.dirname(folder))
    try:
        with zipfile.ZipFile(archive) as programs:
            programs.extractall(own)
        os.rename(own, folder)
    except OSError:  # another agent was first, or there is no room: the zip will do
        shutil.rmtree(own, ignore_errors=True)


def place(own):
    """Where to import from: the folder, or the zip itself where the folder is not to be had."""
    if not own.endswith(".zip"):
        return own
    folder = own[: -len(".zip")]
    try:
        if not os.path.lexists(folder):
            unpack(own, folder)
        return folder if is_ours(folder) else own
    except OSError:
        return own


def main(arguments):
    """``agent RUN CONFIG`` or ``worker READ_FD WRITE_FD OUT ERR``."""
    if sys.version_info < OLDEST or sys.implementation.name != "cpython":
        return refuse(arguments)
    own = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if entry not in ("", own)]
    sys.path.insert(0, place(own))
    if arguments[0] == "agent":
        from _fcx.remote.agent import main as run
    else:
        from _fcx.remote.worker import main as run
    del sys.path[0]  # what is ours shadows nothing of the user's
    return run(arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
