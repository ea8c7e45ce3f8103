"""``fcx runs``: what this machine remembers of runs, and what may become of them."""

from __future__ import annotations

import json
import logging
import pickle
import sys
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import FcxError, UsageError
from .group import Verbs
from .options import JsonOption
from .report import report, watch

if TYPE_CHECKING:
    from ..executor.survey import TaskView
    from ..executor.upkeep import Cleaning, RunView, Upkeep
    from ..state.journal import RunRecord

app = typer.Typer(
    cls=Verbs,
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="Runs, their tasks and jobs.",
)

Name = Annotated[str, typer.Argument(help="The run's name, or its id.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
DAY = 86400.0


@app.command("list")
def list_runs(
    local: Annotated[bool, typer.Option("--local", help="Do not ask the cluster.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List runs that were not collected to their end, or have a name; the newest first.

    STATE: served (by a process of this machine), running (a job of it has not ended), open (nobody
    has collected it to its end), kept (collected, and its outcomes stay), gone (its directory is).
    A question mark: not known on this machine.
    """
    from ..executor.upkeep import Upkeep

    upkeep = Upkeep()
    views = upkeep.views(upkeep.journal.runs(), ask=not local)
    for line in upkeep.journal.damaged().values():
        typer.echo(f"fcx: {line}", err=True)
    if as_json:
        typer.echo(json.dumps([_record(view) for view in views], indent=2))
        return
    _table(
        ("RUN", "STATE", "BEGUN", "TASKS", "SIZE", "JOBS", "DIRECTORY"),
        [_row(view) for view in views],
        "This machine remembers no run.",
    )


@app.command()
def show(
    run: Name,
    key: Annotated[
        bool, typer.Option("--key", help="Print the directory and the key, and no more.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show one run and what becomes of its tasks; nothing is fetched or changed.

    A key that begins with ~ is fcx's own, of what the task computes. ATTEMPTS: how often it was
    begun. STATE: queued, running, done, raised (an exception), died (with its worker or job; the
    run goes on with it); gone or unknown where the run directory cannot be looked at.

    Whoever has the key of a run can have its workers run code: pass it on as you would a password.
    """
    from ..executor.upkeep import Upkeep

    upkeep = Upkeep()
    record = upkeep.named(run)
    if key:
        told = {"directory": record.directory, "key": record.key.hex()}
        typer.echo(json.dumps(told, indent=2) if as_json else " ".join(told.values()))
        return
    view = upkeep.views([record])[0]
    tasks = upkeep.seen(view)
    if as_json:
        each = [vars(task) for task in tasks]
        told_all = {**_record(view), "note": view.note or None, "each_task": each}
        typer.echo(json.dumps(told_all, indent=2))
        return
    _table(("RUN", "STATE", "BEGUN", "TASKS", "SIZE", "JOBS", "DIRECTORY"), [_row(view)], "")
    typer.echo()
    _table(
        ("TASK", "FUNCTION", "STATE", "JOB", "ATTEMPTS", "KEY"),
        [_task_row(task) for task in tasks],
        "No task of it was sent.",
    )
    if view.note:
        typer.echo(f"\n{view.note}")


@app.command()
def follow(run: Name) -> None:
    """Come back to what `fcx run --detach` has sent: its output from the beginning, its exit code.

    Ctrl-C leaves it, and it goes on.
    """
    from .run import follow_run

    raise typer.Exit(follow_run(run))


@app.command()
def attach(
    run: Annotated[str, typer.Argument(help="The run's name, or its id.")] = "",
    directory: Annotated[str, typer.Option(help="Its directory, on another machine.")] = "",
    key: Annotated[
        str,
        typer.Option(help="Its key, on another machine; - asks for it, or reads it from stdin."),
    ] = "",
    save: Annotated[
        Path | None, typer.Option(help="Wait for all tasks, and pickle what came of them here.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Take a run over on this machine, with its directory and key; or collect it into a file.

    From then on the machine knows the run: `fcx runs` and fcx.attach() find it by its name, and a
    script with that name goes on with it.
    """
    from ..executor.upkeep import Upkeep

    _quiet()
    upkeep = Upkeep()
    if bool(directory) != bool(key) or bool(directory) == bool(run):
        raise UsageError("Give the name of a run, or its --directory and --key.")
    record = upkeep.named(run) if run else upkeep.adopt(directory, _secret(key))
    told: dict[str, Any] = {"run": record.name, "directory": record.directory}
    if save is not None:
        told.update(_collect(record.id, save))
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    elif save is not None:
        typer.echo(f"{told['tasks']} task(s), {told['failed']} of them failed: {save}")
    else:
        typer.echo(f"Run {record.name}: fcx.attach({record.name!r}) collects it.")


def _secret(key: str) -> str:
    """A key that stands in no list of processes, and in no shell's history."""
    if key != "-":
        return key
    return getpass("Key: ") if sys.stdin.isatty() else sys.stdin.readline().strip()


@app.command()
def cancel(run: Name, dry_run: DryRun = False, as_json: JsonOption = False) -> None:
    """End the jobs of a run whose process is gone; outcomes stay, and the run may go on later."""
    from ..executor.upkeep import Upkeep

    upkeep = Upkeep()
    jobs = upkeep.cancel(upkeep.named(run), dry_run=dry_run).jobs or []
    if as_json:
        typer.echo(json.dumps({"run": run, "cancelled": jobs, "dry_run": dry_run}, indent=2))
        return
    what = "would be cancelled" if dry_run else "cancelled"
    typer.echo(f"{len(jobs)} job(s) of run {run} {what}{': ' if jobs else ''}{', '.join(jobs)}")


@app.command()
def clean(
    runs: Annotated[list[str] | None, typer.Argument(help="Names or ids.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that do not live.")] = False,
    older_than: Annotated[float, typer.Option(help="Days since the run began.")] = 0.0,
    uncollected: Annotated[
        bool, typer.Option("--uncollected", help="Even outcomes that nobody has collected.")
    ] = False,
    forget: Annotated[
        bool,
        typer.Option(
            "--forget",
            help="Only this machine's memory of them, key included: for clusters that are gone. "
            "With --all: of runs on other clusters.",
        ),
    ] = False,
    dry_run: DryRun = False,
    as_json: JsonOption = False,
) -> None:
    """Remove what runs have left: their directories, their jobs' slurm-*.out, their entries here.

    A run that lives is never touched: one with a job that has not ended, or a process of this
    machine. Ends with 1 if a run that was named is not removed.
    """
    from ..executor.upkeep import Upkeep

    upkeep = Upkeep()
    if bool(runs) == every:
        raise UsageError("Name the runs to be removed, or give --all.")
    if forget:
        chosen = upkeep.away() if every else [upkeep.anywhere(name) for name in runs or ()]
        _forget(upkeep, chosen, older_than * DAY, dry_run=dry_run, as_json=as_json)
        return
    records = upkeep.journal.runs() if every else [upkeep.named(name) for name in runs or ()]
    plans = upkeep.plan(records, uncollected=uncollected)
    plans = [plan for plan in plans if _older(plan.view, older_than * DAY)]
    for plan in plans if not dry_run else ():
        upkeep.clean(plan)
    emptied = upkeep.tidy(plans, every=every) if not dry_run else []
    if as_json:
        typer.echo(json.dumps([_cleaned(plan, dry_run) for plan in plans], indent=2))
    else:
        _say_cleaned(plans, emptied, dry_run)
    if runs and any(plan.refused for plan in plans):
        raise typer.Exit(FcxError.exit_code)


def _forget(
    upkeep: Upkeep, records: list[RunRecord], seconds: float, *, dry_run: bool, as_json: bool
) -> None:
    """Entries of this machine alone; whoever has the directory and key may enter one anew."""
    views = [view for view in upkeep.views(records, ask=False) if _older(view, seconds)]
    for view in views if not dry_run else ():
        upkeep.forget(view.record)
    if as_json:
        told = [{**_record(view), "forgotten": not dry_run} for view in views]
        typer.echo(json.dumps(told, indent=2))
        return
    what = "would be forgotten" if dry_run else "forgotten"
    for view in views:
        record = view.record
        typer.echo(f"{record.name}: {what}: {record.directory} on {record.system} stays as it is")
    if not views:
        typer.echo("There is nothing to forget.")


app.command()(report)
app.command()(watch)


def _older(view: RunView, seconds: float) -> bool:
    """Whether it is as old; of what another machine began that is not known."""
    return not seconds or (view.age is not None and view.age >= seconds)


# -- words -----------------------------------------------------------------------------------


def _record(view: RunView) -> dict[str, Any]:
    record = view.record
    return {
        "run": record.name,
        "id": record.id,
        "state": view.state,
        "started": record.started or None,
        "age": view.age and round(view.age, 1),
        "tasks": view.tasks,
        "bytes": view.size,
        "jobs": view.jobs,
        "process": view.process or None,
        "system": record.system,
        "directory": record.directory,
    }


def _row(view: RunView) -> tuple[str, ...]:
    from .. import spoken

    size = "?" if view.size is None else spoken.size(view.size)
    jobs = "?" if view.jobs is None else str(len(view.jobs))
    begun = "?" if view.age is None else spoken.ago(view.age)
    tasks = "?" if view.age is None and not view.tasks else str(view.tasks)  # of another machine
    name, directory = view.record.name, view.record.directory
    return name, view.state, begun, tasks, size, jobs, directory


def _task_row(task: TaskView) -> tuple[str, ...]:
    return task.id, task.name, task.state, task.job or "-", str(task.runs), task.key or "-"


def _cleaned(plan: Cleaning, dry_run: bool) -> dict[str, Any]:
    return {
        **_record(plan.view),
        "removed": not plan.refused and not dry_run,
        "refused": plan.refused or None,
        "outputs": plan.outputs,
    }


def _say_cleaned(plans: list[Cleaning], emptied: list[str], dry_run: bool) -> None:
    from .. import spoken

    for plan in plans:
        view = plan.view
        if plan.refused:
            typer.echo(f"{view.record.name}: left alone. {plan.refused}")
            continue
        what = "would be removed" if dry_run else "removed"
        outputs = f", and {len(plan.outputs)} slurm-*.out" if plan.outputs else ""
        size = spoken.size(view.size or 0)
        typer.echo(f"{view.record.name}: {what}: {size} in {view.record.directory}{outputs}")
    for base in emptied:
        typer.echo(f"{base}: removed: no run is in it any more")
    if not plans and not emptied:
        typer.echo("There is nothing to remove.")


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]], empty: str) -> None:
    """Columns as wide as what stands in them."""
    if not rows:
        typer.echo(empty)
        return
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


def _quiet() -> None:
    logging.getLogger("fcx").setLevel(logging.WARNING)


def _collect(run: str, path: Path) -> dict[str, Any]:
    """Wait for all tasks; what cannot be pickled here is kept as its text."""
    from ..executor.attach import attach as take_over

    with take_over(run) as attached:
        futures = list(attached.futures.values())
        found = [_outcome(future) for future in futures]
        path.write_bytes(pickle.dumps(found))
    return {"tasks": len(found), "failed": sum("error" in each for each in found)}


def _outcome(future: Any) -> dict[str, Any]:
    told = {"task": future.task_id, "name": future.name, "key": future.key}
    error = future.exception()
    told["error" if error else "value"] = error or future.result()
    try:
        pickle.dumps(told)
    except Exception:  # noqa: BLE001 - whatever an object's pickling raises
        told.update({name: repr(told[name]) for name in ("error", "value") if name in told})
    return told
