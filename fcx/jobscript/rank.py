"""Tell what one rank finds: where it is, which MPI it has, and what that takes itself for.

    srun --mpi=TYPE --ntasks=N python3 rank.py FOLDER [init]

Writes FOLDER/<SLURM_PROCID>.json, whole or not at all: first what is known without MPI being
started, then, with ``init``, the same with rank and size as MPI has them, then that all ranks have
met in a barrier. What ends the process in between, or never comes, leaves what was before. Syntax
and library of Python 3.6; without mpi4py the library is loaded by the name that linkers know.
"""

import ctypes
import json
import os
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Begun = tuple[int, int, Callable[[], None]]  # rank, size, and a barrier

LIBRARIES = ("libmpi.so", "libmpi.so.40", "libmpi.so.12", "libmpich.so.12", "libmpi_cray.so.12")
CLIENTS = re.compile(r"/lib(pmix|pmi2|pmi)(?:_cray)?\.so")
ROOM = 8192  # bytes that a library's version may take: MPI_MAX_LIBRARY_VERSION_STRING
IMAGE_RECORD = "/etc/fcx/image.json"


def main(arguments: "Sequence[str]") -> int:
    """Write what is found."""
    folder, started = arguments[0], "init" in arguments[1:]
    found = place()
    path = os.path.join(folder, "%d.json" % found["rank"])
    try:
        version, start = tools()
    except Exception as error:  # a broken library may raise anything
        found["error"] = "%s: %s" % (type(error).__name__, error)
        write(path, found)
        return 0
    found.update({"library": version, "clients": clients(), "pmix": pmix_version()})
    write(path, found)
    if started and version:
        found["mpi_rank"], found["mpi_size"], meet = start()
        write(path, found)
        meet()
        found["met"] = True
        write(path, found)
    return 0


def place() -> "dict[str, Any]":
    """Where this rank is, as Slurm has it, and in what."""
    env = os.environ
    return {
        "rank": int(env.get("SLURM_PROCID", "0")),
        "size": int(env.get("SLURM_NTASKS", "1")),
        "node": env.get("SLURMD_NODENAME", ""),
        "machine": os.uname().machine,
        "python": ".".join(map(str, sys.version_info[:3])),
        "build_id": build_id(),
        "library": "",
        "clients": [],
        "pmix": "",
        "error": "",
    }


def build_id() -> str:
    """Of the image, if fcx has built it."""
    try:
        with open(IMAGE_RECORD) as stream:
            return str(json.load(stream).get("build_id") or "")
    except (OSError, ValueError, AttributeError):
        return ""


def tools() -> "tuple[str, Callable[[], Begun]]":
    """The version of the MPI library, and what starts it: by mpi4py, else by the library itself."""
    try:
        import mpi4py
    except ImportError:
        return of_library()
    mpi4py.rc.initialize = False
    from mpi4py import MPI

    def start() -> "Begun":
        MPI.Init()
        world = MPI.COMM_WORLD
        return world.Get_rank(), world.Get_size(), world.Barrier

    return plain(MPI.Get_library_version()), start


def of_library() -> "tuple[str, Callable[[], Begun]]":
    """The same without mpi4py; an empty version where there is no library."""
    library = loaded()
    if library is None:
        return "", lambda: (0, 1, lambda: None)
    text, length = ctypes.create_string_buffer(ROOM), ctypes.c_int()
    library.MPI_Get_library_version(text, ctypes.byref(length))
    return plain(text.value.decode("utf-8", "replace")), lambda: begun(library)


def loaded() -> "ctypes.CDLL | None":
    """The first MPI library that this place has."""
    for name in LIBRARIES:
        try:
            return ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
        except OSError:
            pass
    return None


def begun(library: "ctypes.CDLL") -> "Begun":
    """Rank and size after MPI_Init; what stands for the world differs between the families."""
    library.MPI_Init(None, None)
    if hasattr(library, "ompi_mpi_comm_world"):
        world = ctypes.c_void_p(
            ctypes.addressof(ctypes.c_char.in_dll(library, "ompi_mpi_comm_world"))
        )  # type: Any
    else:
        world = ctypes.c_int(0x44000000)
    rank, size = ctypes.c_int(), ctypes.c_int()
    library.MPI_Comm_rank(world, ctypes.byref(rank))
    library.MPI_Comm_size(world, ctypes.byref(size))

    def meet() -> None:
        library.MPI_Barrier(world)
        library.MPI_Finalize()

    return rank.value, size.value, meet


def plain(text: str) -> str:
    """The first line of a version, in one space each."""
    lines = text.replace("\0", "").strip().splitlines() or [""]
    return " ".join(lines[0].split())


def mapped() -> "list[str]":
    """The files that this process has loaded."""
    with open("/proc/self/maps") as stream:
        return sorted({line.split(None, 5)[-1].strip() for line in stream if ".so" in line})


def clients() -> "list[str]":
    """The libraries by which MPI would ask its launcher, of those that are loaded."""
    found = (CLIENTS.search(path) for path in mapped())
    return sorted({match.group(1) for match in found if match})


def pmix_version() -> str:
    """Of the PMIx client that is loaded; empty where there is none."""
    for path in mapped():
        if "/libpmix.so" in path:
            library = ctypes.CDLL(path)
            library.PMIx_Get_version.restype = ctypes.c_char_p
            words = library.PMIx_Get_version().decode("utf-8", "replace")
            return (re.search(r"\d+(\.\w+)+", words) or [words])[0]
    return ""


def write(path: str, found: "dict[str, Any]") -> None:
    """Whole, or not at all."""
    with open(path + "~", "w") as stream:
        stream.write(json.dumps(found, sort_keys=True) + "\n")
    os.replace(path + "~", path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
