"""What every answer has in common."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


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
