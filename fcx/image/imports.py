"""Import what was asked for by name, each module in a process of its own, and tell what fails.

    python3 imports.py PROBE [NAME ...]

Runs inside a fresh image, beside the probe, whose list of distributions it takes: those that an
installer notes as asked for, and the NAMEs. Syntax and library of Python 3.6. Prints one JSON
object, {module: what its import raised}, of those that fail.
"""

import json
import os
import re
import runpy
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS = 60
MOST = 100
WORDS = 2000
NO_MODULES = {"test", "tests", "testing", "docs", "doc", "examples", "benchmarks", "scripts"}


def main(probe: str, names: "Sequence[str]") -> None:
    """Try them all."""
    tool = runpy.run_path(probe)
    wanted = {tool["normalised"](name) for name in names}
    failed = {}  # type: dict[str, str]
    tried = 0
    for name, (_, _, folder) in sorted(tool["find_distributions"](sys.path).items()):
        if name in wanted or os.path.exists(os.path.join(folder, "REQUESTED")):
            for module in modules(name, tool["read_text"](folder + "/RECORD")):
                tried += 1
                complaint = attempted(module) if tried <= MOST else ""
                if complaint:
                    failed[module] = complaint
    sys.stdout.write("\n" + json.dumps({"failed": failed}) + "\n")


def modules(name: str, record: str) -> "list[str]":
    """The top-level modules in a distribution's list: only the one of its name, if it has one."""
    pattern = "^([A-Za-z]\\w*)(?:/__init__\\.\\w+|\\.py|\\.(?:cpython-|abi3)[^,/\n]*\\.so|\\.so),"
    found = sorted(set(re.findall(pattern, record, re.MULTILINE)) - NO_MODULES)
    same = [one for one in found if one.lower() == name.replace("-", "_")]
    return same or found


def attempted(module: str) -> str:
    """What the import of a module raises, in a child that may also crash; nothing if it works."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            imported(module, writer)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        said = stream.read().decode("utf-8", "replace")
    status = os.waitpid(child, 0)[1]
    return said or ("ended by signal %d" % os.WTERMSIG(status) if os.WIFSIGNALED(status) else "")


def imported(module: str, writer: int) -> None:
    """Import it in this process, and write what it raises."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    signal.alarm(SECONDS)
    try:
        __import__(module)
    except BaseException as error:
        text = "%s: %s" % (type(error).__name__, error)
        os.write(writer, text[-WORDS:].encode("utf-8", "replace"))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
