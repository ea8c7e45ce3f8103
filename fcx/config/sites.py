"""Systems: what is known of them, and what ``[site.<name>]`` says."""

from __future__ import annotations

from ..records import Struct


class Site(Struct, frozen=True, forbid_unknown_fields=True):
    """``[site.<name>]``: a system, its processor architecture and its container engine."""

    name: str
    architecture: str = ""  # as `docker` says it: amd64 | arm64; empty: unknown
    engine: str = "ce"  # ce (--environment) | sarus (--edf)
    scratch: str = "${SCRATCH}"

    @property
    def platform(self) -> str:
        """``linux/<architecture>``, or an empty string where it is not known."""
        return f"linux/{self.architecture}" if self.architecture else ""


KNOWN_SITES = {
    name: Site(name, architecture)
    for name, architecture in {
        "clariden": "arm64",
        "daint": "arm64",
        "santis": "arm64",
        "eiger": "amd64",
        "bristen": "amd64",
        "beverin": "amd64",
    }.items()
}
"""CSCS systems and the architecture of their compute nodes (CSCS documentation)."""
