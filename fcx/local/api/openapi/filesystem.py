"""The answers of `/filesystem`: small operations, and transfers by jobs."""

from __future__ import annotations

from typing import Literal

from .base import Answer


class File(Answer):
    """A line of ls."""

    name: str
    type: str
    link_target: str | None = None
    user: str
    group: str
    permissions: str
    last_modified: str
    size: str


class FileContent(Answer):
    """A piece of a file."""

    content: str
    content_type: Literal["lines", "bytes"]
    start_position: int
    end_position: int


class FileChecksum(Answer):
    """A file's digest."""

    algorithm: str = "SHA-256"
    checksum: str


class FileStat(Answer):
    """What stat tells."""

    mode: int
    ino: int
    dev: int
    nlink: int
    uid: int
    gid: int
    size: int
    atime: int
    ctime: int
    mtime: int


class ListingOutput(Answer):
    """Files."""

    output: list[File] | None = None


class FileOutput(Answer):
    """One file, as it is now."""

    output: File | None = None


class ContentOutput(Answer):
    """A piece."""

    output: FileContent | None = None


class TextOutput(Answer):
    """A text."""

    output: str | None = None


class ChecksumOutput(Answer):
    """A digest."""

    output: FileChecksum | None = None


class StatOutput(Answer):
    """What stat tells."""

    output: FileStat | None = None


class TransferJobLogs(Answer):
    """Where the job writes."""

    output_log: str
    error_log: str


class TransferJob(Answer):
    """The job that does it."""

    job_id: str
    system: str
    working_directory: str
    logs: TransferJobLogs


class TransferResponse(Answer):
    """A job was queued."""

    transfer_job: TransferJob


class S3TransferResponse(Answer):
    """Where the parts go, or where the file is fetched."""

    transfer_method: Literal["s3"]
    download_url: str | None = None
    parts_upload_urls: list[str] | None = None
    complete_upload_url: str | None = None
    max_part_size: int | None = None


class StreamerTransferResponse(Answer):
    """Not offered here."""

    transfer_method: Literal["streamer"]
    coordinates: str | None = None


class WormholeTransferResponse(Answer):
    """Not offered here."""

    transfer_method: Literal["wormhole"]
    wormhole_code: str | None = None


class ExternalTransferResponse(TransferResponse):
    """A job was queued that moves a file to or from the stage."""

    transfer_directives: WormholeTransferResponse | S3TransferResponse | StreamerTransferResponse
