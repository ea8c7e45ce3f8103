"""The answers of `/compute`."""

from __future__ import annotations

from .base import Answer


class JobStatus(Answer):
    """State, and how it ended."""

    state: str
    state_reason: str | None = None
    exit_code: int | None = None
    interrupt_signal: int | None = None


class JobTime(Answer):
    """Seconds, and seconds of the epoch."""

    elapsed: int | None = None
    start: int | None = None
    end: int | None = None
    suspended: int | None = None
    limit: int | None = None


class JobTask(Answer):
    """A step."""

    id: str
    name: str
    status: JobStatus
    time: JobTime


class JobPlace(Answer):
    """Where a job runs, and before which others."""

    allocation_nodes: int
    cluster: str
    nodes: str
    partition: str
    working_directory: str
    priority: int | None = None


class JobModel(JobPlace):
    """A job."""

    job_id: str
    name: str
    status: JobStatus
    tasks: list[JobTask] | None = None
    time: JobTime
    account: str | None = None
    group: str | None = None
    kill_request_user: str | None = None
    user: str | None


class GetJobResponse(Answer):
    """Jobs."""

    jobs: list[JobModel] | None = None


class JobMetadataModel(Answer):
    """A job's script and files."""

    job_id: str
    script: str | None = None
    standard_input: str | None = None
    standard_output: str | None = None
    standard_error: str | None = None


class GetJobMetadataResponse(Answer):
    """Scripts and files."""

    jobs: list[JobMetadataModel] | None = None


class PostJobSubmissionResponse(Answer):
    """The new job."""

    job_id: str | None = None
