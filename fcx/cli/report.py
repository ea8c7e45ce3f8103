"""``fcx runs report`` and ``fcx runs watch``: what a run did, from what it noted of itself."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from .options import JsonOption

if TYPE_CHECKING:
    from ..executor.ledgers import Ledgers
    from ..report.model import Report

Run = Annotated[str, typer.Argument(help="The run's name, or its id; by default the newest run.")]


def report(
    run: Run = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; - prints it.")
    ] = None,
    ro_crate: Annotated[
        Path | None,
        typer.Option(help="A new folder for an RO-Crate: page, JSON and environment."),
    ] = None,
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask Slurm for what is not known yet of the run's jobs.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Report on a run, ended or not: one HTML page that needs nothing else, or JSON.

    Timeline, waiting against work, node hours used and idle, failures with tracebacks, requests;
    and the verdict, image, packages and code by which a paper can cite how its numbers were made.
    It is drawn from what processes of this machine noted while they served the run (nothing is
    asked of the cluster without --ask), also of a run that was collected and is gone.
    """
    from ..executor.ledgers import Ledgers
    from ..records import plain
    from ..report.page import page

    ledgers = Ledgers()
    name = ledgers.find(run)
    if ask:
        ledgers.ask(name)
    found = ledgers.report(name)
    if ro_crate is not None:
        _crate(found, ro_crate, as_json=as_json)
        return
    text = json.dumps(plain(found)) + "\n" if as_json else page(found)
    path = output or (None if as_json else Path(f"{found.name}.html"))
    if path is None or str(path) == "-":
        typer.echo(text, nl=False)
        return
    _written(path, text)
    typer.echo(f"{_said(found)}\nThe report is in {path}", err=as_json)


def _crate(found: Report, folder: Path, *, as_json: bool) -> None:
    from ..report.crate import crate

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there already: name a new folder for the RO-Crate.")
    files = crate(found)
    for name, text in files.items():
        _written(folder / name, text)
    if as_json:
        typer.echo(json.dumps({"run": found.name, "folder": str(folder), "files": list(files)}))
        return
    typer.echo(f"{_said(found)}\nThe RO-Crate is in {folder}: {', '.join(files)}")


def _written(path: Path, text: str) -> None:
    from ..files import write_whole

    write_whole(path, text)


def _said(found: Report) -> str:
    """The run in one line."""
    from ..report.summary import summary

    return summary(found)


def watch(
    run: Run = "",
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")
    ] = True,
    port: Annotated[
        int, typer.Option(help="Of the page; 0: any that is free.", min=0, max=65535)
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Follow a run: a line here, and its report as a page that keeps up, until the run ends.

    The page is served to this machine alone, under an address that nobody can guess. On a remote
    machine the line is enough; to see the page, forward its port (`ssh -L`), as is said there.
    With --json each line is an object, with the totals of the report.
    """
    from ..executor.ledgers import Ledgers
    from .watching import PageServer, has_browser, here

    ledgers = Ledgers()
    name = ledgers.find(run)
    with PageServer(ledgers.source(name), port) as server:
        typer.echo(f"The report of run {ledgers.report(name).name}: {server.url}", err=True)
        if not here():
            typer.echo(f"From your own machine: {server.forwarded}", err=True)
        elif browser and has_browser():
            typer.launch(server.url)
        _follow(ledgers, name, server.url if as_json else "")
        server.over()
    typer.echo(_over(ledgers.report(name)), err=True)


def _over(found: Report) -> str:
    """Why nothing more is told: of a run that was detached, nobody here hears anything."""
    if found.state == "ended":
        return f"The run has ended: `fcx runs report {found.name}` keeps the page."
    return (
        f"No process of this machine serves run {found.name} now, so nothing new is known of it: "
        f"`fcx runs show {found.name}` asks the cluster, `fcx runs follow {found.name}` (of "
        f"`fcx run`) or `fcx runs attach {found.name}` takes it over."
    )


def _follow(ledgers: Ledgers, name: str, url: str) -> None:
    """A line for each news until nobody serves the run; with ``url``, as JSON."""
    said, served = "", True
    while served:
        began, served = time.monotonic(), ledgers.served(name)
        found = ledgers.report(name)
        told = _object(found, url) if url else _said(found)
        if told != said:
            typer.echo(told)
        said = told
        if served:
            time.sleep(max(PAUSE, SHARE * (time.monotonic() - began)))


def _object(found: Report, url: str) -> str:
    from ..records import plain

    named = {"run": found.name, "state": found.state, "url": url}
    return json.dumps({**named, "totals": plain(found.totals)})


PAUSE, SHARE = 2.0, 10.0  # seconds between two lines; times what it takes to make one, at least
