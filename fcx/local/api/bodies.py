"""Bodies that the API takes, field by field as in FirecREST's OpenAPI document.

Names are camelCase on the wire and may also come in snake_case, as the real server allows.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Body(BaseModel):
    """A JSON object with camelCase names."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class JobDescription(Body):
    """What to run, and where."""

    name: str | None = None
    account: str | None = None
    reservation: str | None = None
    partition: str | None = None
    working_directory: str = Field(
        validation_alias=AliasChoices("workingDirectory", "working_directory")
    )
    standard_input: str | None = None
    standard_output: str | None = None
    standard_error: str | None = None
    env: dict[str, str] | list[str] = Field(
        default={"F7T_version": "v2.0.0"},
        validation_alias=AliasChoices("env", "environment"),
    )
    constraints: str | None = None
    script: str = Field(default=None)  # type: ignore[assignment]  # may be left out, not null
    script_path: str = Field(default=None)  # type: ignore[assignment]


class SubmitBody(Body):
    """Body of a submission."""

    job: JobDescription


class AttachBody(Body):
    """Body of an attach."""

    command: str = Field(default=None)  # type: ignore[assignment]


class PathBody(Body):
    """A body that names a path, under any of the three names that the API knows it by."""

    path: str | None = Field(
        validation_alias=AliasChoices("sourcePath", "source_path", "path"),
        serialization_alias="sourcePath",
    )


class MkdirBody(PathBody):
    """Body of mkdir."""

    parent: bool = False


class ChmodBody(PathBody):
    """Body of chmod."""

    mode: str


class ChownBody(PathBody):
    """Body of chown."""

    owner: str = ""
    group: str = ""


class SymlinkBody(PathBody):
    """Body of symlink."""

    link_path: str


class Compression(str, Enum):
    """How a tar archive is packed."""

    none = "none"
    bzip2 = "bzip2"
    gzip = "gzip"
    xz = "xz"


class ExtractBody(PathBody):
    """Body of extract."""

    target_path: str
    compression: Compression = Compression.gzip


class CompressBody(ExtractBody):
    """Body of compress."""

    match_pattern: str | None = None
    dereference: bool = False


class S3Directives(Body):
    """A transfer through the staging area."""

    transfer_method: Literal["s3"]
    file_size: int | None = None


class StreamerDirectives(Body):
    """A transfer by the streamer, which this system does not have."""

    transfer_method: Literal["streamer"]


class WormholeDirectives(Body):
    """A transfer through a magic wormhole, which this system does not have."""

    transfer_method: Literal["wormhole"]


class WormholeUploadDirectives(WormholeDirectives):
    """The same, for an upload: its sender has chosen the code."""

    wormhole_code: str


class AccountBody(PathBody):
    """A path, and who pays for the job."""

    account: str | None = None


class LargeUploadBody(AccountBody):
    """Body of a large upload."""

    transfer_directives: WormholeUploadDirectives | S3Directives | StreamerDirectives


class LargeDownloadBody(AccountBody):
    """Body of a large download."""

    transfer_directives: WormholeDirectives | S3Directives | StreamerDirectives


class MoveBody(AccountBody):
    """Body of mv."""

    target_path: str


class CopyBody(MoveBody):
    """Body of cp."""

    dereference: bool = False


class TransferCompressBody(CompressBody, AccountBody):
    """Body of a compress job."""


class TransferExtractBody(ExtractBody, AccountBody):
    """Body of an extract job."""
