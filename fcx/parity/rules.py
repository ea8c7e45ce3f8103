"""What every comparison works with: two sides, the policy, how severe each rule is (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .fixes import Fixes
from .manifest import Manifest
from .snapshot import Snapshot
from .verdict import INFO, REFUSE, WARN, Difference, Severity, spoken
from .versions import Rules

Side = Snapshot | Manifest

RULES: Mapping[str, tuple[Severity, Severity]] = {
    # code: severity under strict, under minor. Under off nothing is refused, all is reported.
    "build-id": (REFUSE, REFUSE),  # another image, or none, under the right name
    "architecture": (REFUSE, REFUSE),
    "emulated": (WARN, WARN),
    "interpreter": (REFUSE, REFUSE),
    "image-python": (REFUSE, REFUSE),
    "image-content": (REFUSE, REFUSE),  # an adopted image is known by its content alone
    "image-overlaid": (REFUSE, WARN),  # the right image with packages laid over it
    "image-changed": (REFUSE, REFUSE),  # other files under the right build id
    "image-stale": (WARN, WARN),  # built of other files than there are now
    "edf-stale": (
        WARN,
        WARN,
    ),  # written for another build than the manifest's; the remote id decides
    "manifest-unsealed": (WARN, WARN),  # an older fcx's: an edit of it would not be seen
    "tampered": (REFUSE, REFUSE),  # a file on the cluster is not the one that was sent
    "not-inside-image": (REFUSE, INFO),
    "python-implementation": (REFUSE, REFUSE),
    "python-minor": (REFUSE, REFUSE),
    "python-bytecode": (REFUSE, REFUSE),
    "python-micro": (REFUSE, WARN),
    "python-abi": (REFUSE, WARN),  # free-threaded, or built for debugging
    "dill": (REFUSE, REFUSE),
    "dill-missing": (REFUSE, REFUSE),
    "package-version": (REFUSE, INFO),
    "package-missing": (REFUSE, INFO),
    "package-extra": (REFUSE, INFO),
    "package-platform": (WARN, INFO),  # present or absent because the platforms differ
    "package-rule": (REFUSE, REFUSE),
    "reference-missing": (REFUSE, REFUSE),
    "reference-version": (REFUSE, REFUSE),
    "reference-unknown": (REFUSE, REFUSE),
    "reference-shared": (REFUSE, WARN),  # one of several distributions that provide a module
    "reference-shadowed": (REFUSE, REFUSE),  # taken from elsewhere than its distribution
    "import-shadowed": (REFUSE, REFUSE),
    "import-missing": (REFUSE, REFUSE),
    "import-version": (REFUSE, REFUSE),
    "import-unknown": (REFUSE, WARN),
    "import-shared": (REFUSE, WARN),
    "assumed": (INFO, INFO),
    "user-site": (REFUSE, WARN),
    "pythonpath": (REFUSE, WARN),
    "foreign-path": (REFUSE, WARN),
    "editable": (WARN, INFO),  # a project that is installed as it stands: its version is compared
    "variable": (WARN, WARN),
    "other-python": (WARN, WARN),
    "no-home": (WARN, WARN),
    "no-gpu-driver": (WARN, WARN),
    "encoding": (WARN, WARN),
    "ranks-missing": (REFUSE, REFUSE),  # of ranks, where a preflight is asked for some: ``mpi``
    "ranks-differ": (REFUSE, REFUSE),
    "mpi-broken": (REFUSE, REFUSE),
    "mpi-launch": (REFUSE, REFUSE),
    "mpi-default": (INFO, INFO),
    "locale": (INFO, INFO),
    "timezone": (INFO, INFO),
}


def difference(
    policy: str, code: str, what: str, *, wanted: object, found: object, fix: str = ""
) -> Difference:
    """A Difference whose severity follows from its code and the policy."""
    strict, minor = RULES[code]
    severity = strict if policy == "strict" else minor
    if policy == "off" and severity == REFUSE:
        severity = WARN
    return Difference(code, what, spoken(wanted), spoken(found), severity, fix)


@dataclass(frozen=True)
class Judge:
    """The two sides, and the rules that apply between them; each comparison takes one.

    ``python`` is an interpreter that the user chose over the manifest's.
    """

    policy: str
    remote: Side
    manifest: Manifest | None
    caller: Snapshot | None
    rules: Rules
    python: str = ""

    @property
    def stdlib_missing(self) -> tuple[str, ...]:
        """What is missing of the remote standard library, as far as that is known."""
        return self.remote.modules.stdlib_missing if self.remote.modules else ()

    @property
    def fixes(self) -> Fixes:
        """The commands that fit these sides."""
        return Fixes.of(self.remote, self.caller, self.manifest)

    def differ(
        self, code: str, what: str, wanted: object, found: object, fix: str = ""
    ) -> Difference:
        """A Difference under the policy."""
        return difference(self.policy, code, what, wanted=wanted, found=found, fix=fix)


def short(digest: str | None) -> str:
    """The first twelve hex digits of an id, as git and docker show them."""
    return (digest or "").removeprefix("sha256:")[:12]
