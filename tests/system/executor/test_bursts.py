"""A burst of tasks whose like an earlier run has had: pilots by what that has learnt."""

from __future__ import annotations

from executors.deadline import WAIT


def noop(value):
    """Nothing."""
    return value


def run(executor, function, *values):
    """How many pilots it took."""
    with executor:
        futures = [executor.submit(function, value) for value in values]
        for future in futures:
            future.result(WAIT)
        return executor._run.pilots


def test_short_tasks_take_one_pilot_and_none_is_cancelled(make, tmp_path, monkeypatch):
    """However slow the first run was."""
    monkeypatch.setenv("FCX_STATE_DIR", str(tmp_path / "state"))
    run(make(max_workers=1), noop, 1, 2)
    pilots = run(make(max_workers=8), noop, *range(100))
    assert [pilot.name.rpartition("-")[2] for pilot in pilots] == ["001"]
