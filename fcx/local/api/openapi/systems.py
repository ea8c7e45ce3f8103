"""The answer of `/status/systems`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from .base import Answer

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
    file_systems: list[FileSystem] = Field(default_factory=list)
    data_operation: DataOperation = DataOperation()


class GetSystemsResponse(Answer):
    """All systems."""

    systems: list[HPCCluster]
