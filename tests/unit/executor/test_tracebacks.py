"""What an error's traceback shows of ours: nothing, and nothing of the user's is lost.

Python 3.10 shows one line.
"""

from __future__ import annotations

import concurrent.futures
import logging
import traceback
from types import SimpleNamespace

import pytest

from fcx import FirecrestExecutor, attach
from fcx.errors import ConfigError, UsageError
from fcx.executor import mapping, reporting
from fcx.executor.future import FirecrestFuture
from fcx.executor.plainly import ADDS_A_LINE, plainly
from fcx.payload.outcome import _caused


def mine(*ours: str) -> list[str]:
    """The user's line, and in Python 3.10 one of ours."""
    return ["mine", *(ours if ADDS_A_LINE else ())]


def frames(error: BaseException) -> list[str]:
    """Files of its traceback, the user's line first."""
    names = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    return ["mine" if name == __file__ else name.rpartition("/fcx/")[2] for name in names]


def ended(error: BaseException) -> FirecrestFuture:
    """A future whose task has raised."""
    future = FirecrestFuture("t1", SimpleNamespace(), "f")
    reporting.end(future, None, error, (b"", b""))
    return future


def test_what_a_task_raised_is_raised_at_the_callers_line():
    """Its last line is theirs; however often it is asked for, its remote traceback is its cause."""
    error = _caused(ZeroDivisionError("no"), "the remote traceback")
    future = ended(error)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError) as caught:
            future.result()
        assert caught.value is error
        assert frames(error) == mine("executor/future.py")
        assert "the remote traceback" in "".join(traceback.format_exception(error))


def test_an_exit_and_a_context_are_as_they_were():
    """An error without a cause keeps the context that it came with."""
    error = SystemExit(3)
    error.__context__ = KeyError("before")
    with pytest.raises(SystemExit) as caught:
        ended(error).result()
    assert isinstance(caught.value.__context__, KeyError)
    assert not caught.value.__suppress_context__


def test_what_is_not_waited_for_longer():
    """Times out, is cancelled."""
    future = FirecrestFuture("t1", SimpleNamespace(cancel_task=lambda task: None), "f")
    with pytest.raises(concurrent.futures.TimeoutError) as caught:
        future.result(0.01)
    assert frames(caught.value) == mine("executor/future.py")
    future.cancel()
    for ask in future.result, future.exception:
        with pytest.raises(concurrent.futures.CancelledError) as caught:
            ask()
        assert frames(caught.value) == mine("executor/future.py")


def test_results_of_a_map():
    """The same."""
    future = ended(ValueError("no"))
    results = mapping.over(lambda fn, x: future, abs, ([1],), None, 1, None)
    with pytest.raises(ValueError) as caught:
        list(results)
    assert frames(caught.value) == mine("executor/mapping.py")


def test_what_a_caller_has_got_wrong(tmp_path, monkeypatch, caplog):
    """The constructor, attach: all lines are in the log at DEBUG."""
    monkeypatch.setenv("FCX_STATE_DIR", str(tmp_path))
    env = dict.fromkeys(
        (
            "FIRECREST_CLIENT_ID",
            "FIRECREST_CLIENT_SECRET",
            "FIRECREST_SYSTEM",
            "FIRECREST_ACCOUNT",
            "FIRECREST_URL",
            "AUTH_TOKEN_URL",
        ),
        "http://127.0.0.1:9",
    )
    with caplog.at_level(logging.DEBUG, "fcx"), pytest.raises(ConfigError) as caught:
        FirecrestExecutor("relative", env=env, logger_level=logging.DEBUG)
    assert frames(caught.value) == mine("executor/plainly.py")
    with pytest.raises(UsageError) as caught:
        attach("none", env=env)
    assert frames(caught.value) == mine("executor/plainly.py")
    assert "Raised to the caller" in caplog.text
    assert "_checked_path" in caplog.text


def broken() -> None:
    """Has a fault of its own."""
    list(3)  # type: ignore[call-overload]


@pytest.mark.parametrize("given", [{"modse": 1}, {"sizes": "much"}])
def test_arguments_that_a_method_does_not_take(given):
    """Python's own words of them, and the method's."""

    def method(*, sizes: object = 0) -> None:
        if sizes:
            raise TypeError(f"sizes must be a number, not {sizes!r}")

    with pytest.raises(TypeError) as caught:
        plainly(method)(**given)
    assert frames(caught.value) == mine("executor/plainly.py")


def test_a_fault_of_ours_keeps_its_lines():
    """Else nobody could repair it."""

    def method() -> None:
        broken()

    with pytest.raises(TypeError) as caught:
        plainly(method)()
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "broken"


def test_ctrl_c_stands_where_the_caller_waited():
    """However deep in ours it came."""

    def waited() -> None:
        raise KeyboardInterrupt

    def method() -> None:
        waited()

    with pytest.raises(KeyboardInterrupt) as caught:
        plainly(method)()
    assert frames(caught.value) == mine("executor/plainly.py")


def test_a_stream_that_a_task_does_not_have():
    """Named, at the line that asked for it."""
    with pytest.raises(ValueError, match="stdout, stderr") as caught:
        ended(ValueError("no")).follow("stdrr")
    assert frames(caught.value) == mine("executor/plainly.py")
