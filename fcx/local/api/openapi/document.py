"""The OpenAPI document: which request answers what, and how the whole is put together."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from . import compute, filesystem, status, systems
from .base import ApiResponseError

_STATUS = "/status/{system_name}"
_JOBS = "/compute/{system_name}/jobs"
_OPS = "/filesystem/{system_name}/ops"
_TRANSFER = "/filesystem/{system_name}/transfer"

ANSWERS: dict[tuple[str, str], tuple[int, type[BaseModel] | None]] = {
    ("get", "/status/systems"): (200, systems.GetSystemsResponse),
    ("get", "/status/liveness/"): (200, status.GetLiveness),
    ("get", f"{_STATUS}/nodes"): (200, status.GetNodesResponse),
    ("get", f"{_STATUS}/reservations"): (200, status.GetReservationsResponse),
    ("get", f"{_STATUS}/partitions"): (200, status.GetPartitionsResponse),
    ("get", f"{_STATUS}/userinfo"): (200, status.UserInfoResponse),
    ("post", _JOBS): (201, compute.PostJobSubmissionResponse),
    ("get", _JOBS): (200, compute.GetJobResponse),
    ("get", f"{_JOBS}/{{job_id}}"): (200, compute.GetJobResponse),
    ("delete", f"{_JOBS}/{{job_id}}"): (204, None),
    ("get", f"{_JOBS}/{{job_id}}/metadata"): (200, compute.GetJobMetadataResponse),
    ("put", f"{_JOBS}/{{job_id}}/attach"): (204, None),
    ("get", f"{_OPS}/ls"): (200, filesystem.ListingOutput),
    ("get", f"{_OPS}/head"): (200, filesystem.ContentOutput),
    ("get", f"{_OPS}/tail"): (200, filesystem.ContentOutput),
    ("get", f"{_OPS}/view"): (200, filesystem.TextOutput),
    ("get", f"{_OPS}/checksum"): (200, filesystem.ChecksumOutput),
    ("get", f"{_OPS}/file"): (200, filesystem.TextOutput),
    ("get", f"{_OPS}/stat"): (200, filesystem.StatOutput),
    ("get", f"{_OPS}/download"): (200, None),
    ("post", f"{_OPS}/mkdir"): (201, filesystem.FileOutput),
    ("post", f"{_OPS}/symlink"): (201, filesystem.FileOutput),
    ("put", f"{_OPS}/chmod"): (200, filesystem.FileOutput),
    ("put", f"{_OPS}/chown"): (200, filesystem.FileOutput),
    ("delete", f"{_OPS}/rm"): (204, None),
    ("post", f"{_OPS}/upload"): (204, None),
    ("post", f"{_OPS}/compress"): (204, None),
    ("post", f"{_OPS}/extract"): (204, None),
    ("post", f"{_TRANSFER}/upload"): (201, filesystem.ExternalTransferResponse),
    ("post", f"{_TRANSFER}/download"): (201, filesystem.ExternalTransferResponse),
    ("post", f"{_TRANSFER}/mv"): (201, filesystem.TransferResponse),
    ("post", f"{_TRANSFER}/cp"): (201, filesystem.TransferResponse),
    ("delete", f"{_TRANSFER}/rm"): (200, filesystem.TransferResponse),
    ("post", f"{_TRANSFER}/compress"): (201, filesystem.TransferResponse),
    ("post", f"{_TRANSFER}/extract"): (201, filesystem.TransferResponse),
}
"""Method and path of each request: the status of its success, and what it answers."""


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
        path: {method: _with_answers(request, method, path) for method, request in requests.items()}
        for path, requests in document["paths"].items()
        if any((method, path) in ANSWERS for method in requests)
    }
    return document


def _with_answers(request: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    code, model = ANSWERS[method, path]
    success: dict[str, Any] = {"description": "Success"}
    if code != 204:
        success["content"] = {"application/json": {"schema": _reference(model) if model else {}}}
    failure = {"application/json": {"schema": _reference(ApiResponseError)}}
    return {
        **request,
        "responses": {
            str(code): success,
            "4XX": {"description": "Client Error", "content": failure},
            "5XX": {"description": "Server Error", "content": failure},
        },
    }


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
