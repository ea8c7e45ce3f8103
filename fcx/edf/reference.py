"""What ``image`` says: a file of the cluster or an image of a registry, spelt for each engine."""

from __future__ import annotations

import re
from dataclasses import dataclass

HUB = ("docker.io", "index.docker.io")


@dataclass(frozen=True)
class Reference:
    """A path of a ``.sqsh``, or user, registry, repository, tag and digest."""

    path: str = ""
    user: str = ""
    registry: str = ""
    hashed: bool = False  # the registry ended in "#", as the CE has it
    repository: str = ""
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read either dialect's spelling; never fails."""
        if _is_path(text):
            return cls(path=text)
        rest, _, digest = text.partition("@sha256:")
        user, _, rest = rest.rpartition("@") if "@" in rest else ("", "", rest)
        registry, hashed, rest = rest.rpartition("#")
        first, _, after = rest.partition("/")
        if not hashed and after and ("." in first or ":" in first or first == "localhost"):
            registry, rest = first, after
        repository, colon, tag = rest.rpartition(":") if ":" in rest else (rest, "", "")
        return cls("", user, registry, bool(hashed), repository, tag if colon else "", digest)

    def spelt(self, dialect: str) -> str:
        """The reference as the CE (``registry#image``) or Sarus (``registry/image``) takes it."""
        if self.path:
            return self.path
        user = f"{self.user}@" if self.user else ""
        hub = dialect == "ce" and self.registry in HUB  # the CE's own: under docker.io is no API
        named = "" if hub else self.registry
        registry = named + ("#" if dialect == "ce" else "/") if named else ""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@sha256:{self.digest}" if self.digest else ""
        return f"{user}{registry}{self.repository}{tag}{digest}"


_FILE = re.compile(r"\.(sqsh|sqfs|squashfs|sif|simg|tar|tgz|tar\.(gz|xz|bz2|zst))$")
_IN_A_VARIABLE = re.compile(r"\$\{?\w+(:-[^}]*)?\}?/")


def _is_path(text: str) -> bool:
    """Whether an image is given as a file, of whatever kind, rather than as a reference."""
    if text.startswith(("/", "./", "../", "~")):
        return True
    return bool(_FILE.search(text) or _IN_A_VARIABLE.match(text))
