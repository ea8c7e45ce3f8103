"""A working directory for whoever has named none: the user's own, on the system's work space."""

from __future__ import annotations

import logging
import posixpath
import stat

from ..config import Credentials
from ..errors import ConfigError, RequestRefused
from ..firecrest.client import Client
from ..firecrest.loop import LoopThread

PATIENCE = 15.0  # seconds for which a request is repeated


def working_dir(credentials: Credentials, logger: logging.Logger) -> str:
    """A folder of the user's own that exists on the cluster. Raises ConfigError without one."""

    async def asked() -> str:
        client = Client(credentials, PATIENCE, logger)
        try:
            return await own_folder(client)
        finally:
            await client.close()

    return LoopThread.shared().run(asked())


async def own_folder(client: Client) -> str:
    """The same, for whoever has a client. Raises ConfigError without one."""
    user, uid = await client.user(), await client.uid()
    roots = await client.work_folders()
    for root in roots:
        for path in (posixpath.join(root, user), root):
            try:
                found = await client.files.stat(path)
            except RequestRefused:  # not there, or not to be looked at
                continue
            if stat.S_ISDIR(found.mode) and (uid is None or found.uid == uid):
                return path
    raise ConfigError(
        f"No working directory: none is set, and {client.system} shows no folder of {user}'s in "
        f"{', '.join(roots) or 'any file system'}. Give one with --working-dir, or set working_dir "
        "under [executor] in fcx.toml."
    )
