"""What `/status/systems` says of the one system."""

from __future__ import annotations

from datetime import datetime, timezone

from ..faults import SERVICES
from ..scheduler import Record
from ..stage.store import TTL
from .site import Site, System

HIDDEN = "**********"


def iso(moment: float) -> str:
    """A time of the epoch as the API writes it."""
    return datetime.fromtimestamp(moment, timezone.utc).isoformat().replace("+00:00", "Z")


def record(site: Site) -> Record:
    """The system in full."""
    system = site.system
    return {
        "name": system.name,
        "ssh": _ssh(system),
        "scheduler": {
            "type": "slurm",
            "connectionMode": "ssh",
            "version": site.scheduler.version,
            "apiUrl": None,
            "apiVersion": None,
            "timeout": 10,
        },
        "servicesHealth": _health(system, site.faults.in_force("health")),
        "probing": {"services": {name: {"timeout": 10} for name in SERVICES}, "intervalCheck": 120},
        "lastHealthCheck": iso(system.started),
        "fileSystems": [
            {"path": fs, "dataType": "users", "defaultWorkDir": number == 0}
            for number, fs in enumerate(system.filesystems)
        ],
        "dataOperation": {
            "datatransfer_jobs_directives": [],
            "max_ops_file_size": system.max_ops_size,
            "data_transfer": _transfers(system) if system.max_part_size else None,
        },
    }


def _ssh(system: System) -> Record:
    return {
        "host": "127.0.0.1",
        "port": 22,
        "proxyHost": None,
        "proxyPort": None,
        "maxClients": 100,
        "timeout": {
            "connection": 5,
            "login": 5,
            "commandExecution": int(system.command_timeout),
            "idleTimeout": 60,
            "keepAlive": 5,
        },
    }


def _health(system: System, ill: frozenset[str]) -> list[Record]:
    checked = iso(system.started)

    def of(service: str, **more: str) -> Record:
        told = {
            "healthy": service not in ill,
            "message": "Injected fault" if service in ill else None,
        }
        return {"serviceType": service, "lastChecked": checked, "latency": 0.01, **told, **more}

    return [
        of("scheduler"),
        of("ssh"),
        *(of("filesystem", path=fs) for fs in system.filesystems),
        *([of("s3")] if system.max_part_size else []),
    ]


def _transfers(system: System) -> Record:
    return {
        "serviceType": "s3",
        "name": "stage",
        "privateUrl": HIDDEN,
        "publicUrl": f"{system.url}/stage",
        "accessKeyId": HIDDEN,
        "secretAccessKey": HIDDEN,
        "region": "local",
        "ttl": int(TTL),
        "tenant": None,
        "multipart": {
            "use_split": False,
            "max_part_size": system.max_part_size,
            "parallel_runs": 3,
            "tmp_folder": "tmp",
        },
        "bucketLifecycleConfiguration": {"days": 10},
    }
