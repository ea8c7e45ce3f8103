"""The answers of `/status`, but for the systems."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from .base import Answer


class NodeHardware(Answer):
    """What a node is made of, and how busy it is."""

    sockets: int | None = None
    cores: int | None = None
    threads: int | None = None
    cpus: int
    cpu_load: float | None = None
    free_memory: int | None = None
    features: str | list[str] | None = None


class NodeModel(NodeHardware):
    """A node."""

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

    healthcheck_runs: dict[str, datetime] = Field(default_factory=dict)
    last_update: int = 0
