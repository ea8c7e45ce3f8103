"""How many pilots there should be, and when an absence counts: pure decisions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fcx.executor.core.crew import Demand
from fcx.executor.core.events import JobSeen
from fcx.executor.core.fleet import GRACE_ANSWERS, GRACE_SECONDS, Heard, Pilot, job_of
from fcx.executor.core.limits import Limits


class TestDemand:
    """Demand.pilots."""

    @given(st.integers(0, 500), st.integers(1, 64), st.integers(1, 16), st.integers(0, 64))
    def test_never_more_than_the_tasks_or_workers_need(self, tasks, workers, per_pilot, running):
        """None without tasks, and never a pilot whose workers max_workers would not allow."""
        wanted = Demand(tasks, workers, per_pilot, None).pilots(running, alone=False)
        assert (wanted == 0) == (tasks == 0)
        assert (wanted - 1) * per_pilot < min(tasks, workers) or wanted == 0

    def test_one_while_nothing_is_proven(self):
        """Before the first verdict, and while the first has just been submitted, it stays alone."""
        assert Demand(100, 8, 1, None).pilots(0, alone=True) == 1

    def test_none_more_for_work_that_is_nearly_done(self):
        """100 tasks of 1 ms do not justify seven more jobs; of 60 s they do."""
        assert Demand(100, 8, 1, 0.001).pilots(1, alone=False) == 1
        assert Demand(100, 8, 1, 60.0).pilots(1, alone=False) == 8

    def test_short_work_without_a_running_pilot_still_gets_one(self):
        """Somebody has to do it."""
        assert Demand(1, 8, 1, 0.001).pilots(0, alone=False) == 1

    @given(st.integers(1, 16), st.integers(1, 16), st.integers(1, 300))
    def test_workers_by_node(self, per_node, nodes, most):
        """As many as asked for, and never more than max_workers in all."""
        counts = Limits(max_workers=most, nodes=nodes, workers_per_node=per_node).workers()
        assert len(counts) == nodes
        assert sum(counts) == min(per_node * nodes, most)
        assert max(counts) <= per_node


class TestAbsence:
    """Absence is never death."""

    def test_takes_both_answers_and_seconds(self):
        """A laptop that wakes finds every clock expired: one answer is not enough."""
        heard = Heard()
        assert not heard.missing(0.0)
        assert not heard.missing(GRACE_SECONDS * 100)
        assert heard.missing(GRACE_SECONDS * 100 + 1) == (GRACE_ANSWERS <= 3)

    def test_many_answers_in_a_moment_are_not_enough_either(self):
        """The server may forget a job for some seconds after its submission."""
        heard = Heard()
        assert not any(heard.missing(i * 0.1) for i in range(100))

    def test_a_job_that_is_seen_again_starts_over(self):
        """Grace is counted from the last sign of life."""
        heard = Heard()
        for second in range(20):
            heard.missing(second)
        heard.seen(JobSeen("7", "RUNNING"), 20.0)
        assert not heard.missing(1000.0)


def test_of_two_jobs_the_one_that_lives_counts():
    """An ambiguous submit has made two: the second exits at once, and says nothing of the first."""
    pilot = Pilot("p", 0.0, "up", "7", agents={"8.0.0": None})
    ended, alive = JobSeen("7", "COMPLETED"), JobSeen("8", "RUNNING")
    assert pilot.jobs() == ["7", "8"]
    assert job_of({"7": ended, "8": alive}, pilot) is alive
    assert job_of({"7": ended}, pilot) is ended
    assert job_of({}, pilot) is None
