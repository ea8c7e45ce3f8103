"""What a notebook shows of a future or a run: some lines of HTML, in the notebook's own colours."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

from ..progress import words
from . import reporting

if TYPE_CHECKING:
    from .future import FirecrestFuture
    from .run import Run

LONGEST = 300  # letters of a text


def card(kind: str, name: str, state: str, facts: Iterable[tuple[str, str]]) -> str:
    """A head, and a line for each fact that there is."""
    rows = "".join(
        f'<tr><td style="text-align:left">{_text(what)}</td>'
        f'<td style="text-align:left">{_text(said)}</td></tr>'
        for what, said in facts
        if said
    )
    head = f"{_text(kind)} <b>{_text(name)}</b>: {_text(state)}"
    return f"<div>{head}<table>{rows}</table></div>"


def _text(words: str) -> str:
    short = words if len(words) <= LONGEST else f"{words[: LONGEST - 3]}..."
    return escape(short)


def of_future(future: FirecrestFuture[Any]) -> str:
    """Its state, where it ran, and what it has raised; nothing is fetched for that."""
    error = reporting.error(future)
    facts = (
        ("task", future.task_id),
        ("key", future.key),
        ("job", future.job_id or ""),
        ("begun", f"{len(future.attempts)} times" if len(future.attempts) > 1 else ""),
        ("error", f"{type(error).__name__}: {_said(error)}" if error is not None else ""),
    )
    return card("Task", future.name or future.task_id, future.state, facts)


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - whatever the user's class raises
        return "(its text cannot be made)"


def of_run(kind: str, run: Run, state: str) -> str:
    """Where it is, its tasks, its pilots, and what it has cost."""
    seen = run.shown.snapshot()
    settings = run.context.settings
    facts = (
        ("directory", run.directory or f"{settings.table.working_dir} (not begun)"),
        ("system", settings.credentials.system),
        ("tasks", ", ".join(filter(None, (words.done(seen), words.tasks(seen))))),
        ("pilots", words.pilots(seen)),
        ("requests", str(seen.requests)),
    )
    return card(kind, run.name, state, facts)
