"""Settings of pilots of another shape: of a view, or as an earlier process has recorded them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..config import ExecutorSettings, ParitySettings, altered
from ..errors import OptionError
from ..jobscript.options import Options
from ..parity.gate import Question
from .settings import RunEnvironment, RunSettings, question_of, run_environment


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
    question = question_of(table, place, rules, options, environment)
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
        if named and table.environment is None:
            raise OptionError(
                f"srun_options: --environment={named} names an EDF, and environment='' asks for "
                "none; give one of them"
            )
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
    question = question_of(table, place, ParitySettings(), options, environment)
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
