"""Who we are on the cluster, and whether working_dir will do: asked once, then remembered."""

from __future__ import annotations

import asyncio
import contextlib
import posixpath
import secrets
import stat

from ..config import Credentials
from ..errors import ConfigError, FcxError, NoSuchPath, RequestRefused
from ..firecrest.client import Client
from ..firecrest.failures import OUTSIDE
from ..parity.gate import Facts
from ..spoken import meant
from ..state import facts as stored

FACT_AGE = 7 * 86400.0  # seconds for which who we are there is remembered
DIRECTORY_AGE = 86400.0  # seconds for which a working_dir that was fine is not looked at again
ROOM = 64 << 10  # bytes that a working_dir should have room for


class Home:
    """The folder of all our runs below a working_dir."""

    def __init__(
        self, client: Client, credentials: Credentials, working_dir: str, facts: Facts
    ) -> None:
        self.client = client
        self.credentials = credentials
        self.working_dir = working_dir
        self.facts = facts

    @property
    def _where(self) -> str:
        return f"{self.credentials.api_url} {self.credentials.system}"

    async def find(self, *, afresh: bool = False) -> str:
        """Its path; made where it is not there. ``afresh``: remember nothing."""
        who = f"user {self._where} {self.credentials.client_id}"
        user = None if afresh else await asyncio.to_thread(self.facts.get, who, FACT_AGE)
        if not isinstance(user, str):
            user = await self._ask_user()
            await asyncio.to_thread(self.facts.store, who, user)
        base = posixpath.join(self.working_dir, f".fcx-{user}")
        fine = self._directory_fact(base)
        known = not afresh and await asyncio.to_thread(self.facts.get, fine, DIRECTORY_AGE)
        if not known:
            await self._make(base)
            await asyncio.to_thread(self.facts.store, fine, True)
        return base

    def _directory_fact(self, base: str) -> str:
        return f"{_directory_facts(self.credentials)}{base}"

    async def forget(self, base: str) -> None:
        """The working_dir may not do any more."""
        await asyncio.to_thread(self.facts.forget, self._directory_fact(base))

    async def complaint(self) -> str:
        """What is wrong with the working_dir, if that can be told; else nothing.

        A job that had no room for a word of its own left none: so a file is written there.
        """
        name = f".fcx-room-{secrets.token_hex(4)}"
        try:
            await self.client.files.write(self.working_dir, name, b" " * ROOM)
        except NoSuchPath:
            return f"working_dir {self.working_dir} does not exist on {self.client.system}\n"
        except RequestRefused as error:
            return f"{error}\n"
        finally:
            with contextlib.suppress(FcxError):
                await self.client.files.remove(posixpath.join(self.working_dir, name))
        return ""

    async def claim(self, directory: str, mark: str) -> bool:
        """Make a run directory of a given name; False where that is another run's.

        Of several that come at once, and of what is asked again because the answer was lost, the
        link decides: it has the mark of the run's key. An empty directory has no owner yet.
        """
        files, link = self.client.files, posixpath.join(directory, "key")
        target = posixpath.join(directory, mark)
        try:
            await files.make_folder(directory, parents=False)
        except RequestRefused as error:
            if "File exists" not in str(error):
                raise
            found = await files.list(directory)
            if found:
                return "key" in found and found["key"].target == target
        if await files.link(link, target):
            return True
        found = await files.list(directory)
        return "key" in found and found["key"].target == target

    async def _ask_user(self) -> str:
        try:
            return await self.client.user()
        except RequestRefused as error:
            if error.status != 404:
                raise
            name, known = self.client.system, list(await self.client.systems())
            raise ConfigError(
                f"{self.credentials.api_url} has no system {name!r}; it has: {', '.join(known)}."
                f"{meant(name, known)} Set FIRECREST_SYSTEM to one of them."
            ) from None

    async def check(self, base: str) -> None:
        """Raise ConfigError unless the folder is ours alone: what lies there is run as us."""
        found = await self.client.files.stat(base)
        uid = await self._ask_uid()
        if stat.S_ISLNK(found.mode):
            told = "is a symbolic link"
        elif not stat.S_ISDIR(found.mode):
            told = "is no folder"
        elif uid is not None and found.uid != uid:
            told = f"belongs to somebody else (user {found.uid}, not {uid})"
        elif found.mode & (stat.S_IWGRP | stat.S_IWOTH):
            told = f"may be written to by others (mode {stat.S_IMODE(found.mode):04o})"
        else:
            return
        raise ConfigError(
            f"{base} on {self.client.system} {told}: what others put there would run as you, so "
            "nothing was sent. See who made it, remove it, or name another working_dir."
        )

    async def _ask_uid(self) -> int | None:
        who = f"uid {self._where} {self.credentials.client_id}"
        known = await asyncio.to_thread(self.facts.get, who, FACT_AGE)
        if isinstance(known, int):
            return known
        uid = await self.client.uid()
        if uid is not None:
            await asyncio.to_thread(self.facts.store, who, uid)
        return uid

    async def _make(self, base: str) -> None:
        if not await self._made(base):
            await self.check(base)
        try:
            await self.client.files.set_mode(base, "700")
        except RequestRefused as error:
            raise ConfigError(
                f"{base} on {self.client.system} cannot be made private ({error}). See who made "
                "it, remove it, or name another working_dir."
            ) from None

    async def _made(self, base: str) -> bool:
        """Make it; False where something is there already."""
        try:
            await self.client.files.make_folder(base, parents=False)
        except NoSuchPath:
            raise ConfigError(
                f"working_dir {self.working_dir} does not exist on {self.client.system}. "
                "Make it there, or name one that exists."
            ) from None
        except RequestRefused as error:
            if "File exists" in str(error):
                return False
            if error.status == 403 or "ermission denied" in str(error):
                raise ConfigError(
                    f"working_dir {self.working_dir} cannot be written to on "
                    f"{self.client.system}: {error}. Name a directory of your own."
                ) from None
            raise ConfigError(
                f"working_dir {self.working_dir} cannot be used: {str(error).rstrip('.')}. "
                f"{await self._roots(str(error))}Correct what it says, or name another directory: "
                "`fcx preflight` without one proposes it."
            ) from None
        return True

    async def _roots(self, refused: str) -> str:
        """Where directories may lie, if that is what was refused."""
        if OUTSIDE not in refused:
            return ""
        with contextlib.suppress(FcxError):
            roots = await self.client.work_folders()
            return f"What {self.client.system} shows lies in: {', '.join(roots)}. "
        return ""


def remembered(credentials: Credentials) -> list[str]:
    """The folders on this cluster that this machine has made, or found fine, and not forgotten."""
    beginning = _directory_facts(credentials)
    return [key.removeprefix(beginning) for key in stored.Facts().keys(beginning)]


def _directory_facts(credentials: Credentials) -> str:
    return f"private directory {credentials.api_url} {credentials.system} "
