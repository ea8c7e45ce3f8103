"""What a job has found in the image that it built: read into a manifest (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import NotShipped
from ..image.describe import manifest_of
from ..image.importable import failed_in
from ..image.probe import answers_in, without_dill
from ..parity.manifest import Manifest, Source
from ..parity.snapshot import Snapshot
from ..records import replace
from ..ship.mark import Mark
from .order import Order

PART = re.compile(rb"^== (mark|record|probe|imports)\n", re.MULTILINE)


@dataclass(frozen=True)
class Podman:
    """An image as the node's podman has it, in the words of docker."""

    id: str
    attrs: Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """The image, what was found in it, and the mark of its file."""

    image: Podman
    snapshot: Snapshot
    failing: Mapping[str, str]
    mark: Mark

    @classmethod
    def of(cls, data: bytes, where: str) -> Answer:
        """Read the file that the job has left. Raises NotShipped for what is none."""
        pieces = PART.split(data)
        parts = dict(zip(pieces[1::2], pieces[2::2], strict=False))
        try:
            record = json.loads(parts[b"record"])[0]
            image = Podman("sha256:" + str(record["Id"]).removeprefix("sha256:"), record)
            found = answers_in(parts[b"probe"])
            mark = Mark.from_json(parts[b"mark"], where)
        except (KeyError, ValueError, IndexError, TypeError):
            found, mark = {}, None
        if not found or mark is None:
            raise NotShipped(
                f"{where} is not what a building job leaves. Build again: `fcx image build "
                "--build-remote --no-cache`."
            )
        return cls(image, Snapshot.from_probe(found), _failing(parts.get(b"imports", b"")), mark)

    def manifest(self, order: Order, source: Source, system: str) -> Manifest:
        """Of the image, which lies on that system. Raises ImageRefused for what lacks dill."""
        if self.snapshot.dill is None:
            raise without_dill(self.snapshot.python.executable)
        made = manifest_of(
            self.image, self.snapshot, order.identity, source, order.identity.platform
        )
        return replace(made, shipped={system: self.mark.at(order.slot.image)})


def _failing(said: bytes) -> Mapping[str, str]:
    """Imports that fail; none where they could not be asked."""
    try:
        return failed_in(said)
    except (ValueError, LookupError):
        return {}
