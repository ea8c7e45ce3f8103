"""A machine that can remember nothing runs tasks all the same, and says once what that costs."""

from __future__ import annotations

import logging

from executors.deadline import WAIT


def test_tasks_run_without_a_state_folder(make, tmp_path, monkeypatch, caplog):
    """And what the warning says to keep is all that attach needs."""
    (tmp_path / "state").write_text("a file where the folder should be")
    monkeypatch.setenv("FCX_STATE_DIR", str(tmp_path / "state"))
    with make() as executor:
        assert [executor.submit(abs, -n).result(WAIT) for n in range(3)] == [0, 1, 2]
        assert executor.run_directory.startswith(str(tmp_path))
        assert len(bytes.fromhex(executor.run_key)) == 32
        assert executor.run_key not in caplog.text
        assert executor.preflight().passed
    told = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert len(told) == 2  # the executor's, and the preflight's of its own
    assert all("only fcx.attach(directory=..., key=...) can collect them" in one for one in told)
