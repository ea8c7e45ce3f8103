"""What each call answers, for the OpenAPI document that the server gives of itself.

Field for field as in FirecREST's own document; a field without a default is always there. The
routes do not pass their answers through these models: they only describe them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from pydantic.json_schema import models_json_schema


class Answer(BaseModel):
    """A JSON object with camelCase names."""

    model_config = ConfigDict(alias_generator=to_camel)


class ApiResponseError(Answer):
    """Every answer that is not a success."""

    error_type: Literal["error", "validation"] = "error"
    message: str
    caused_by: list[str] | None = None
    data: dict[str, Any] | None = None
    user: str | None = None


# --- Status

ServiceType = Literal["exception", "filesystem", "s3", "scheduler", "ssh"]


class ServiceHealth(Answer):
    """What the last probe of a service found."""

    service_type: ServiceType
    last_checked: datetime | None = None
    latency: float | None = None
    healthy: bool = False
    message: str | None = None


class FilesystemServiceHealth(ServiceHealth):
    """The same of a file system."""

    path: str | None = None


class SshTimeouts(Answer):
    """Seconds."""

    connection: int = 5
    login: int = 5
    command_execution: int = 5
    idle_timeout: int = 60
    keep_alive: int = 5


class SshClientPool(Answer):
    """The login node."""

    host: str
    port: int
    proxy_host: str | None = None
    proxy_port: int | None = None
    max_clients: int = 100
    timeout: SshTimeouts = SshTimeouts()


class SchedulerSettings(Answer):
    """The scheduler and how it is reached."""

    type: Literal["pbs", "slurm"]
    connection_mode: Literal["hybrid", "rest", "ssh"] | None = None
    version: str
    api_url: str | None = None
    api_version: str | None = None
    timeout: int = 10


class FileSystem(Answer):
    """A file system that the API shows."""

    path: str
    data_type: Literal["apps", "archive", "project", "scratch", "store", "users"]
    default_work_dir: bool = False


class ProbingServices(Answer):
    """Which services are probed, and how often."""

    services: dict[str, Any] | None = None
    interval_check: int = 0


class MultipartUpload(BaseModel):
    """How large files are cut for the stage (names in snake_case, in the real server too)."""

    use_split: bool = False
    max_part_size: int = 0
    parallel_runs: int = 3
    tmp_folder: str = "tmp"


class BucketLifecycleConfiguration(Answer):
    """How long the stage keeps a file."""

    days: int = 10


class S3DataTransfer(Answer):
    """The stage for large files."""

    service_type: Literal["s3"]
    name: str
    private_url: str
    public_url: str
    access_key_id: str
    secret_access_key: str
    region: str
    ttl: int
    tenant: str | None = None
    multipart: MultipartUpload = MultipartUpload()
    bucket_lifecycle_configuration: BucketLifecycleConfiguration = BucketLifecycleConfiguration()


class StreamerDataTransfer(Answer):
    """Direct streams instead of a stage: not offered here."""

    service_type: Literal["streamer"]
    pypi_index_url: str | None = None
    host: str | None = None
    port_range: tuple[int, int] = (5665, 5675)
    public_ips: list[str] | None = None
    wait_timeout: int = 0
    inbound_transfer_limit: int = 0


class WormholeDataTransfer(Answer):
    """Magic wormhole instead of a stage: not offered here."""

    service_type: Literal["wormhole"]
    pypi_index_url: str | None = None


class DataOperation(BaseModel):
    """Limits and means of transfers (names in snake_case, in the real server too)."""

    datatransfer_jobs_directives: list[str] = []
    max_ops_file_size: int = 0
    data_transfer: S3DataTransfer | StreamerDataTransfer | WormholeDataTransfer | None = None


class HPCCluster(Answer):
    """A system."""

    name: str
    ssh: SshClientPool
    scheduler: SchedulerSettings
    services_health: list[ServiceHealth | FilesystemServiceHealth] | None = None
    probing: ProbingServices
    last_health_check: datetime | None = None
    file_systems: list[FileSystem] = []
    data_operation: DataOperation = DataOperation()


class GetSystemsResponse(Answer):
    """All systems."""

    systems: list[HPCCluster]


class NodeModel(Answer):
    """A node."""

    sockets: int | None = None
    cores: int | None = None
    threads: int | None = None
    cpus: int
    cpu_load: float | None = None
    free_memory: int | None = None
    features: str | list[str] | None = None
    name: str
    address: str | None = None
    hostname: str | None = None
    state: list[
        Literal[
            "IDLE", "ALLOCATED", "MIXED", "DOWN", "DRAIN", "OFFLINE", "RESERVED", "COMPLETING",
            "BUSY", "POWERING_DOWN", "POWERING_UP", "UNKNOWN",
        ]
    ]  # fmt: skip
    partitions: list[str] | None = None
    weight: int | None = None
    alloc_memory: int | None = None
    alloc_cpus: int | None = None
    idle_cpus: int | None = None


class GetNodesResponse(Answer):
    """All nodes."""

    nodes: list[NodeModel]


class ReservationModel(Answer):
    """A reservation; times in seconds of the epoch."""

    name: str
    node_list: str
    end_time: int
    start_time: int
    features: str | None = None
    state: str | None = None


class GetReservationsResponse(Answer):
    """All reservations."""

    reservations: list[ReservationModel]


class PartitionModel(Answer):
    """A partition; `partition` is its state."""

    name: str
    cpus: int | None = None
    total_nodes: int | None = None
    partition: str | list[str]


class GetPartitionsResponse(Answer):
    """All partitions."""

    partitions: list[PartitionModel]


class PosixIdentified(Answer):
    """A user or a group."""

    id: str
    name: str


class AccountsModel(Answer):
    """An account to charge."""

    name: str
    default: bool


class UserInfoResponse(Answer):
    """The user, the groups and the accounts."""

    user: PosixIdentified
    group: PosixIdentified
    groups: list[PosixIdentified]
    accounts: list[AccountsModel] | None = None


class GetLiveness(Answer):
    """When the systems were last probed, and how many seconds ago."""

    healthcheck_runs: dict[str, datetime] = {}
    last_update: int = 0


# --- Compute


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


class JobModel(Answer):
    """A job."""

    job_id: str
    name: str
    status: JobStatus
    tasks: list[JobTask] | None = None
    time: JobTime
    account: str | None = None
    allocation_nodes: int
    cluster: str
    group: str | None = None
    nodes: str
    partition: str
    kill_request_user: str | None = None
    user: str | None
    working_directory: str
    priority: int | None = None


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


# --- Files


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


# --- Transfers


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


_STATUS = "/status/{system_name}"
_JOBS = "/compute/{system_name}/jobs"
_OPS = "/filesystem/{system_name}/ops"
_TRANSFER = "/filesystem/{system_name}/transfer"

ANSWERS: dict[tuple[str, str], tuple[int, type[BaseModel] | None]] = {
    ("get", "/status/systems"): (200, GetSystemsResponse),
    ("get", "/status/liveness/"): (200, GetLiveness),
    ("get", f"{_STATUS}/nodes"): (200, GetNodesResponse),
    ("get", f"{_STATUS}/reservations"): (200, GetReservationsResponse),
    ("get", f"{_STATUS}/partitions"): (200, GetPartitionsResponse),
    ("get", f"{_STATUS}/userinfo"): (200, UserInfoResponse),
    ("post", _JOBS): (201, PostJobSubmissionResponse),
    ("get", _JOBS): (200, GetJobResponse),
    ("get", f"{_JOBS}/{{job_id}}"): (200, GetJobResponse),
    ("delete", f"{_JOBS}/{{job_id}}"): (204, None),
    ("get", f"{_JOBS}/{{job_id}}/metadata"): (200, GetJobMetadataResponse),
    ("put", f"{_JOBS}/{{job_id}}/attach"): (204, None),
    ("get", f"{_OPS}/ls"): (200, ListingOutput),
    ("get", f"{_OPS}/head"): (200, ContentOutput),
    ("get", f"{_OPS}/tail"): (200, ContentOutput),
    ("get", f"{_OPS}/view"): (200, TextOutput),
    ("get", f"{_OPS}/checksum"): (200, ChecksumOutput),
    ("get", f"{_OPS}/file"): (200, TextOutput),
    ("get", f"{_OPS}/stat"): (200, StatOutput),
    ("get", f"{_OPS}/download"): (200, None),
    ("post", f"{_OPS}/mkdir"): (201, FileOutput),
    ("post", f"{_OPS}/symlink"): (201, FileOutput),
    ("put", f"{_OPS}/chmod"): (200, FileOutput),
    ("put", f"{_OPS}/chown"): (200, FileOutput),
    ("delete", f"{_OPS}/rm"): (204, None),
    ("post", f"{_OPS}/upload"): (204, None),
    ("post", f"{_OPS}/compress"): (204, None),
    ("post", f"{_OPS}/extract"): (204, None),
    ("post", f"{_TRANSFER}/upload"): (201, ExternalTransferResponse),
    ("post", f"{_TRANSFER}/download"): (201, ExternalTransferResponse),
    ("post", f"{_TRANSFER}/mv"): (201, TransferResponse),
    ("post", f"{_TRANSFER}/cp"): (201, TransferResponse),
    ("delete", f"{_TRANSFER}/rm"): (200, TransferResponse),
    ("post", f"{_TRANSFER}/compress"): (201, TransferResponse),
    ("post", f"{_TRANSFER}/extract"): (201, TransferResponse),
}
"""Method and path of each call: the status of its success, and what it answers."""


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document: the routes' own parameters and bodies, and the answers above."""
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    models = {model for _, model in ANSWERS.values() if model} | {ApiResponseError}
    _, described = models_json_schema(
        [(model, "validation") for model in sorted(models, key=lambda model: model.__name__)],
        ref_template="#/components/schemas/{model}",
    )
    document.setdefault("components", {}).setdefault("schemas", {}).update(described["$defs"])
    document["paths"] = {
        path: {method: _with_answers(call, method, path) for method, call in calls.items()}
        for path, calls in document["paths"].items()
        if any((method, path) in ANSWERS for method in calls)
    }
    return document


def _with_answers(call: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    status, model = ANSWERS[method, path]
    success: dict[str, Any] = {"description": "Success"}
    if status != 204:
        success["content"] = {"application/json": {"schema": _reference(model) if model else {}}}
    failure = {"application/json": {"schema": _reference(ApiResponseError)}}
    return {
        **call,
        "responses": {
            str(status): success,
            "4XX": {"description": "Client Error", "content": failure},
            "5XX": {"description": "Server Error", "content": failure},
        },
    }


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
