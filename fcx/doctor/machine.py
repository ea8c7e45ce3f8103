"""What is here: the variables, fcx.toml, Python and dill, what is remembered."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata

from .. import __version__
from ..config import VARIABLES, Credentials, Settings, resolve
from ..errors import StateError
from ..files import CONFIG_NAME, state_folder
from ..firecrest.network import without_password
from ..install import command
from ..jobscript.options import Options
from ..state.facts import Facts
from .case import Case
from .check import Found, fine, warning, wrong

HIDDEN = frozenset({"FIRECREST_CLIENT_ID", "FIRECREST_CLIENT_SECRET"})
"""Variables whose values are never shown."""

OTHERS = (
    *("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"),
    *("NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
    *("CURL_CA_BUNDLE", "FCX_STATE_DIR", "EDF_PATH", "DOCKER_HOST", "CONTAINER_HOST"),
    *("DOCKER_CONTEXT", "DOCKER_BUILDKIT", "PYTHONPATH"),
)
"""Variables that change where fcx looks; most people have none of them."""

QUOTES = "\"'"


def variables(case: Case) -> Found:
    """The six, and others that matter, without the values of what is secret."""
    given = {name: os.environ.get(name, "").strip() for name in VARIABLES}
    details = (
        *(f"{name}: {_shown(name, value)}" for name, value in given.items()),
        *(f"{name}: {_shown(name, os.environ[name])}" for name in OTHERS if name in os.environ),
    )
    missing = [name for name, value in given.items() if not value]
    if missing:
        fix = " ".join(f"{name}=..." for name in missing)
        return wrong(
            f"{len(missing)} of the six are not set: {', '.join(missing)}",
            f"export {fix} (of your FirecREST application; or, for a cluster on this machine, "
            "fcx local up --env-file env.sh, and in another terminal: . ./env.sh)",
            details,
        )
    quoted = [name for name, value in given.items() if value[0] in QUOTES and value[-1] == value[0]]
    if quoted:
        fix = f"export {quoted[0]} without quotes in its value (some tools keep those of a file)"
        return wrong(f"{', '.join(quoted)}: the value has quotes around it", fix, details)
    case.server.credentials = Credentials.from_env(None)
    return fine("all six are set in the environment", details)


def _shown(name: str, value: str) -> str:
    """What may be seen of a value, and where it is from."""
    if not value:
        return "not set"
    if name in HIDDEN:
        return "set in the environment, not shown"
    return f"{without_password(value)} (environment)"


def settings(case: Case) -> Found:
    """``fcx.toml``, the options of jobs, and the working directory, each with its source."""
    own = case.settings = Settings.load()
    path = own.root / CONFIG_NAME
    source = str(path) if path.is_file() else ""
    sbatch = own.executor.sbatch_options if case.asked.sbatch is None else case.asked.sbatch
    case.options = Options.check(sbatch, own.executor.srun_options)
    wanted = case.asked.working_dir or own.executor.working_dir
    resolve({"working_dir": wanted or "/"}, own)  # raises for what an executor would not take
    case.working_dir = wanted
    origin = "--working-dir" if case.asked.working_dir else source
    options = "--sbatch" if case.asked.sbatch is not None else source or "default"
    details = (
        f"working_dir: {f'{case.working_dir} ({origin})' if case.working_dir else 'not set'}",
        f"sbatch_options: {' '.join(sbatch) or 'none'} ({options})",
        f"parity: {own.parity.policy} ({source or 'default'})",
    )
    return fine(source or f"there is no {CONFIG_NAME} here: all settings are the defaults", details)


def python(_case: Case) -> Found:
    """What tasks are pickled with."""
    versions = {name: _version(name) for name in ("dill", "pyfirecrest", "httpx")}
    own = f"fcx {__version__}, Python {platform.python_version()} ({sys.executable})"
    details = (f"{platform.platform()}", *(f"{name} {found}" for name, found in versions.items()))
    if versions["dill"] == "missing":
        return wrong(f"{own} has no dill", f"{sys.executable} -m {command()}", details)
    return fine(f"{own}, dill {versions['dill']}", details)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"


def memory(_case: Case) -> Found:
    """What runs and verdicts are remembered in; a run can do without."""
    facts = Facts()
    try:
        facts.store("doctor", __version__)
        facts.forget("doctor")
    except StateError as error:
        fix = "export FCX_STATE_DIR=<a folder of yours on a local disk>"
        said = f"{str(error).rstrip('.')}. Runs work, but no other process can go on with them"
        return warning(said, fix)
    origin = "FCX_STATE_DIR" if os.environ.get("FCX_STATE_DIR") else "default"
    return fine(f"{state_folder()} ({origin}) can be read and written")
