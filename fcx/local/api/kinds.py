"""The kind of a request: the name of its operation.

A kind is `token`, `systems`, `submit`, `jobs` (the listing), `job` (one id), `metadata`, `cancel`,
`attach`, `ls`, `tail`, `upload`, ..., `transfer.cp`, `stage.put`, or `other`. Faults are set and
requests are counted by it.
"""

from __future__ import annotations

_STATUS = ("systems", "nodes", "reservations", "partitions", "userinfo", "liveness")


def kind_of(method: str, path: str) -> str:
    """The kind of a request, from its method and its (lower-case) path."""
    parts = [part for part in path.split("/") if part]
    if parts == ["auth", "token"]:
        return "token"
    if parts[:1] == ["stage"]:
        return f"stage.{method.lower()}"
    if parts[:1] == ["status"]:
        return parts[-1] if parts[-1] in _STATUS else "other"
    if parts[:1] == ["compute"] and parts[2:3] == ["jobs"]:
        return _compute_kind(method, parts[3:])
    if parts[:1] == ["filesystem"] and len(parts) == 4:
        return parts[3] if parts[2] == "ops" else f"{parts[2]}.{parts[3]}"
    return "other"


def _compute_kind(method: str, rest: list[str]) -> str:
    if not rest:
        return "submit" if method == "POST" else "jobs"
    if len(rest) == 2:
        return rest[1] if rest[1] in {"metadata", "attach"} else "other"
    return "cancel" if method == "DELETE" else "job"
