"""What to say of an image beside this host and beside the system that it is meant for (pure).

Each finding has what was wanted, what was found and the command that mends it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ..config import Settings, Site
from ..errors import ParityError
from ..parity.manifest import Manifest, Snapshot
from ..parity.tools import Environment

SECRET = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|PRIVATE_KEY|API_?KEY", re.IGNORECASE)
INSIDE = "or call from inside the image: `fcx image run SCRIPT.py`"


def host_warnings(manifest: Manifest, here: Snapshot) -> Iterator[str]:
    """Where the interpreter that runs fcx differs from the image's: calls can run from inside."""
    mine, its = here.python, manifest.python
    environment = Environment(
        here.live.tool, mine.executable, mine.prefix, mine.prefix != mine.base_prefix
    )
    if (mine.implementation, mine.version) != (its.implementation, its.version):
        policy = "strict" if mine.minor == its.minor else "minor and strict"
        yield (
            f"Python: wanted {mine.implementation} {mine.version} as here, found "
            f"{its.implementation} {its.version} in the image; refused under parity {policy}. "
            f"Mend here: `{environment.use_python(its.version)}`; or there: `fcx image build "
            f"--build-arg PYTHON_VERSION={mine.version}`; {INSIDE}."
        )
    if manifest.dill and here.dill != manifest.dill:
        yield (
            f"dill: wanted {here.dill} as here, found {manifest.dill} in the image; refused under "
            f"parity minor and strict. Mend here: `{environment.install(f'dill=={manifest.dill}')}`"
            f"; or there: `fcx image build --build-arg DILL_VERSION={here.dill}`; {INSIDE}."
        )


def secret_warnings(build_args: Mapping[str, str], env: Mapping[str, str]) -> Iterator[str]:
    """Names that look like secrets: whoever has the image can read them."""
    for name in sorted(name for name in build_args if SECRET.search(name)):
        yield (
            f"The build argument {name} looks like a secret. Build arguments stay in the image's "
            "history for everybody who has it: let the Dockerfile do without."
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
        f"in the image {manifest.name}. Mend: `fcx image build --platform {site.platform}`, on a "
        "machine that can run or emulate it."
    )


def require_architecture(manifest: Manifest, site: Site | None) -> None:
    """Raise ParityError for an image that the site cannot run: it must not leave the laptop."""
    finding = architecture_finding(manifest, site)
    if finding:
        raise ParityError(finding)
