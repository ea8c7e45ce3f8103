"""What is done to an environment by hand, or by tools other than pip."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from .environments import Place, interpreter
from .wheels import PRIVATE, extract, file_name, metadata, stem, unpack

Change = Callable[[Place], None]


def has(*wanted: str) -> Change:
    """Distributions are installed: ``name==version``."""

    def change(place: Place) -> None:
        for one in wanted:
            unpack(place.stock.wheels, one, place.site)

    return change


def real(wanted: str) -> Change:
    """A real distribution is installed, as the index has it."""

    def change(place: Place) -> None:
        extract(place.stock.real(wanted), place.site)

    return change


def env(**variables: str) -> Change:
    """Variables are set; ``{home}`` is where the environment lies."""

    def change(place: Place) -> None:
        found = {
            name: value.replace("{home}", str(place.home)) for name, value in variables.items()
        }
        place.env.update(found)

    return change


def file(path: str, text: str = "") -> Change:
    """A file is written below the environment's folder; ``{site}`` is its site-packages."""

    def change(place: Place) -> None:
        target = Path(path.format(site=place.site, home=place.folder))
        target = place.folder / target
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.replace("{home}", str(place.home)))

    return change


def module(name: str, text: str = "") -> Change:
    """A module of the user's own in the folder that his programs are started in."""
    return file(f"project/{name}", text)


def added(path: str, text: str = "") -> Change:
    """Text is added to a file of site-packages."""

    def change(place: Place) -> None:
        with (place.site / path).open("a") as stream:
            stream.write(text)

    return change


def without(*patterns: str) -> Change:
    """Files of site-packages are gone."""

    def change(place: Place) -> None:
        for pattern in patterns:
            for path in [found for found in place.site.glob(pattern) if found.is_file()]:
                path.unlink()

    return change


def uninstalled(*names: str) -> Change:
    """Distributions are gone, folder and metadata."""

    def change(place: Place) -> None:
        for name in names:
            shutil.rmtree(place.site / name)
            for info in place.site.glob(f"{name}-*.dist-info"):
                shutil.rmtree(info)

    return change


def leftover(version: str) -> Change:
    """Metadata of another version of tiny lie there still."""

    def change(place: Place) -> None:
        info = place.site / f"tiny-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(metadata("tiny", version))
        (info / "RECORD").write_text(f"tiny/__init__.py,,1\n{info.name}/METADATA,,1\n")

    return change


def half_removed(place: Place) -> None:
    """As pip leaves what it could not remove."""
    info = _info(place)
    info.rename(place.site / info.name.replace("tiny", "~iny"))
    (place.site / "tiny").rename(place.site / "~iny")


def _info(place: Place) -> Path:
    return next(place.site.glob("tiny-*.dist-info"))


def _project(place: Place, inside: str = "") -> Path:
    """tiny's code is moved to a project of its own; the folder that has the package."""
    folder = place.folder / "my project" / inside
    folder.mkdir(parents=True)
    (place.site / "tiny").rename(folder / "tiny")
    return folder


def _editable(place: Place, info: Path, *listed: str) -> None:
    rows = [f"{name},,9" for name in listed]
    (info / "RECORD").write_text("\n".join([*rows, ""]))
    project = place.seen(place.folder / "my project")
    url = {"url": project.as_uri(), "dir_info": {"editable": True}}
    (info / "direct_url.json").write_text(json.dumps(url))


def in_place(inside: str = "") -> Change:
    """tiny is installed as it stands, by a .pth file (``inside``: the project's ``src``)."""

    def change(place: Place) -> None:
        folder = _project(place, inside)
        (place.site / "__editable__.tiny.pth").write_text(f"{place.seen(folder)}\n")
        _editable(place, _info(place), "__editable__.tiny.pth")

    return change


FINDER = """
import sys
from importlib.machinery import PathFinder

class Finder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return PathFinder.find_spec(name, [{folder!r}]) if name == "tiny" else None

def install():
    sys.meta_path.append(Finder)
"""


def by_a_finder(place: Place) -> None:
    """tiny is installed as it stands, by a finder, as setuptools does it for a src layout."""
    folder = _project(place, "src")
    name = "__editable___tiny_finder"
    (place.site / f"{name}.py").write_text(FINDER.format(folder=str(place.seen(folder))))
    (place.site / "__editable__.tiny.pth").write_text(f"import {name}; {name}.install()\n")
    _editable(place, _info(place), "__editable__.tiny.pth", f"{name}.py")


def developed(place: Place) -> None:
    """tiny is installed by ``setup.py develop``: an egg link, and metadata in the project."""
    folder = _project(place)
    info = _info(place)
    eggs = folder / "tiny.egg-info"
    eggs.mkdir()
    (info / "METADATA").rename(eggs / "PKG-INFO")
    (eggs / "top_level.txt").write_text("tiny\n")
    shutil.rmtree(info)
    (place.site / "tiny.egg-link").write_text(f"{place.seen(folder)}\n.")
    (place.site / "easy-install.pth").write_text(f"{place.seen(folder)}\n")


def as_eggs(place: Place) -> None:
    """tiny's metadata are an .egg-info folder, without a list of files."""
    info = _info(place)
    eggs = place.site / f"{info.name.removesuffix('.dist-info')}-py3.11.egg-info"
    eggs.mkdir()
    (info / "METADATA").rename(eggs / "PKG-INFO")
    (eggs / "top_level.txt").write_text("tiny\n")
    shutil.rmtree(info)


def as_egg_file(place: Place) -> None:
    """tiny's metadata are a file, as distutils and Debian write it."""
    info = _info(place)
    (info / "METADATA").rename(place.site / f"{info.name.removesuffix('.dist-info')}.egg-info")
    shutil.rmtree(info)


def as_egg(*, zipped: bool) -> Change:
    """tiny is an .egg on the path, as easy_install left it: a folder, or a zip."""

    def change(place: Place) -> None:
        info = _info(place)
        text = (info / "METADATA").read_text()
        egg = place.site / f"{info.name.removesuffix('.dist-info')}-py3.egg"
        texts = {"tiny/__init__.py": "VERSION = 0\n", "tiny/sub.py": "", "EGG-INFO/PKG-INFO": text}
        shutil.rmtree(info)
        shutil.rmtree(place.site / "tiny")
        if zipped:
            with zipfile.ZipFile(egg, "w") as made:
                for name, content in texts.items():
                    made.writestr(name, content)
        else:
            for name, content in texts.items():
                (egg / name).parent.mkdir(parents=True, exist_ok=True)
                (egg / name).write_text(content)
        (place.site / "easy-install.pth").write_text(f"./{egg.name}\n")

    return change


def by_conda(place: Place) -> None:
    """tiny was installed by conda: no RECORD, and an INSTALLER that says so."""
    info = _info(place)
    (info / "RECORD").unlink()
    (info / "INSTALLER").write_text("conda")
    (info / "REQUESTED").write_text("")
    url = {"url": "file:///home/conda/feedstock_root/tiny/work", "dir_info": {}}
    (info / "direct_url.json").write_text(json.dumps(url))


def private(place: Place) -> None:
    """A tiny that no index has is installed."""
    unpack(place.stock.private, f"tiny=={PRIVATE}", place.site)
    by_url(place)


def by_url(place: Place) -> None:
    """tiny was installed from the URL of a wheel, which only the pip that did it knows."""
    info = _info(place)
    version = info.name.removesuffix(".dist-info").rpartition("-")[2]
    url = f"{place.stock.served}/{file_name('tiny', version)}.whl"
    (info / "direct_url.json").write_text(json.dumps({"url": url, "archive_info": {}}))


def elsewhere(folder: str, wanted: str, *, known: bool = True) -> Change:
    """A distribution lies in another folder of the environment's; not ``known``: bare modules."""

    def change(place: Place) -> None:
        target = place.folder / folder.format(minor=place.site.parent.name)
        target.mkdir(parents=True, exist_ok=True)
        unpack(place.stock.wheels, wanted, target)
        if not known:
            for info in target.glob("*.dist-info"):
                shutil.rmtree(info)

    return change


def gone(path: str) -> Change:
    """A folder of the environment's is removed."""

    def change(place: Place) -> None:
        shutil.rmtree(place.folder / path)

    return change


def eggs_in(folder: str) -> Change:
    """The metadata in a folder of the environment's are an .egg-info, without a list of files."""

    def change(place: Place) -> None:
        for info in (place.folder / folder).glob("*.dist-info"):
            eggs = info.with_suffix(".egg-info")
            eggs.mkdir()
            (info / "METADATA").rename(eggs / "PKG-INFO")
            shutil.rmtree(info)

    return change


USER_SITE = ".local/lib/{minor}/site-packages"


def user_site(*wanted: str, known: bool = True) -> Change:
    """The home has a site-packages of the user's, which comes before the Python's own."""

    def change(place: Place) -> None:
        on_its_own(place)
        for one in wanted:
            elsewhere(USER_SITE, one, known=known)(place)

    return change


def on_its_own(place: Place) -> None:
    """The environment is no virtual one but a Python of its own, as images have it."""
    (place.folder / "pyvenv.cfg").unlink()
    real = interpreter(place.version)
    for name in ("python", "python3"):
        (place.folder / "bin" / name).unlink()
        shutil.copy(real, place.folder / "bin" / name)
    own = place.site.parent
    for path in (real.parents[1] / "lib" / own.name).iterdir():
        if path.name not in ("site-packages", "dist-packages"):
            (own / path.name).symlink_to(path)


def pth(folder: str) -> Change:
    """A .pth file adds a folder of the environment's to the path."""
    return file("{site}/more.pth", f"{{home}}/{folder}\n")


def zip_on_path(wanted: str, name: str = "more.zip") -> Change:
    """A .pth file adds a zip of a distribution to the path."""

    def change(place: Place) -> None:
        version = stem(*wanted.split("=="))
        shutil.copy(place.stock.wheels / f"{version}-py3-none-any.whl", place.folder / name)
        pth(name)(place)

    return change


def lacking(*parts: str) -> Change:
    """The Python was built without these parts of C."""

    def change(place: Place) -> None:
        real = interpreter(place.version)
        minor = place.site.parent.name
        library = real.parents[1] / "lib" / minor
        base = place.folder / "base"
        own = base / "lib" / minor
        (own / "lib-dynload").mkdir(parents=True)
        (base / "bin").mkdir()
        (base / "bin" / real.name).symlink_to(real)
        for path in library.iterdir():
            if path.name not in ("lib-dynload", "site-packages", "dist-packages"):
                (own / path.name).symlink_to(path)
        for path in (library / "lib-dynload").iterdir():
            if path.name.partition(".")[0] not in parts:
                (own / "lib-dynload" / path.name).symlink_to(path)
        place.configure(place.seen(base / "bin"))

    return change


def without_library(*modules: str) -> Change:
    """The standard library was split up by the system: modules are another package's."""

    def change(place: Place) -> None:
        lacking()(place)
        own = place.folder / "base" / "lib" / place.site.parent.name
        for name in modules:
            (own / name).unlink()

    return change


def compiled_for_another(place: Place) -> None:
    """tiny is one extension module, for another Python."""
    shutil.rmtree(place.site / "tiny")
    (place.site / "tiny.cpython-36m-x86_64-linux-gnu.so").write_bytes(b"\x7fELF")
    info = _info(place)
    (info / "RECORD").write_text("tiny.cpython-36m-x86_64-linux-gnu.so,,4\n")


def dill(version: str) -> Change:
    """Another dill, or none."""

    def change(place: Place) -> None:
        shutil.rmtree(place.site / "dill")
        for info in place.site.glob("dill-*.dist-info"):
            shutil.rmtree(info)
        if version:
            unpack(place.stock.wheels, f"dill=={version}", place.site)

    return change


def linked(place: Place) -> None:
    """tiny's files are links to where another tool keeps them, as uv does it if told so."""
    for path in [*place.site.glob("tiny/**/*.py")]:
        kept = place.folder / "store" / path.relative_to(place.site)
        kept.parent.mkdir(parents=True, exist_ok=True)
        path.rename(kept)
        path.symlink_to(place.seen(kept))


def made_by_uv(place: Place) -> None:
    """The environment was made by uv."""
    config = place.folder / "pyvenv.cfg"
    config.write_text(config.read_text() + "uv = 0.9.0\n")


def touched(place: Place) -> None:
    """As another engine unpacks an image: other times and modes, byte code of its own."""
    for path in place.site.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (1, 1))
            path.chmod(path.stat().st_mode | 0o055 if path.is_dir() else 0o644)
    cache = place.site / "dill/__pycache__"
    cache.mkdir(exist_ok=True)
    (cache / "other.cpython-399.pyc").write_bytes(b"")


def record(**values: str) -> Change:
    """The image's own record is edited."""

    def change(place: Place) -> None:
        known = json.loads(place.record.read_text())
        place.record.write_text(json.dumps({**known, **values}))

    return change


def no_record(place: Place) -> None:
    """The image is none of fcx's."""
    place.record.unlink()


def mounted(target: str, *files: str) -> Change:
    """A folder of the host's is mounted over one of the image's; ``{site}`` is site-packages."""

    def change(place: Place) -> None:
        source = place.root.parent / f"{place.root.name}-over"
        source.mkdir()
        for name in files:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_text("VERSION = 'the host'\n")
        place.mounts.append((source, target.format(site=place.seen(place.site))))

    return change
