"""The record beside a shipped image, which says that it is ours and what it is (pure)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated

from ..errors import ManifestError
from ..firecrest.files import Entry
from ..parity.manifest import Manifest, Shipped
from ..parity.reading import parse, read, render
from ..parity.snapshot import Text
from ..protocol.content import summary
from ..records import Meta, Struct
from .plan import Plan
from .shelf import IMAGE, MARK

Size = Annotated[int, Meta(ge=1, description="a number of bytes")]


class Mark(Struct, frozen=True):
    """What lies beside it: of which build, with which bytes; ``content``: what Python imports."""

    name: Text
    build_id: Text
    size: Size
    sha256: Text
    shipped: Annotated[float, Meta(ge=0, le=1e12, description="a time in seconds")]
    architecture: str = ""
    content: str = ""

    @classmethod
    def of(cls, manifest: Manifest, plan: Plan) -> Mark:
        """For the file that an image was packed into, shipped now."""
        content = summary(dict(manifest.content.files)) if manifest.content else ""
        now, processor = round(time.time(), 3), manifest.architecture
        return cls(
            manifest.name, manifest.build_id, plan.size, plan.sha256, now, processor, content
        )

    @classmethod
    def from_json(cls, text: bytes, where: str) -> Mark | None:
        """Read one; None for what is no such record: then the file beside it is not ours."""
        try:
            return read(cls, parse(text, where, ""), where)
        except ManifestError:
            return None

    def to_json(self) -> str:
        """The text of the file; ``join.sh`` looks for the build id in it."""
        return render(self)

    def at(self, path: str) -> Shipped:
        """What a manifest notes of it."""
        return Shipped(path, self.sha256, self.size)


def pairs(entries: Mapping[str, Entry]) -> list[str]:
    """The stems of a listing under which there are both an image and a record."""
    stems = sorted(name.removesuffix(MARK) for name in entries if name.endswith(MARK))
    return [stem for stem in stems if stem + IMAGE in entries]
