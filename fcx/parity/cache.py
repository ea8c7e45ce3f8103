"""What a preflight found, as a record that later runs may rely on for a while (pure).

The record keeps the remote snapshot rather than the verdict: judging it again costs a
millisecond, and then policy and rules may change without another job. Partition and placement
are no part of the key, because each agent is judged again before its first unpickling.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from ..records import Meta, Struct
from ..spoken import ago
from .manifest import Manifest
from .reading import parse, read, render
from .snapshot import Snapshot, Text


def verdict_key(
    *,
    system: str,
    edf: str,
    interpreter: str,
    surroundings: Sequence[str],
    manifest: Manifest | None,
    caller: Snapshot,
) -> str:
    """What a verdict is about, as 32 hex digits: a file name for the record.

    ``edf`` is the digest of the EDF's content, or what stands for it where there is none (srun's
    ``--environment`` by name, or nothing). ``interpreter`` is the remote path,
    ``surroundings`` are the srun options and the commands before them.
    """
    place = [system, edf, interpreter, *surroundings]
    facts = [place, _image_facts(manifest), _caller_facts(caller)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def last_seen(root: Path) -> str:
    """What the remote side that a project saw last is remembered under, whatever its verdict.

    So that `fcx env sync --remote` can follow a place that was refused and has no manifest.
    """
    return f"remote side of {root}"


def _image_facts(manifest: Manifest | None) -> list[object]:
    if manifest is None:
        return []
    sqsh = manifest.sqsh.sha256 if manifest.sqsh else ""
    ids = [manifest.build_id, manifest.image_id, manifest.repo_digest, sqsh, manifest.architecture]
    content = manifest.content
    imported = [dict(content.files), dict(content.contents)] if content else []
    packages = dict(manifest.distributions)
    return [*ids, manifest.python.version, manifest.dill, packages, imported]


def _caller_facts(caller: Snapshot) -> list[object]:
    python = [caller.python.implementation, caller.python.version, caller.python.magic]
    image = [caller.recipe_id, caller.build_id, caller.architecture]
    return [*python, *image, caller.dill, dict(caller.distributions)]


class Known(Struct, frozen=True):
    """A remote side as it was at ``taken`` (seconds since the epoch, by this machine's clock)."""

    key: Text
    taken: Annotated[float, Meta(ge=0, le=1e12, description="a time in seconds")]
    remote: Snapshot

    def age(self, now: float) -> float:
        """Seconds since it was taken; a clock that was set back makes none negative."""
        return max(now - self.taken, 0.0)

    def is_fresh(self, now: float, max_age_days: float) -> bool:
        """Whether it may still be relied on; a time in the future is not believed."""
        return self.taken <= now + 60 and self.age(now) <= max_age_days * 86400

    def spoken_age(self, now: float) -> str:
        """``3 hours ago``."""
        return ago(self.age(now))

    def to_json(self) -> str:
        """JSON that ``from_json`` reads."""
        return render(self)

    @classmethod
    def from_json(cls, text: str | bytes, where: str = "the remembered verdict") -> Known:
        """Read a record. Raises ManifestError; then it is as good as none."""
        values = parse(text, where, "Ask again with --fresh.")
        if isinstance(values, dict) and "far" in values:
            values["remote"] = values.pop("far")  # an older fcx's word
        return read(cls, values, where)
