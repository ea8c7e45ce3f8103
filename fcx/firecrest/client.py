"""The one door to FirecREST: submit, states, read, write, cancel. Nothing else knows pyfirecrest.

Every method is one HTTP request unless it says otherwise. At most four are under way per process
and server: behind it stands an sshd whose MaxSessions is 10. Requests are repeated through dropped
connections, 5xx and 429, for as long as ``patience`` allows; what is refused is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import posixpath
import tempfile
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..config import Credentials
from ..errors import (
    ClusterError,
    CredentialsRefused,
    JobRefused,
    NoSuchPath,
    RequestRefused,
    Unreachable,
)

T = TypeVar("T")

AT_ONCE = 4  # requests under way per process and server
REQUEST_TIMEOUT = 60.0  # seconds for one answer
FIRST_CONTACT = 60.0  # seconds, while no request has succeeded yet: the address may be wrong
COMPLAINTS = 30.0  # seconds between two words about requests that fail
PATIENCE = 900.0  # seconds awake for which an idempotent request is repeated
LAST_PATIENCE = 8.0  # the same, while the caller waits to leave
TOKEN_MARGIN = 60  # seconds of life that a token must have left: the server refuses under 30
MOST_PER_READ = 5_242_879  # bytes of text in one answer
TERMINAL = (
    "COMPLETED",
    "FAILED",
    "TIMEOUT",
    "OUT_OF_MEMORY",
    "NODE_FAIL",
    "PREEMPTED",
    "BOOT_FAIL",
    "DEADLINE",
    "CANCELLED",
    "REVOKED",
)
NEVER_RUNS = (
    "PartitionTimeLimit",
    "PartitionConfig",
    "PartitionNodeLimit",
    "AssocGrpJobsLimit",
    "BadConstraints",
    "AccountNotAllowed",
    "QOSNotAllowed",
    "InvalidAccount",
    "InvalidQOS",
    "AssocMaxWallDurationPerJobLimit",
    "QOSMaxWallDurationPerJobLimit",
    "DependencyNeverSatisfied",
    "JobHeldAdmin",
)
# Words of a command that failed for a reason that does not pass, though the status is a 500.
LASTING = (
    "already complet",
    "Invalid job id",
    "File exists",
    "File name too long",
    "Is a directory",
    "Not a directory",
    "No space left on device",
    "Disk quota exceeded",
    "Operation not permitted",
    "Permission denied",
    "Read-only file system",
    "Too many levels of symbolic links",
)
# sbatch gave up waiting although the job may yet appear.
AMBIGUOUS = (
    "timed out",
    "Unable to contact slurm controller",
    "Zero Bytes were transmitted",
    "temporarily unavailable",
    "Channel not open",
    "try again later",
)


@dataclass(frozen=True)
class JobState:
    """What Slurm says of a job. ``state`` without what follows it (``CANCELLED by 1001``)."""

    job: str
    name: str
    state: str
    reason: str = ""
    exit_code: int = 0
    signal: int = 0

    @property
    def terminal(self) -> bool:
        """Whether the job has ended."""
        return self.state in TERMINAL

    @property
    def never_runs(self) -> bool:
        """Pending for a reason that does not go away by waiting."""
        return self.state == "PENDING" and self.reason in NEVER_RUNS

    @classmethod
    def parse(cls, record: dict[str, Any]) -> JobState:
        """From one element of ``jobs`` in the API's answer."""
        status = record.get("status") or {}
        state = status.get("state") or "PENDING"
        words = state if isinstance(state, list) else [state]
        known = [str(word).split()[0].rstrip("+") for word in words if word]
        ended = [word for word in known if word in TERMINAL]
        all_ended = len(ended) == len(known) and ended
        return cls(
            str(record.get("jobId", "")),
            str(record.get("name") or ""),
            (ended if all_ended else [w for w in known if w not in TERMINAL] or ["PENDING"])[0],
            str(status.get("stateReason") or ""),
            int(status.get("exitCode") or 0),
            int(status.get("interruptSignal") or 0),
        )


@dataclass(frozen=True)
class Submitted:
    """A job id; if the submit was ``repeated``, other jobs of the same script may be about."""

    job: str
    repeated: bool


@dataclass(frozen=True)
class Entry:
    """One line of a directory listing."""

    name: str
    size: int
    target: str = ""


class LoopThread:
    """One event loop in one daemon thread, for every cluster of this process."""

    _shared: LoopThread | None = None
    _lock = threading.Lock()

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, name="fcx", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    @classmethod
    def shared(cls) -> LoopThread:
        """The loop of this process; a new one in a forked child."""
        with cls._lock:
            if cls._shared is None or not cls._shared.thread.is_alive():
                cls._shared = cls()
            return cls._shared

    def run(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine there and wait for it here."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout)


_gates: weakref.WeakValueDictionary[tuple[int, str], asyncio.Semaphore] = (
    weakref.WeakValueDictionary()
)


def _gate(url: str) -> asyncio.Semaphore:
    """The semaphore that all clusters of this loop and server share."""
    key = id(asyncio.get_running_loop()), url
    gate = _gates.get(key)
    if gate is None:
        gate = _gates[key] = asyncio.Semaphore(AT_ONCE)
    return gate


class _Token:
    """A token of the client credentials, fetched off the loop: pyfirecrest blocks meanwhile."""

    def __init__(self, credentials: Credentials) -> None:
        from firecrest import ClientCredentialsAuth

        self._auth = ClientCredentialsAuth(
            credentials.client_id,
            credentials.client_secret,
            credentials.token_url,
            min_token_validity=TOKEN_MARGIN,
        )
        self._auth.timeout = REQUEST_TIMEOUT
        self._auth.disable_client_logging = True
        self._lock = asyncio.Lock()
        self._headers: dict[str, str] = {}
        self._until = 0.0

    async def auth_headers(self) -> dict[str, str]:
        """Headers of a request; one renewal at a time."""
        async with self._lock:
            if time.time() >= self._until:
                self._headers = await asyncio.to_thread(self._auth.auth_headers)
                expires = self._auth._token_expiration_ts or 0.0  # noqa: SLF001 - no public way
                self._until = expires - TOKEN_MARGIN
            return self._headers

    def forget(self) -> None:
        """Ask for a new token next time: the server did not take this one."""
        self._auth._access_token = None  # noqa: SLF001 - no public way
        self._until = 0.0


class Cluster:
    """A system behind one FirecREST server, for one account. Its methods run in an event loop."""

    def __init__(
        self,
        credentials: Credentials,
        patience: float = PATIENCE,
        logger: logging.Logger | None = None,
    ) -> None:
        self.credentials = credentials
        self.log = logger or logging.getLogger("fcx")
        self._reached = False  # a request has succeeded
        self._complained = float("-inf")
        self.system = credentials.system
        self.patience = patience
        self._client: Any = None
        self._token: _Token | None = None
        self._slots: asyncio.Semaphore | None = None
        self._leaving = asyncio.Event()

    async def open(self) -> None:
        """Make the client (imports pyfirecrest, which takes a moment) off the loop."""
        if self._client is None:
            self._slots = _gate(self.credentials.api_url)
            self._client = await asyncio.to_thread(self._make_client)

    def _make_client(self) -> Any:
        from firecrest.v2 import AsyncFirecrest

        self._token = _Token(self.credentials)
        client = AsyncFirecrest(self.credentials.api_url, self._token)
        client.timeout = REQUEST_TIMEOUT
        client.num_retries_rate_limit = 0
        client.disable_client_logging = True
        client.MAX_DIRECT_UPLOAD_SIZE = MOST_PER_READ
        return client

    async def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            await self._client.close_session()
            self._client = None

    # -- jobs -------------------------------------------------------------------------------

    async def submit(self, working_dir: str, script: str) -> Submitted:
        """Submit a job. A lost answer is followed by the same script again: it must bear that."""
        attempts = 0

        async def once() -> Any:
            nonlocal attempts
            attempts += 1
            return await self._client.submit(
                self.system, working_dir, script_str=script, account=self.credentials.account
            )

        try:
            answer = await self._call("submit the job", once)
        except RequestRefused as error:
            if error.status in {500, 400}:
                raise JobRefused(_sbatch_words(str(error))) from error
            raise
        return Submitted(str(answer["jobId"]), repeated=attempts > 1)

    async def jobs(self) -> list[JobState]:
        """All of the user's recent jobs, in one request."""
        records = await self._call("list the jobs", lambda: self._client.job_info(self.system))
        return [JobState.parse(record) for record in records]

    async def job(self, job: str) -> JobState | None:
        """One job; None where the server does not know it, which says nothing of its life."""
        try:
            records = await self._call(
                "ask for a job", lambda: self._client.job_info(self.system, job)
            )
        except RequestRefused as error:
            if error.status == 404:
                return None
            raise
        return JobState.parse(records[0]) if records else None

    async def output_path(self, job: str) -> str:
        """Where a job's standard output goes; empty where the server no longer knows."""
        try:
            found = await self._call(
                "ask for a job's files", lambda: self._client.job_metadata(self.system, job)
            )
        except RequestRefused:
            return ""
        return str(found[0].get("standardOutput") or "") if found else ""

    async def cancel(self, job: str) -> None:
        """End a job; one that has ended or is not known counts as done."""
        try:
            await self._call("cancel a job", lambda: self._client.cancel_job(self.system, job))
        except RequestRefused as error:
            if not any(
                word in str(error) for word in ("already complet", "Invalid job id", "not found")
            ):
                raise

    async def user(self) -> str:
        """Name of the user that jobs run as."""
        answer = await self._call("ask who we are", lambda: self._client.userinfo(self.system))
        return str(answer["user"]["name"])

    async def systems(self) -> list[str]:
        """Names of the systems behind this server."""
        answer = await self._call("list the systems", self._client.systems)
        return [str(system["name"]) for system in answer]

    # -- files ------------------------------------------------------------------------------

    async def list(self, path: str) -> dict[str, Entry]:
        """A directory's entries by name. Raises NoSuchPath."""
        found = await self._call(
            f"list {path}", lambda: self._client.list_files(self.system, path, show_hidden=True)
        )
        entries = (
            Entry(entry["name"], int(entry["size"] or 0), entry.get("linkTarget") or "")
            for entry in found
        )
        return {entry.name: entry for entry in entries}

    async def read_from(self, path: str, offset: int) -> bytes:
        """The bytes of an ASCII file from ``offset`` on. Raises NoSuchPath."""
        answer = await self._call(
            f"read {path}",
            lambda: self._client.tail(
                self.system, path, num_bytes=offset + 1, exclude_beginning=True
            ),
        )
        return _text(answer)

    async def read_end(self, path: str, size: int) -> bytes:
        """The last ``size`` bytes of a text file. Raises NoSuchPath."""
        answer = await self._call(
            f"read {path}", lambda: self._client.tail(self.system, path, num_bytes=size)
        )
        return _text(answer)

    async def download(self, path: str) -> bytes:
        """The bytes of a file of up to 3.9 MB, in two requests. Raises NoSuchPath."""
        with tempfile.TemporaryDirectory(prefix="fcx-") as scratch:
            target = Path(scratch) / "download"
            try:
                await self._call(
                    f"download {path}", lambda: self._client.download(self.system, path, target)
                )
            except FileNotFoundError as error:  # pyfirecrest's own translation of 404
                raise NoSuchPath(f"Could not download {path}: it is not there", 404) from error
            return target.read_bytes()

    async def stat(self, path: str) -> dict[str, Any]:
        """What stat tells: mode, size, uid ... Raises NoSuchPath."""
        answer = await self._call(f"look at {path}", lambda: self._client.stat(self.system, path))
        return dict(answer)

    async def write(self, folder: str, name: str, data: bytes) -> None:
        """Upload a file of up to 5 MB; an existing one is overwritten. Not atomic over there."""
        with tempfile.TemporaryDirectory(prefix="fcx-") as scratch:
            path = Path(scratch) / "upload"
            path.write_bytes(data)
            await self._call(
                f"write {posixpath.join(folder, name)}",
                lambda: self._client.upload(self.system, path, folder, name),
            )

    async def make_folder(self, path: str, *, parents: bool = True) -> None:
        """Make a directory; with ``parents`` one that exists is fine."""
        await self._call(
            f"make {path}", lambda: self._client.mkdir(self.system, path, create_parents=parents)
        )

    async def set_mode(self, path: str, mode: str) -> None:
        """chmod, with the mode as digits."""
        await self._call(f"chmod {path}", lambda: self._client.chmod(self.system, path, mode))

    async def remove(self, path: str) -> None:
        """Remove a file or a whole directory; one that is not there is fine."""
        with contextlib.suppress(NoSuchPath):
            await self._call(f"remove {path}", lambda: self._client.rm(self.system, path))

    # -- one request ------------------------------------------------------------------------

    async def _call(self, what: str, request: Callable[[], Awaitable[T]]) -> T:
        """Make a request; repeat it while the failure is of a kind that passes."""
        await self.open()
        assert self._slots is not None
        began = time.monotonic()
        pause, renewed = 0.0, False
        while True:
            try:
                async with self._slots:
                    answer = await request()
                    self._reached = True
                    return answer
            except ClusterError:
                raise
            except Exception as error:  # noqa: BLE001 - three libraries' errors, told apart below
                failure = _understand(error, what)
            if isinstance(failure, CredentialsRefused) and not renewed and failure.of_request:
                renewed = True
                self._forget_token()
                continue
            if not isinstance(failure, _Passing):
                raise failure
            patience = self.patience if self._reached else min(self.patience, FIRST_CONTACT)
            if time.monotonic() + max(pause, failure.after) > began + patience:
                spent = time.monotonic() - began
                raise self._unreachable(what, failure, spent) from failure.__cause__
            self._complain(what, failure)
            await self._nap(max(pause, failure.after))
            pause = min(max(0.5, pause * 2), 30.0)

    def _unreachable(self, what: str, failure: ClusterError, spent: float) -> Unreachable:
        place = self.credentials.api_url
        mend = "look at the site's status page, then run again"
        if not self._reached:
            mend = "check FIRECREST_URL and AUTH_TOKEN_URL, and the network"
        return Unreachable(
            f"Could not {what} at {place}: {failure}. It was tried for {spent:.0f} s; {mend}."
        )

    def _complain(self, what: str, failure: ClusterError) -> None:
        """Say that requests fail, now and then: whoever waits should know what for."""
        now = time.monotonic()
        if now - self._complained > COMPLAINTS:
            self._complained = now
            self.log.warning(f"Could not {what}: {failure}. Trying again")

    async def _nap(self, seconds: float) -> None:
        """A pause that ends when the caller begins to leave."""
        if self._leaving.is_set():
            await asyncio.sleep(seconds)
        else:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), seconds)

    def hurry(self) -> None:
        """The caller is leaving: what fails is repeated for some seconds more, and given up."""
        self.patience = min(self.patience, LAST_PATIENCE)
        self._leaving.set()

    def _forget_token(self) -> None:
        if self._token is not None:
            self._token.forget()


class _Passing(ClusterError):
    """A failure that may be gone the next time; ``after``: seconds that the server asks for."""

    def __init__(self, message: str, after: float = 0.0) -> None:
        super().__init__(message)
        self.after = after


def _text(answer: Any) -> bytes:
    content = answer["content"] if isinstance(answer, dict) else answer
    return (content or "").encode("utf-8", "replace")


def _understand(error: Exception, what: str) -> ClusterError:
    """Somebody else's exception as one of ours."""
    import httpx
    import requests
    from firecrest.FirecrestException import ClientsCredentialsException, FirecrestException

    if isinstance(error, ClientsCredentialsException):
        response = error.responses[-1]
        if response.status_code >= 500 or response.status_code == 429:
            return _passing(f"the token endpoint answered {response.status_code}", error)
        return CredentialsRefused(
            f"Could not {what}: the token endpoint does not accept the client id and secret "
            f"({response.status_code}). Check FIRECREST_CLIENT_ID, FIRECREST_CLIENT_SECRET and "
            "AUTH_TOKEN_URL."
        )
    if isinstance(error, FirecrestException):
        return _of_answer(error, what)
    if isinstance(error, FileNotFoundError):
        raise error
    if isinstance(error, (httpx.TransportError, requests.RequestException, OSError)):
        return _passing(f"{type(error).__name__}: {error}", error)
    if isinstance(error, (ValueError, KeyError, TypeError)):
        return _passing(f"the answer makes no sense ({type(error).__name__}: {error})", error)
    raise error


def _passing(message: str, cause: Exception, after: float = 0.0) -> _Passing:
    failure = _Passing(message, after)
    failure.__cause__ = cause
    return failure


def _of_answer(error: Any, what: str) -> ClusterError:
    """An HTTP answer that is not the one wished for."""
    response = error.responses[-1]
    status, message = response.status_code, _message(response)
    told = f"Could not {what}: {message} (HTTP {status})"
    if status == 401:
        refused = CredentialsRefused(f"{told}. The API does not accept this token.")
        refused.of_request = True
        return refused
    if status == 429:
        return _passing(message, error, _retry_after(response))
    if "No such file or directory" in message:
        return NoSuchPath(told, status)
    refused_by_slurm = "sbatch: " in message and not any(word in message for word in AMBIGUOUS)
    lasting = refused_by_slurm or any(word in message for word in LASTING)
    if (status >= 500 or status in {408, 424}) and not lasting:
        return _passing(f"{message} (HTTP {status})", error)
    return RequestRefused(told, status)


def _message(response: Any) -> str:
    try:
        body = response.json()
        return str(body.get("message") or body)
    except (ValueError, AttributeError):
        return str(response.text)[:500] or "no text"


def _retry_after(response: Any) -> float:
    try:
        return min(300.0, float(response.headers.get("Retry-After", 5.0)))
    except ValueError:
        return 30.0


def _sbatch_words(message: str) -> str:
    """What sbatch itself said, and what to do."""
    at = message.find("sbatch: ")
    words = message[at:].rsplit(" (HTTP", 1)[0].strip() if at >= 0 else message
    return (
        f"Slurm refused the job: {words}. Check sbatch_options and FIRECREST_ACCOUNT "
        "against what the site allows; it was not tried again."
    )
