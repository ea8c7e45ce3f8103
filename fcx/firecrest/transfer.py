"""What takes longer than a request may: jobs of the server's own, and its staging area.

Each method is one request. What begins a job is not repeated where it may have begun: one more
would write to the same file, or wait a day for what nobody sends.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from . import answers
from .failures import Odd
from .retries import Requests

T = TypeVar("T")

LOG = ".f7t_"  # begins the names of what a job of the server's own writes
MOST_PARTS = 10_000  # of one object, as S3 has it


class Address:
    """A presigned URL: who has it is let in, so it is never shown."""

    def __init__(self, url: str | None) -> None:
        self.url = url or ""
        self.host = _host(self.url)
        if not self.host:
            raise Odd("the answer names no place to send to or to read from")

    def __repr__(self) -> str:
        return f"<address at {self.host}>"


def _host(url: str) -> str:
    """Where it leads, with its port; nothing for what is no URL."""
    with suppress(ValueError):
        parts = urlsplit(url if url.isascii() and url.isprintable() else "")
        if parts.scheme in {"http", "https"} and parts.hostname:
            return parts.netloc.rpartition("@")[2]
    return ""


@dataclass(frozen=True)
class ServersJob:
    """A job of the server's own, and the files that it writes about itself."""

    id: str
    logs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outgoing:
    """A job that brings a file to the staging area, and where it can be read then."""

    job: ServersJob
    address: Address


@dataclass(frozen=True)
class Incoming:
    """A job that waits for an object in the staging area; where its parts go, and their size."""

    job: ServersJob
    parts: tuple[Address, ...]
    complete: Address
    part_size: int


class Transfers:
    """The large files of one system; ``account`` pays for the jobs."""

    def __init__(self, requests: Requests, system: str, account: str) -> None:
        self._requests = requests
        self._system = system
        self._account = account

    async def offered(self) -> bool:
        """Whether the system has a staging area of S3's kind."""
        found = await self._requests.make(
            "ask for a staging area", lambda api: api.systems(), answers.read_stagers
        )
        return self._system in found

    async def pack(self, folder: str, pattern: str, target: str) -> ServersJob:
        """Have a job pack the files of a folder whose ``./name`` the pattern matches, as a tar.

        Servers of before 2.4 know no other than one compressed by gzip, and make that.
        """
        inside = posixpath.join(folder, "all")  # the server looks in the folder of what it is given
        body = {"matchPattern": pattern, "targetPath": target, "compression": "none"}
        return await self._begin(f"have {target} packed", "compress", inside, body, _job)

    async def send(self, path: str) -> Outgoing:
        """Have a job bring a file to the staging area. Raises NoSuchPath."""
        body = {"transferDirectives": {"transferMethod": "s3"}}
        return await self._begin(f"have {path} sent", "download", path, body, _outgoing)

    async def receive(self, path: str, size: int) -> Incoming:
        """Have a job wait for an object of this size, and write it to a file."""
        body = {"transferDirectives": {"transferMethod": "s3", "fileSize": size}}
        read = partial(_incoming, size)
        return await self._begin(f"have {path} received", "upload", path, body, read)

    async def sha256(self, path: str) -> str:
        """The digest of a file; a large one may take the server longer than it allows."""
        return await self._requests.make(
            f"have {path} summed",
            lambda api: api.checksum(self._system, path),
            answers.read_checksum,
            once=True,
        )

    async def _begin(
        self,
        what: str,
        verb: str,
        path: str,
        body: dict[str, Any],
        read: Callable[[answers.Transfer], T],
    ) -> T:
        whole = {"sourcePath": path, **body}
        if self._account:
            whole["account"] = self._account
        return await self._requests.make(
            what,
            lambda api: api.by_job(self._system, verb, whole),
            lambda answer: read(answers.read_transfer(answer)),
            once=True,
        )


def _outgoing(begun: answers.Transfer) -> Outgoing:
    return Outgoing(_job(begun), Address(begun.transfer_directives.download_url))


def _incoming(size: int, begun: answers.Transfer) -> Incoming:
    way = begun.transfer_directives
    urls, part_size = way.parts_upload_urls or [], way.max_part_size or 0
    if part_size < 1 or len(urls) != -(-size // part_size) or len(urls) > MOST_PARTS:
        raise Odd(f"the answer has {len(urls)} places for {size} bytes in parts of {part_size}")
    parts = tuple(map(Address, urls))
    return Incoming(_job(begun), parts, Address(way.complete_upload_url), part_size)


def _job(begun: answers.Transfer) -> ServersJob:
    text, logs = answers.plain_text, begun.transfer_job.logs
    named = [text(path) for path in (logs.output_log, logs.error_log) if path] if logs else []
    own = tuple(path for path in named if posixpath.basename(path).startswith(LOG))
    return ServersJob(text(str(begun.transfer_job.job_id)), own)
