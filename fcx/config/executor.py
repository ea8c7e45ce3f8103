"""The executor's settings: every one once, with its type, its default and what a value must be.

An argument of ``FirecrestExecutor`` comes first, then ``[executor]`` of ``fcx.toml`` (the policy
stands under ``[parity]``), then the default of this table. What attach needs is taken from it too.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Annotated, Any, Literal

from ..errors import ConfigError, OptionError, UsageError
from ..records import PYTHON, Meta, Misfit, Struct, field, fit, names, plain, replace

if TYPE_CHECKING:
    from .settings import Settings

PROGRESS = "FCX_PROGRESS"
PROGRESS_WORDS = {
    **dict.fromkeys(("on", "1", "true", "yes"), True),
    **dict.fromkeys(("off", "0", "false", "no"), False),
    **dict.fromkeys(("", "auto")),
    "line": "line",
    "panel": "panel",
}
"""The variable for ``progress``, and what it may say."""

POLICIES = ("strict", "minor", "off")
Policy = Annotated[Literal["strict", "minor", "off"], Meta(description="strict, minor or off")]

Options = Annotated[tuple[str, ...], Meta(description="a list, and its items must be strings")]
Count = Annotated[int, Meta(ge=1, description="greater than 0, and a whole number")]
Retries = Annotated[int, Meta(ge=0, description="0 or more, and a whole number")]
Seconds = Annotated[float, Meta(ge=0, description="a number of seconds, 0 or more")]
Wanted = bool | Literal["line", "panel"] | None  # how a run is shown; None: whatever suits
Progress = Annotated[Wanted, Meta(description="true, false, line or panel")]
PerMinute = Annotated[float, Meta(gt=0, description="greater than 0, and a number")]


def usual_workers() -> int:
    """As many as the thread pool of the standard library has by default."""
    return min(32, (os.cpu_count() or 1) + 4)


class ExecutorSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One row per setting: ``name: type = default``; the types say what a value must be."""

    working_dir: str = ""  # an absolute path on the cluster
    sbatch_options: Options = ()
    srun_options: Options = ()
    setup: Options = ()  # commands of the job's shell, before anything of ours
    environment: Any = None  # an EDF: path or name, "" for none; an argument may be an Edf object
    parity: Policy = "minor"
    python: str | None = None  # the remote interpreter; None: the image's, else python3
    inline: bool = True  # payload and key may stand in job scripts
    max_workers: Count = field(default_factory=usual_workers)
    workers_per_node: Count = 1
    max_tasks_per_child: Count | None = None
    task_retries: Retries = 3
    sleep_interval: Seconds = 30.0  # the longest pause between two looks
    idle_timeout: Seconds = 30.0  # after which a pilot without work ends
    gate_timeout: Seconds = 300.0  # for which a pilot waits for the go
    requests_per_minute: PerMinute | None = None  # that the centre allows; None: found out
    progress: Progress = None  # what is shown while a run is waited for; None: whatever suits

    def to_record(self) -> dict[str, Any]:
        """What another process needs to carry the run on; no secrets, and no EDF object."""
        named: dict[str, Any] = plain(replace(self, environment=None))
        return {name: value for name, value in named.items() if name not in NOT_RECORDED}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> ExecutorSettings:
        """Read ``to_record``'s answer, or an older fcx's; what is not of this table is left alone.

        Raises ConfigError for a value that cannot be.
        """
        known = set(names(cls)) - NOT_RECORDED
        values = {OLD_NAMES.get(name, name): value for name, value in record.items()}
        try:
            return fit(cls, {name: value for name, value in values.items() if name in known})
        except Misfit as misfit:
            raise ConfigError(f"The settings that the run was begun with: {misfit}") from None


NOT_RECORDED = frozenset({"environment", "progress"})
"""The text of the run's EDF is recorded in its place; what is shown is each process's matter."""
NOT_IN_FILE = frozenset({"parity"})  # it is policy under [parity]
OLD_NAMES = {"sbatch": "sbatch_options", "srun": "srun_options"}


def resolve(given: Mapping[str, object], settings: Settings) -> ExecutorSettings:
    """The settings that apply: what the caller gave (None: not given), else fcx.toml's, else ours.

    Raises UsageError for a value that cannot be: OptionError for options, ConfigError for a
    directory or a policy.
    """
    wanted = {name: _as_plain(value) for name, value in given.items() if value is not None}
    values = {**_of_file(wanted, settings), **_of_environment(), **wanted}
    if not values["working_dir"] and "working_dir" not in wanted:
        raise ConfigError(
            "No working directory: give working_dir, an absolute path on the cluster, or set "
            "working_dir under [executor] in fcx.toml."
        )
    values["working_dir"] = _checked_path(values["working_dir"])
    values["environment"] = values["environment"] or None  # "" asks for none
    check_policy(values["parity"])
    try:
        return fit(ExecutorSettings, values, PYTHON)
    except Misfit as misfit:
        kind = OptionError if misfit.place.endswith("_options") else UsageError
        raise kind(str(misfit)) from None


def altered(table: ExecutorSettings, given: Mapping[str, object]) -> ExecutorSettings:
    """The same settings with others in the place of some. Raises OptionError for what cannot be."""
    values = {name: getattr(table, name) for name in names(ExecutorSettings)}
    values.update({name: _as_plain(value) for name, value in given.items()})
    values["environment"] = values["environment"] or None
    try:
        return fit(ExecutorSettings, values, PYTHON)
    except Misfit as misfit:
        raise OptionError(str(misfit)) from None


def check_policy(policy: Any) -> str:
    """The policy itself. Raises ConfigError if there is none of that name."""
    if policy not in POLICIES:
        raise ConfigError(
            f"There is no parity policy {policy!r}. Choose one of {', '.join(POLICIES)}."
        )
    return str(policy)


def _of_file(given: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """What fcx.toml says or leaves at the default; its EDF as seen from where the file lies."""
    own = settings.executor
    values = {name: getattr(own, name) for name in names(ExecutorSettings)}
    values["parity"] = settings.parity.policy
    options = given.get("srun_options", ())
    if any(str(option).startswith(("--environment", "--edf")) for option in options):
        values["environment"] = None  # the caller's options name another
    elif own.environment and "/" in own.environment:
        values["environment"] = str(settings.root / own.environment)
    return values


def shown_here(given: Any = None) -> Wanted:
    """``progress``, where there are no other settings: as given, else the variable, else the file.

    Raises UsageError for a value that cannot be.
    """
    from .settings import Settings

    return resolve({"working_dir": "/", "progress": given}, Settings.load()).progress


def _of_environment() -> dict[str, Any]:
    """What a variable says, before the file. Raises ConfigError for what it cannot say."""
    said = os.environ.get(PROGRESS, "").strip().lower()
    if said not in PROGRESS_WORDS:
        raise ConfigError(f"{PROGRESS} is {said!r}: set it to on, off, line, panel or auto.")
    return {"progress": PROGRESS_WORDS[said]} if said else {}


def _as_plain(value: object) -> object:
    """An argument as fcx.toml would have it: a path as text, any sequence, any real number."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return tuple(value)
    if isinstance(value, Real) and not isinstance(value, int):
        return float(value)
    return value


def _checked_path(path: object) -> str:
    """A working directory, normalised. Raises ConfigError for what the API cannot take."""
    if not isinstance(path, str) or not path.startswith("/"):
        raise ConfigError(
            f"working_dir must be an absolute path on the cluster, not {path!r}: the API takes "
            "no other"
        )
    if "'" in path or any(ord(character) < 32 for character in path):
        raise ConfigError(f"working_dir {path!r}: the API cannot take quotes (') or newlines")
    return posixpath.normpath(path)
