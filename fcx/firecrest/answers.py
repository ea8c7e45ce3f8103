"""Answers as typed records. What does not fit is ``Odd``, never a raw error."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Annotated, Any, NamedTuple, TypeVar

from ..records import Meta, Misfit, Struct, fit
from .failures import Odd

T = TypeVar("T")

MOST_DIGITS = 20  # of the number of a user
SHOWN = 24  # characters of a wrong value that a message has

Code = Annotated[int, Meta(ge=-(2**31), lt=2**31, description="a whole number")]
JobId = int | Annotated[str, Meta(min_length=1, max_length=64, description="a job's id")]


class Status(Struct, frozen=True, rename="camel"):
    """The state of a job, as the server writes it; see ``jobs.JobState``."""

    state: str | list[str | None] | None = None
    state_reason: str | None = None
    exit_code: Code | None = None
    interrupt_signal: Code | None = None


class JobRecord(Struct, frozen=True, rename="camel"):
    """One element of ``jobs``."""

    job_id: JobId
    name: str | None = None
    status: Status | None = None
    time: Any = None  # what nothing depends on may be of any form
    allocation_nodes: Any = None


class JobPaths(Struct, frozen=True, rename="camel"):
    """One element of a job's metadata."""

    standard_output: str | None = None
    standard_error: str | None = None


class Accepted(Struct, frozen=True, rename="camel"):
    """The answer to a submit."""

    job_id: JobId


class FileRecord(Struct, frozen=True, rename="camel"):
    """One line of a directory listing; the size comes as text."""

    name: str
    size: str | int | None = None
    link_target: str | None = None


class FileContent(Struct, frozen=True):
    """Some of a file."""

    content: str | None = None


class FileStat(Struct, frozen=True):
    """What stat tells."""

    mode: int
    uid: int
    gid: int
    size: int


class Named(Struct, frozen=True):
    """A system."""

    name: str


class FileSystem(Struct, frozen=True, rename="camel"):
    """A file system of a system."""

    path: str
    data_type: str | None = None
    default_work_dir: bool | None = None


class System(Struct, frozen=True, rename="camel"):
    """A system with what it has."""

    name: str
    file_systems: list[FileSystem] | None = None


class Health(Struct, frozen=True, rename="camel"):
    """What the server found when it last tried a service of a system."""

    service_type: str = ""  # scheduler, ssh, filesystem, s3
    healthy: bool | None = None
    message: str | None = None
    path: str | None = None  # of a file system


class Watched(Struct, frozen=True, rename="camel"):
    """A system with its services."""

    name: str
    services_health: list[Health] | None = None


class Partition(Struct, frozen=True, rename="camel"):
    """A partition of a system; its state is one word or several."""

    name: str
    cpus: int | None = None
    total_nodes: int | None = None
    partition: str | list[str] = ""

    @property
    def is_up(self) -> bool:
        """Whether jobs start there, as far as its state is told."""
        states = [self.partition] if isinstance(self.partition, str) else self.partition
        return not states or not set(states) & {"DOWN", "DRAIN", "INACTIVE"}

    @property
    def state(self) -> str:
        """In a word or several."""
        return self.partition if isinstance(self.partition, str) else "+".join(self.partition)


class DataTransfer(Struct, frozen=True, rename="camel"):
    """How a system moves large files: by ``s3``, say."""

    service_type: str | None = None


class DataOperation(Struct, frozen=True):
    """What a system has for large files; the server writes this name in snake_case."""

    data_transfer: DataTransfer | None = None


class Mover(Struct, frozen=True, rename="camel"):
    """A system, as far as it moves large files."""

    name: str
    data_operation: DataOperation | None = None


class JobLogs(Struct, frozen=True, rename="camel"):
    """Where a job of the server's own writes."""

    output_log: str | None = None
    error_log: str | None = None


class TransferJob(Struct, frozen=True, rename="camel"):
    """A job of the server's own."""

    job_id: JobId
    logs: JobLogs | None = None


class Directives(Struct, frozen=True, rename="camel"):
    """Where the bytes go or come from. Each URL is a secret: it lets anybody in who has it."""

    download_url: str | None = None
    parts_upload_urls: list[str] | None = None
    complete_upload_url: str | None = None
    max_part_size: int | None = None

    def __repr__(self) -> str:
        return "Directives(...)"


class Transfer(Struct, frozen=True, rename="camel"):
    """The answer to a transfer: its job; and the way, where the bytes leave or enter the site."""

    transfer_job: TransferJob
    transfer_directives: Directives = Directives()


class Checksum(Struct, frozen=True):
    """Of a file."""

    checksum: str


class User(Struct, frozen=True):
    """A user; the number comes as text, or not at all."""

    name: str
    id: str | int | None = None


class UserInfo(Struct, frozen=True):
    """Who jobs run as, and the accounts that may pay for them, where the server tells these."""

    user: User
    accounts: list[Named] | None = None


class Identity(NamedTuple):
    """A user's name and number, and the accounts that may pay; none where they are not told."""

    user: str
    uid: int | None
    accounts: tuple[str, ...]


class Token(Struct, frozen=True):
    """An access token, and for how many seconds it is good."""

    access_token: str
    expires_in: float | str | None = 0.0


def _record(answer: Any, shape: type[T]) -> T:
    try:
        return fit(shape, answer)
    except Misfit as error:
        raise Odd(f"the answer makes no sense ({_told(error)})") from None


def plain_text(text: str) -> str:
    """With nothing in it that cannot be written: JSON can say half a character."""
    return text.encode("utf-8", "replace").decode()


def _told(misfit: Misfit) -> str:
    """Without what was found, unless it is short: a script may be in it, and a key in that."""
    found, told = misfit.found, f"{misfit.place or 'the whole'} must be {misfit.wanted}"
    shown = repr(found) if found is None or isinstance(found, (str, int, float)) else ""
    return f"{told}, not {shown if 0 < len(shown) < SHOWN else f'a {type(found).__name__}'}"


def positive(value: Any) -> float:
    """A number that nothing depends on; 0 where there is none that makes sense."""
    fine = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e11
    return float(value) if fine else 0.0


def _number(text: str | float | None, what: str) -> float:
    """A number that some servers write as text."""
    with suppress(ValueError, OverflowError):
        if math.isfinite(number := float(text or 0)):
            return number
    raise Odd(f"the answer makes no sense ({_told(Misfit(what, 'a number', text))})")


def read_jobs(answer: Any) -> list[JobRecord]:
    """The records of jobs; one that makes no sense is left out, unless none does.

    It may be somebody's old job, and must not hide the others. Who misses a job asks for it by id.
    """
    found: list[JobRecord] = []
    odd: Odd | None = None
    for element in _record([] if answer is None else answer, list[Any]):
        try:
            found.append(_record(element, JobRecord))
        except Odd as error:
            odd = error
    if odd is not None and not found:
        raise odd
    return found


def read_paths(answer: Any) -> list[JobPaths]:
    """Where a job's output goes."""
    return _record([] if answer is None else answer, list[JobPaths])


def read_accepted(answer: Any) -> str:
    """The id of a job that was submitted."""
    return plain_text(str(_record(answer, Accepted).job_id))


def read_files(answer: Any) -> list[FileRecord]:
    """The entries of a directory. An empty one has a list of none: no server says null of it.

    Whoever took null for that would find that bundles, outcomes and other clients are gone.
    """
    found = _record(answer, list[FileRecord])
    for file in found:
        read_size(file)  # whoever asks for it later is not to stumble
    return found


def read_size(file: FileRecord) -> int:
    """Of an entry of a directory, in bytes."""
    return max(0, int(_number(file.size, "size")))


def read_text(answer: Any) -> bytes:
    """Some of a file's text, with what is known of it around it, or bare."""
    if answer is None:
        return b""
    text = answer if isinstance(answer, str) else _record(answer, FileContent).content
    return plain_text(text or "").encode()


def read_content(content: Any, size: int | None) -> bytes:
    """A file's bytes: of its size, where that is known, for a page can stand in their place."""
    if not isinstance(content, bytes) or len(content) != (len(content) if size is None else size):
        raise Odd(f"what came is not the file, which has {size} bytes")
    return content


def read_stat(answer: Any) -> FileStat:
    """What stat tells of a path."""
    return _record(answer, FileStat)


def read_user(answer: Any) -> str:
    """The name of the user that jobs run as."""
    return plain_text(_record(answer, UserInfo).user.name)


def read_uid(answer: Any) -> int | None:
    """The number of that user, where the server tells it."""
    return _uid(_record(answer, UserInfo).user)


def _uid(user: User) -> int | None:
    number = str(user.id)
    return int(number) if number.isdecimal() and len(number) < MOST_DIGITS else None


def read_identity(answer: Any) -> Identity:
    """All that the server tells of who jobs run as."""
    told = _record(answer, UserInfo)
    accounts = tuple(plain_text(one.name) for one in told.accounts or ())
    return Identity(plain_text(told.user.name), _uid(told.user), accounts)


def read_health(answer: Any) -> dict[str, list[Health]]:
    """The services of each system; none where the server does not tell of them."""
    systems = _record(answer, list[Watched])
    return {plain_text(one.name): one.services_health or [] for one in systems}


def read_partitions(answer: Any) -> list[Partition]:
    """The partitions of a system."""
    return _record([] if answer is None else answer, list[Partition])


def read_systems(answer: Any) -> list[str]:
    """The names of the systems."""
    return [plain_text(system.name) for system in _record(answer, list[Named])]


def read_file_systems(answer: Any) -> dict[str, list[FileSystem]]:
    """The file systems of each system."""
    systems = _record(answer, list[System])
    return {plain_text(one.name): one.file_systems or [] for one in systems}


def read_stagers(answer: Any) -> list[str]:
    """The names of the systems that have a staging area of S3's kind."""
    kinds = {
        plain_text(one.name): one.data_operation and one.data_operation.data_transfer
        for one in _record(answer, list[Mover])
    }
    return [name for name, kind in kinds.items() if kind and kind.service_type == "s3"]


def read_transfer(answer: Any) -> Transfer:
    """What the server began. Those of before 2.5 write some of its names in snake_case."""
    way = answer.get("transferDirectives") if isinstance(answer, dict) else None
    if isinstance(way, dict):
        answer = {**answer, "transferDirectives": {_camel(str(k)): v for k, v in way.items()}}
    return _record(answer, Transfer)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def read_checksum(answer: Any) -> str:
    """The digest of a file."""
    return _record(answer, Checksum).checksum


def read_nothing(answer: Any) -> None:
    """That it succeeded is all that matters."""


def read_token(body: bytes) -> tuple[str, float]:
    """The token, and the seconds that it is good for."""
    try:
        token = fit(Token, json.loads(body))
        return token.access_token, _number(token.expires_in, "expires_in")
    except Misfit as error:  # what was found may be the token
        told = f"{error.place or 'the whole'} must be {error.wanted}"
    except (Odd, ValueError, RecursionError) as error:
        told = str(error)
    raise Odd(f"the token endpoint's answer makes no sense ({told})", sent=False)
