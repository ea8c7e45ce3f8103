"""What all steps work with: the project's settings, and where its image's files lie."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import Credentials, Settings, Site
from ..errors import FcxError, StateError
from ..files import EDF_FOLDER, edf_path, manifest_path
from ..parity.manifest import Manifest
from ..state.facts import Facts

if TYPE_CHECKING:
    from ..firecrest.client import Client

PROPOSAL_AGE = 7 * 86400.0  # seconds for which a proposed working directory is remembered


@dataclass(frozen=True)
class Project:
    """A project as its fcx.toml has it, for one system."""

    settings: Settings
    credentials: Credentials

    @property
    def manifest_path(self) -> Path:
        """Of the project's image."""
        return self.manifest_path_of(self.settings.image.name)

    def manifest_path_of(self, name: str) -> Path:
        """Of an image of that name."""
        return manifest_path(name, self.settings.root / EDF_FOLDER)

    @property
    def edf_path(self) -> Path:
        """The user's EDF of the image."""
        return edf_path(self.settings.image.name, self.settings.root / EDF_FOLDER)

    @property
    def system(self) -> str:
        """What the system is called, as `fcx edf write` has it."""
        return self._site.name

    @property
    def platform(self) -> str:
        """Of the system's nodes, as docker says it; empty where it is not known."""
        return self._site.platform

    @property
    def _site(self) -> Site:
        return self.settings.site(self.settings.image.site or self.credentials.system)

    def away(self, manifest: Manifest) -> bool:
        """Whether it is known to be where the cluster has it from, or is packed to go there."""
        if self.settings.image.push_to:
            return bool(manifest.repo_digest)
        return self.packed(manifest) or self.system in manifest.shipped

    @staticmethod
    def packed(manifest: Manifest) -> bool:
        """Whether it is here as a file, so that no engine need have it."""
        return manifest.sqsh is not None and Path(manifest.sqsh.path).is_file()

    def begun_client(self) -> Client | None:
        """A client that imports and logs in beside what follows, if there will be questions.

        None where the image is not known to lie on the system, so that nothing is to be asked.
        """
        from ..firecrest.client import Client

        with suppress(FcxError):  # of a manifest that is not there, or cannot be read
            if self.system in self.manifest().shipped:
                client = Client(self.credentials)
                client.begin()
                return client
        return None

    def manifest(self) -> Manifest:
        """As it is now. Raises ConfigError where there is none, ManifestError for a damaged one."""
        from ..image.manifests import read_manifest

        return read_manifest(self.manifest_path)


def proposed(credentials: Credentials, *, known: bool = False) -> str:
    """A working directory for whoever has named none.

    ``known``: one that was proposed some days ago is taken without asking again.
    """
    key = f"proposal {credentials.api_url} {credentials.system} {credentials.client_id}"
    facts = Facts()
    if known:
        with suppress(StateError):
            found = facts.get(key, PROPOSAL_AGE)
            if isinstance(found, str):
                return found
    from ..executor.proposal import working_dir

    place = working_dir(credentials, logging.getLogger("fcx"))
    with suppress(StateError):
        facts.store(key, place)
    return place


def leaving(settings: Settings, manifest: Manifest) -> None:
    """Raise ParityError for an image that the system it is for cannot run: it stays here."""
    from ..image.check import require_architecture, target_site

    require_architecture(manifest, target_site(settings, os.environ))
