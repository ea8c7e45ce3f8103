"""What to say of an image beside the client and beside the system that it is meant for (pure).

Each finding has what was wanted, what was found and the command that fixes it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from ..config import Settings, Site
from ..errors import ParityError
from ..parity.fixes import Fixes
from ..parity.manifest import Manifest
from ..parity.snapshot import Snapshot

SECRET = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|PRIVATE_KEY|API_?KEY", re.IGNORECASE)
INSIDE = "or run the script inside the image: `fcx image run SCRIPT.py`"


def client_warnings(
    manifest: Manifest, client: Snapshot, arguments: Collection[str]
) -> Iterator[str]:
    """Where the interpreter that runs fcx differs from the image's: scripts can run inside it.

    ``arguments``: those of the Dockerfile, by which the image can be made to follow.
    """
    own, its = client.python, manifest.python
    fixes = Fixes.of(manifest, client, manifest)
    if (own.implementation, own.version) != (its.implementation, its.version):
        policy = "strict" if own.minor == its.minor else "minor and strict"
        yield (
            f"Python: wanted {own.implementation} {own.version} as at the client, found "
            f"{its.implementation} {its.version} in the image; refused under parity {policy}. "
            f"Fix at the client: `{fixes.follow(its.version, anew=True)}`; or in the image: "
            f"{_by_argument('PYTHON_VERSION', own.version, arguments)}; {INSIDE}."
        )
    if manifest.dill and client.dill != manifest.dill:
        yield (
            f"dill: wanted {client.dill} as at the client, found {manifest.dill} in the image; "
            "refused under parity minor and strict. Fix at the client: "
            f"`{fixes.install('dill', manifest.dill)}`; or in the image: "
            f"{_by_argument('DILL_VERSION', client.dill or '', arguments)}; {INSIDE}."
        )


def _by_argument(name: str, value: str, arguments: Collection[str]) -> str:
    """How a release gets into the image: its Dockerfile may be somebody else's."""
    if name in arguments:
        return f"`fcx image build --build-arg {name}={value}`"
    what = "a base with Python" if name == "PYTHON_VERSION" else "a step that installs dill"
    return f"{what} {value}, as its Dockerfile has no `ARG {name}`"


def secret_warnings(build_args: Mapping[str, str], env: Mapping[str, str]) -> Iterator[str]:
    """Names that look like secrets: whoever has the image can read them."""
    for name in sorted(name for name in build_args if SECRET.search(name)):
        yield (
            f"The build argument {name} looks like a secret. Build arguments stay in the image's "
            f"history for everybody who has it: take `RUN --mount=type=secret,id={name}` and "
            f"`fcx image build --secret id={name},env={name}`."
        )
    for name in sorted(name for name, value in env.items() if value and SECRET.search(name)):
        yield (
            f"The image sets {name}, which looks like a secret, for everybody who has it. Take it "
            "out of the Dockerfile's ENV and give it when the image is run."
        )


def target_site(settings: Settings, env: Mapping[str, str]) -> Site | None:
    """The system the image is meant for: ``[image] site``, else FIRECREST_SYSTEM, else none."""
    name = settings.image.site or env.get("FIRECREST_SYSTEM", "").strip()
    return settings.site(name) if name else None


def architecture_finding(manifest: Manifest, site: Site | None) -> str | None:
    """Why the site cannot run the image; None if it can, or if that is not known."""
    if site is None or not site.architecture or site.architecture == manifest.architecture:
        return None
    return (
        f"Architecture: wanted {site.architecture} for {site.name}, found {manifest.architecture} "
        f"in the image {manifest.name}. Fix: `fcx image build --platform {site.platform}`, on a "
        "machine that can run or emulate it; or with --build-remote: a job there builds it."
    )


def require_architecture(manifest: Manifest, site: Site | None) -> None:
    """Raise ParityError for an image that the site cannot run: it must not leave the laptop."""
    finding = architecture_finding(manifest, site)
    if finding:
        raise ParityError(finding)
