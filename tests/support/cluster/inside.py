"""What is in an image, by its own Python: asked by hand, as `docker run` has it."""

from __future__ import annotations

import json

from places import PACKAGE

from cluster.bases import docker
from cluster.engine import Engine
from fcx.parity.manifest import Manifest, snapshot_fields
from fcx.parity.snapshot import Snapshot

PROBE = PACKAGE / "protocol/probe.py"
CONTENTS = """
import hashlib, json, os
found = {}
for top in %r:
    for folder, folders, files in os.walk(top):
        for path in (os.path.join(folder, name) for name in files):
            with open(os.devnull if os.path.islink(path) else path, "rb") as file:
                found[path] = oct(os.lstat(path).st_mode) + hashlib.sha256(file.read()).hexdigest()
print(json.dumps(found))
"""


def in_image(engine: Engine, tag: str, *words: str, user: str = "0") -> str:
    """What the image's Python prints."""
    options = ["--rm", "--user", user, "--network", "none", "--volume", f"{PROBE}:/probe.py:ro"]
    command = ["run", *options, "--workdir", "/", "--entrypoint", "python3", tag, *words]
    return docker(engine, *command).stdout


def contents(engine: Engine, tag: str, *folders: str) -> dict[str, str]:
    """Each file below some folders with its mode and digest, byte code too."""
    return dict(json.loads(in_image(engine, tag, "-B", "-c", CONTENTS % (folders,))))


def assert_true(engine: Engine, tag: str, manifest: Manifest) -> None:
    """What the manifest says of the image is what a plain user finds in it."""
    by_hand = in_image(engine, tag, "/probe.py", user="65534")
    fields = snapshot_fields(Snapshot.from_probe(json.loads(by_hand)))
    for name in ("python", "dill", "distributions", "libc", "os", "locale", "encoding"):
        assert getattr(manifest, name) == fields[name], name
