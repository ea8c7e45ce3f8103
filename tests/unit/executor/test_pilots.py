"""How many pilots, whether one is gone, and what its end means for calls: pure decisions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcx import errors
from fcx.executor.future import FirecrestFuture
from fcx.executor.pace import BURST, Pace
from fcx.executor.pilots import (
    GRACE_ANSWERS,
    GRACE_SECONDS,
    Demand,
    Fate,
    Pilot,
    fate,
    never_runs,
    time_limit,
    workers_by_node,
)
from fcx.executor.tasks import MOST_RETURNS, Ledger, Task
from fcx.firecrest.jobs import NEVER_RUNS, JobState
from fcx.protocol.rundir import Incarnation


class TestDemand:
    """Demand.pilots."""

    @given(st.integers(0, 500), st.integers(1, 64), st.integers(1, 16), st.integers(0, 64))
    def test_never_more_than_the_calls_or_workers_need(self, calls, workers, per_pilot, running):
        """None without calls, and never a pilot whose workers max_workers would not allow."""
        wanted = Demand(calls, workers, per_pilot, None).pilots(running, gated=False, ramping=False)
        assert (wanted == 0) == (calls == 0)
        assert (wanted - 1) * per_pilot < min(calls, workers) or wanted == 0

    def test_one_while_nothing_is_proven(self):
        """Before the first verdict one pilot probes for all."""
        assert Demand(100, 8, 1, None).pilots(0, gated=True, ramping=False) == 1

    def test_one_while_the_first_has_just_been_submitted(self):
        """A burst of small calls may need no other."""
        assert Demand(100, 8, 1, None).pilots(0, gated=False, ramping=True) == 1

    def test_none_more_for_work_that_is_nearly_done(self):
        """100 calls of 1 ms do not justify seven more jobs; of 60 s they do."""
        assert Demand(100, 8, 1, 0.001).pilots(1, gated=False, ramping=False) == 1
        assert Demand(100, 8, 1, 60.0).pilots(1, gated=False, ramping=False) == 8

    def test_short_work_without_a_running_pilot_still_gets_one(self):
        """Somebody has to do it."""
        assert Demand(1, 8, 1, 0.001).pilots(0, gated=False, ramping=False) == 1

    @given(st.integers(1, 16), st.integers(1, 16), st.integers(1, 300))
    def test_workers_by_node(self, per_node, nodes, most):
        """As many as asked for, and never more than max_workers in all."""
        counts = workers_by_node(per_node, nodes, most)
        assert len(counts) == nodes
        assert sum(counts) == min(per_node * nodes, most)
        assert max(counts) <= per_node


class TestAbsence:
    """Absence is never death."""

    def test_takes_both_answers_and_seconds(self):
        """A laptop that wakes finds every clock expired: one answer is not enough."""
        pilot = Pilot("p", 1, "7")
        assert not pilot.missing(0.0)
        assert not pilot.missing(GRACE_SECONDS * 100)
        assert pilot.missing(GRACE_SECONDS * 100 + 1) == (GRACE_ANSWERS <= 3)

    def test_many_answers_in_a_moment_are_not_enough_either(self):
        """The server may forget a job for some seconds after its submission."""
        pilot = Pilot("p", 1, "7")
        assert not any(pilot.missing(i * 0.1) for i in range(100))

    def test_a_job_that_is_seen_again_starts_over(self):
        """Grace is counted from the last sign of life."""
        pilot = Pilot("p", 1, "7")
        for second in range(20):
            pilot.missing(second)
        pilot.seen(JobState("7", "p", "RUNNING"))
        assert not pilot.missing(1000.0)


class TestFate:
    """From a job's state to a call's error."""

    @pytest.mark.parametrize(
        ("state", "error", "retried"),
        [
            ("TIMEOUT", errors.TimeLimitExceeded, False),
            ("DEADLINE", errors.TimeLimitExceeded, False),
            ("OUT_OF_MEMORY", errors.OutOfMemory, False),
            ("NODE_FAIL", errors.NodeFailed, True),
            ("BOOT_FAIL", errors.NodeFailed, True),
            ("PREEMPTED", errors.NodeFailed, True),
            ("CANCELLED", errors.JobCancelled, True),
            ("FAILED", errors.JobFailed, True),
            ("COMPLETED", errors.JobFailed, True),
        ],
    )
    def test_of_each_state(self, state, error, retried):
        """The job's id is in the message; infrastructure's faults are retried."""
        pilot = Pilot("p", 1, "4711", state=JobState("4711", "p", state))
        why = fate(pilot)
        assert type(why.error) is error
        assert "4711" in str(why.error)
        assert why.retried is retried

    def test_shows_the_end_of_the_jobs_output(self):
        """What the script said before it ended is the usual reason."""
        state = JobState("7", "p", "FAILED", exit_code=127)
        why = fate(Pilot("p", 1, "7", state=state), "bash: python3: not found\n")
        assert "exit code 127" in str(why.error)
        assert "python3: not found" in str(why.error)

    def test_of_one_that_the_server_forgot(self):
        """No state at all."""
        assert "no longer knows" in str(fate(Pilot("p", 1, "7")).error)

    @pytest.mark.parametrize("reason", NEVER_RUNS)
    def test_never_runs(self, reason):
        """Each reason that waiting does not mend."""
        state = JobState("7", "p", "PENDING", reason)
        assert state.never_runs
        assert reason in str(never_runs(Pilot("p", 1, "7"), state))

    @pytest.mark.parametrize("reason", ["Priority", "Resources", "Dependency", "", "None"])
    def test_reasons_that_pass(self, reason):
        """Waiting is what queues are for."""
        assert not JobState("7", "p", "PENDING", reason).never_runs


class Owner:
    """A future's owner that does nothing."""

    def live_output(self, task, stream):
        return b""

    def cancel_task(self, task):
        pass


def task(name="t1", **values):
    future = FirecrestFuture(name, Owner())
    made = Task(name, future, b"payload", "f", "name")
    for key, value in values.items():
        setattr(made, key, value)
    return made


HERE = Incarnation("7", 0, 0)
NODE = Fate("node", errors.NodeFailed("gone"))


class TestLedger:
    """What a failure costs a call."""

    def ledger(self, one, retries=2):
        ledger = Ledger(retries)
        ledger.add([one])
        ledger.take(1 << 20)
        return ledger

    def test_cut_short_though_not_first_goes_back_uncharged(self):
        """It is owed a whole time limit: it runs first in a fresh pilot."""
        one = task(running=HERE, first=False)
        ledger = self.ledger(one, retries=0)
        assert ledger.lost(one, time_limit("7")) is None
        assert (one.charged, list(ledger.fresh), list(ledger.outbox)) == (0, [one], [])
        assert one.attempt == 1

    def test_cut_short_as_the_first_is_its_own_failure(self):
        """It had all of it."""
        one = task(running=HERE, first=True)
        assert isinstance(self.ledger(one).lost(one, time_limit("7")), errors.TimeLimitExceeded)

    def test_infrastructure_is_charged_up_to_the_retries(self):
        """Then the last failure is the call's error."""
        one = task()
        ledger = self.ledger(one, retries=2)
        for attempt in (1, 2):
            one.running = HERE
            assert ledger.lost(one, NODE) is None
            assert (one.charged, one.attempt) == (attempt, attempt)
        one.running = HERE
        assert ledger.lost(one, NODE) is NODE.error

    def test_a_call_that_was_only_claimed_is_not_charged(self):
        """It never began."""
        one = task(running=None)
        ledger = self.ledger(one, retries=0)
        assert ledger.lost(one, NODE) is None
        assert (one.charged, list(ledger.outbox)) == (0, [one])

    def test_but_does_not_go_back_for_ever(self):
        """Pilots that end before they begin it are a fault that somebody must see."""
        one = task()
        ledger = self.ledger(one)
        for _ in range(MOST_RETURNS):
            assert ledger.back(one) is None
        assert isinstance(ledger.back(one), errors.NodeFailed)

    @pytest.mark.parametrize("kind", ["own", "memory"])
    def test_the_calls_own_failures_are_not_retried(self, kind):
        """Out of memory, an exit: the same would happen again."""
        one = task(running=HERE)
        why = Fate(kind, errors.WorkerDied("x"))
        assert self.ledger(one).lost(one, why) is why.error

    def test_take_leaves_out_what_was_cancelled(self):
        """And fills a bundle up to its size, never none."""
        ledger = Ledger(0)
        tasks = [task(f"t{i}") for i in range(5)]
        ledger.add(tasks)
        ledger.drop("t1")
        assert [t.id for t in ledger.take(14)] == ["t0", "t2"]
        assert [t.id for t in ledger.take(1)] == ["t3"]
        assert [t.id for t in ledger.take(1 << 20)] == ["t4"]

    def test_remembers_the_longest_run_of_a_function(self):
        """What decides whether another one fits into the time that is left."""
        ledger = Ledger(0)
        for seconds in (1.0, 5.0, 2.0):
            ledger.ran(task(), seconds)
        assert ledger.longest == {"f": 5.0}
        assert (ledger.settled, ledger.seconds) == (3, 8.0)


class TestPace:
    """When to ask: quick, then slower, never longer than sleep_interval, within a budget."""

    @pytest.fixture
    def clock(self, monkeypatch):
        """A clock that the test moves."""

        class Clock:
            now = 1000.0

        monkeypatch.setattr("fcx.executor.pace.time.monotonic", lambda: Clock.now)
        monkeypatch.setattr("fcx.executor.pace.RATE", 1.0)
        return Clock

    def test_grows_while_nothing_happens_up_to_sleep_interval(self, clock):
        """And is quick again after news."""
        pace = Pace(longest=30.0)
        pauses = []
        for _ in range(8):
            pauses.append(pace.pause())
            clock.now += 60
        assert pauses == sorted(pauses)
        assert pauses[0] <= 0.1
        assert pauses[-1] == 30.0
        pace.news()
        assert pace.pause() < 1.0

    def test_stays_within_its_budget(self, clock):
        """An hour of quick news costs no more than a request a second."""
        pace, requests, end = Pace(longest=30.0), 0, clock.now + 3600
        while clock.now < end:
            clock.now += pace.pause()
            pace.spend(1)
            requests += 1
            if requests % 3 == 0:
                pace.hurry()
        assert requests <= 3600 + BURST + 1
