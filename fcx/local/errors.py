"""What the local server refuses, each with the HTTP status that a FirecREST server gives.

ApiError            any answer that is not a success
├── SchedulerError  a scheduler's command failed: 500 with its stderr in the message
├── CommandTimeout  a command on the login node ran past its limit: 408
└── OutputTooLarge  a command printed more than the channel takes: 413
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class ApiError(Exception):
    """An error answer: its status, its message, and what FirecREST puts beside them.

    `crash` closes the connection after the answer, as an unforeseen error does in the real server.
    """

    status = 500
    kind = "error"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        caused_by: Sequence[str] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        crash: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = self.status if status is None else status
        self.caused_by = None if caused_by is None else list(caused_by)
        self.data = None if data is None else dict(data)
        self.headers = dict(headers or {})
        self.crash = crash

    def body(self, user: str | None) -> dict[str, Any]:
        """What FirecREST answers; `user` is who asked, as far as that is known."""
        return {
            "errorType": self.kind,
            "message": self.message,
            "causedBy": self.caused_by,
            "data": self.data,
            "user": user,
        }


class SchedulerError(ApiError):
    """A scheduler's command failed. `of_command` words it as the real server does."""

    @classmethod
    def of_command(cls, exit_status: int, stderr: str) -> SchedulerError:
        """The form of a submission, a cancel or an attach."""
        return cls(f"Unexpected Slurm command response. exit_status:{exit_status} std_err:{stderr}")

    @classmethod
    def of_query(cls, exit_status: int, stderr: str) -> SchedulerError:
        """The form of job listings and accounts, where the command's words stand in causedBy."""
        inner = cls.of_command(exit_status, stderr)
        return cls("Error executing Slurm command.", caused_by=[inner.message])


class CommandTimeout(ApiError):
    """A command took longer than the login node grants (5 s)."""

    status = 408

    def __init__(self, message: str = "Command execution timeout limit exceeded.") -> None:
        super().__init__(message)


class OutputTooLarge(ApiError):
    """A command's output went past the 5 MiB that the channel carries."""

    status = 413

    def __init__(self, message: str = "Command output exceeded buffer limit.") -> None:
        super().__init__(message)
