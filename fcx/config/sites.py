"""Systems: what is known of them, and what ``[site.<name>]`` says."""

from __future__ import annotations

from typing import Literal

from ..records import Struct

_GPUS = {
    "clariden": "cuda",
    "daint": "cuda",
    "santis": "cuda",
    "bristen": "cuda",
    "beverin": "rocm",
    "eiger": "none",
}
"""What the nodes of the CSCS systems compute with, as the variants of a hook begin."""


class Site(Struct, frozen=True, forbid_unknown_fields=True):
    """``[site.<name>]``: a system, its processors, its network and its container engine."""

    name: str
    architecture: str = ""  # as `docker` says it: amd64 | arm64; empty: unknown
    engine: str = "ce"  # ce (--environment) | sarus (--edf)
    scratch: str = "${SCRATCH}"
    network: Literal["", "slingshot"] = ""  # empty: as known of its name
    gpus: Literal["", "cuda", "rocm", "none"] = ""  # the same

    @property
    def platform(self) -> str:
        """``linux/<architecture>``, or an empty string where it is not known."""
        return f"linux/{self.architecture}" if self.architecture else ""

    @property
    def fabric(self) -> str:
        """The network between its nodes: as it is said, else as known; empty: not known."""
        return self.network or ("slingshot" if self.name.lower() in _GPUS else "")

    @property
    def accelerators(self) -> str:
        """What its nodes compute with: as it is said, else as known; empty: not known."""
        return self.gpus or _GPUS.get(self.name.lower(), "")


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
