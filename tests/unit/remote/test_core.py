"""What an agent decides: pure, so each case is a handful of events."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcx.protocol.bundle import Head, Portion
from fcx.protocol.config import Config
from fcx.remote import actions, core, events, slots, timers
from fcx.remote.core import AgentCore
from fcx.remote.events import How, TaskInfo

PLACE = {"implementation": "cpython", "architecture": "x86_64"}
KILLED = How("was killed by SIGTERM", 15, -15, outside=True)
CRASHED = How("exited with code 1", 0, 1)


def head(name, portions=1, pilot=None, seen=None, function="f", walltime=0.0):
    """A bundle's head with portions of one task each."""
    table = tuple(Portion(0, 0, 1, (function,), walltime) for _ in range(portions))
    return Head(name, (), table, {}, seen or {}, pilot)


class Done(list):
    """Actions that followed; they differ by their kind, too, which tuples do not."""

    def __eq__(self, other):
        return [(type(a), a) for a in self] == [(type(a), a) for a in other]

    def __contains__(self, action):
        return any(type(a) is type(action) and a == action for a in self)

    __hash__ = None

    def place(self, action):
        """Where it stands."""
        return next(i for i, a in enumerate(self) if type(a) is type(action) and a == action)


class Case:
    """A core, what it wanted done so far, and the time."""

    def __init__(self, workers=1, **config):
        given = {"idle_timeout": 30.0, "gate_timeout": 300.0, "guard": {}}
        given |= {"pilot_key": b"", "inbox_key": b"", "workers": (workers,)}
        self.core = AgentCore(Config("p", **{**given, **config}), workers)
        self.now = 100.0
        self.log = Done()
        self.tell(events.Began())

    def tell(self, *told):
        """Events at this time; returns the actions that followed."""
        done = [action for event in told for action in self.core.handle(event, self.now)]
        self.log += done
        return Done(done)

    def wait(self, seconds, answer=None):
        """Let time pass as the core asks for it; looks find nothing, flushes succeed."""
        end, done = self.now + seconds, Done()
        while (due := self.core.due()) is not None and due <= end:
            self.now = max(self.now, due)
            done += self.settle(self.tell(events.Tick()), answer)
        self.now = max(self.now, end)
        return done

    def settle(self, asked, answer=None):
        """Answer looks and flushes until nothing is asked for any more."""
        done, asked = Done(asked), list(asked)
        while asked:
            action = asked.pop(0)
            reply = {
                actions.Look: events.Looked((), (), closed=False),
                actions.Flush: events.Flushed(),
                actions.AskTime: events.TimeLeft(known=True, seconds=None),
                actions.Inspect: events.Found(PLACE),
                **(answer or {}),
            }.get(type(action))
            if reply is not None:
                more = self.tell(reply)
                done += more
                asked += more
        return done

    def serving(self, *heads, left=None):
        """Bring it to where it serves, with these bundles in its inbox."""
        for slot in self.core.slots:
            self.settle(
                self.tell(events.Hello(slot.rank, "3.11.7", "0.4.1")), self.first(heads, left)
            )
        assert self.core.phase == core.SERVING
        return self

    @staticmethod
    def first(heads, left):
        return {
            actions.Look: events.Looked(tuple(heads), (), closed=False),
            actions.AskTime: events.TimeLeft(known=True, seconds=left),
        }

    def claimed(self, *names, **more):
        """The portion that was asked for has these tasks."""
        return self.tell(events.Claimed(tuple(task(name, **more) for name in names)))

    def running(self, *names, **more):
        """Bring its workers to run tasks of these names."""
        done = self.claimed(*names, **more)
        for action in done:
            if isinstance(action, actions.Configure):
                self.tell(events.Ready(action.rank))
        return self

    def did(self, kind):
        """The actions of a kind so far."""
        return Done(action for action in self.log if isinstance(action, kind))

    def records(self, kind):
        return [action.fields for action in self.did(actions.Record) if action.kind == kind]


def task(name, function="f", walltime=None, modules=()):
    return TaskInfo(name, 0, function, walltime, modules)


def kinds(done):
    return [type(action).__name__ for action in done]


class TestBeginning:
    """From the first process to the first claim."""

    def test_starts_all_workers_at_once(self):
        """And nothing else before one has said hello."""
        case = Case(workers=3)
        assert case.log == [actions.StartWorker(rank) for rank in range(3)]

    def test_announces_itself_and_claims_only_then(self):
        """Who claims can be found by its log."""
        case = Case()
        done = case.tell(events.Hello(0, "3.11.7", "0.4.1"))
        assert done == [actions.Announce("3.11.7", "0.4.1", probe=False), actions.Flush()]
        done = case.tell(events.Flushed())
        assert done == [actions.Inspect(distributions=False)]
        done = case.tell(events.Found(PLACE))
        assert kinds(done) == ["AskTime", "Look"]
        case.tell(events.TimeLeft(known=True, seconds=None))
        assert case.tell(events.Looked((head("b000001"),), (), closed=False)) == [
            actions.Claim("b000001", 0)
        ]

    def test_an_announcement_that_cannot_be_written_is_tried_again(self):
        """Before that, nothing is claimed."""
        case = Case()
        case.tell(events.Hello(0, "3.11.7", "0.4.1"))
        case.tell(events.FlushFailed(gone=False, full=False, error="EIO"))
        assert case.core.due() == case.now + timers.FLUSH_AGAIN
        case.now += timers.FLUSH_AGAIN
        assert case.tell(events.Tick()) == [actions.Flush()]
        assert kinds(case.tell(events.Flushed())) == ["Inspect"]

    @pytest.mark.parametrize(("guard", "probe"), [(None, True), ({}, False)])
    def test_probes_where_nobody_has_vouched(self, guard, probe):
        """Without a guard, or where it is asked to."""
        case = Case(guard=guard)
        case.tell(events.Hello(0, "3.11.7", "0.4.1"))
        assert case.did(actions.Announce)[0].probe is probe
        other = Case(guard=guard, probe=True)
        other.tell(events.Hello(0, "3.11.7", "0.4.1"))
        assert other.did(actions.Announce)[0].probe

    def test_waits_for_the_guard_of_the_first_bundle(self):
        """Its arrival is the go."""
        case = Case(guard=None)
        case.settle(case.tell(events.Hello(0, "3.11.7", "0.4.1")))
        assert case.core.phase == core.WAITING
        case.wait(1.0)
        guard = {"python": "cpython 3.11.", "distributions": "x"}
        sent = head("b000001")._replace(guard=guard)
        case.wait(0.05, {actions.Look: events.Looked((sent,), (), closed=False)})
        assert case.did(actions.Inspect)[-1].distributions
        assert case.records("refused")[0]["findings"] == [["distributions", "x", None]]

    def test_looks_for_the_go_quickly_and_then_slowly(self):
        """Some requests later nobody is about to send it."""
        case = Case(guard=None)
        case.settle(case.tell(events.Hello(0, "3.11.7", "0.4.1")))
        quick = len([a for a in case.wait(core.PROMPT) if isinstance(a, actions.Look)])
        slow = len([a for a in case.wait(core.PROMPT) if isinstance(a, actions.Look)])
        assert quick == pytest.approx(core.PROMPT / timers.QUICK, rel=0.1)
        assert slow < quick / 5

    def test_waits_no_longer_than_gate_timeout(self):
        """Then it ends, idle."""
        case = Case(guard=None, gate_timeout=50.0)
        case.settle(case.tell(events.Hello(0, "3.11.7", "0.4.1")))
        case.wait(49.0)
        assert case.core.phase == core.WAITING
        case.wait(1.0)
        assert case.records("end") == [{"why": "idle"}]
        assert case.did(actions.Exit) == [actions.Exit(0)]

    def test_a_sign_of_the_client_counts_anew(self):
        """An order will do, whosever it is."""
        case = Case(guard=None, gate_timeout=50.0)
        case.settle(case.tell(events.Hello(0, "3.11.7", "0.4.1")))
        case.wait(40.0)
        case.settle(case.tell(events.Looked((), ("",), False)))
        case.wait(45.0)
        assert case.core.phase == core.WAITING
        case.wait(6.0)
        assert case.records("end") == [{"why": "idle"}]

    def test_refuses_another_place(self):
        """Nothing is claimed, nothing unpickled; the finding has both sides."""
        case = Case(guard={"python": "cpython 2.7.", "dill": "0.4.1"})
        case.settle(case.tell(events.Hello(0, "3.11.7", "0.4.1")))
        assert case.records("refused") == [
            {"findings": [["python", "cpython 2.7.", "cpython 3.11.7"]]}
        ]
        assert case.records("end") == [{"why": "refused"}]
        assert not case.did(actions.Claim)

    def test_refuses_where_a_worker_cannot_import_what_it_needs(self):
        """With what it said."""
        case = Case(guard={"dill": "0.4.1"})
        case.settle(case.tell(events.Hello(0, "3.11.7", None, "No module named 'dill'")))
        (refused,) = case.records("refused")
        assert ["dill", "0.4.1", "No module named 'dill'"] in refused["findings"]

    def test_refuses_where_no_interpreter_starts(self):
        """After two minutes."""
        case = Case()
        case.wait(slots.HELLO_TIMEOUT)
        assert case.records("refused")[0]["findings"][0][0] == "worker"
        assert case.did(actions.Exit) == [actions.Exit(0)]


class TestToldToEnd:
    """A signal is nobody's fault."""

    def test_before_the_first_worker_has_said_hello(self):
        """No refusal: ``end`` says why."""
        case = Case()
        case.settle(case.tell(events.Signalled()))
        assert case.records("refused") == []
        assert case.records("end") == [{"why": "signal"}]
        assert case.did(actions.StopWorker) == [actions.StopWorker(0)]
        assert case.did(actions.Exit) == [actions.Exit(0)]

    def test_together_with_its_workers(self):
        """Slurm tells every process of the step; whose end is seen first is chance."""
        case = Case(workers=2)
        case.tell(events.Died(0, KILLED), events.Died(1, KILLED))
        case.settle(case.tell(events.Signalled()))
        assert case.records("refused") == case.records("failed") == []
        assert case.records("end") == [{"why": "signal"}]

    def test_while_a_worker_is_replaced(self):
        """The initializer did not fail."""
        case = Case().serving(head("b000001"))
        case.claimed("t1")
        case.tell(events.Died(0, KILLED))
        case.settle(case.tell(events.Signalled()))
        assert case.records("failed") == []
        assert case.records("back") == [{"t": [["t1", 0]]}]

    def test_running_tasks_end_and_the_rest_goes_back(self):
        """Nothing new is begun."""
        case = Case().serving(head("b000001", 3)).running("t1", "t2", "t3")
        assert case.did(actions.Run) == [actions.Run(0, "t1", 0)]
        case.settle(case.tell(events.Signalled()))
        assert case.records("told") == [{}]
        assert case.records("back") == [{"t": [["t2", 0], ["t3", 0]]}]
        assert case.did(actions.Drop)[-1].tasks == (("t2", 0), ("t3", 0))
        case.wait(100.0)
        assert not case.did(actions.Exit)
        case.settle(case.tell(events.Finished(0, stale=False)))
        case.settle(case.tell(events.Kept(0)))
        assert case.did(actions.Exit) == [actions.Exit(0)]
        assert len(case.did(actions.Run)) == 1

    def test_it_still_sees_that_the_run_is_closed(self):
        """Then nobody waits for what runs."""
        case = Case().serving(head("b000001")).running("t1")
        case.settle(case.tell(events.Signalled()))
        case.wait(2 * timers.HEARTBEAT, {actions.Look: events.Looked((), (), closed=True)})
        assert case.did(actions.Exit) == [actions.Exit(0)]
        assert case.records("end") == []

    def test_what_is_claimed_in_that_moment_goes_back(self):
        """The answer comes late."""
        case = Case().serving(head("b000001"))
        case.tell(events.Signalled())
        assert not case.did(actions.Exit)
        case.settle(case.claimed("t1"))
        assert case.records("back") == [{"t": [["t1", 0]]}]
        assert case.did(actions.Exit) == [actions.Exit(0)]


class TestWorkers:
    """Processes that die, and what that is taken for."""

    def test_one_that_dies_of_its_task(self):
        """The log says how; the next task has a fresh process."""
        case = Case().serving(head("b000001", 2)).running("t1")
        done = case.tell(events.Died(0, CRASHED))
        assert Done(done[:3]) == [
            actions.KeepDeath(0, "t1", 0, True, None, CRASHED),
            actions.StopWorker(0),
            actions.StartWorker(0),
        ]

    def test_one_that_cannot_start_means_that_none_can(self):
        """Before any hello: a finding. Nothing is tried again and again."""
        case = Case(guard={"python": "cpython 3.11."})
        case.settle(case.tell(events.Died(0, CRASHED)))
        (refused,) = case.records("refused")
        assert ["dill", None, "the worker exited with code 1"] in refused["findings"]
        assert case.did(actions.StartWorker) == [actions.StartWorker(0)]

    def test_one_that_dies_while_it_is_configured(self):
        """The initializer has ended it."""
        case = Case().serving(head("b000001"))
        case.claimed("t1")
        case.settle(case.tell(events.Died(0, CRASHED)))
        assert case.records("failed") == [{"error": "a worker exited with code 1 while it started"}]
        assert case.records("end") == [{"why": "failed"}]

    def test_one_that_is_ended_from_outside_is_started_again_some_times(self):
        """It may be the node's trouble, and it may not pass."""
        case = Case().serving(head("b000001"))
        case.claimed("t1")
        for _ in range(core.START_TRIES - 1):
            case.tell(events.Died(0, KILLED))
            assert case.core.phase == core.SERVING
            case.tell(events.Hello(0, "3.11.7", "0.4.1"))
        case.settle(case.tell(events.Died(0, KILLED)))
        assert case.records("end") == [{"why": "failed"}]

    def test_one_that_does_not_start_is_given_up_in_the_end(self):
        """A task that waits for it does not wait until the time limit."""
        case = Case().serving(head("b000001")).running("t1")
        case.settle(case.tell(events.Died(0, CRASHED)))
        case.claimed("t2")
        case.wait(core.START_TRIES * slots.HELLO_TIMEOUT + 1)
        assert case.records("failed") == [
            {"error": "a worker did not start in 120 s while it started"}
        ]
        assert case.did(actions.Exit)

    def test_an_initializer_that_fails(self):
        """Ends the agent, with its traceback."""
        case = Case().serving(head("b000001"))
        case.claimed("t1")
        case.settle(case.tell(events.Ready(0, "Traceback ...")))
        assert case.records("failed") == [{"error": "Traceback ..."}]
        assert case.did(actions.Exit) == [actions.Exit(0)]

    def test_modules_that_cannot_be_read_may_come(self):
        """Tried again for as long as a directory's listing may be old, then it fails."""
        case = Case().serving(head("b000001"))
        case.claimed("t1", modules=("m.zip",))
        case.tell(events.NotConfigured(0, "m.zip has not arrived"))
        done = case.wait(slots.RETRY)
        assert actions.Configure(0, ("m.zip",)) in done
        answer = {actions.Configure: events.NotConfigured(0, "m.zip has not arrived")}
        case.tell(events.NotConfigured(0, "m.zip has not arrived"))
        case.wait(slots.PATIENCE + 1, answer)
        (failed,) = case.records("failed")
        assert failed["error"].endswith("m.zip has not arrived")

    def test_other_modules_mean_another_process(self):
        """One that has imported none of the first ones, whether or not a task ran in it."""
        case = Case().serving(head("b000001", 2))
        case.claimed("t1", modules=("a",))
        case.tell(events.Ready(0), events.Finished(0, stale=False), events.Kept(0))
        done = case.claimed("t2", modules=("b",))
        assert done == [actions.StopWorker(0), actions.StartWorker(0)]
        assert case.tell(events.Hello(0, "3.11.7", "0.4.1")) == [actions.Configure(0, ("b",))]

    def test_what_has_drifted_goes_back(self):
        """With what is there now; those that may have imported what was there are replaced."""
        case = Case(2).serving(head("b000001", 4)).running("t1").running("t2")
        case.tell(events.Finished(0, stale=False), events.Kept(0))
        found = {"numpy": "1.26.4"}
        done = case.tell(events.Claimed((task("t3"),), True, (("t4", 0),), found))
        assert case.records("drift") == [{"t": (("t4", 0),), "found": found}]
        assert actions.StopWorker(0) in done
        assert actions.StartWorker(0) in done
        done = case.tell(
            events.Finished(1, stale=False), events.Kept(1)
        )  # it was busy with another
        assert actions.StopWorker(1) in done

    def test_what_drifts_after_it_was_claimed(self):
        """The next begins in another process; those that lack something go back, and only they."""
        case = Case(2).serving(head("b000001", 9))
        case.claimed("t1", "t2", "t3", "t4", "t5")
        found = {"numpy": "1.26.4"}
        case.tell(events.Ready(0))
        done = case.tell(events.Drifted(0, "t1", 0, True, (("t3", 0), ("t9", 0)), found))
        assert case.records("drift") == [{"t": (("t3", 0),), "found": found}]
        assert actions.Drop((("t3", 0),)) in done
        assert [a for a in done if isinstance(a, (actions.StopWorker, actions.StartWorker))] == [
            actions.StopWorker(0),
            actions.StartWorker(0),
        ]
        done = case.tell(events.Ready(1))  # it has started before, and may have looked around
        assert done == [actions.StopWorker(1), actions.StartWorker(1)]
        case.tell(events.Hello(0, "3.11.7", "0.4.1"))
        assert case.tell(events.Ready(0)) == [actions.Run(0, "t1", 0)]
        assert case.core.slots[0].first
        done = case.tell(events.Drifted(0, "t1", 0, False, (("t1", 0),), found))
        assert case.records("drift")[1:] == [{"t": (("t1", 0),), "found": found}]
        assert actions.Run(0, "t2", 0) in done

    def test_one_that_was_cancelled_before_it_was_found_to_lack_something(self):
        """Nobody wants it any more."""
        case = Case().serving(head("b000001", 2)).running("t1")
        case.tell(events.Looked((), ("t1",), closed=False))
        case.tell(events.Drifted(0, "t1", 0, False, (("t1", 0),), {"numpy": None}))
        assert case.records("drift") == []

    def test_what_passes_as_it_is_changes_nothing(self):
        """A claim that finds other versions for the first time, and none that matters."""
        case = Case().serving(head("b000001", 2)).running("t1")
        case.tell(events.Finished(0, stale=False), events.Kept(0))
        done = case.tell(events.Claimed((task("t2"),), False, (), {"numpy": "2.1.0"}))
        assert kinds(done) == ["Run"]

    @pytest.mark.parametrize(("dill", "refused"), [("0.4.1", False), ("0.4.2", True)])
    def test_a_worker_that_starts_later_has_the_same_dill(self, dill, refused):
        """It was judged with the first one's."""
        case = Case(guard={"dill": "0.4.1"}, max_tasks_per_child=1)
        case.serving(head("b000001", 2)).running("t1")
        case.tell(events.Finished(0, stale=False), events.Kept(0))
        case.claimed("t2")
        case.tell(events.Hello(0, "3.11.7", dill))
        assert bool(case.records("refused")) == refused

    @pytest.mark.parametrize(("stale", "most"), [(True, None), (False, 1)])
    def test_one_that_has_served_its_time_is_replaced(self, stale, most):
        """With the next task, not before."""
        case = Case(max_tasks_per_child=most).serving(head("b000001", 2)).running("t1")
        case.tell(events.Finished(0, stale=stale))
        assert not any(isinstance(a, actions.StopWorker) for a in case.tell(events.Kept(0)))
        assert case.claimed("t2") == [actions.StopWorker(0), actions.StartWorker(0)]

    def test_an_outcome_that_cannot_be_kept(self):
        """The task has died of it; the worker goes on."""
        case = Case().serving(head("b000001", 2)).running("t1")
        case.tell(events.Finished(0, stale=False))
        case.tell(events.NotKept(0, 5_000_000, "No space left on device", 1000.5))
        (died,) = case.records("died")
        assert "5000000 bytes" in died["how"]["text"]
        assert not died["how"]["outside"]
        assert died["d"] == ""
        assert (died["w"], died["b"]) == (0, 1000.5)
        assert case.core.slots[0].state == slots.IDLE

    def test_long_tasks_are_told_of(self):
        """Short ones are not."""
        case = Case().serving(head("b000001")).running("t1")
        case.wait(slots.TELL * 0.9)
        assert case.records("run") == []
        case.wait(slots.TELL)
        assert case.records("run") == [{"t": "t1", "a": 0, "first": True, "slot": 0}]
        case.wait(10.0)
        assert len(case.records("run")) == 1


class TestClaims:
    """Which portion, and whether at all."""

    def test_its_own_pilots_first_then_by_name(self):
        """A task that is owed a whole time limit does not wait."""
        sent = [
            head("b000002"),
            head("b000001"),
            head("b000003", pilot="p"),
            head("b000000", pilot="q"),
        ]
        case = Case().serving(*sent)
        for number in range(1, 4):
            case.running(f"t{number}").tell(events.Finished(0, stale=False))
            case.tell(events.Kept(0))
        assert [claim.bundle for claim in case.did(actions.Claim)] == [
            "b000003",
            "b000001",
            "b000002",
        ]

    def test_one_that_is_lost_is_not_asked_for_again(self):
        """The next one is."""
        case = Case().serving(head("b000001", 3))
        assert case.tell(events.Lost()) == [actions.Claim("b000001", 1)]

    def test_one_whose_answer_is_unknown_is_asked_for_again_after_a_look(self):
        """It may be ours."""
        case = Case().serving(head("b000001"))
        assert case.tell(events.ClaimFailed()) == []
        assert actions.Claim("b000001", 0) in case.wait(1.0)

    def test_the_first_of_a_worker_is_always_begun(self):
        """Or it would never be."""
        case = Case().serving(head("b000001", seen={"f": 100.0}), left=20.0)
        assert case.did(actions.Claim) == [actions.Claim("b000001", 0)]

    @pytest.mark.parametrize(
        ("portion", "left", "taken"),
        [
            ({"seen": {"f": 100.0}}, 101.9, False), ({"seen": {"f": 100.0}}, 102.1, True),
            ({"walltime": 50.0}, 51.0, False), ({"walltime": 50.0}, 53.0, True),
            ({"seen": {"g": 100.0}}, 10.0, True),
        ],
    )  # fmt: skip
    def test_what_the_time_left_will_not_do_for_is_left_to_others(self, portion, left, taken):
        """The longest run seen, and the walltime given, against the time left less a margin."""
        case = Case().serving(head("b000001"), head("b000002", **portion), left=left)
        case.running("t1").tell(events.Finished(0, stale=False))
        case.settle(case.tell(events.Kept(0)))
        assert (actions.Claim("b000002", 0) in case.log) is taken
        assert bool(case.records("end")) is not taken

    def test_its_own_longest_run_counts_too(self):
        """What it has seen itself."""
        case = Case().serving(head("b000001", 2), left=100.0).running("t1")
        case.wait(60.0)
        case.tell(events.Finished(0, stale=False))
        case.settle(case.tell(events.Kept(0)))
        assert case.records("end") == [{"why": "time"}]

    def test_what_was_claimed_in_time_and_is_too_late_goes_back(self):
        """A portion has several tasks."""
        case = Case().serving(head("b000001"), left=100.0).running("t1", "t2")
        case.wait(60.0)
        case.tell(events.Finished(0, stale=False))
        case.settle(case.tell(events.Kept(0)))
        assert case.records("back") == [{"t": [["t2", 0]]}]
        assert case.records("end") == [{"why": "time"}]

    def test_nobody_leaves_for_want_of_time_while_a_task_runs(self):
        """It is let end."""
        case = Case(workers=2).serving(
            head("b000001"), head("b000002", seen={"f": 500.0}), left=100.0
        )
        case.running("t1")
        case.running("t2")
        case.tell(events.Finished(1, stale=False), events.Kept(1))
        case.wait(5.0)
        assert case.core.phase == core.SERVING


class TestShapes:
    """An agent takes bundles of its shape, and those that are for its pilot alone."""

    SENT = (
        head("b000001"),
        head("b000002", pilot="shape-1"),
        head("b000003", pilot="shape-2"),
        head("b000004", pilot="p"),
    )

    @pytest.mark.parametrize(
        ("shape", "own"), [(None, "b000001"), ("shape-1", "b000002"), ("shape-2", "b000003")]
    )
    def test_it_leaves_those_of_others_alone(self, shape, own):
        """Whatever lies there; its pilot's own first."""
        case = Case(shape=shape).serving(*self.SENT)
        case.running("t1").tell(events.Finished(0, stale=False), events.Kept(0))
        case.running("t2").tell(events.Finished(0, stale=False), events.Kept(0))
        assert [claim.bundle for claim in case.did(actions.Claim)] == ["b000004", own]

    def test_a_pilot_that_is_called_by_its_name_leaves_when_what_it_runs_has_ended(self):
        """What it has not begun goes back: others wait for its place."""
        case = Case(shape="shape-1").serving(head("b000001", pilot="shape-1"))
        case.running("t1", "t2")
        done = case.wait(1.0, {actions.Look: events.Looked((), ("p",), closed=False)})
        assert not any(isinstance(action, actions.StopWorker) for action in done)
        assert case.records("back") == [{"t": [["t2", 0]]}]
        case.tell(events.Finished(0, stale=False))
        case.settle(case.tell(events.Kept(0)))
        assert case.records("end") == [{"why": "time"}]
        assert case.did(actions.Exit) == [actions.Exit(0)]

    def test_the_guard_of_another_place_is_not_its_own(self):
        """While it waits for its verdict, tasks of others may come and go."""
        case = Case(shape="shape-1", guard=None)
        hello = case.tell(events.Hello(0, "3.11.7", "0.4.1"))
        case.settle(hello, case.first([head("b000001")], None))
        assert case.core.phase == core.WAITING
        case.wait(1.0, case.first([head("b000002", pilot="shape-1")], None))
        assert case.did(actions.Inspect)


class TestWalltimes:
    """A task that takes longer than it may loses its worker, and says why."""

    def running(self):
        case = Case(workers=2).serving(head("b000001"), head("b000002"))
        case.running("t1", walltime=9.0)
        return case.running("t2")

    def test_it_is_ended_and_another_worker_takes_its_place(self):
        """Its neighbour goes on."""
        case = self.running()
        assert case.wait(8.9).count(actions.StopWorker(0)) == 0
        done = case.wait(0.2)
        (death,) = (action for action in done if isinstance(action, actions.KeepDeath))
        assert (death.task, death.how.late, death.how.outside) == ("t1", True, False)
        assert "its walltime of 9 s" in death.how.text
        assert done.place(actions.StopWorker(0)) < done.place(actions.StartWorker(0))
        assert actions.StopWorker(1) not in case.log

    def test_also_while_its_agent_waits_to_leave(self):
        """What runs may end, but not later than it may at any time."""
        case = self.running()
        case.settle(case.tell(events.Signalled()))
        done = case.wait(9.1)
        assert actions.StopWorker(0) in done
        assert actions.StartWorker(0) not in done

    def test_one_that_is_done_in_time_is_left_alone(self):
        """Its outcome may take a while to be written."""
        case = self.running()
        case.wait(8.0)
        case.tell(events.Finished(0, stale=False))
        case.wait(5.0)
        assert not case.did(actions.KeepDeath)


class TestCancel:
    """Orders of the client's."""

    def test_a_running_task_loses_its_worker(self):
        """And nothing is said of it: who cancelled it knows."""
        case = Case().serving(head("b000001")).running("t1")
        done = case.wait(1.0, {actions.Look: events.Looked((), ("t1",), closed=False)})
        assert done.place(actions.StopWorker(0)) < done.place(actions.StartWorker(0))
        assert case.records("died") == []

    def test_a_waiting_one_is_dropped_and_so_is_one_that_is_yet_to_come(self):
        """Whichever comes first, the order or the claim."""
        case = Case().serving(head("b000001"), head("b000002")).running("t1", "t2")
        case.wait(1.0, {actions.Look: events.Looked((), ("t2", "t9"), closed=False)})
        assert case.did(actions.Drop) == [actions.Drop((("t2", 0),))]
        case.tell(events.Finished(0, stale=False), events.Kept(0))
        case.claimed("t9")
        assert case.did(actions.Drop)[-1] == actions.Drop((("t9", 0),))
        assert case.did(actions.Run) == [actions.Run(0, "t1", 0)]


class TestLeaving:
    """Idle, closed, or in trouble with the run directory."""

    def test_idle_after_a_last_look(self):
        """Exactly after idle_timeout."""
        case = Case(idle_timeout=10.0).serving()
        case.wait(9.9)
        assert case.core.phase == core.SERVING
        case.wait(0.1)
        assert case.records("end") == [{"why": "idle"}]

    def test_not_where_the_last_look_finds_something(self):
        """It stays for it."""
        case = Case(idle_timeout=10.0).serving()
        case.wait(9.9)
        case.wait(0.2, {actions.Look: events.Looked((head("b000001"),), (), closed=False)})
        assert case.core.phase == core.SERVING
        assert case.did(actions.Claim)

    def test_idleness_begins_when_the_last_task_ends(self):
        """However long it ran."""
        case = Case(idle_timeout=10.0).serving(head("b000001")).running("t1")
        case.wait(100.0)
        case.tell(events.Finished(0, stale=False))
        case.settle(case.tell(events.Kept(0)))
        case.wait(9.9)
        assert case.core.phase == core.SERVING
        case.wait(0.2)
        assert case.did(actions.Exit) == [actions.Exit(0)]

    def test_at_once_when_the_run_is_closed(self):
        """Workers are stopped; no record: the folder may be gone."""
        case = Case().serving(head("b000001")).running("t1")
        case.settle(case.wait(1.0, {actions.Look: events.Looked((), (), closed=True)}))
        assert case.did(actions.StopWorker) == [actions.StopWorker(0)]
        assert case.records("end") == []
        assert case.did(actions.Exit) == [actions.Exit(0)]

    def test_when_the_run_directory_is_gone(self):
        """Whether it is seen by a look or by a flush; a running task gives it time to come back."""
        case = Case().serving()
        case.wait(1.0, {actions.Look: events.LookFailed(gone=True)})
        assert case.did(actions.Exit) == [actions.Exit(0)]
        case = Case().serving(head("b000001")).running("t1")
        gone = {
            actions.Flush: events.FlushFailed(gone=True, full=False, error=""),
            actions.Look: events.LookFailed(gone=True),
        }
        case.wait(5.0, gone)
        assert case.core.phase == core.SERVING
        case.wait(10.0, gone)
        assert case.did(actions.Exit) == [actions.Exit(0)]

    def test_not_when_the_run_directory_comes_back(self):
        """Time is counted anew."""
        case = Case().serving(head("b000001")).running("t1")
        for _ in range(5):
            case.wait(5.0, {actions.Look: events.LookFailed(gone=True)})
            case.wait(1.0)
        assert case.core.phase == core.SERVING

    def test_not_when_it_does_not_answer(self):
        """Looks go on, and so does the work."""
        case = Case().serving(head("b000001", 2)).running("t1")
        case.wait(10.0, {actions.Look: events.LookFailed(gone=False)})
        assert case.core.phase == core.SERVING
        assert len(case.did(actions.Look)) > 20
        case.tell(events.Finished(0, stale=False), events.Kept(0))
        assert case.did(actions.Claim)[-1] == actions.Claim("b000001", 1)

    def test_idle_although_it_does_not_answer(self):
        """No pilot stays for ever."""
        case = Case(idle_timeout=10.0).serving()
        case.wait(11.0, {actions.Look: events.LookFailed(gone=False)})
        assert case.records("end") == [{"why": "idle"}]

    def test_a_full_disk_ends_it_with_a_code_of_its_own(self):
        """Neither a note nor a record would find room."""
        case = Case().serving(head("b000001")).running("t1")
        case.tell(events.Finished(0, stale=False), events.Kept(0))
        case.tell(events.FlushFailed(gone=False, full=True, error="No space left on device"))
        assert case.did(actions.Exit) == [actions.Exit(core.DISK_FULL)]
        assert case.core.due() is None
        assert case.tell(events.Tick()) == []

    def test_a_log_that_cannot_be_written_is_tried_for_a_long_time(self):
        """Then it ends, and says why where it can."""
        case = Case().serving(head("b000001")).running("t1")
        broken = {actions.Flush: events.FlushFailed(gone=False, full=False, error="EIO")}
        case.wait(timers.PATIENCE - 1, broken)
        assert not case.did(actions.Exit)
        case.wait(5.0, broken)
        (exit_,) = case.did(actions.Exit)
        assert exit_.code == 1
        assert "EIO" in exit_.text

    def test_beats_while_it_serves(self):
        """Every few seconds, whatever happens."""
        case = Case(idle_timeout=1000.0).serving()
        case.wait(100.0)
        assert len(case.did(actions.Beat)) == 100.0 / timers.HEARTBEAT

    def test_looks_less_and_less_often(self):
        """A directory listing is not free."""
        case = Case(idle_timeout=1000.0).serving()
        case.wait(5.0)
        looks = len([a for a in case.wait(100.0) if isinstance(a, actions.Look)])
        assert looks == pytest.approx(100.0 / timers.LONGEST_LOOK, abs=2)


class World:
    """A shell in virtual time that does as it is told, late and badly, as a seed has it."""

    def __init__(self, seed, workers, **config):
        self.random = random.Random(seed)
        given = {"idle_timeout": 5.0, "gate_timeout": 20.0, "guard": {}, "workers": (workers,)}
        given |= {"pilot_key": b"", "inbox_key": b""}
        self.core = AgentCore(Config("p", **{**given, **config}), workers)
        self.now, self.queue, self.trace = 0.0, [], []
        self.bundles = [head(f"b{n:06d}", self.random.randrange(1, 5)) for n in range(4)]
        self.alive, self.waiting, self.fates = {}, {}, {}
        self.exit = None
        self.count = 0
        self.later(0.0, events.Began())
        for _ in range(self.random.randrange(3)):
            self.later(self.random.uniform(0, 60), events.Signalled())

    def later(self, delay, event, rank=None):
        self.count += 1
        life = None if rank is None else self.alive.get(rank)
        self.queue.append((self.now + delay, self.count, event, rank, life))
        self.queue.sort(key=lambda entry: entry[:2])

    def run(self):
        while self.exit is None:
            due = self.core.due()
            if self.queue and (due is None or self.queue[0][0] <= due):
                self.now, _, event, rank, life = self.queue.pop(0)
                if rank is not None and self.alive.get(rank) != life:
                    continue
            else:
                assert due is not None, "nothing will ever happen"
                self.now, event = max(self.now, due), events.Tick()
            self.trace.append((self.now, event))
            assert len(self.trace) < 20_000, "it turns in circles"
            for action in self.core.handle(event, self.now):
                self.trace.append(action)
                self.perform(action)
        return self

    def perform(self, action):
        handler = getattr(self, type(action).__name__, None)
        if handler is not None:
            handler(action)

    def chance(self, of):
        return self.random.random() < of

    def delay(self):
        return self.random.choice([0.0, 0.001, 0.3, 4.0])

    def StartWorker(self, action):
        assert action.rank not in self.alive
        self.count += 1
        self.alive[action.rank] = self.count
        if self.chance(0.1):
            self.later(self.delay(), events.Died(action.rank, KILLED), action.rank)
        elif self.chance(0.95):
            self.later(self.delay(), events.Hello(action.rank, "3.11.7", "0.4.1"), action.rank)

    def StopWorker(self, action):
        del self.alive[action.rank]

    def Configure(self, action):
        kind = events.NotConfigured if self.chance(0.2) else events.Ready
        told = kind(action.rank, "late") if kind is events.NotConfigured else kind(action.rank)
        self.later(self.delay(), told, action.rank)

    def Run(self, action):
        del self.waiting[action.task]
        self.fates.setdefault(action.task, []).append("run")
        dies = self.chance(0.2)
        told = (
            events.Died(action.rank, self.random.choice([KILLED, CRASHED]))
            if dies
            else events.Finished(action.rank, self.chance(0.2))
        )
        self.later(self.delay() * 3, told, action.rank)

    def Keep(self, action):
        self.fates[action.task].append("kept")
        bad = self.chance(0.1)
        told = events.NotKept(action.rank, 1, "EIO", 0.0) if bad else events.Kept(action.rank)
        self.later(self.delay(), told)

    def KeepDeath(self, action):
        self.fates[action.task].append("died")

    def Drop(self, action):
        for name, _ in action.tasks:
            del self.waiting[name]

    def Record(self, action):
        if action.kind == "back":
            for name, _ in action.fields["t"]:
                assert name in self.waiting
                self.fates.setdefault(name, []).append("back")

    def Flush(self, action):
        bad = self.chance(0.1)
        told = events.FlushFailed(gone=False, full=False, error="EIO") if bad else events.Flushed()
        self.later(self.delay(), told)

    def AskTime(self, action):
        left = self.random.choice([None, 20.0, 60.0])
        self.later(0.0, events.TimeLeft(self.chance(0.8), left))

    def Look(self, action):
        if self.chance(0.1):
            self.later(self.delay(), events.LookFailed(gone=False))
            return
        heads = tuple(self.bundles.pop() for _ in range(self.random.randrange(3)) if self.bundles)
        running = [name for name, fate in self.fates.items() if fate == ["run"]]
        cancelled = tuple(running[:1]) if self.chance(0.05) else ()
        self.later(self.delay(), events.Looked(heads, cancelled, self.chance(0.01)))

    def Claim(self, action):
        said = self.random.random()
        if said < 0.2:
            self.later(self.delay(), events.Lost())
        elif said < 0.3:
            self.later(self.delay(), events.ClaimFailed())
        else:
            names = [
                f"{action.bundle}-{action.portion}-{n}" for n in range(self.random.randrange(1, 4))
            ]
            assert not any(name in self.fates or name in self.waiting for name in names)
            self.waiting.update(dict.fromkeys(names, True))
            modules = self.random.choice([(), ("a",), ("b",)])
            tasks = tuple(task(name, modules=modules) for name in names)
            self.later(self.delay(), events.Claimed(tasks))

    def Inspect(self, action):
        self.later(self.delay(), events.Found(PLACE))

    def Exit(self, action):
        self.exit = action.code


class TestAnything:
    """Whatever the order in which things happen and fail."""

    @given(st.integers(0, 10**9), st.integers(1, 4))
    def test_ends_with_every_task_accounted_for(self, seed, workers):
        """It does not turn in circles; no task runs twice; none that waits is forgotten.

        What waits when the run is closed, or no worker can serve, is the client's to fetch back.
        """
        world = World(seed, workers).run()
        for fate in world.fates.values():
            assert fate in (["run"], ["run", "kept"], ["run", "died"], ["back"])
        if world.core.why in {"signal", "time", "idle"}:
            assert world.waiting.keys() <= {
                n for n, fate in world.fates.items() if fate == ["back"]
            }
        assert not world.alive

    @given(st.integers(0, 10**9))
    def test_is_the_same_each_time(self, seed):
        """The same events, the same actions."""
        assert repr(World(seed, 2).run().trace) == repr(World(seed, 2).run().trace)


class TestValues:
    """What tasks in the inbox wait for."""

    waiting = Head(
        *("b000001", ()),
        (Portion(0, 0, 1, ("f",), 0.0, ("a",)), Portion(0, 0, 1, ("f",), 0.0)),
        *({}, {}, None),
    )

    def test_is_looked_for_and_then_claimed(self):
        """The other portion meanwhile; the number is that in the bundle."""
        case = Case().serving(self.waiting)
        assert case.did(actions.Claim) == [actions.Claim("b000001", 1)]
        case.running("t1")
        done = case.wait(1.0)
        assert {action for action in done if isinstance(action, actions.Look)} == {
            actions.Look(("a",))
        }
        case.tell(events.Finished(0, stale=False))
        found = {actions.Look: events.Looked((), (), closed=False, values=("a",))}
        done = case.settle(case.tell(events.Kept(0)), found)
        assert actions.Claim("b000001", 0) in done

    def test_is_looked_for_once_something_is_written(self):
        """It may be just that."""
        case = Case().serving(self.waiting)
        case.running("t1")
        case.wait(5.0)
        case.tell(events.Finished(0, stale=False))
        done = case.tell(events.Kept(0))
        assert kinds(done) == ["Flush"]
        assert actions.Look(("a",)) in case.tell(events.Flushed())

    def test_is_looked_for_often(self):
        """As while workers are busy."""
        case = Case().serving(self.waiting)
        case.tell(events.Lost())
        looks = [action for action in case.wait(10.0) if isinstance(action, actions.Look)]
        assert len(looks) > 10.0 / timers.LONGEST_LOOK - 3

    def test_nobody_stays_for_it(self):
        """A node is not held for what may take hours."""
        case = Case(idle_timeout=3.0).serving(self.waiting)
        case.tell(events.Lost())
        case.wait(4.0)
        assert case.records("end") == [{"why": "idle"}]
