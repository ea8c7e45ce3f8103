"""Does what a fix says, to the letter: commands in a shell, edits by hand where it names them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from .cases import Row
from .changes import has
from .environments import Place, interpreter
from .trial import IMAGES, Bench, built, described, image_of


def follow(row: Row, bench: Bench) -> str:
    """Carry out the fix of a refusal; how it was done.

    ``run``: by a shell, as printed. ``by hand``: an edit that it names. ``its effect``: what its
    commands come to, which are run as printed where Docker and the index are.
    """
    text = row.fix or row.message
    for pattern, does in (*BY_HAND, *BY_EFFECT):
        found = re.search(pattern, text)
        if found:
            does(bench, *found.groups())
            return "by hand" if (pattern, does) in BY_HAND else "its effect"
    place = bench.remote if text.startswith("on the cluster: ") else bench.client
    return shell(place, text.removeprefix("on the cluster: "))


def shell(place: Place, command: str) -> str:
    """Run a command in the side's own environment, where its Pythons are found by name."""
    done = place.start("sh", "-ec", command)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return "run"


def unset(bench: Bench, name: str) -> None:
    """A variable is set no longer: an image's own counts again."""
    bench.remote.env[name] = bench.image.env.get(name, "unset") if bench.image else "unset"


def put(bench: Bench, name: str, value: str) -> None:
    """A variable is set."""
    bench.remote.env[name] = value


def no_mount(bench: Bench, points: str) -> None:
    """Mounts are taken out of the EDF."""
    gone = points.split(", ")
    assert gone, points
    bench.remote.mounts = [one for one in bench.remote.mounts if one[1] not in gone]


def no_pth(bench: Bench, entry: str) -> None:
    """A .pth file that adds an entry is removed."""
    for path in bench.remote.site.glob("*.pth"):
        if entry in path.read_text():
            path.unlink()


def no_module(bench: Bench, module: str, entry: str) -> None:
    """A module is removed from a folder, be it a file or a package."""
    place = bench.remote
    folder = place.folder / Path(entry).relative_to(place.home)
    for path in (folder / module, folder / f"{module}.py"):
        subprocess.run(["rm", "-rf", path], check=True)


def include(bench: Bench, module: str) -> None:
    """A module travels along."""
    bench.include.append(module)


def assume(bench: Bench, module: str) -> None:
    """A line is added to fcx.toml."""
    bench.parity["assume"] = [*bench.parity.get("assume", []), module]


def whole_python(bench: Bench, _module: str) -> None:
    """A Python that was built with all of its parts is taken."""
    bench.remote.configure(interpreter(bench.remote.version).parent)


def followed(bench: Bench) -> None:
    """The client has an environment with the remote Python."""
    bench.client = Place.make(bench.fresh("client"), bench.stock, bench.remote.version)


def another_python(bench: Bench) -> None:
    """A CPython that is new enough is chosen."""
    bench.remote = Place.make(bench.folder / "newer", bench.stock)


def rebuilt(bench: Bench, *added: str) -> None:
    """The image is built, with what was added, and brought to the cluster."""
    if not added:
        bench.use(image_of(bench.stock, bench.case.image))
        return
    image = built(bench.fresh("image"), bench.stock, [*IMAGES[bench.case.image], has(*added)])
    bench.use((image, described(image)))


def reached(bench: Bench) -> None:
    """The caller runs in the image."""
    bench.inside = True


BY_HAND: tuple[tuple[str, Callable[..., None]], ...] = (
    (r"take (\S+(?:, \S+)*) out of mounts", no_mount),
    (r"take (PYTHONPATH) out of \[env\]", unset),
    (r'set (\w+) = "(.*)" below \[env\]', put),
    (r"on the cluster: unset (\w+) in the start-up files", unset),
    (r"on the cluster: set (\w+)=(\S+) in the start-up files", put),
    (r"remove the \.pth file in .* that adds (\S+)$", no_pth),
    (r'^FirecrestExecutor\(\.\.\., include=\["(\w+)"\]\)', include),
    (r'^in fcx\.toml, \[parity\]: assume = \["(\w+)"\]', assume),
    (r"on the cluster: install the system package that has the module (\S+), or", whole_python),
    (r"fcx needs .*Python 3\.8 or later on the cluster", another_python),
    (r"remove the module (\w+) from (\S+)$", no_module),
)
"""What a fix says in words, and what is then done."""

BY_EFFECT: tuple[tuple[str, Callable[..., None]], ...] = (
    (r"^echo (\S+) >> containers/requirements\.txt && fcx image build", rebuilt),
    (r"fcx image build", rebuilt),
    (r"^fcx env sync", followed),
    (r"make it again with this one", rebuilt),
    (r"^fcx image run ", reached),
)
"""Commands of fcx that build images or environments, and what is true after them.

Run as printed in ``test_three_commands.py``, ``test_strict.py`` and ``test_client_environments.py``.
"""
