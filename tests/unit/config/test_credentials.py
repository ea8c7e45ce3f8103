"""Six variables say who asks whom; all that are missing are named, and the secret is in no text."""

from __future__ import annotations

import pytest

from fcx.config import VARIABLES, Credentials
from fcx.errors import ConfigError

ALL = {name: f" {name.lower()} " for name in VARIABLES} | {"FIRECREST_URL": "https://api/v2/"}


def test_from_arguments_or_the_environment(monkeypatch: pytest.MonkeyPatch):
    """``env=`` instead of the environment, not on top of it; blanks and a last slash go."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "other")
    found = Credentials.from_env(ALL)
    assert found == Credentials(
        "firecrest_client_id",
        "firecrest_client_secret",
        "auth_token_url",
        "https://api/v2",
        "firecrest_system",
        "firecrest_account",
    )
    assert Credentials.from_env().account == "other"


def test_each_missing_one_is_named(monkeypatch: pytest.MonkeyPatch):
    """Absent, empty, blank or None; and where it was looked for."""
    some = {**ALL, "AUTH_TOKEN_URL": " ", "FIRECREST_SYSTEM": None}
    with pytest.raises(ConfigError, match="names in env=: AUTH_TOKEN_URL, FIRECREST_SYSTEM"):
        Credentials.from_env(some)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=f"environment variables: {', '.join(VARIABLES)}"):
        Credentials.from_env()


def test_a_task_is_told_where_executors_are_made(monkeypatch: pytest.MonkeyPatch):
    """In a job of the cluster's: there, more variables would be no help."""
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    with pytest.raises(ConfigError, match="job 12 .* on your machine, and not by `fcx run`"):
        Credentials.from_env({})
    monkeypatch.delenv("SLURM_JOB_ID")
    with pytest.raises(ConfigError) as caught:
        Credentials.from_env({})
    assert "fcx run" not in str(caught.value)


def test_what_is_no_mapping_is_named():
    """And not what it holds."""
    with pytest.raises(ConfigError, match="env must be a mapping .* not str") as caught:
        Credentials.from_env("a secret")  # type: ignore[arg-type]
    assert "a secret" not in str(caught.value)


def test_the_secret_is_in_no_repr():
    """Nor in what is raised for the others."""
    assert "firecrest_client_secret" not in repr(Credentials.from_env(ALL))
    with pytest.raises(ConfigError) as caught:
        Credentials.from_env({**ALL, "FIRECREST_URL": ""})
    assert "firecrest_client_secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["AUTH_TOKEN_URL", "FIRECREST_URL"])
@pytest.mark.parametrize("url", ["https://me:hush@api/v2", "hush@api", "https://me:hush@api"])
def test_an_address_with_a_password_is_refused_and_not_shown(name: str, url: str):
    """Addresses stand in logs, reports and issues."""
    with pytest.raises(ConfigError, match=f"^{name} has a name or a password") as caught:
        Credentials.from_env({**ALL, name: url})
    assert "hush" not in str(caught.value)
    Credentials.from_env({**ALL, name: "https://api/v2/@me"})
