"""A build as it is ordered, and a node with stand-ins for its programs."""

# ruff: noqa: ASYNC240 - Uploads stands in for requests

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fcx.buildjob.order import Order
from fcx.buildjob.script import script
from fcx.buildjob.sending import Parcel
from fcx.config import RemoteBuildSettings
from fcx.firecrest.files import Entry
from fcx.image.plan import OWN, Plan
from fcx.image.progress import Silent
from fcx.image.request import Request
from fcx.jobscript.options import Options
from fcx.protocol import probe

PODMAN = """#!/bin/sh
echo "$@" >>"$ROOM/podman.calls"
case $1 in
  --version) echo "podman version ${PODMAN_VERSION:-4.9.4}" ;;
  build)
    for last; do :; done
    rm -rf "$ROOM/context"
    cp -a "$last" "$ROOM/context"
    echo "STEP 1/1: FROM base"
    [ -z "${PODMAN_SAYS:-}" ] || { echo "$PODMAN_SAYS" >&2; exit 125; } ;;
  run)
    case "$*" in *--user*) [ -z "${NO_PLAIN_USER:-}" ] || { echo "no such user" >&2; exit 125; } ;; esac
    case "$*" in
      *" /fcx-imports.py /fcx-probe.py"*) echo '{"failed": {}}' ;;
      *) sed "s/BUILD_ID/$(sed -n 's/.*"build_id": "\\(.*\\)".*/\\1/p' "$ROOM/context/.fcx/image.json")/" \
           "$ROOM/answers" ;;
    esac ;;
  image) cat "$ROOM/record" ;;
esac
"""
ENROOT = """#!/bin/sh
[ ! -e "$3" ] || { echo "[ERROR] File already exists: $3"; exit 1; }
[ -n "${ENROOT_NOTHING:-}" ] || cp "$ROOM/image" "$3"
[ -z "${ENROOT_SAYS:-}" ] || echo "$ENROOT_SAYS"
exit ${ENROOT_CODE:-0}
"""
RECORD = [{"Id": "c0" * 32, "Created": "2026-01-02T03:04:05Z", "Size": 7, "Architecture": "amd64",
           "Config": {"Env": ["PATH=/usr/bin", "A=b c"]}}]  # fmt: skip


class Uploads:
    """Files that go straight into a folder of this machine's."""

    async def make_folder(self, path: str) -> None:
        Path(path).mkdir(parents=True, exist_ok=True)

    async def list(self, path: str) -> dict[str, Entry]:
        return {one.name: Entry(one.name, one.stat().st_size) for one in Path(path).iterdir()}

    async def write(self, folder: str, name: str, data: bytes) -> None:
        Path(folder, name).write_bytes(data)

    async def download(self, path: str) -> bytes:
        return Path(path).read_bytes()


@dataclass
class Node:
    """A folder of images, a project, and programs; `order` is the next build."""

    room: Path
    folder: Path
    settings: RemoteBuildSettings = field(default_factory=RemoteBuildSettings)
    text: str = "FROM base\nCOPY . /here\n"
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def programs(self) -> Path:
        return self.room / "bin"

    def program(self, name: str, text: str) -> None:
        self.programs.mkdir(exist_ok=True)
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def made(self) -> Order:
        source = self.room / "project"
        source.mkdir(exist_ok=True)
        (source / "Dockerfile").write_text(self.text)
        request = Request(source, source / "Dockerfile", "thing", **self.options)
        plan = Plan.from_request(request, source / "edf")
        return Order.of(plan, OWN, str(self.folder), self.settings)

    def parcel(self, order: Order) -> Parcel:
        """The context, sent as far as it is not there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        files: Any = Uploads()
        Path(order.made).mkdir(parents=True)
        parcel = Parcel.pack(order.plan.context, self.room, order.home, files)
        entries = asyncio.run(files.list(order.home))
        asyncio.run(parcel.send(entries, Silent()))
        return parcel

    def run(
        self, order: Order, text: str, words: Sequence[str] = ("bash",), **env: str
    ) -> subprocess.CompletedProcess[str]:
        """As Slurm runs a script."""
        path = f"{self.programs}:{os.environ['PATH']}"
        scratch = self.room / "tmp"
        scratch.mkdir(exist_ok=True)
        more = {"PATH": path, "SLURM_JOB_ID": "17", "ROOM": str(self.room), "TMPDIR": str(scratch)}
        return subprocess.run(
            [*words], input=text, text=True, capture_output=True, cwd=self.folder, check=False,
            env={**more, **env},
        )  # fmt: skip

    def build(self, order: Order | None = None, **env: str) -> tuple[Order, int, str]:
        """The whole of it: what was ordered, the code, the log."""
        order = order or self.made()
        done = self.run(order, script(order, self.parcel(order), Options.check([], ())), **env)
        assert done.stderr == ""
        return order, done.returncode, done.stdout


def make(room: Path, folder: Path) -> Node:
    """With podman and enroot."""
    made = Node(room, folder)
    room.mkdir()
    made.program("podman", PODMAN)
    made.program("enroot", ENROOT)
    made.program("unsquashfs", '#!/bin/sh\n! grep -q half "$2"\n')
    (room / "image").write_text("whole")
    found = {**probe.snapshot(), "image": {"build_id": "BUILD_ID"}}
    imported = {"files": {}, "contents": {}, "mounts": []}
    (room / "answers").write_text(f"{json.dumps(found)}\n{json.dumps(imported)}")
    (room / "record").write_text(json.dumps(RECORD))
    return made
