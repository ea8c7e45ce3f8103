"""A run directory as a client finds it that takes the run over: names, links and what files hold."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from typing import Any

from fcx.errors import FcxError, NoSuchPath
from fcx.executor.core.actions import ReadInbox
from fcx.executor.effects.context import Context
from fcx.executor.effects.ownership import Ownership
from fcx.executor.effects.sent import SentTasks
from fcx.executor.resumption import context_of
from fcx.executor.survey import Survey
from fcx.firecrest.files import Entry as Listed
from fcx.protocol import keys, packing, record
from fcx.state.journal import RunRecord
from fuzzing.answers import CREDENTIALS
from fuzzing.entry import Entry, lenient
from fuzzing.inbox import CONFIG, FILE, KEY
from fuzzing.logs import KEY as PILOT_KEY
from fuzzing.logs import RECORDS

RUN_KEY = b"k" * 32
DIRECTORY = "/scratch/.fcx-me/20261126-011602-13428947"
LINK = "-> "  # begins the content that is a link's target
assert keys.inbox_key(RUN_KEY) == KEY


class Files:
    """As ``fcx.firecrest.files.Files`` answers, out of what was read: folder -> name -> content."""

    def __init__(self, known: Any) -> None:
        known = known if isinstance(known, dict) else {}
        self.folders: dict[str, dict[str, str]] = {
            f"{DIRECTORY}/{folder}": {name: str(text) for name, text in files.items()}
            for folder, files in known.items()
            if isinstance(files, dict)
        }

    async def list(self, path: str) -> dict[str, Listed]:
        """A folder's entries."""
        if path == DIRECTORY:
            return {}
        if path not in self.folders:
            raise NoSuchPath(path)
        return {
            name: Listed(name, len(text), text[len(LINK) :] if text.startswith(LINK) else "")
            for name, text in self.folders[path].items()
        }

    async def download(self, path: str) -> bytes:
        """A file's bytes."""
        folder, _, name = path.rpartition("/")
        if name not in self.folders.get(folder, {}):
            raise NoSuchPath(path)
        return self.folders[folder][name].encode("latin-1", "replace")

    async def read_from(self, path: str, offset: int) -> bytes:
        """The rest of them."""
        return (await self.download(path))[offset:]

    async def make_folder(self, path: str, *, parents: bool = True) -> None:
        """Make it."""
        self.folders.setdefault(path, {})

    async def link(self, path: str, target: str) -> bool:
        """Make a link where nothing is."""
        folder, _, name = path.rpartition("/")
        if name in self.folders[folder]:
            return False
        self.folders[folder][name] = LINK + target
        return True


def _context() -> Context:
    os.environ.setdefault("FCX_STATE_DIR", tempfile.mkdtemp(prefix="fcx-fuzz-"))
    where = (CREDENTIALS.api_url, CREDENTIALS.system, DIRECTORY)
    settings = {"working_dir": "/scratch"}
    run = RunRecord(DIRECTORY.rpartition("/")[2], *where, RUN_KEY, 1.0, "open", settings)
    return context_of(run, CREDENTIALS)


async def _take(context: Context, data: bytes) -> None:
    context.client.files = Files(lenient(data))  # type: ignore[assignment]
    pilots: list[str] = []
    sent = SentTasks(context, lambda name: pilots.append(keys.pilot_key(RUN_KEY, name).hex()))
    await sent.tasks()
    await sent.pilots()
    try:
        await sent.read(ReadInbox(1))
    except NoSuchPath:
        pass
    await Survey(context).tasks()
    assert await Ownership(context).take() > 1


LOOP = asyncio.new_event_loop()
CONTEXT = _context()


def take(data: bytes) -> None:
    """Everything that taking over reads."""
    LOOP.run_until_complete(_take(CONTEXT, data))


_LOG = b"".join(record.line(one, PILOT_KEY) for one in RECORDS).decode("ascii")
_ORDER = packing.encode_order({"cancel": ["t0"]}, KEY).decode("ascii")
_TREE: dict[str, dict[str, str]] = {
    "inbox": {"b000001": FILE.decode("latin-1"), "o000002": _ORDER, "closed": "keep"},
    "locks": {"fcx-001": f"{LINK}7", "7.0.left": "UNLIMITED\n"},
    "logs": {"7.0.0.0": _LOG, "7.0.0.beat": "...", "client-2": f"{LINK}me", "7.0.0.exit": "x"},
    "clients": {"2": f"{LINK}me", "3": f"{LINK}other"},
}
_EMPTY: dict[str, dict[str, str]] = {
    "inbox": {},
    "pilots": {"fcx-001.json": json.dumps(CONFIG)},
}
ENTRIES = (Entry("attach.directory", take, (_TREE, _EMPTY), (FcxError,)),)
