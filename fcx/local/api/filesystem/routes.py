"""The routers of the small operations and of the transfers."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from . import archives, change, content, show, transfer
from .paths import path_first

ops = APIRouter(
    prefix="/filesystem/{system_name}/ops", tags=["filesystem"], dependencies=[Depends(path_first)]
)
for part in (show, content, change, archives):
    ops.include_router(part.router)

ROUTERS = (ops, transfer.router)
