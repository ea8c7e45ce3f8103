"""Both cores, fed with what comes from the other side: they decide, and raise nothing."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from fcx.executor import wire
from fcx.executor.core import Core, Limits, Words
from fcx.executor.core import actions as asked
from fcx.executor.core import events as told
from fcx.firecrest import answers
from fcx.firecrest.failures import Odd
from fcx.firecrest.jobs import JobState
from fcx.protocol import bundle as bundles
from fcx.protocol import frames
from fcx.protocol.config import Config
from fcx.remote import actions, events
from fcx.remote.core import AgentCore
from fcx.remote.turn import Turn
from fuzzing.entry import Entry, lenient
from fuzzing.inbox import BODY, TABLE, sealed
from fuzzing.inbox import KEY as INBOX_KEY
from fuzzing.logs import KEY, RECORDS, Keeper, signed

MOST = 4000  # actions in one life


class Life:
    """One run's core. What the other side says comes from ``steps``, all else goes well."""

    def __init__(self, steps: list[Any]) -> None:
        self.core = Core(Limits(max_workers=2, words=Words(directory="/runs/one")))
        self.steps = deque(steps)
        self.now = 0.0
        self.actions: deque[Any] = deque()
        self.asked = 0

    def tell(self, event: Any) -> None:
        """An event, some time later."""
        self.now += 0.2
        fresh = self.core.handle(event, self.now)
        self.asked += len(fresh)
        assert self.asked < MOST, "the core asks for more and more"
        self.actions.extend(fresh)

    def step(self, kind: str, default: Any) -> Any:
        """What the other side says next of this kind."""
        for at, step in enumerate(self.steps):
            if isinstance(step, list) and step[:1] == [kind]:
                del self.steps[at]
                return step[1] if len(step) > 1 else default
        return default

    def answer(self, action: Any) -> None:
        """Answer one action; notes need none, but for what settles."""
        if isinstance(action, asked.Settle):
            self.tell(told.Settled((action.task,)))
            return
        if not isinstance(action, asked.Answered):
            return
        make = _ANSWERS.get(type(action))
        event = make(self, action) if make else told.Done(action.id)
        self.tell(event)

    def go_on(self) -> None:
        """Answer all that is asked for, then let time pass."""
        for _ in range(40):
            while self.actions:
                self.answer(self.actions.popleft())
            due = self.core.due()
            if due is None:
                return
            self.now = max(self.now, due)
            self.tell(told.Ticked())


def _files(life: Life, action: Any) -> Any:
    try:
        found = answers.read_files(life.step("files", []))
    except Odd:
        return told.Failed(action.id, "passing", told.Trouble("Unreachable", "odd"))
    sizes = {file.name: answers.read_size(file) for file in found}
    return told.FilesListed(action.id, tuple(sorted(sizes.items())))


def _links(life: Life, action: Any) -> Any:
    try:
        found = answers.read_files(life.step("links", []))
    except Odd:
        return told.Failed(action.id, "refused", told.Trouble("RequestRefused", "odd"))
    links = sorted((file.name, file.link_target) for file in found if file.link_target)
    return told.LinksListed(action.id, tuple(links))


def _log(life: Life, action: Any) -> Any:
    lines = life.step("log", [])
    bodies = [json.dumps(line).encode() for line in lines] if isinstance(lines, list) else []
    read = wire.read(b"".join(map(signed, bodies)), KEY)
    records = tuple(line.understood(Keeper()).record for line in read.records)
    return told.LogRead(action.id, records, read.used, read.spoilt)


def seen(job: JobState) -> told.JobSeen:
    """As the effects tell the core."""
    return told.JobSeen(
        job.job, job.state, job.reason, job.exit_code, job.signal, job.name, job.user
    )


def _jobs(life: Life, action: Any) -> Any:
    try:
        jobs = answers.read_jobs(life.step("jobs", []))
    except Odd:
        jobs = []
    return told.JobsListed(action.id, tuple(seen(JobState.of(job)) for job in jobs), 0.1)


def _job(life: Life, action: Any) -> Any:
    try:
        jobs = answers.read_jobs(life.step("job", []))
    except Odd:
        jobs = []
    return told.JobAnswered(action.id, seen(JobState.of(jobs[0])) if jobs else None)


_ANSWERS: dict[type, Any] = {
    asked.Prepare: lambda life, action: told.Prepared(action.id, "/runs/one"),
    asked.Encode: lambda life, action: told.Encoded(action.id, 100),
    asked.SubmitPilot: lambda life, action: told.JobMade(action.id, "7", repeated=False),
    asked.Judge: lambda life, action: told.Judged(action.id, 0),
    asked.JudgeRequirements: lambda life, action: told.RequirementsJudged(action.id),
    asked.ReadInbox: lambda life, action: told.InboxRead(action.id, ()),
    asked.TakeOver: lambda life, action: told.Owned(action.id, 2),
    asked.Fetch: lambda life, action: told.Fetched(action.id, bool(life.step("fetch", True))),
    asked.UploadArchive: lambda life, action: told.Uploaded(action.id),
    asked.ReadOutput: lambda life, action: told.OutputRead(action.id, str(life.step("text", ""))),
    asked.ListFolder: _files,
    asked.ListLinks: _links,
    asked.ReadLog: _log,
    asked.ListJobs: _jobs,
    asked.AskJob: _job,
}


def live(data: bytes) -> None:
    """[step, ...], each [kind, what is said]: the life of a run with three tasks."""
    steps = lenient(data)
    if not isinstance(steps, list):
        return
    life = Life(steps)
    life.tell(told.Began(1, open=True))
    life.tell(told.Submitted(tuple(told.TaskInfo(f"t{n}", "work", 10) for n in range(3))))
    life.go_on()
    life.tell(told.CloseAsked(abort=True))
    life.go_on()


def attach(data: bytes) -> None:
    """The same of a run that another process began."""
    steps = lenient(data)
    if not isinstance(steps, list):
        return
    life = Life(steps)
    life.tell(told.Began(1, open=True))
    tasks = tuple(told.TaskInfo(f"t{n}", "work", 0) for n in range(3))
    life.tell(told.Attached(tasks, (0, 0, 0), (("fcx-001", "7"),)))
    life.go_on()
    life.tell(told.CloseAsked(abort=True))
    life.go_on()


class Node:
    """One agent's core with a worker; what comes through its pipe is ``data``."""

    def __init__(self, heads: tuple[bundles.Head, ...]) -> None:
        self.core = AgentCore(Config("p", (1,), 30.0, 300.0, b"", b"", guard={}), 1)
        self.heads = heads
        self.turn = Turn()
        self.now = 100.0
        self.asked = 0
        self.tell(events.Began())

    def tell(self, event: Any) -> None:
        """An event, and answers to what follows from it."""
        waiting = deque([event])
        while waiting:
            self.now += 0.01
            for action in self.core.handle(waiting.popleft(), self.now):
                self.asked += 1
                assert self.asked < MOST, "the agent's core asks for more and more"
                waiting.extend(self.answers(action))

    def answers(self, action: Any) -> list[Any]:
        """What a shell would say."""
        if isinstance(action, actions.StartWorker):
            self.turn = Turn()
        elif isinstance(action, actions.Configure):
            self.turn.sent(frames.CONFIGURE, {})
        elif isinstance(action, actions.Run):
            self.turn.sent(frames.TASK, {"t": action.task, "a": action.attempt})
        elif isinstance(action, actions.Look):
            heads, self.heads = self.heads, ()
            return [events.Looked(heads, (), closed=False)]
        elif isinstance(action, actions.Claim):
            info = events.TaskInfo("t0", 0, "f0", None, ())
            return [events.Claimed((info,))]
        elif isinstance(action, actions.Keep):
            return [events.Kept(action.rank)]
        elif isinstance(action, actions.Flush):
            return [events.Flushed()]
        elif isinstance(action, actions.AskTime):
            return [events.TimeLeft(known=True, seconds=None)]
        elif isinstance(action, actions.Inspect):
            return [events.Found({})]
        return []

    def hear(self, frame: frames.Frame) -> None:
        """As the agent does."""
        self.turn.check(frame)
        meta = frame.meta
        if frame.kind == frames.HELLO:
            self.tell(events.Hello(0, meta["python"], meta.get("dill"), meta.get("error") or ""))
        elif frame.kind == frames.READY:
            self.tell(events.Ready(0, meta.get("error", "")))
        else:
            self.tell(events.Finished(0, meta.get("stale", False)))


HEAD = bundles.Head(
    "b000001", (), tuple(bundles.Portion(0, 0, 1, ("f0",), 0.0) for _ in range(3)), {}, {}, None
)


def hear(data: bytes) -> None:
    """What comes through a worker's pipe, in pieces."""
    node = Node((HEAD,))
    reader = frames.Reader()
    for at in range(0, len(data), 50):
        reader.feed(data[at : at + 50])
        for frame in reader.frames():
            node.hear(frame)


def hear_frames(data: bytes) -> None:
    """[[kind, meta, data], ...] as frames."""
    known = lenient(data)
    if not isinstance(known, list):
        return
    stream = b""
    for row in known:
        if isinstance(row, list) and len(row) == 3 and isinstance(row[1], dict):
            kind, body = str(row[0]).encode("utf-8", "replace")[:1], str(row[2])
            stream += frames.pack(kind or b"?", row[1], body.encode("utf-8", "replace"))
    hear(stream)


def offer(data: bytes) -> None:
    """The head of a bundle, as an agent's core takes it."""
    head, _ = bundles.read_head(sealed(data, BODY), INBOX_KEY)
    node = Node((head,))
    for frame in frames_of(FRAMES):
        node.hear(frame)


def frames_of(rows: list[Any]) -> list[frames.Frame]:
    """As they come out of a pipe."""
    return [frames.Frame(kind.encode(), meta, data.encode()) for kind, meta, data in rows]


FRAMES: list[Any] = [
    ["H", {"python": "3.11.7", "dill": "0.4.1"}, ""],
    ["R", {}, ""],
    ["D", {"t": "t0", "a": 0, "o": "value", "s": 0.1, "n": [1, 1, 0]}, "xy"],
    ["D", {"t": "t0", "a": 0, "o": "value", "s": 0.1, "n": [2, 0, 0], "stale": True}, "xy"],
]
_UP, _REFUSED, _RUN, _DONE, _PARTS, _DIED, _BACK, _FAILED, _NEXT, _END = RECORDS
_LOGS = [{"name": "7.0.0.0", "size": "100"}, {"name": "7.0.0.beat", "size": 3}]
_JOB: dict[str, Any] = {"jobId": "7", "name": "fcx-001", "status": {"state": "RUNNING"}}


def _ended(state: str) -> dict[str, Any]:
    return {**_JOB, "status": {"state": state, "exitCode": 1, "interruptSignal": 9}}


SEEDS: tuple[list[Any], ...] = (
    [["log", [_UP, _RUN, _DONE]], ["log", [{**_DONE, "t": "t1"}, {**_DONE, "t": "t2"}, _END]]],
    [["log", [_UP]], ["log", [_RUN, _DIED]], ["files", _LOGS], ["log", [_BACK, _END]]],
    [["log", [_UP, _PARTS, _DONE]], ["fetch", False], ["log", [_NEXT]], ["log", [_FAILED]]],
    [["log", [_REFUSED]]],
    [["log", [_UP, _RUN]], ["jobs", [_ended("FAILED")]], ["job", [_ended("NODE_FAIL")]]]
    + [
        ["files", _LOGS],
        ["text", "killed"],
        ["links", [{"name": "b000001.0", "linkTarget": "7.0.0"}]],
    ],
    [["files", [*_LOGS, {"name": "7.0.0.exit", "size": 9}, {"name": "client-2", "size": 0}]]],
    [["jobs", [_ended("TIMEOUT")]], ["files", _LOGS], ["log", [_UP, _DONE]], ["job", []]],
)
ENTRIES = (
    Entry("core.run", live, SEEDS),
    Entry("core.attached", attach, tuple([["files", _LOGS], *seed] for seed in SEEDS)),
    Entry("core.frames", hear_frames, (FRAMES,), (ValueError,)),
    Entry(
        "core.pipe",
        hear,
        (b"".join(frames.pack(*frame) for frame in frames_of(FRAMES)),),
        (ValueError,),
    ),
    Entry("core.offer", offer, (TABLE,), (ValueError,)),
)
