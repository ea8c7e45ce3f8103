"""The commands that fix a difference, in the words of the caller's own tool (pure)."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from .manifest import Manifest
from .origins import origins, remark, requirement
from .snapshot import Snapshot
from .tools import Environment

SCRIPT = "YOUR_SCRIPT.py"
UNKNOWN = Environment("pip", "python3", "", virtual=False)


@dataclass(frozen=True)
class Fixes:
    """How each side is changed: the caller by its tool, the remote side by its image, if any."""

    remote_python: str  # the remote interpreter
    buildable: bool  # the remote side is an image that fcx builds
    manifest: Manifest | None = None  # of the remote image
    environment: Environment = UNKNOWN  # the caller's
    source: str = "--remote"  # what `fcx env sync` is to follow
    mine: Mapping[str, str] = field(default_factory=dict)  # URLs of the caller's distributions
    theirs: Mapping[str, str] = field(default_factory=dict)  # and of the remote ones
    unlisted: tuple[str, ...] = ()  # of the caller's, those without a list of files

    @classmethod
    def of(
        cls, remote: Snapshot | Manifest, caller: Snapshot | None, manifest: Manifest | None
    ) -> Fixes:
        """For these two sides."""
        buildable = manifest.origin == "built" if manifest else bool(remote.build_id)
        executable = remote.python.executable or "python3"
        source = "--remote"  # a place that was just seen
        if isinstance(remote, Manifest):
            source = f"--name {shlex.quote(remote.name)}"
        if caller is None:
            return cls(executable, buildable, manifest, source=source, theirs=origins(remote))
        mine = caller.python
        virtual = mine.prefix != mine.base_prefix
        own = Environment(caller.live.tool, mine.executable, mine.prefix, virtual)
        known = origins(caller), origins(remote), caller.unlisted
        return cls(executable, buildable, manifest, own, source, *known)

    def install(self, name: str, version: str) -> str:
        """Put a version of a distribution into the caller's environment."""
        wanted = requirement(name, version, self.theirs)
        over = name in self.unlisted
        return self.environment.install(wanted, over=over) + remark(name, version, self.theirs)

    def add(self, name: str, version: str = "") -> str:
        """Install a distribution in the image, or in the remote environment."""
        wanted = shlex.quote(requirement(name, version, self.mine))
        note = remark(name, version, self.mine)
        if self.buildable:
            return f"echo {wanted} >> containers/requirements.txt && {self.rebuild()}{note}"
        return f"on the cluster: {shlex.quote(self.remote_python)} -m pip install {wanted}{note}"

    def follow(self, version: str, *, anew: bool = False) -> str:
        """Have the client follow the remote side: in its own environment, or in one beside it.

        ``anew``: its Python is another, which no environment is given while fcx runs in it.
        """
        own = self.environment
        if own.virtual and not anew:
            return f"fcx env sync --venv {shlex.quote(own.prefix)} {self.source}"
        folder = f".venv-{'.'.join(version.split('.')[:2])}"
        sync = f"fcx env sync --venv {folder} {self.source}"
        if own.tool == "conda":
            made = f"conda create --yes --prefix ./{folder} python={version} pip"
            return f"{made} && {sync} && conda activate ./{folder}"
        return f"{sync} && . {folder}/bin/activate"

    def rebuild(self, options: str = "") -> str:
        """Build the image for this interpreter, hand it to the cluster, and refer to it."""
        steps = [f"fcx image build{options}", "fcx edf write"]
        if self.manifest and self.manifest.shipped:
            steps[1:] = ["fcx image ship"]  # which writes the EDF as well
        elif self.manifest and self.manifest.repo_digest:
            repository = self.manifest.repo_digest.partition("@")[0]
            steps.insert(1, f"fcx image push {shlex.quote(repository)}")
        elif self.manifest and self.manifest.sqsh:
            steps.insert(1, "fcx image pack")
        else:
            steps[1:] = [self.new_edf()]
        return " && ".join(steps)

    def reinstall(self, name: str, version: str) -> str:
        """Put the files back that the metadata of a distribution speak of."""
        if self.buildable:
            return self.rebuild(" --no-cache")
        wanted = shlex.quote(requirement(name, version, self.theirs))
        note = remark(name, version, self.theirs)
        again = f"{shlex.quote(self.remote_python)} -m pip install --force-reinstall --no-deps"
        return f"on the cluster: {again} {wanted}{note}"

    def send(self, module: str) -> str:
        """Have a module that no distribution is known to have."""
        ours = f'FirecrestExecutor(..., include=["{module}"]) sends it along'
        place = "containers/requirements.txt" if self.buildable else "the remote environment"
        return f"{ours}; or add the distribution that has it, if there is one, to {place}"

    def write(self, module: str) -> str:
        """Have a module that was made in memory."""
        return (
            f"{module} was made in memory and has no file: import it at the top of {SCRIPT}, so "
            "that it travels with the functions that name it, or write it to a file beside that"
        )

    def system_package(self, module: str) -> str:
        """Complete a standard library that a distribution has split up, or that was built so."""
        wanted = f"the system package that has the module {module}, or a Python built with it"
        if not self.buildable:
            return f"on the cluster: install {wanted} (python=...)"
        return f"add {wanted} to containers/Dockerfile, then: {self.rebuild()}"

    def other_platform(self, architecture: str) -> str:
        """Build the image for the processor that was found."""
        return self.rebuild(f" --platform linux/{architecture}")

    def new_edf(self) -> str:
        """Write the EDF anew: it names this very image, and its interpreter.

        An image that is on this machine only is brought to the cluster first: the EDF of before
        may have named one that is there.
        """
        if not self.buildable:
            return self.adopt()
        known = self.manifest
        gone = known and (known.shipped or known.repo_digest or known.sqsh)
        return "fcx edf write" if gone else "fcx up"

    def same_image(self) -> str:
        """Hand this very image to the cluster, refer to it, and look again."""
        return f"{self.rebuild()} && {self.ask_anew()}" if self.buildable else self.adopt()

    def found_again(self, entry: str) -> str:
        """Put a folder of the image back onto its path."""
        variable = self.manifest.env.get("PYTHONPATH", "") if self.manifest else ""
        if entry not in variable.split(":"):
            return self.same_image()
        return f"in the EDF, take PYTHONPATH out of [env], then: {self.ask_anew()}"

    def unmounted(self, points: str) -> str:
        """Take a mount away that lies over the image's own files."""
        return f"in the EDF, take {points} out of mounts, then: {self.ask_anew()}"

    def clear(self, name: str, value: str = "") -> str:
        """Keep a variable of the host, or of a line of the user's in the EDF, from getting in.

        To write the EDF anew would do nothing: it leaves the user's lines as they are.
        """
        if self.buildable or self.manifest:
            edf = f"edf/{self.manifest.name}.toml" if self.manifest else "the EDF"
            line = f'{name} = "{value}"'
            return f"in {edf}, set {line} below [env], then: {self.ask_anew()}"
        change = f"unset {name}"
        if value:
            first = value.partition(":")[0]
            change = f"put {first} first in PATH" if name == "PATH" else f"set {name}={value}"
        return f"on the cluster: {change} in the start-up files of your shell"

    def not_a_path(self, entry: str) -> str:
        """Keep a folder out of sys.path that no variable has put there."""
        if self.buildable:  # what is not the image's own is mounted
            return f"in the EDF, take the mount that has {entry} out, then: {self.ask_anew()}"
        place = "in the image" if self.manifest else "on the cluster"
        python = shlex.quote(self.remote_python)
        return f"{place}: remove the .pth file in {python}'s site-packages that adds {entry}"

    def unshadowed(self, module: str, entry: str, remote: Snapshot | Manifest) -> str:
        """Have a module imported from where it was installed."""
        live = remote.live if isinstance(remote, Snapshot) else None
        if live and entry in live.pythonpath:
            return self.clear(
                "PYTHONPATH", self.manifest.env.get("PYTHONPATH", "") if self.manifest else ""
            )
        if live and entry == live.user_site:
            return self.clear("PYTHONNOUSERSITE", "1")
        place = "in the image" if self.manifest else "on the cluster"
        return f"{place}: remove the module {module} from {entry}"

    def run_inside(self) -> str:
        """Run the script inside the image."""
        return f"fcx image run {SCRIPT}"

    def assume(self, name: str) -> str:
        """Declare a module that fcx cannot see."""
        return f'in fcx.toml, [parity]: assume = ["{name}"], if you know that it is right'

    def ask_anew(self) -> str:
        """Look at the remote side again."""
        return f"fcx preflight --fresh{self._edf()}"

    def adopt(self) -> str:
        """Take the remote side as it is for what is wanted."""
        name = self.manifest.name if self.manifest else "NAME"
        return f"fcx preflight --adopt {shlex.quote(name)}{self._edf()}"

    def _edf(self) -> str:
        return f" --edf {shlex.quote(f'edf/{self.manifest.name}.toml')}" if self.manifest else ""
