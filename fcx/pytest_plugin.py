"""Parity as a test: the interpreter that runs the tests against an image's manifest.

    pytest --fcx-manifest edf/fcx-image.manifest.json [--fcx-policy strict]

    def test_parity(fcx_parity):             # fails with the table, or skips without a manifest
        assert fcx_parity.passed

``fcx_manifest`` and ``fcx_policy`` may stand in the configuration of pytest instead. Everything
of fcx is imported only when one of them is used: pytest loads this module in every project.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .parity.verdict import Verdict

POLICIES = ("strict", "minor", "off")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options and their counterparts in the configuration file."""
    group = parser.getgroup("fcx", "parity with a container image (fcx)")
    group.addoption(
        "--fcx-manifest",
        metavar="FILE",
        help="manifest of the image to compare with, as `fcx image build` writes it",
    )
    group.addoption("--fcx-policy", choices=POLICIES, help="how strict the comparison is [minor]")
    parser.addini("fcx_manifest", "manifest of the image, relative to the configuration file")
    parser.addini("fcx_policy", "strict, minor or off")


def pytest_report_header(config: pytest.Config) -> str | None:
    """One line that says what is compared, if anything is."""
    path = _path(config)
    return f"fcx: parity {_policy(config)} with {path}" if path else None


@pytest.fixture(scope="session")
def fcx_parity(request: pytest.FixtureRequest) -> Verdict:
    """The Verdict of this interpreter against the image's manifest.

    Fails with the table of differences where the policy refuses; skips without a manifest.
    """
    path = _path(request.config)
    if path is None:
        pytest.skip("no manifest of an image to compare with: give --fcx-manifest FILE")
    verdict = _verdict(path, _policy(request.config))
    if not verdict.passed:
        pytest.fail(verdict.text(), pytrace=False)
    return verdict


def _path(config: pytest.Config) -> Path | None:
    """The manifest: of the command line, else of the configuration file."""
    given = config.getoption("--fcx-manifest")
    if given:
        return Path(config.invocation_params.dir, given)
    ini = str(config.getini("fcx_manifest"))
    return Path(config.inipath.parent if config.inipath else config.rootpath, ini) if ini else None


def _policy(config: pytest.Config) -> Any:
    return config.getoption("--fcx-policy") or config.getini("fcx_policy") or "minor"


def _verdict(path: Path, policy: str) -> Verdict:
    """Compare, with the rules of the nearest fcx.toml; what cannot be read fails."""
    from .config import Settings
    from .errors import FcxError
    from .parity.compare import compare
    from .parity.manifest import Manifest
    from .parity.snapshot import Snapshot
    from .protocol import probe

    try:
        manifest = Manifest.from_json(path.read_bytes(), str(path))
        rules = Settings.load().parity
        caller = Snapshot.from_probe(probe.snapshot())
        return compare(policy, remote=manifest, caller=caller, rules=rules)
    except OSError as error:
        text = f"{error.strerror}. `fcx image build` makes one, `fcx preflight --adopt NAME` too."
        pytest.fail(f"The manifest {path} cannot be compared with: {text}", pytrace=False)
    except FcxError as error:
        pytest.fail(f"The manifest {path} cannot be compared with: {error}", pytrace=False)
