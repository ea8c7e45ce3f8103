"""Where the API is and who asks: the six variables; secrets are kept out of every repr."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..errors import ConfigError

VARIABLES = (
    "FIRECREST_CLIENT_ID",
    "FIRECREST_CLIENT_SECRET",
    "AUTH_TOKEN_URL",
    "FIRECREST_URL",
    "FIRECREST_SYSTEM",
    "FIRECREST_ACCOUNT",
)
"""The six variables that name a cluster and an account, as in firecrest-executor."""


@dataclass(frozen=True)
class Credentials:
    """Where the API is, who asks, and which system and account the jobs go to."""

    client_id: str
    client_secret: str = field(repr=False)
    token_url: str
    api_url: str
    system: str
    account: str

    @classmethod
    def from_env(cls, env: Mapping[str, str | None] | None = None) -> Credentials:
        """Read the six variables from ``env``, or from the process environment if it is None.

        Raises ConfigError naming every variable that is missing or empty.
        """
        if env is not None and not isinstance(env, Mapping):
            raise ConfigError(
                f"env must be a mapping of the names {', '.join(VARIABLES)} to their values, not "
                f"{type(env).__name__}. Leave it away to have them from the environment."
            )
        source: Mapping[str, str | None] = os.environ if env is None else env
        missing = [name for name in VARIABLES if not (source.get(name) or "").strip()]
        if missing:
            where = "environment variables" if env is None else "names in env="
            raise ConfigError(
                f"Missing required {where}: {', '.join(missing)}. Set them to the values of your "
                "FirecREST application; or, for a cluster on this machine, `fcx local up "
                "--env-file env.sh`, and in another terminal `. ./env.sh`." + _within_a_job()
            )
        values = (str(source[name]).strip() for name in VARIABLES)
        client_id, client_secret, token_url, api_url, system, account = values
        _refuse_password("AUTH_TOKEN_URL", token_url)
        _refuse_password("FIRECREST_URL", api_url)
        return cls(client_id, client_secret, token_url, api_url.rstrip("/"), system, account)

    @property
    def urls(self) -> tuple[str, str]:
        """All servers that requests go to."""
        return self.api_url, self.token_url

    def charging(self, account: str) -> Credentials:
        """The same, with jobs for another account if one is named.

        The server hands the account to sbatch as an argument, which overrules ``#SBATCH`` lines.
        """
        return replace(self, account=account) if account else self


def _refuse_password(name: str, url: str) -> None:
    """Addresses are shown: in errors, in logs, in what is remembered of a run, in its report."""
    if "@" in url.rpartition("://")[2].partition("/")[0]:
        raise ConfigError(
            f"{name} has a name or a password before its host, and would be shown with it. Set "
            f"{name} without: FIRECREST_CLIENT_ID and FIRECREST_CLIENT_SECRET say who asks."
        )


def _within_a_job() -> str:
    """What is to be said besides where the cluster runs this, as it does a script of `fcx run`."""
    job = os.environ.get("SLURM_JOB_ID", "")
    return job and (
        f" This is within job {job} on the cluster: what makes an executor by itself is started "
        "by `python` on your machine, and not by `fcx run`."
    )
