"""What one run is made with: the settings table, credentials, checked options and the run's EDF."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..config import Credentials, ExecutorSettings, ParitySettings, Settings, resolve
from ..edf import standing
from ..edf.reference import Reference
from ..edf.run import run_edf, run_edf_over
from ..errors import OptionError
from ..files import manifest_of_edf
from ..jobscript.options import Options
from ..parity.gate import Question
from ..parity.manifest import Manifest, Shipped
from ..records import names

if TYPE_CHECKING:
    from .core import Limits


@dataclass(frozen=True)
class RunEnvironment:
    """The run's own EDF, if any, and the manifest of its image."""

    name: str = ""
    text: bytes = b""
    option: str = "--environment"
    manifest: Manifest | None = None
    stale: str = ""  # what has changed since the image was built
    build_id: str = ""  # that the EDF was written for
    image: str = ""  # that the EDF names
    source: str = ""  # the EDF's file

    @property
    def shipped(self) -> Shipped | None:
        """What `fcx image ship` has brought to the path that the EDF names, if it has."""
        known = self.manifest.shipped.values() if self.manifest else ()
        return next((one for one in known if one.path == self.image), None)

    @property
    def tag(self) -> str:
        """The image, where fcx built it and the EDF names neither a file nor a registry."""
        named = Reference.parse(self.image)
        return self.image if self.build_id and not (named.path or named.registry) else ""

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
    manifest, changed = None, ""
    if environment is not None:
        edf = run_edf(environment, working_dir)
        manifest, changed = manifest_of(edf.source)
    else:
        edf = run_edf_over(options.environment, working_dir)
    of_file = (edf.build_id, edf.image, edf.source)
    text, engine = edf.text.encode("ascii"), options.engine_option
    return RunEnvironment(edf.name, text, engine, manifest, changed, *of_file)


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


SHAPE = ("sbatch_options", "srun_options", "workers_per_node", "environment")
"""What pilots of one run may differ in."""
SHAPE_RECORD = (*SHAPE, "edf", "edf_option", "python")


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
        edf, options = self.environment, replace(self.options, environment="")
        return options, self.table.workers_per_node, edf.name, edf.text, edf.option

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
        from .core import Limits, Words  # which a verdict alone can do without

        table = self.table
        return Limits(
            max_workers=table.max_workers,
            nodes=self.options.nodes,
            workers_per_node=table.workers_per_node,
            sleep_interval=table.sleep_interval,
            gate_timeout=table.gate_timeout,
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
                tag=self.environment.tag,
                shape=self.called,
            ),
        )


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
    question = question_of(table, place, project.parity, options, environment)
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


def _said(environment: RunEnvironment, place: str) -> Iterator[str]:
    """Which step of the way to this environment is missing."""
    edf = environment.source, environment.build_id, environment.image
    return standing.said(*edf, environment.manifest, place)


def question_of(
    table: ExecutorSettings,
    place: str,
    rules: ParitySettings,
    options: Options,
    environment: RunEnvironment,
) -> Question:
    """What the verdict on such a place is about."""
    return Question(
        table.parity,
        place,
        rules=rules,
        manifest=environment.manifest,
        python=table.python or "",
        edf=environment.name,
        edf_digest=environment.digest,
        stale=environment.stale,
        edf_build=environment.build_id if environment.manifest else "",
        said=tuple(_said(environment, place)),
        surroundings=(*options.srun, *(f"sbatch {word}" for word in options.place), *table.setup),
    )
