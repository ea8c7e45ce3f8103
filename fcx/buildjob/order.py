"""One build by a job: of what, who the image will be, and where its files lie (pure).

::

    <folder of images>/
        <name>-<build id>.sqsh, .json           the image, and the mark that says it is ours
        .<name>.build/                          what builds of that name leave for the next one
            context-<digest>.tar, .chunks       the newest context
            <digest>.parts/                     pieces of one on its way
            <source id>.job                     who builds this source now: job and build id
            <build id>.made/                    what a job says (log), what it has found (answer)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from ..config import RemoteBuildSettings
from ..files import plain_name
from ..image.build import baked
from ..image.identity import Identity
from ..image.importable import required_names
from ..image.plan import Plan
from ..ship.shelf import ID, Slot

MADE, NOTE = ".made", ".job"


@dataclass(frozen=True)
class Order:
    """All that a job needs to know for one build; ``python`` as ``[image]`` has it."""

    plan: Plan
    identity: Identity
    folder: str
    settings: RemoteBuildSettings

    @classmethod
    def of(cls, plan: Plan, platform: str, folder: str, settings: RemoteBuildSettings) -> Order:
        """A fresh build. The ids of its bases are not known: the node pulls them."""
        identity = replace(Identity.of(plan, {}, platform), base_id="")
        return cls(plan, identity, folder, settings)

    def known_as(self, build_id: str) -> Order:
        """The same build with the id under which another call has begun it."""
        return replace(self, identity=replace(self.identity, build_id=build_id))

    @property
    def name(self) -> str:
        """Of the image and its files."""
        return plain_name(self.identity.name)

    @property
    def slot(self) -> Slot:
        """The place of the image."""
        return Slot.named(self.folder, self.identity.name, self.identity.build_id)

    @property
    def home(self) -> str:
        """What builds of that name leave."""
        return f"{self.folder}/.{self.name}.build"

    @property
    def made(self) -> str:
        """What the job of this build leaves."""
        return f"{self.home}/{self.identity.build_id[:ID]}{MADE}"

    @property
    def note(self) -> str:
        """Who builds this source now."""
        return f"{self.identity.source_id[:ID]}{NOTE}"

    @cached_property
    def files(self) -> dict[str, bytes]:
        """What makes the image say who it is: the Dockerfile that is built, and its record."""
        return baked(self.plan, self.identity)

    @property
    def architecture(self) -> str:
        """That of the node: ``arm64``."""
        return self.identity.platform.rpartition("/")[2]

    @cached_property
    def required(self) -> tuple[str, ...]:
        """What the context's requirements name, and the image must be able to import."""
        return required_names(self.plan.context)
