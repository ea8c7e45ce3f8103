"""The flight recorder: what was recorded can be replayed, or says why not."""

from __future__ import annotations

import pytest

from fcx.errors import UsageError
from fcx.executor.core import Core, Limits
from fcx.executor.core.events import (
    Began,
    Broke,
    FilesListed,
    JobSeen,
    JobsListed,
    LinksListed,
    Submitted,
    TaskInfo,
    Ticked,
    Trouble,
)
from fcx.executor.recorder import MOST_TRACES, Recorder, Trace, keep

LIMITS = Limits(max_workers=3)
EVENTS = [
    (1.0, Began(7, open=False)),
    (1.5, Submitted(tuple(TaskInfo(f"t{i}", "f", 10) for i in range(5)))),
    (2.0, Ticked()),
    (3.0, Broke(Trouble("Unreachable", "gone"))),
]


def test_a_trace_replays_as_it_happened():
    """The same events give the same actions."""
    recorder, core = Recorder(LIMITS), Core(LIMITS)
    actions = []
    for now, event in EVENTS:
        recorder.note(now, event)
        actions.append(core.handle(event, now))
    replayed = Trace.read(recorder.pack()).replay()
    assert [(now, event) for now, event, _ in replayed] == EVENTS
    assert [done for *_, done in replayed] == actions


def test_is_bounded():
    """The oldest events go; what is left can be read but not replayed, which it says."""
    recorder = Recorder(LIMITS, most=8)
    for now, event in EVENTS:
        recorder.note(now, event)
    trace = Trace.read(recorder.pack())
    assert trace.dropped == 1
    assert trace.events == EVENTS[1:]
    with pytest.raises(UsageError, match="not replayed"):
        trace.replay()


def test_what_an_event_holds_counts():
    """Each listing has all of a user's jobs, and they may be thousands."""
    recorder = Recorder(LIMITS, most=1000)
    jobs = tuple(JobSeen(str(number), "COMPLETED") for number in range(300))
    files = tuple((f"{number}.0.0.0", 10) for number in range(300))
    for number in range(50):
        recorder.note(1.0, JobsListed(number, jobs, 0.1))
        recorder.note(1.0, FilesListed(number, files))
        recorder.note(1.0, LinksListed(number, tuple((name, "7.0.0") for name, _ in files)))
    assert len(Trace.read(recorder.pack()).events) == 3


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'{"fcx": 1, "events": [[1, 2]]}'])
def test_what_is_no_trace_is_refused(data):
    """In words."""
    with pytest.raises(UsageError, match="No trace"):
        Trace.read(data)


def test_traces_of_broken_runs_are_kept_but_not_for_ever(tmp_path, monkeypatch):
    """In the state folder; the oldest go."""
    monkeypatch.setenv("FCX_STATE_DIR", str(tmp_path))
    paths = [
        keep(Recorder(LIMITS).pack(), f"run-{number:03d}") for number in range(MOST_TRACES + 3)
    ]
    assert Trace.read(paths[-1].read_bytes()).events == []
    assert sorted((tmp_path / "traces").iterdir()) == paths[3:]
