"""Whether the far side is the environment that is wanted: policy, two sides -> Verdict (pure).

Two comparisons: the *image* (manifest against far side) and the *caller* (the interpreter that
calls ``submit`` against the far side). ``compare`` judges a place; ``before_queue`` judges what
one call refers to. How severe each rule is stands in ``RULES``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .config import ParitySettings
from .errors import ConfigError
from .manifest import Manifest, Snapshot, docker_architecture
from .parity_mends import Mender
from .parity_requirements import Import, Requirements
from .parity_verdict import INFO, REFUSE, WARN, Difference, Verdict, spoken
from .parity_versions import Rules, same, same_release

__all__ = ["POLICIES", "RULES", "Difference", "Verdict", "before_queue", "compare", "difference"]

POLICIES = ("strict", "minor", "off")

Side = Snapshot | Manifest

RULES: Mapping[str, tuple[str, str]] = {
    # code: severity under strict, under minor. Under off nothing is refused, all is reported.
    "build-id": (REFUSE, REFUSE),  # another image, or none, under the right name
    "architecture": (REFUSE, REFUSE),
    "emulated": (WARN, WARN),
    "interpreter": (REFUSE, REFUSE),
    "image-python": (REFUSE, REFUSE),
    "image-content": (REFUSE, REFUSE),  # an adopted image is known by its content alone
    "image-overlaid": (REFUSE, WARN),  # the right image with packages laid over it
    "image-missing": (REFUSE, REFUSE),
    "python-missing": (REFUSE, REFUSE),
    "tampered": (REFUSE, REFUSE),  # a file on the cluster is not the one that was sent
    "not-inside-image": (REFUSE, INFO),
    "python-implementation": (REFUSE, REFUSE),
    "python-minor": (REFUSE, REFUSE),
    "python-bytecode": (REFUSE, REFUSE),
    "python-micro": (REFUSE, WARN),
    "dill": (REFUSE, REFUSE),
    "dill-missing": (REFUSE, REFUSE),
    "package-version": (REFUSE, INFO),
    "package-missing": (REFUSE, INFO),
    "package-extra": (REFUSE, INFO),
    "package-platform": (WARN, INFO),  # there or absent because the platforms differ
    "package-rule": (REFUSE, REFUSE),
    "reference-missing": (REFUSE, REFUSE),
    "reference-version": (REFUSE, REFUSE),
    "reference-unknown": (REFUSE, REFUSE),
    "reference-shared": (REFUSE, WARN),  # one of several distributions that provide a module
    "import-missing": (REFUSE, REFUSE),
    "assumed": (INFO, INFO),
    "user-site": (REFUSE, WARN),
    "pythonpath": (REFUSE, WARN),
    "foreign-path": (REFUSE, WARN),
    "variable": (WARN, WARN),
    "other-python": (WARN, WARN),
    "no-home": (WARN, WARN),
    "no-gpu-driver": (WARN, WARN),
    "encoding": (WARN, WARN),
    "locale": (INFO, INFO),
    "timezone": (INFO, INFO),
}

# Variables that change nothing that fcx depends on, or that fcx and Slurm set themselves.
_HARMLESS = {
    "PYTHONNOUSERSITE",
    "PYTHONSAFEPATH",
    "PYTHONUNBUFFERED",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONHASHSEED",
    "PYTHONIOENCODING",
    "PYTHONUTF8",
    "PYTHONFAULTHANDLER",
    "OMP_NUM_THREADS",
}


def check_policy(policy: str) -> str:
    """The policy itself. Raises ConfigError if there is none of that name."""
    if policy not in POLICIES:
        raise ConfigError(
            f"There is no parity policy {policy!r}. Choose one of {', '.join(POLICIES)}."
        )
    return policy


def difference(
    policy: str, code: str, what: str, *, wanted: object, found: object, mend: str = ""
) -> Difference:
    """A Difference whose severity follows from its code and the policy."""
    strict, minor = RULES[code]
    severity = strict if policy == "strict" else minor
    if policy == "off" and severity == REFUSE:
        severity = WARN
    return Difference(code, what, spoken(wanted), spoken(found), severity, mend)


def compare(
    policy: str,
    *,
    far: Side,
    manifest: Manifest | None = None,
    caller: Snapshot | None = None,
    rules: ParitySettings | None = None,
    requirements: Requirements | None = None,
    python: str = "",
    hashes: Mapping[str, tuple[str, str | None]] | None = None,
) -> Verdict:
    """Judge a far side: a live one by its Snapshot, or an image by its Manifest.

    ``python`` is an interpreter that the user chose over the manifest's. ``hashes`` are digests
    (wanted, found) of files on the cluster by name: unequal or unknown ones are refused. Raises
    ConfigError for an unknown policy or a rule that is not a version specifier.
    """
    judge = _Judge(
        check_policy(policy),
        far,
        manifest if manifest is not None else (far if isinstance(far, Manifest) else None),
        caller,
        Rules(rules or ParitySettings()),
        python,
    )
    found = (
        *judge.files(hashes or {}),
        *judge.image(),
        *judge.place(),
        *judge.caller_python(),
        *judge.packages(),
        *judge.call(requirements or Requirements()),
    )
    return Verdict(policy, tuple(dict.fromkeys(found)), judge.sides())


def before_queue(
    requirements: Requirements,
    far: Side | None,
    policy: str,
    rules: ParitySettings | None = None,
    *,
    caller: Snapshot | None = None,
    manifest: Manifest | None = None,
) -> Verdict:
    """Judge what one call refers to against the known far side; nothing known, nothing refused.

    ``caller`` and ``manifest`` only make the mending commands fit.
    """
    check_policy(policy)
    if far is None:
        return Verdict(policy)
    known = manifest if manifest is not None else (far if isinstance(far, Manifest) else None)
    judge = _Judge(policy, far, known, caller, Rules(rules or ParitySettings()), "")
    return Verdict(policy, tuple(dict.fromkeys(judge.call(requirements))))


@dataclass(frozen=True)
class _Judge:
    """The two sides, and the rules that apply between them; each method is one comparison."""

    policy: str
    far: Side
    manifest: Manifest | None
    caller: Snapshot | None
    rules: Rules
    python: str

    @property
    def mender(self) -> Mender:
        return Mender.of(self.far, self.caller, self.manifest)

    def differ(
        self, code: str, what: str, wanted: object, found: object, mend: str = ""
    ) -> Difference:
        return difference(self.policy, code, what, wanted=wanted, found=found, mend=mend)

    def sides(self) -> dict[str, str]:
        """A line for each side that took part."""
        lines = {"there": _described(self.far)}
        if self.manifest is not None and self.manifest is not self.far:
            lines = {"image": _described(self.manifest), **lines}
        if self.caller is not None:
            lines["here"] = _described(self.caller)
        return lines

    def files(self, hashes: Mapping[str, tuple[str, str | None]]) -> Iterator[Difference]:
        """Files on the cluster against the ones that were sent."""
        for name, (wanted, found) in hashes.items():
            if wanted != found:
                yield self.differ(
                    "tampered", name, _short(wanted), _short(found), self.mender.ask_anew()
                )

    def image(self) -> Iterator[Difference]:
        """The manifest against the far side."""
        wanted, far = self.manifest, self.far
        if wanted is None or wanted is far:
            return
        mender = self.mender
        if wanted.build_id and wanted.build_id != (far.build_id or ""):
            found = _short(far.build_id) if far.build_id else "not an image that fcx built"
            mend = f"{mender.new_edf()} && {mender.ask_anew()}"
            yield self.differ("build-id", "build id", _short(wanted.build_id), found, mend)
        if far.architecture != wanted.architecture:
            mend = mender.other_platform(far.architecture)
            yield self.differ(
                "architecture", "architecture", wanted.architecture, far.architecture, mend
            )
        yield from self._image_python(wanted)
        yield from self._image_packages(wanted)

    def _image_python(self, wanted: Manifest) -> Iterator[Difference]:
        executable = self.python or wanted.python.executable
        mender = self.mender
        if executable and executable != self.far.python.executable:
            found = self.far.python.executable
            yield self.differ("interpreter", "interpreter", executable, found, mender.new_edf())
        if self.python and self.python != wanted.python.executable:
            return  # an interpreter of the user's choice is not the one that the manifest knows
        if not same(wanted.python.version, self.far.python.version):
            yield self.differ(
                "image-python",
                "Python of the image",
                wanted.python.version,
                self.far.python.version,
                mender.adopt() if wanted.origin == "adopted" else mender.new_edf(),
            )

    def _image_packages(self, wanted: Manifest) -> Iterator[Difference]:
        """The distributions: what tells an adopted image, and what lies over a built one."""
        if self.python and self.python != wanted.python.executable:
            return
        known = bool(wanted.build_id)
        code = "image-overlaid" if known else "image-content"
        mend = self.mender.new_edf() if known else self.mender.adopt()
        for name in sorted({*wanted.distributions, *self.far.distributions}):
            here, there = wanted.distributions.get(name), self.far.distributions.get(name)
            if not same(here, there) and not self.rules.assumes(name):
                yield self.differ(code, f"{name} in the image", here, there, mend)

    def place(self) -> Iterator[Difference]:
        """What only a live place shows."""
        if not isinstance(self.far, Snapshot):
            return
        far, live, mend = self.far, self.far.live, self.mender.new_edf()
        if far.machine and far.elf and docker_architecture(far.machine) != far.architecture:
            yield self.differ("emulated", "processor", far.architecture, far.machine, mend)
        if live.user_site:
            clear = self.mender.clear("PYTHONNOUSERSITE", "1")
            yield self.differ("user-site", "user site-packages", None, live.user_site, clear)
        yield from self._variables(far)
        explained = {live.user_site, *live.leaking_env.get("PYTHONPATH", "").split(os.pathsep)}
        for entry in live.foreign_sys_path:
            if entry not in explained:
                clear = self.mender.clear("PYTHONPATH")
                yield self.differ("foreign-path", "entry of sys.path", None, entry, clear)
        other = live.which_python3
        if other and os.path.dirname(other) != os.path.dirname(far.python.executable):  # noqa: PTH120
            clear = self.mender.clear("PATH", os.path.dirname(far.python.executable))  # noqa: PTH120
            mine = far.python.executable
            yield self.differ("other-python", "python3 in PATH", mine, other, clear)
        if not live.home:
            yield self.differ("no-home", "HOME", "a directory", None, mend)
        if self._asks_for_gpu() and not live.nvidia:
            yield self.differ("no-gpu-driver", "GPU driver", "one of NVIDIA's", None)
        yield from self._locale(far)

    def _variables(self, far: Snapshot) -> Iterator[Difference]:
        """Variables that neither the image nor fcx nor Slurm set."""
        own = dict(self.manifest.env) if self.manifest else {}
        variables = far.live.leaking_env
        active = {
            group
            for group, root in (("CONDA", "CONDA_PREFIX"), ("VIRTUAL_ENV", "VIRTUAL_ENV"))
            if variables.get(root) == far.python.prefix
        }
        for name, value in variables.items():
            if name in _HARMLESS or own.get(name) == value or name.startswith(tuple(active)):
                continue
            code = "pythonpath" if name in {"PYTHONPATH", "PYTHONHOME"} else "variable"
            yield self.differ(code, name, own.get(name), value, self.mender.clear(name))

    def _locale(self, far: Snapshot) -> Iterator[Difference]:
        near = self.manifest or self.caller
        if near is None:
            return
        for name in ("encoding", "locale", "timezone"):
            wanted, found = getattr(near, name), getattr(far, name)
            if wanted and wanted != found:
                yield self.differ(name, name, wanted, found)

    def _asks_for_gpu(self) -> bool:
        asked = self.manifest.env.get("NVIDIA_VISIBLE_DEVICES", "") if self.manifest else ""
        return asked not in {"", "void", "none"}

    def caller_python(self) -> Iterator[Difference]:
        """The caller's interpreter and dill against the far side's."""
        caller, far, mender = self.caller, self.far, self.mender
        if caller is None:
            return
        yield from self._inside(caller)
        here, there = caller.python, far.python
        code, wanted, found = "", here.version, there.version
        if here.implementation != there.implementation:
            code, wanted, found = "python-implementation", here.implementation, there.implementation
        elif here.minor != there.minor:
            code = "python-minor"
        elif here.magic and there.magic and here.magic != there.magic:
            code = "python-bytecode"
        elif not same(wanted, found):
            code = "python-micro"
        if code:
            mend = mender.same_python(there.version, far.dill)
            yield self.differ(code, "Python", wanted, found, mend)
        if far.dill is None:
            mend = mender.add_there("dill", caller.dill or "")
            yield self.differ("dill-missing", "dill", caller.dill, None, mend)
        elif caller.dill != far.dill and not self.rules.has("dill"):
            mend = mender.install("dill", far.dill)
            yield self.differ("dill", "dill", caller.dill, far.dill, mend)

    def _inside(self, caller: Snapshot) -> Iterator[Difference]:
        """Whether the caller runs in the far side's image, or in it for another platform."""
        if self.policy != "strict":
            return
        name = "recipe id" if self._other_platform(caller) else "build id"
        attribute = name.replace(" ", "_")
        here, there = getattr(caller, attribute), getattr(self.far, attribute)
        if not here or here != there:
            yield self.differ(
                "not-inside-image",
                f"{name} of the caller's image",
                _short(there) if there else "an image that fcx built",
                _short(here),
                self.mender.run_inside(),
            )

    def _other_platform(self, caller: Snapshot) -> bool:
        return caller.architecture != self.far.architecture

    def packages(self) -> Iterator[Difference]:
        """Every distribution of the caller and of the far side, and the rules about them."""
        for name in self.rules.packages:
            yield from self._rule(name)
        if self.caller is None:
            return
        for name in sorted({*self.caller.distributions, *self.far.distributions}):
            here = self.caller.distributions.get(name)
            there = self.far.distributions.get(name)
            if name != "dill" and not self.rules.has(name) and not same(here, there):
                yield self._package(name, here, there)

    def _rule(self, name: str) -> Iterator[Difference]:
        """A distribution that fcx.toml has a specifier for."""
        there = self.far.distributions.get(name)
        if not self.rules.allows(name, there) and not self.rules.assumes(name):
            allowed = str(self.rules.packages[name])
            mend = self.mender.add_there(f"{name}{allowed}")
            yield self.differ("package-rule", name, allowed or "any version", there, mend)

    def _package(self, name: str, here: str | None, there: str | None) -> Difference:
        if self.rules.assumes(name):
            return self.differ("assumed", name, here, there)
        if (here is None or there is None) and self.caller and self._other_platform(self.caller):
            return self.differ("package-platform", name, here, there)
        if there is None:
            mend = self.mender.add_there(name, here or "")
            return self.differ("package-missing", name, here, there, mend)
        code = "package-extra" if here is None else "package-version"
        return self.differ(code, name, here, there, self.mender.install(name, there))

    def call(self, requirements: Requirements) -> Iterator[Difference]:
        """The modules that one call refers to and imports."""
        here = requirements.here
        references = {name.partition(".")[0] for name in requirements.references} & here.keys()
        for top in sorted(references):
            yield from self._reference(top, here[top])
        asked: set[str] = set(references)
        for one in requirements.imports:
            if not one.pardon and one.top in here and one.top not in asked:
                asked.add(one.top)
                yield from self._import(one, here[one.top])

    def _reference(self, top: str, versions: Mapping[str, str]) -> Iterator[Difference]:
        """A module that unpickling imports: it must be there, and agree."""
        if top in sys.stdlib_module_names:
            if top in self.far.stdlib_missing:
                mend = self.mender.system_package(top)
                yield self.differ("reference-missing", f"module {top}", "there", None, mend)
            return
        if self.rules.assumes(top, *versions):
            return
        name, version = next(iter(versions.items()), (top, ""))
        if not self._is_there(top, versions):
            mend = self.mender.add_there(name, version)
            wanted = f"{name} {version}".strip()
            yield self.differ("reference-missing", f"module {top}", wanted, None, mend)
            return
        yield from self._reference_versions(top, versions)

    def _reference_versions(self, top: str, versions: Mapping[str, str]) -> Iterator[Difference]:
        common = [name for name in versions if name in self.far.distributions]
        if not common:
            mend = self.mender.assume(top)
            wanted = " ".join(next(iter(versions.items()), ("a known version",)))
            yield self.differ("reference-unknown", f"module {top}", wanted, "no version", mend)
        agrees = same if self.policy == "strict" else same_release
        for name in common:
            here, there = versions[name], self.far.distributions[name]
            if self.rules.has(name):
                yield from self._rule(name)
            elif not agrees(here, there):
                code = "reference-version" if len(versions) == 1 else "reference-shared"
                mend = self.mender.install(name, there)
                yield self.differ(code, f"{name} (pickled by reference)", here, there, mend)

    def _import(self, one: Import, versions: Mapping[str, str]) -> Iterator[Difference]:
        """A module that a function imports when it runs: it must merely be there."""
        standard = one.top in sys.stdlib_module_names
        if standard and one.top not in self.far.stdlib_missing:
            return
        if self.rules.assumes(one.top, *versions):
            return
        if not standard and self._is_there(one.top, versions):
            return
        name, version = next(iter(versions.items()), (one.top, ""))
        mender = self.mender
        mend = mender.system_package(name) if standard else mender.add_there(name, version)
        what = f"import {one.top} in {one.where}"
        yield self.differ("import-missing", what, f"{name} {version}".strip(), None, mend)

    def _is_there(self, top: str, versions: Mapping[str, str]) -> bool:
        """Whether a module exists over there; so far as is known, it does."""
        if any(name in self.far.distributions for name in versions):
            return True
        if self.far.modules is None:
            return not versions
        return top in self.far.modules


def _described(side: Side) -> str:
    dill = f"dill {side.dill}" if side.dill else "no dill"
    parts = [f"Python {side.python.version}", dill, side.architecture]
    if isinstance(side, Manifest):
        parts.insert(0, side.name)
    elif side.live.node:
        parts.append(f"node {side.live.node}")
    if side.build_id:
        parts.append(f"build {_short(side.build_id)}")
    return ", ".join(parts)


def _short(digest: str | None) -> str:
    """The first twelve hex digits of an id, as git and docker show them."""
    return (digest or "").removeprefix("sha256:")[:12]
