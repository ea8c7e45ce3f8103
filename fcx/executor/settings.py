"""What one run is made with: the settings table, credentials, checked options and the run's EDF."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..config import Credentials, ExecutorSettings, ParitySettings, Settings, altered, resolve
from ..edf.run import run_edf, run_edf_over
from ..errors import OptionError
from ..files import manifest_of_edf
from ..jobscript.options import Options
from ..parity.gate import Question
from ..parity.manifest import Manifest
from ..records import names
from .core import Limits, Words


@dataclass(frozen=True)
class RunEnvironment:
    """The run's own EDF, if any, and the manifest of its image."""

    name: str = ""
    text: bytes = b""
    option: str = "--environment"
    manifest: Manifest | None = None
    stale: str = ""  # what has changed since the image was built
    build_id: str = ""  # that the EDF was written for

    @property
    def digest(self) -> str | None:
        """SHA-256 of the EDF."""
        return hashlib.sha256(self.text).hexdigest() if self.name else None


def run_environment(environment: Any, options: Options, working_dir: str) -> RunEnvironment:
    """The run's EDF: from ``environment=``, or over the one that the srun options name."""
    if environment is None and not options.environment:
        return RunEnvironment()
    if environment is not None and options.environment:
        raise OptionError(
            f"srun_options: --environment={options.environment} and environment= both name an "
            "EDF; give one of them"
        )
    manifest, changed, build_id = None, "", ""
    if environment is not None:
        edf = run_edf(environment, working_dir)
        manifest, changed = manifest_of(edf.source)
        build_id = edf.build_id if manifest else ""
    else:
        edf = run_edf_over(options.environment, working_dir)
    text = edf.text.encode("ascii")
    return RunEnvironment(edf.name, text, options.engine_option, manifest, changed, build_id)


def _argument_first(given: Mapping[str, object], options: Options) -> Options:
    """The options without the EDF that those of fcx.toml name, where an argument says another."""
    environment = given.get("environment")
    if environment is None or not options.environment:
        return options
    if not given.get("srun_options"):
        return replace(options, environment="")
    if environment == "":
        raise OptionError(
            f"srun_options: --environment={options.environment} names an EDF, and environment='' "
            "asks for none; give one of them"
        )
    return options


def manifest_of(edf: str) -> tuple[Manifest | None, str]:
    """The manifest that `fcx image build` or `--adopt` wrote beside an EDF, if there is one.

    And what has changed in its project since, if anything.
    """
    path = manifest_of_edf(edf)
    if path is None:
        return None, ""
    from ..image.source import stale

    manifest = Manifest.from_json(path.read_bytes(), str(path))
    return manifest, stale(manifest, path.absolute().parent.parent)


@dataclass(frozen=True)
class RunSettings:
    """What an executor was asked for, checked."""

    table: ExecutorSettings
    credentials: Credentials
    options: Options
    environment: RunEnvironment
    python: str  # that is started on the cluster
    logger: logging.Logger
    initializer: bytes = b""
    usual_account: str = ""  # that pays where no option names one
    called: str = ""  # what tells its pilots from the executor's own, as " with --partition=gpu"

    @property
    def shape(self) -> tuple[Any, ...]:
        """What makes pilots alike."""
        edf = self.environment
        return self.options, self.table.workers_per_node, edf.name, edf.text, edf.option

    def shape_record(self) -> dict[str, Any]:
        """What another process needs to have pilots of this shape, beside the run's settings."""
        record = self.to_record()
        return {name: record[name] for name in SHAPE_RECORD if name in record}

    def to_record(self) -> dict[str, Any]:
        """What another process needs to carry the run on; no secrets."""
        record = self.table.to_record()
        if self.environment.name:
            record["edf"] = [self.environment.name, self.environment.text.decode("ascii")]
            record["edf_option"] = self.environment.option
        return {**record, "python": self.python, "account": self.credentials.account}

    def limits(self, run: str, pilots: str, directory: str, *, durable: bool = False) -> Limits:
        """As much of it as decisions need."""
        table = self.table
        return Limits(
            max_workers=table.max_workers,
            nodes=self.options.nodes,
            workers_per_node=table.workers_per_node,
            sleep_interval=table.sleep_interval,
            task_retries=table.task_retries,
            inline=table.inline,
            requeue=self.options.requeue,
            initializer=bool(self.initializer),
            durable=durable,
            words=Words(
                run=run,
                pilots=pilots,
                directory=directory or f"{table.working_dir}/.fcx-*/{run}",
                policy=table.parity,
                python=self.python,
                shape=self.called,
            ),
        )


SHAPE = ("sbatch_options", "srun_options", "workers_per_node", "environment")
"""What pilots of one run may differ in."""
SHAPE_RECORD = (*SHAPE, "edf", "edf_option", "python")


def settle(
    given: Mapping[str, object],
    env: Mapping[str, str | None] | None = None,
    logger: logging.Logger | None = None,
    initializer: bytes = b"",
) -> tuple[RunSettings, Question]:
    """What a run is made with, and what its verdict is about.

    ``given``: settings by name, among anything else; None or an empty list is not given.
    Raises ConfigError, OptionError or UsageError for what can be told without asking the cluster.
    """
    credentials = Credentials.from_env(env)
    project = Settings.load()
    own = {name: given[name] for name in names(ExecutorSettings) if name in given}
    empty = [name for name in ("sbatch_options", "srun_options", "setup") if not own.get(name)]
    table = resolve({**own, **dict.fromkeys(empty)}, project)
    options = _argument_first(own, Options.check(table.sbatch_options, table.srun_options))
    environment = run_environment(table.environment, options, table.working_dir)
    place = f"{credentials.api_url} {credentials.system}"
    question = _question(table, place, project.parity, options, environment)
    settings = RunSettings(
        table,
        credentials.charging(options.account),
        options,
        environment,
        question.interpreter,
        logger or logging.getLogger("fcx"),
        initializer,
        credentials.account,
    )
    return settings, question


def _question(
    table: ExecutorSettings,
    place: str,
    rules: ParitySettings,
    options: Options,
    environment: RunEnvironment,
) -> Question:
    return Question(
        table.parity,
        place,
        rules=rules,
        manifest=environment.manifest,
        python=table.python or "",
        edf=environment.name,
        edf_digest=environment.digest,
        stale=environment.stale,
        edf_build=environment.build_id,
        surroundings=(*options.srun, *(f"sbatch {word}" for word in options.place), *table.setup),
    )


def reshape(
    base: RunSettings, own: RunSettings, rules: ParitySettings, given: Mapping[str, object]
) -> tuple[RunSettings, Question]:
    """Settings of pilots that differ from ``base`` in what is given, and what their verdict is on.

    ``own``: the executor's. Raises OptionError for what cannot be.
    """
    given = {name: value for name, value in given.items() if value is not None}
    table = altered(base.table, given)
    options = Options.check(table.sbatch_options, table.srun_options)
    if "srun_options" not in given:
        options = replace(options, environment=base.options.environment)
    environment = _environment_again(base, table, options, given)
    place = f"{base.credentials.api_url} {base.credentials.system}"
    question = _question(table, place, rules, options, environment)
    settings = replace(
        base,
        table=table,
        credentials=base.credentials.charging(options.account or base.usual_account),
        options=options,
        environment=environment,
        python=question.interpreter,
    )
    return replace(settings, called=_called(settings, own)), question


def _environment_again(
    base: RunSettings, table: ExecutorSettings, options: Options, given: Mapping[str, object]
) -> RunEnvironment:
    """The EDF that is given now, as an argument or among the srun options; else the one before."""
    named = options.environment if "srun_options" in given else ""
    if "environment" in given:
        asked = replace(options, environment=named)
        return run_environment(table.environment, asked, table.working_dir)
    if named:
        return run_environment(None, options, table.working_dir)
    by_option = bool(base.options.environment) and "srun_options" in given
    return RunEnvironment() if by_option else base.environment


def _called(settings: RunSettings, own: RunSettings) -> str:
    """What tells such pilots from the executor's own, in words."""
    table, usual = settings.table, own.table
    words: list[str] = []
    if table.sbatch_options != usual.sbatch_options:
        words += table.sbatch_options
    if table.srun_options != usual.srun_options:
        words += table.srun_options
    if table.workers_per_node != usual.workers_per_node:
        words.append(f"workers_per_node={table.workers_per_node}")
    if settings.environment.name != own.environment.name:
        words.append(f"environment={settings.environment.name or 'none'}")
    return f" with {' '.join(words)}" if words else ""


def reshaped_before(own: RunSettings, record: Mapping[str, Any]) -> tuple[RunSettings, Question]:
    """Settings of pilots that an earlier process has recorded, and what their verdict is on."""
    table = ExecutorSettings.from_record({**own.table.to_record(), **record})
    environment = environment_of(record)
    options = Options.check(table.sbatch_options, table.srun_options)
    settings = replace(
        own,
        table=table,
        credentials=own.credentials.charging(options.account or own.usual_account),
        options=replace(options, environment=""),
        environment=environment,
        python=str(record.get("python", own.python)),
    )
    place = f"{own.credentials.api_url} {own.credentials.system}"
    question = _question(table, place, ParitySettings(), options, environment)
    return replace(settings, called=_called(settings, own)), replace(
        question, python=settings.python
    )


def environment_of(record: Mapping[str, Any]) -> RunEnvironment:
    """The EDF that a run, or a shape, was begun with."""
    edf = record.get("edf")
    if not edf:
        return RunEnvironment()
    option = record.get("edf_option", "--environment")
    return RunEnvironment(edf[0], edf[1].encode("ascii"), option)
