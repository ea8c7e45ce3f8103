"""What a notebook shows: short, escaped, without colours of its own."""

from __future__ import annotations

from types import SimpleNamespace

from fcx.executor import reporting
from fcx.executor.cards import card, of_future, of_run
from fcx.executor.future import FirecrestFuture
from fcx.progress.snapshot import Pilots, Snapshot


def test_a_future():
    """What it is, where it ran, what it has raised; a value is not shown."""
    future = FirecrestFuture("t7", SimpleNamespace(), "<lambda>", "x=3")
    assert of_future(future) == (
        "<div>Task <b>&lt;lambda&gt;</b>: pending<table>"
        '<tr><td style="text-align:left">task</td><td style="text-align:left">t7</td></tr>'
        '<tr><td style="text-align:left">key</td><td style="text-align:left">x=3</td></tr>'
        "</table></div>"
    )
    reporting.running(future, "4711")
    assert "</b>: running<" in future._repr_html_()
    assert ">4711<" in future._repr_html_()
    reporting.attempts(future, [(0, "4711", "node"), (1, "4712", "")])
    reporting.end(future, None, ValueError("<script>" + "x" * 10_000), (b"", b""))
    shown = future._repr_html_()
    assert "</b>: failed<" in shown
    assert "ValueError: &lt;script&gt;xx" in shown
    assert "2 times" in shown
    assert len(shown) < 1500


def test_an_error_that_cannot_be_said():
    """It breaks no cell."""

    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    future = FirecrestFuture("t1", SimpleNamespace(), "f")
    reporting.end(future, None, Broken(), (b"", b""))
    assert "Broken: (its text cannot be made)" in future._repr_html_()


def test_a_run():
    """Its place, tasks, pilots and requests."""
    seen = Snapshot("", 10, 4, failed=1, running=2, pilots=Pilots(1), requests=9)
    run = SimpleNamespace(
        name="sweep",
        directory="/scratch/<me>/.fcx-me/sweep",
        shown=SimpleNamespace(snapshot=lambda: seen),
        context=SimpleNamespace(
            settings=SimpleNamespace(credentials=SimpleNamespace(system="daint"))
        ),
    )
    shown = of_run("Executor", run, "open")
    for words in ("/scratch/&lt;me&gt;/", "daint", "4/10 done, 2 running, 4 waiting, 1 failed"):
        assert words in shown
    assert "1 pilot up" in shown
    assert "color" not in shown


def test_what_is_empty_is_left_out():
    """No row without a word."""
    assert card("Run", "a", "open", [("job", ""), ("task", "t")]).count("<tr>") == 1
