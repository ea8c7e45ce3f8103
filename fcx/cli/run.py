"""``fcx run``: a script, or a function of a module, on the cluster as if it ran here."""

from __future__ import annotations

import logging
import os
import posixpath
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from ..errors import UsageError
from .phases import show_beside_output
from .preflight import EdfOption

if TYPE_CHECKING:
    from ..executor.future import FirecrestFuture
    from ..executor.interface import FirecrestExecutor
    from ..launch.follow import End
    from ..launch.target import Target

app = typer.Typer(rich_markup_mode=None, add_completion=False)

AFTER = {"allow_interspersed_args": False}  # what follows the script is the script's
PAUSE = 0.1  # seconds between two questions whether all has been sent
INTERRUPTED = 128 + signal.SIGINT
LONGEST_LOOK = 10.0  # seconds between looks, where fcx.toml says nothing else


@app.command(context_settings=AFTER)
def run(
    what: Annotated[str, typer.Argument(metavar="SCRIPT|MODULE:FUNCTION|-m MODULE")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="ARGS", help="Its own, options included.")
    ] = None,
    *,
    module: Annotated[
        bool, typer.Option("-m", help="A module or package is named, as to python -m.")
    ] = False,
    nodes: Annotated[str, typer.Option(help="How many; it runs on the first of them.")] = "",
    limit: Annotated[str, typer.Option("--time", help="Time limit, as of sbatch.")] = "",
    edf: EdfOption = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="End here once it is on the cluster.")
    ] = False,
    working_dir: Annotated[
        str, typer.Option(help="Directory on the cluster [fcx.toml's, else one of yours there].")
    ] = "",
    sbatch: Annotated[list[str] | None, typer.Option(help="An sbatch option; repeatable.")] = None,
    srun: Annotated[list[str] | None, typer.Option(help="An srun option; repeatable.")] = None,
    include: Annotated[
        list[str] | None, typer.Option(help="A module, file or folder to take along; repeatable.")
    ] = None,
) -> None:
    """Run a script on the cluster: output as it is written, then its exit code.

    The user's own modules that it imports travel along. It runs in the working directory there,
    without standard input. Of module:function, arguments that are literals of Python are those
    values, and a result that is not None is printed.

    Ctrl-C cancels the job and waits for that; a second one ends this at once.
    """
    from ..launch.follow import follow
    from ..launch.target import find, find_module

    target = (find_module if module else find)(what, arguments or [])
    show_beside_output()
    level = logging.getLogger("fcx").level
    options = [f"--nodes={nodes}"] if nodes else []
    options += [f"--time={limit}"] if limit else []
    given = _given(working_dir, edf, [*(sbatch or ()), *options], srun)
    from .. import FirecrestExecutor
    from ..payload.collect import Beside

    travels = [Beside(target.beside), *(include or ())]
    executor = FirecrestExecutor(**given, logger_level=level, include=travels)
    interrupted = "Cancelling the job. Ctrl-C again ends this at once, and leaves the job alone."
    with _ending_here(), executor, _telling(interrupted):
        future = _submit(executor, target)
        if detach and _is_sent(executor, future):
            _tell(executor, target)
            _leave(0)
        end = follow(future, sys.stdout.buffer, sys.stderr.buffer)
    raise typer.Exit(_said(end))


def follow_run(name: str) -> int:
    """Take over a run that was detached, and watch it to its end: its exit code.

    Raises UsageError for a run of another kind.
    """
    from .. import attach
    from ..executor.resumption import find
    from ..executor.signals import Ended
    from ..launch.follow import follow
    from ..launch.program import KEY
    from ..state.journal import Journal

    journal = Journal()
    if KEY not in journal.keys(find(journal, name).id).values():
        raise UsageError(
            f"{name} is no run of `fcx run`: `fcx runs show {name}` tells how its tasks are, and "
            f"`fcx runs attach {name} --save FILE` collects them."
        )
    show_beside_output()
    with _ending_here(), attach(name, progress=False) as attached:
        try:
            end = follow(attached.by_key[KEY], sys.stdout.buffer, sys.stderr.buffer)
        except KeyboardInterrupt:
            typer.echo(f"fcx: It goes on: `fcx runs follow {name}` comes back to it.", err=True)
            _leave(INTERRUPTED)
        except BrokenPipeError:  # whoever has not read all of it can come back, too
            _leave(128 + signal.SIGPIPE)
        except Ended as ended:
            _leave(128 + ended.number)
    return _said(end)


def _said(end: End) -> int:
    """Its exit code, when what there is to say of it was said."""
    if end.said:
        typer.echo(f"fcx: {end.said}", err=True)
    return end.code


def _given(
    working_dir: str, edf: str | None, options: list[str], srun: list[str] | None
) -> dict[str, Any]:
    """What its executor is given: fcx.toml's, with what the command line says instead."""
    from ..config import ExecutorSettings, Settings
    from ..steps.judging import edf_for, place_for

    own = Settings.load()
    usual = ExecutorSettings(working_dir="/").sleep_interval
    look = own.executor.sleep_interval
    return {
        "working_dir": working_dir or own.executor.working_dir or place_for(),
        "sbatch_options": [*own.executor.sbatch_options, *options],  # of two, sbatch takes the last
        "srun_options": srun or (),
        "environment": edf if edf is not None else edf_for(own, srun),
        "max_workers": 1,
        "workers_per_node": 1,
        "task_retries": 0,  # a program that was cut short may have done half of its work
        "sleep_interval": LONGEST_LOOK if look == usual else look,
        "progress": False,  # the terminal is the program's
    }


def _submit(executor: FirecrestExecutor, target: Target) -> FirecrestFuture[int]:
    from ..launch.program import KEY, program

    task = program(target.name)
    words = target.file, target.content, target.arguments, target.needs
    return executor.submit_as(KEY, task, *words)


def _is_sent(executor: FirecrestExecutor, future: FirecrestFuture[int]) -> bool:
    """Once it is, or has ended before: then False.

    Where no verdict is remembered, a job has to begin first: nothing is sent before.
    """
    while not executor.sent and not future.done():
        time.sleep(PAUSE)
    return not future.done()


def _tell(executor: FirecrestExecutor, target: Target) -> None:
    """How to come back."""
    name = posixpath.basename(executor.run_directory)
    typer.echo(f"{target.name} is on its way as run {name}:", err=True)
    typer.echo(f"  fcx runs follow {name}   its output, and its exit code", err=True)
    typer.echo(f"  fcx runs show {name}     how it is", err=True)
    typer.echo(f"  fcx runs cancel {name}   ends it", err=True)
    typer.echo(name)


@contextmanager
def _telling(interrupted: str) -> Iterator[None]:
    """Say what an interruption does."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"fcx: {interrupted}", err=True)
        raise


@contextmanager
def _ending_here() -> Iterator[None]:
    """SIGTERM and SIGHUP tidy up as Ctrl-C does; and who reads our output no more has ended us."""
    from ..executor.signals import raised

    try:
        with raised():
            yield
    except KeyboardInterrupt:
        _leave(INTERRUPTED)
    except BrokenPipeError:
        _leave(128 + signal.SIGPIPE)


def _leave(code: int) -> NoReturn:
    """At once: the end of an interpreter would wait for what was submitted."""
    for stream in sys.stdout, sys.stderr:
        with suppress(OSError):
            stream.flush()
    os._exit(code)
