"""Who an image is: its ids, its unique tag, and what it carries to say so."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import __version__
from .plan import Plan
from .recipe import build_id, source_id

BUILD_LABEL = "fcx.build-id"
RECIPE_LABEL = "fcx.recipe-id"
SOURCE_LABEL = "fcx.source-id"
OCI = "org.opencontainers.image"


@dataclass(frozen=True)
class Identity:
    """Ids, and what the image is made from.

    ``source_id`` is the same for the same source; ``build_id`` is that of one build alone.
    """

    name: str
    recipe_id: str
    source_id: str
    build_id: str
    platform: str
    base: str
    base_id: str
    base_digest: str

    @classmethod
    def of(cls, plan: Plan, bases: Mapping[str, Any], platform: str) -> Identity:
        """Put the source, the bases' ids and the platform together, for a build yet to be made."""
        base_ids = [bases[name].id if name in bases else name for name in plan.recipe.bases]
        base = plan.recipe.bases[0]
        digests = bases[base].attrs.get("RepoDigests") if base in bases else None
        source = source_id(plan.recipe_id, base_ids, platform)
        return cls(
            name=plan.request.name,
            recipe_id=plan.recipe_id,
            source_id=source,
            build_id=build_id(source, secrets.token_hex(16)),
            platform=platform,
            base=base,
            base_id=base_ids[0],
            base_digest=digests[0].partition("@")[2] if digests else "",
        )

    @property
    def tag(self) -> str:
        """A name that no other build has, so that no cache can serve a stale image under it."""
        return f"{self.name}:{self.build_id[:16]}"

    def record(self) -> bytes:
        """What the image carries in a file, for the probe to find."""
        record = {
            "schema": 1,
            "name": self.name,
            "recipe_id": self.recipe_id,
            "build_id": self.build_id,
            "platform": self.platform,
            "base_image": self.base,
            "base_image_id": self.base_id,
            "fcx": __version__,
        }
        return (json.dumps(record, indent=2) + "\n").encode()

    def labels(self) -> dict[str, str]:
        """The same for whoever inspects the image without running it."""
        labels = {
            f"{OCI}.title": self.name,
            f"{OCI}.version": self.build_id[:16],
            f"{OCI}.description": "Python and dill for fcx, the same on the laptop and the cluster",
            f"{OCI}.base.name": self.base,
            RECIPE_LABEL: self.recipe_id,
            SOURCE_LABEL: self.source_id,
            BUILD_LABEL: self.build_id,
        }
        return labels | ({f"{OCI}.base.digest": self.base_digest} if self.base_digest else {})

    def label_line(self) -> str:
        """The labels as one instruction: one step, where the engine's own way takes one each."""
        return "LABEL " + " ".join(f"{k}={json.dumps(v)}" for k, v in self.labels().items()) + "\n"
