"""Tell what this Python environment is, as one JSON object.

    python3 probe.py [--output FILE]      or      import probe; probe.snapshot()

The same file runs on the laptop, inside a fresh image and on a compute node, so it needs nothing
but a standard library of Python 3.6 or later: an interpreter that is too old for the payload must
still be able to say so. It imports nothing of the user's, needs no dill, and nothing that is
missing here makes it fail: what cannot be told is null. The keys are those of ``snapshot()``.
With --output, FILE appears whole or not at all.
"""

import json
import locale
import os
import pickle
import re
import sys
import time
from importlib import machinery, util

TYPE_CHECKING = False
if TYPE_CHECKING:  # annotations are strings: typing is slow to import, and 3.6 lacks half of them
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, TypeVar

    T = TypeVar("T")
    Listing = list[tuple[str, set[str]]]  # entries of the path, and the modules in them
    Owners = Callable[[str], set[str]]

SCHEMA = 1
IMAGE_RECORD = "/etc/fcx/image.json"

ELF_MACHINES = {
    3: "i386",
    20: "ppc",
    21: "ppc64",
    22: "s390x",
    40: "arm",
    62: "x86_64",
    183: "aarch64",
    243: "riscv64",
    258: "loongarch64",
}

LEAKING = re.compile("PYTHON|LD_|VIRTUAL_ENV|CONDA|OMP_")
# Set by the official Python images for their own build; no interpreter reads them.
HARMLESS = re.compile("PYTHON_(VERSION|SHA256|PIP_VERSION|SETUPTOOLS_VERSION|GET_PIP_)")
SECRET = re.compile("TOKEN|SECRET|PASS|KEY|CREDENTIAL|AUTH", re.IGNORECASE)


def snapshot() -> "dict[str, Any]":
    """Everything about this interpreter, its image and its place, as plain data."""
    found = find_distributions(sys.path)
    urls = origins(found)
    projects = {name: project_of(text) for name, text in urls.items()}
    return {
        "schema": SCHEMA,
        "python": describe_python(),
        "dill": find_dill(found),
        "distributions": {name: one[0] for name, one in sorted(found.items())},
        "editable": [one for one in projects.values() if one],
        "absent": [name for name, one in projects.items() if one and not is_there(one)],
        "origins": urls,
        "odd": {},
        "unlisted": [name for name, one in found.items() if not os.path.exists(one[2] + "/RECORD")],
        "modules": describe_modules(found),
        "arch": {"machine": attempt(lambda: os.uname().machine), "elf": elf_machine()},
        "libc": attempt(lambda: os.confstr("CS_GNU_LIBC_VERSION")) or musl(),
        "os": os_name(),
        "locale": attempt(lambda: locale.setlocale(locale.LC_CTYPE, None)),
        "timezone": "/".join(sorted(set(time.tzname))),
        "encoding": locale.getpreferredencoding(False).lower(),
        "image": image_ids(),
        "content": None,
        "live": describe_place(),
    }


def attempt(question: "Callable[[], T]") -> "T | None":
    """The answer, or None where this system has none (no such call, file, user or value)."""
    try:
        return question()
    except (AttributeError, ImportError, KeyError, OSError, ValueError):
        return None


def no_answer() -> None:
    """Stands in for a call that this system does not have."""


def listed(folder: str) -> "list[str]":
    """What is in a folder; nothing where that is not to be had."""
    return sorted(attempt(lambda: os.listdir(folder)) or ())


def read_text(path: str) -> str:
    """A small file's text, or an empty string."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def describe_python() -> "dict[str, Any]":
    """The interpreter itself: what decides whether a pickled function can be loaded."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[3] != "final":
        version += {"alpha": "a", "beta": "b", "candidate": "rc"}[sys.version_info[3]]
        version += str(sys.version_info[4])
    return {
        "implementation": sys.implementation.name,
        "version": version,
        "cache_tag": sys.implementation.cache_tag,
        "magic": util.MAGIC_NUMBER.hex(),
        "abi": getattr(sys, "abiflags", ""),
        "executable": os.path.abspath(sys.executable) if sys.executable else None,
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "pickle_protocol": pickle.HIGHEST_PROTOCOL,
    }


def elf_machine() -> "str | None":
    """The processor that the interpreter's file was compiled for; None if it is no ELF file."""
    try:
        with open(os.path.realpath(sys.executable), "rb") as stream:
            header = stream.read(20)
    except (OSError, TypeError):
        return None
    if len(header) < 20 or header[:4] != b"\x7fELF":
        return None
    big = header[5] == 2
    number = int.from_bytes(header[18:20], "big" if big else "little")
    name = ELF_MACHINES.get(number, "elf-%d" % number)
    return "ppc64le" if name == "ppc64" and not big else name


def musl() -> "str | None":
    """``musl`` on a system whose C library is musl, which has no name for itself to ask for."""
    return "musl" if any(name.startswith("ld-musl-") for name in listed("/lib")) else None


def os_name() -> str:
    """The release as the system calls itself: ``Debian GNU/Linux 12 (bookworm)``."""
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        match = re.search("^PRETTY_NAME=[\"']?(.*?)[\"']?$", read_text(path), re.MULTILINE)
        if match:
            return match.group(1)
    import platform  # slow, and needed only where there is no os-release

    return platform.platform()


def image_ids() -> "dict[str, str | None]":
    """The ids that ``fcx image build`` put into the image."""
    try:
        record = json.loads(read_text(IMAGE_RECORD))
    except ValueError:
        record = None
    if not isinstance(record, dict):
        record = {}
    return {key: record.get(key) for key in ("recipe_id", "build_id")}


def find_distributions(
    path: "list[str]", only: "Iterable[str] | None" = None
) -> "dict[str, tuple[str, str, str]]":
    """{normalised name: (version, entry of ``path``, metadata's folder)}, as imports take them.

    The first entry wins; in one entry the one whose files are there: others are leftovers.
    ``only``: the names that are wanted, for which few files are read.
    """
    wanted = ("",) if only is None else tuple(name + "-" for name in only)
    found = {}  # type: dict[str, tuple[str, str, str]]
    for entry in (item or os.curdir for item in path):
        here = {}  # type: dict[str, list[tuple[str, str, str]]]
        for folder, text in metadata_texts(entry, wanted):
            name, version = header(text, "Name"), header(text, "Version")
            if name and version:
                here.setdefault(normalised(name), []).append((version, entry, folder))
        for name, several in here.items():
            if name not in found or is_left_behind(found[name]):
                found[name] = max(several, key=intact) if several[1:] else several[0]
    return found


def normalised(name: str) -> str:
    """A distribution's name as all tools compare it."""
    return re.sub("[-_.]+", "-", name).lower()


def files(one: "tuple[str, str, str]") -> "list[tuple[str, int]]":
    """(path, size) of each file in a distribution's list."""
    text = read_text(one[2] + "/RECORD")
    rows = re.findall("^([^,\n]+),[^,\n]*,([0-9]+)", text, re.MULTILINE)
    return [(os.path.join(one[1], path), int(size)) for path, size in rows]


def intact(one: "tuple[str, str, str]") -> bool:
    """Whether all files of a distribution's list are there, and as long as it says."""
    right = attempt(lambda: [os.path.getsize(path) == size for path, size in files(one)])
    return bool(right) and all(right)


def is_left_behind(one: "tuple[str, str, str]") -> bool:
    """Whether of the modules in a distribution's list none is there."""
    modules = [path for path, _ in files(one) if path.endswith((".py", ".so"))]
    return bool(modules) and not any(map(os.path.exists, modules))


def project_of(text: str) -> str:
    """The folder, as its URL has it, of a project that is installed as it stands; else nothing."""
    url = re.search('"file://([^"]*)', text) if '"editable"' in text else None
    return url.group(1) if url else ""


def is_there(url: str) -> bool:
    """Whether there is a folder."""
    from urllib.parse import unquote

    return os.path.isdir(unquote(url))


def origins(found: "dict[str, tuple[str, str, str]]") -> "dict[str, str]":
    """{name: PEP 610's record} of the distributions that come from no index."""
    texts = {name: read_text(one[2] + "/direct_url.json") for name, one in found.items()}
    return {name: text for name, text in texts.items() if text}


def providers(found: "dict[str, tuple[str, str, str]]") -> "dict[str, list[str]]":
    """{top-level module: distributions that have it}, where it goes by another name than they."""
    tops = {}  # type: dict[str, list[str]]
    for name, (_, _, folder) in sorted(found.items()):
        text = read_text(folder + "/RECORD") or read_text(folder + "/top_level.txt")
        for top in set(re.findall("^(\\w+)[/.\n]", text, re.MULTILINE)):
            if normalised(top) != name:
                tops.setdefault(top, []).append(name)
    return tops


def describe_modules(found: "dict[str, tuple[str, str, str]]") -> "dict[str, Any]":
    """Modules that could be imported here, and what is missing of the standard library.

    Looked up by name only: some distributions go by another name than their modules, some modules
    come without a distribution, and slim systems leave out parts such as tkinter or venv.
    """
    own = os.path.dirname(os.path.abspath(__file__))
    library = {os.path.dirname(os.__file__), os.path.dirname(json.decoder.__file__)}
    library.add(os.path.join(os.path.dirname(os.__file__), "lib-dynload"))
    installed, standard = set(), set(sys.builtin_module_names)  # type: set[str], set[str]
    listing = []  # type: list[tuple[str, set[str]]]
    for entry in (item or os.curdir for item in sys.path):
        if os.path.abspath(entry) != own:
            listing.append((entry, module_names(entry)))
            (standard if entry in library else installed).update(listing[-1][1])
    expected = getattr(sys, "stdlib_module_names", ())  # since 3.10
    tops = providers(found)

    def owners(name: str) -> "set[str]":
        having = [normalised(name)] + tops.get(name, [])
        return library | {found[one][1] for one in having if one in found}

    return {
        "names": sorted(installed.difference(expected)),
        "providers": tops,
        "stdlib_missing": sorted(
            {"test"}.union(expected).difference(standard, installed, sys.modules)
        ),
        "shadowed": shadowed(listing, owners),
    }


def shadowed(listing: "Listing", owners: "Owners") -> "dict[str, str]":
    """{top-level module: where it is imported from}, past a distribution's or the library's own."""
    first, found = {}, {}  # type: dict[str, str], dict[str, str]
    for entry, names in listing:
        for name in names:
            before = first.setdefault(name, entry)
            if before != entry and entry in owners(name) and before not in owners(name):
                folder = os.path.join(before, name)
                if is_package(folder) or not os.path.isdir(folder):  # bare folders hide nothing
                    found.setdefault(name, before)
    return found


def is_package(folder: str) -> bool:
    """Whether a folder is a package, not a part of a namespace."""
    return any(name.startswith("__init__.") for name in listed(folder))


def module_stem(name: str) -> str:
    """The module that a file or folder is to this very Python; what is none has no identifier."""
    whole = name.partition("/")[0]
    endings = machinery.all_suffixes()  # of extensions, the longer ones come first
    return next((whole[: -len(each)] for each in endings if whole.endswith(each)), whole)


def module_names(entry: str, package: str = "") -> "set[str]":
    """The modules in one entry of sys.path: top-level ones, and those in its namespace packages."""
    names = set()  # type: set[str]
    for name in zipped(entry) if os.path.isfile(entry) else listed(entry):
        stem = module_stem(name)
        if not stem.isidentifier() or stem in ("__init__", "__pycache__"):
            continue
        found, folder = {package + stem}, os.path.join(entry, name)
        if "-packages" in entry and package.count(".") < 3 and os.path.isdir(folder):
            if not is_package(folder):
                below = module_names(folder, package + stem + ".")
                found = below and below | found
        names |= found
    return names


def zipped(entry: str) -> "dict[str, str]":
    """{file: text} of a zip file on sys.path; only of metadata is the text looked at."""
    import zipfile  # rarely needed

    wanted = re.compile(r"[^/]+\.dist-info/METADATA|([^/]+\.egg-info|EGG-INFO)/PKG-INFO")
    try:
        with zipfile.ZipFile(entry) as archive:
            read = archive.read
            return {
                name: read(name).decode("utf-8", "replace") if wanted.fullmatch(name) else ""
                for name in archive.namelist()
            }
    except (OSError, zipfile.BadZipFile):
        return {}


def header(text: str, key: str) -> "str | None":
    """One field of a metadata file's head."""
    match = re.search("^%s:[ \t]*(.*?)[ \t]*$" % key, text, re.MULTILINE | re.IGNORECASE)
    return match.group(1) if match else None


def metadata_texts(entry: str, wanted: "tuple[str, ...]") -> "list[tuple[str, str]]":
    """(folder, metadata) of each distribution in one entry of sys.path (folder, egg or zip file).

    Folders are left out whose normalised name does not begin as ``wanted``.

    Read by hand: importlib.metadata is not in 3.6 and 3.7, and takes longer than all the rest.
    """
    egg = os.path.join(entry, "EGG-INFO")
    if os.path.isfile(entry):
        return [(egg, text) for text in zipped(entry).values()]
    texts = [(egg, read_head(os.path.join(egg, "PKG-INFO")))]
    for name in listed(entry):
        if not name.endswith("-info") or not normalised(name).startswith(wanted):
            continue
        folder = os.path.join(entry, name)
        if name.endswith(".dist-info") and name[0] != "~":  # so pip calls what it failed to remove
            texts.append((folder, read_head(os.path.join(folder, "METADATA"))))
        elif name.endswith(".egg-info"):
            text = read_head(os.path.join(folder, "PKG-INFO")) or read_head(folder)
            texts.append((folder, text))
    return texts


def read_head(path: str) -> str:
    """The first lines of a metadata file, up to the blank line that its description follows."""
    return re.split("\n[ \t]*\n", read_text(path), maxsplit=1)[0]


def find_dill(found: "dict[str, tuple[str, str, str]]") -> "str | None":
    """The version of the dill that would be imported; None if there is none.

    Metadata that lies beside the module is believed; for any other dill (shadowing, editable,
    vendored) only the module itself knows.
    """
    spec = attempt(lambda: util.find_spec("dill"))
    if spec is None or not spec.has_location or not os.access(spec.origin or "", os.R_OK):
        return None  # a folder that this user may not look into passes for a namespace package
    version, entry, _ = found.get("dill", ("", "", ""))
    places = [os.path.dirname(place) for place in spec.submodule_search_locations or ()]
    if version and os.path.realpath(entry) in [os.path.realpath(place) for place in places]:
        return version
    try:
        import dill
    except Exception:  # a broken dill may raise anything, and is as good as none
        return None
    return getattr(dill, "__version__", None)


def describe_place() -> "dict[str, Any]":
    """What only a live place shows: paths, variables, user, node."""
    paths = [os.path.abspath(entry) for entry in sys.path]
    own = os.path.dirname(os.path.abspath(__file__))
    paths = [entry for entry in paths if entry != own]  # there only because this program runs
    env = os.environ
    return {
        "sys_path": paths,
        "foreign_sys_path": [entry for entry in paths if is_foreign(entry)],
        "user_site": user_site(),
        "leaking_env": leaking(env),
        "which_python3": which("python3", env.get("PATH", os.defpath)),
        "path": env.get("PATH"),
        "uid": getattr(os, "getuid", no_answer)(),
        "gid": getattr(os, "getgid", no_answer)(),
        "user": attempt(user_name) or env.get("USER"),
        "home": env.get("HOME"),
        "cwd": attempt(os.getcwd),
        "umask": umask(),
        "hostname": attempt(lambda: os.uname().nodename),
        "node": env.get("SLURMD_NODENAME"),
        "partition": env.get("SLURM_JOB_PARTITION"),
        "job_id": env.get("SLURM_JOB_ID"),
        "nvidia": nvidia(),
        "cpus": attempt(lambda: len(os.sched_getaffinity(0))) or os.cpu_count(),
        "time": time.time(),
        "tool": installer(),
    }


def is_foreign(entry: str) -> bool:
    """Whether an entry of sys.path belongs neither to this interpreter nor to the image."""
    site = sys.modules.get("site")
    if site is not None and entry == getattr(site, "USER_SITE", None):
        return True
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    if any(within(entry, prefix) for prefix in prefixes):
        return False
    return not of_the_image(entry)


def within(path: str, folder: str) -> bool:
    """Whether ``path`` lies in ``folder``, links followed or not."""
    for one, other in ((path, folder), (os.path.realpath(path), os.path.realpath(folder))):
        if one == other or one.startswith(other.rstrip(os.sep) + os.sep):
            return True
    return False


def of_the_image(entry: str) -> bool:
    """Whether a path is on the image's own file system rather than mounted into it."""
    if not os.path.exists(IMAGE_RECORD):
        return False
    folder = entry
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return os.stat(folder).st_dev == os.stat("/").st_dev


def user_site() -> "str | None":
    """The user's site-packages if this interpreter uses one that exists."""
    site = sys.modules.get("site")
    if site is None or not getattr(site, "ENABLE_USER_SITE", False):
        return None
    path = getattr(site, "USER_SITE", None)
    return path if path and os.path.isdir(path) else None


def leaking(env: "Mapping[str, str]") -> "dict[str, str]":
    """Variables that change what Python or its libraries do; a secret's value is withheld."""
    return {
        name: "(withheld)" if SECRET.search(name) else value
        for name, value in sorted(env.items())
        if value and LEAKING.match(name) and not HARMLESS.match(name)
    }


def which(program: str, path: str) -> "str | None":
    """The file that a shell would start, found as a shell does; None if there is none."""
    for folder in path.split(os.pathsep):
        candidate = os.path.join(folder or os.curdir, program)
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return os.path.abspath(candidate)
    return None


def user_name() -> str:
    """The name that the user data base has for this uid."""
    import pwd  # not on every system

    return pwd.getpwuid(os.getuid()).pw_name


def umask() -> str:
    """The umask, without changing it where the kernel tells it."""
    match = re.search("^Umask:\\s*([0-7]+)", read_text("/proc/self/status"), re.MULTILINE)
    if match:
        return "%04o" % int(match.group(1), 8)
    value = os.umask(0o077)
    os.umask(value)
    return "%04o" % value


def nvidia() -> "str | None":
    """The version of the NVIDIA driver; None without one."""
    match = re.search(r"Kernel Module\s.*?(\d+\.[\d.]+)", read_text("/proc/driver/nvidia/version"))
    return match.group(1) if match else None


def installer() -> str:
    """What fixes this environment: ``conda``, ``uv`` or ``pip``, by what made it and is here."""
    if os.path.isdir(os.path.join(sys.prefix, "conda-meta")):
        return "conda"
    config = read_text(os.path.join(sys.prefix, "pyvenv.cfg"))
    by_uv = re.search(r"^uv\s*=", config, re.MULTILINE)
    # Only looked for: setuptools takes apart what is imported when somebody asks for a spec of pip.
    has_pip = any(os.path.isdir(os.path.join(entry, "pip")) for entry in sys.path)
    found = which("uv", os.environ.get("PATH", os.defpath)) or not has_pip
    return "uv" if by_uv and found else "pip"


def main(arguments: "list[str]") -> int:
    """Print the snapshot, or write it to the file that --output names."""
    text = json.dumps(snapshot(), sort_keys=True) + "\n"
    if not arguments:
        sys.stdout.write(text)
        return 0
    if len(arguments) != 2 or arguments[0] != "--output":
        sys.stderr.write("usage: probe.py [--output FILE]\n")
        return 2
    partial = "%s.%d.tmp" % (arguments[1], os.getpid())
    with open(partial, "w") as stream:
        stream.write(text)
    os.replace(partial, arguments[1])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
