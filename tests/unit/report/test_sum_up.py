"""What a ledger tells is summed up as it was, and what it does not tell is said."""

from __future__ import annotations

import pytest
from ledgers import BEGAN, began, beginning, drawn, ended, many, pilot
from ledgers import submitted as sent

from fcx.jobstates import WITHOUT_NODES
from fcx.report import lines
from fcx.report.hours import covered
from fcx.report.model import ATTEMPT, TASK, Report
from fcx.report.page import page
from fcx.report.sum_up import report as summed


def tasks(report: Report) -> dict[str, dict[str, object]]:
    return {row[0]: dict(zip(TASK, row, strict=True)) for row in report.tasks.data}


def attempts(report: Report) -> list[dict[str, object]]:
    return [dict(zip(ATTEMPT, row, strict=True)) for row in report.attempts.data]


def submitted(*ids: str, earlier: bool = False) -> list[lines.Line]:
    return [lines.Code("mark", "c" * 64), sent(BEGAN + 1, *ids, earlier=earlier)]


def done(
    task: str, begin: float, seconds: float = 1.0, attempt: int = 0, number: int = 1
) -> lines.Read:
    row = (task, attempt, 0, BEGAN + begin, seconds, 5, 0)
    return lines.Read(BEGAN + begin + seconds + 1, f"{1000 + number}.0.0", done=[row])


def test_each_task_counts_once_in_its_state():
    report = drawn(many(200))
    assert report.totals.tasks == 200
    assert report.totals.states == {"done": 195, "raised": 5}
    assert report.failures[0].count == 5
    assert report.functions[0].done == 195
    assert report.state == "ended"


def test_a_ledger_that_names_no_run_is_refused():
    with pytest.raises(ValueError, match="what run"):
        drawn([lines.Full(1.0)])


def test_a_run_without_tasks_has_a_report():
    report = drawn([*beginning(), lines.Ended(BEGAN + 1)])
    assert report.totals.tasks == 0
    assert report.totals.wait is None
    assert report.totals.utilisation is None


def test_wait_is_from_submit_to_the_first_begin():
    report = drawn(
        [*beginning(), *submitted("a"), *pilot(1), done("a", 6.0, 2.0), lines.Ended(BEGAN + 9)]
    )
    assert tasks(report)["a"]["wait"] == 5.0
    assert tasks(report)["a"]["work"] == 2.0
    assert tasks(report)["a"]["ended"] == BEGAN + 8


def test_a_task_that_was_begun_again_has_both_attempts_and_lost_the_work_of_one():
    died = lines.Read(BEGAN + 9, "1001.0.0", died=[("a", 0, 0, BEGAN + 6, BEGAN + 8.5, "killed")])
    report = drawn(
        [
            *beginning(),
            *submitted("a"),
            *pilot(1),
            died,
            done("a", 10, 1.0, attempt=1),
            lines.Ended(BEGAN + 12),
        ]
    )
    assert [one["outcome"] for one in attempts(report)] == ["died", "value"]
    assert (report.totals.repeated, report.totals.lost_work, report.totals.work) == (1, 2.5, 1.0)
    assert tasks(report)["a"]["state"] == "done"


def test_what_ran_when_its_job_ended_is_lost():
    running = lines.Read(BEGAN + 7, "1001.0.0", runs=[("a", 0, 0, BEGAN + 6)])
    failed = [lines.Failure(1, "NodeFailed", "its node failed"), lines.Settled(BEGAN + 20, "a", 1)]
    report = drawn(
        [
            *beginning(),
            *submitted("a"),
            *pilot(1),
            running,
            ended(1, BEGAN + 18),
            *failed,
            lines.Ended(BEGAN + 21),
        ]
    )
    assert attempts(report)[0]["outcome"] == "lost"
    assert tasks(report)["a"]["state"] == "failed"
    assert tasks(report)["a"]["ended"] == BEGAN + 20
    assert report.failures[0].error == "NodeFailed"


def test_cancelled_tasks_and_those_that_ended_like_another_are_told_apart():
    settled = [lines.Failure(1, "ParityError", "refused"), lines.Settled(BEGAN + 2, "a", 1),
               lines.Settled(BEGAN + 2, "b", like="a"), lines.Settled(BEGAN + 2, "c", cancelled=True)]  # fmt: skip
    report = drawn([*beginning(), *submitted("a", "b", "c"), *settled, lines.Ended(BEGAN + 3)])
    assert {name: one["state"] for name, one in tasks(report).items()} == {
        "a": "failed",
        "b": "failed",
        "c": "cancelled",
    }


def test_a_run_that_goes_on_has_tasks_that_run_and_wait():
    running = lines.Read(BEGAN + 7, "1001.0.0", runs=[("a", 0, 0, BEGAN + 6)])
    report = drawn(
        [*beginning(), *submitted("a", "b"), *pilot(1), running], now=BEGAN + 16, served=True
    )
    assert report.state == "running"
    assert report.totals.states == {"waiting": 1, "running": 1}
    assert report.pilots[0].agents[0].busy == 10.0


def test_of_a_process_that_was_killed_nobody_knows_what_became_of_its_tasks():
    report = drawn([*beginning(), *submitted("a"), *pilot(1)])
    assert report.state == "open"
    assert tasks(report)["a"]["state"] == "unknown"
    assert any("without a word" in note for note in report.notes)


def test_node_hours_are_slurms_where_it_was_asked_and_idle_is_the_rest():
    report = drawn(
        [
            *beginning(),
            *submitted("a"),
            *pilot(1),
            done("a", 6, 10.0),
            ended(1, BEGAN + 40),
            lines.Ended(BEGAN + 41),
        ]
    )
    one = report.pilots[0]
    assert (one.basis, one.sure) == ("Slurm", True)
    assert one.node_hours == pytest.approx(36 / 3600, abs=1e-6)
    assert one.idle_node_hours == pytest.approx(26 / 3600, abs=1e-6)


def test_node_hours_are_at_least_so_many_where_the_end_was_not_seen():
    report = drawn(
        [*beginning(), *submitted("a"), *pilot(1), done("a", 6, 10.0), lines.Ended(BEGAN + 400)]
    )
    assert not report.totals.sure
    assert report.totals.node_hours == pytest.approx(11 / 3600, abs=1e-6)
    assert any("--ask" in note for note in report.notes)


def test_clocks_that_agree_as_far_as_can_be_told_are_left_alone():
    assert drawn(many(50)).clock.shift == 0


@pytest.mark.parametrize("ahead", [-300.0, 300.0])
def test_a_node_whose_clock_is_wrong_is_moved_no_further_than_must_be(ahead):
    begin = BEGAN + 6 + ahead
    read = lines.Read(BEGAN + 8.5, "1001.0.0", done=[("a", 0, 0, begin, 2.0, 5, 0)])
    report = drawn(
        [*beginning(), *submitted("a"), *pilot(1, ahead=ahead), read, lines.Ended(BEGAN + 9)]
    )
    begin = attempts(report)[0]["begin"]
    assert BEGAN + 1 <= begin <= BEGAN + 6.5  # after its submit, and over before it was read
    assert abs(report.clock.shift + ahead) <= 5.5
    assert any("clocks" in note for note in report.notes)


def test_what_two_processes_have_read_of_one_log_counts_once():
    first = [*beginning(), *submitted("a", "b"), *pilot(1), done("a", 6)]
    second = [
        *beginning(),
        *submitted("a", "b", earlier=True),
        *pilot(1),
        done("a", 6),
        done("b", 8),
        lines.Ended(BEGAN + 99),
    ]
    report = drawn(first, second)
    assert report.totals.states == {"done": 2}
    assert len(report.attempts.data) == 2
    assert len(report.processes) == 2
    assert tasks(report)["b"]["submitted"] == BEGAN + 1


def test_a_task_that_is_submitted_again_is_the_earlier_one():
    first = [*beginning(), *submitted("a"), *pilot(1), done("a", 6), lines.Ended(BEGAN + 9)]
    again = [lines.Code("mark", "c" * 64), sent(BEGAN + 1000, "u1")]
    report = drawn(first, [*beginning(), *again, lines.Same("u1", "a"), lines.Ended(BEGAN + 1001)])
    assert list(tasks(report)) == ["a"]
    assert report.totals.elapsed < 100  # the later process only looked


def test_numbers_of_failures_hold_within_a_file():
    one = [
        *beginning(),
        sent(BEGAN, "a", name="f"),
        lines.Failure(1, "KeyError", "x", "tb f"),
    ]
    other = [
        *beginning(),
        sent(BEGAN, "b", name="g"),
        lines.Failure(1, "OSError", "y", "tb g"),
    ]
    row = lambda task: lines.Read(BEGAN + 9, "1001.0.0", done=[(task, 0, 0, BEGAN + 6, 1.0, 5, 1)])  # noqa: E731
    report = drawn([*one, *pilot(1), row("a")], [*other, row("b"), lines.Ended(BEGAN + 10)])
    assert {name: one["function"] for name, one in tasks(report).items()} == {"a": "f", "b": "g"}
    assert {(one.error, one.functions) for one in report.failures} == {
        ("KeyError", ("f",)),
        ("OSError", ("g",)),
    }


def test_agents_of_an_older_fcx_tell_no_times_and_none_are_made_up():
    read = lines.Read(BEGAN + 9, "1001.0.0", done=[("a", 0, -1, 0.0, 1.0, 5, 0)])
    report = drawn([*beginning(), *submitted("a"), *pilot(1), read, lines.Ended(BEGAN + 10)])
    assert tasks(report)["a"]["wait"] is None
    assert attempts(report)[0]["begin"] is None
    assert any("older fcx" in note for note in report.notes)


def test_busy_time_is_the_union_of_what_workers_did():
    assert covered([(0, 2), (1, 3), (5, 6), (5.5, 5.7)]) == 4


def test_what_another_machine_began_begins_with_its_first_sign():
    later = [began(at=BEGAN + 5000), *beginning()[1:]]
    told = [submitted("a", earlier=True), *[pilot(1)], [done("a", 6)], [lines.Ended(BEGAN + 5001)]]
    report = drawn([*later, *(line for some in told for line in some)])
    assert report.began == BEGAN
    assert tasks(report)["a"]["wait"] is None
    assert report.totals.elapsed < 20


def test_what_is_at_least_so_much_is_no_more_than_slurm_will_say():
    seen = lines.Jobs(BEGAN + 20.9, [("1001", "RUNNING", "None", BEGAN + 4, 0.0, 1)])
    run = [*beginning(), *submitted("a"), *pilot(1), done("a", 6), seen]
    unsure = drawn([*run, lines.Ended(BEGAN + 21)]).totals
    sure = drawn([*run, ended(1, BEGAN + 20), lines.Ended(BEGAN + 21)]).totals
    assert not unsure.sure
    assert unsure.node_hours <= sure.node_hours


def requeued(*more: lines.Line, second: float = BEGAN + 104) -> list[lines.Line]:
    """A job whose node was taken away at 44, and given another at 104: agents of both."""
    first, again = lines.Task("a", "f", 800, "mark"), f"{1001}.1.0"
    return [
        *beginning(),
        lines.Tasks(BEGAN + 1, (first,)),
        lines.Pilot(BEGAN, "p001", "1001"),
        lines.Up(BEGAN + 6, "1001.0.0", "p001", "nid1", BEGAN + 5, 64, 2),
        lines.Read(BEGAN + 20, "1001.0.0", runs=[("a", 0, 0, BEGAN + 6)]),
        *more,
        lines.Up(BEGAN + 106, again, "p001", "nid2", second + 1, 64, 2),
        lines.Read(BEGAN + 121, again, done=[("a", 1, 0, second + 2, 10.0, 5, 0)]),
    ]


def said(at: float, state: str, began: float = 0.0, ended: float = 0.0) -> lines.Jobs:
    """Slurm's word on that job."""
    return lines.Jobs(BEGAN + at, [("1001", state, "None", began, ended, 1)])


def test_both_starts_of_a_requeued_job_cost_node_hours():
    told = [said(10, "RUNNING", BEGAN + 4), said(40, "RUNNING", BEGAN + 4), said(50, "PENDING")]
    over = [said(150, "COMPLETED", BEGAN + 104, BEGAN + 124), lines.Ended(BEGAN + 151)]
    report = drawn([*requeued(*told), *over])
    (one,) = report.pilots
    assert one.starts == 2
    assert one.node_hours == pytest.approx((36 + 20) / 3600, abs=1e-6)
    assert (one.began, one.ended, one.sure) == (BEGAN + 4, BEGAN + 124, False)
    assert [agent.ended for agent in one.agents] == [None, BEGAN + 124]
    assert [each["outcome"] for each in attempts(report)] == ["lost", "value"]
    assert any("requeued" in note for note in report.notes)


def test_the_first_start_of_a_requeued_job_counts_by_its_agents_where_slurm_was_not_asked():
    over = [said(150, "COMPLETED", BEGAN + 104, BEGAN + 124), lines.Ended(BEGAN + 151)]
    (one,) = drawn([*requeued(), *over]).pilots
    assert (one.starts, one.basis, one.nodes) == (2, "Slurm, agents", 1)
    assert one.node_hours == pytest.approx((1 + 20) / 3600, abs=1e-6)


def test_a_start_that_slurm_ended_and_began_anew_is_known_to_the_end():
    told = [said(45, "NODE_FAIL", BEGAN + 4, BEGAN + 44), said(50, "PENDING")]
    over = [said(150, "COMPLETED", BEGAN + 104, BEGAN + 124), lines.Ended(BEGAN + 151)]
    (one,) = drawn([*requeued(*told), *over]).pilots
    assert (one.basis, one.sure) == ("Slurm", True)
    assert one.node_hours == pytest.approx((40 + 20) / 3600, abs=1e-6)


def test_a_requeued_job_that_waits_costs_nothing_meanwhile():
    first = requeued(said(10, "RUNNING", BEGAN + 4), said(50, "PENDING"))[:-2]
    report = drawn(first, now=BEGAN + 1000, served=True)
    assert report.pilots[0].node_hours == pytest.approx(6 / 3600, abs=1e-6)
    assert attempts(report)[0]["outcome"] == "lost"
    assert report.totals.states == {"waiting": 1}


@pytest.mark.parametrize("state", WITHOUT_NODES)
def test_a_job_that_has_lost_its_nodes_costs_nothing_until_it_has_others(state: str):
    """Whatever the word for it is, and whatever begin is told with it: that is an estimate."""
    first = requeued(said(10, "RUNNING", BEGAN + 4), said(50, state, BEGAN + 700))[:-2]
    report = drawn(first, now=BEGAN + 1000, served=True)
    (one,) = report.pilots
    assert (one.state, one.starts) == (state, 1)
    assert one.node_hours == pytest.approx(6 / 3600, abs=1e-6)
    assert (attempts(report)[0]["outcome"], report.totals.states) == ("lost", {"waiting": 1})


@pytest.mark.parametrize("state", ["CONFIGURING", "SUSPENDED", "COMPLETING", "STOPPED", "RUNNING"])
@pytest.mark.parametrize("told", [BEGAN + 4, 0.0], ids=["begin", "no-begin"])
def test_a_job_that_has_its_nodes_goes_on_to_cost(state: str, told: float):
    """Also where no begin is told: then its agent's word counts."""
    first = requeued(said(50, state, told))[:-2]
    report = drawn(first, now=BEGAN + 1004, served=True)
    seconds = 1000 if told else 999
    assert report.pilots[0].node_hours == pytest.approx(seconds / 3600, abs=1e-6)
    assert (attempts(report)[0]["outcome"], report.totals.states) == ("running", {"running": 1})


@pytest.mark.parametrize("state", ["CONFIGURING", "SUSPENDED", "COMPLETING", "RUNNING"])
def test_what_had_nodes_when_slurm_was_last_asked_has_cost_at_least_that(state: str):
    """No agent has come up, or none was read: the run is over, its job's end is not known."""
    waits = [lines.Pilot(BEGAN, "p001", "1001"), said(64, state, BEGAN + 4)]
    (one,) = drawn([*beginning(), *submitted("a"), *waits, lines.Ended(BEGAN + 90)]).pilots
    assert (one.node_hours, one.sure) == (pytest.approx(60 / 3600, abs=1e-6), False)


@pytest.mark.parametrize("told", [BEGAN + 4, 0.0], ids=["begin", "no-begin"])
def test_a_job_that_ended_at_no_told_moment_costs_no_more(told: float):
    """Up to the last sign of it, not up to now."""
    gone = requeued(said(50, "CANCELLED", told))[:-2]
    report = drawn(gone, now=BEGAN + 1000, served=True)
    seconds = 2 if told else 1
    assert report.pilots[0].node_hours == pytest.approx(seconds / 3600, abs=1e-6)
    assert attempts(report)[0]["outcome"] == "lost"


def test_a_job_that_slurm_still_calls_pending_runs_where_its_agent_says_so():
    late = lines.Jobs(BEGAN + 8, [("1001", "PENDING", "None", BEGAN + 900, 0.0, 1)])
    running = lines.Read(BEGAN + 7, "1001.0.0", runs=[("a", 0, 0, BEGAN + 6)])
    run = [*beginning(), *submitted("a"), *pilot(1), running, late]
    report = drawn(run, now=BEGAN + 65, served=True)
    assert report.totals.states == {"running": 1}
    assert report.pilots[0].node_hours == pytest.approx(60 / 3600, abs=1e-6)


def test_when_a_pending_job_may_begin_is_not_its_begin():
    wait = [lines.Pilot(BEGAN, "p001", "1001"), said(3, "PENDING", BEGAN + 3600)]
    report = drawn([*beginning(), *submitted("a"), *wait], now=BEGAN + 7200, served=True)
    assert report.pilots[0].began is None
    assert report.totals.node_hours == 0
    cancelled = [*wait, said(9, "CANCELLED", ended=BEGAN + 8), lines.Ended(BEGAN + 10)]
    (one,) = drawn([*beginning(), *submitted("a"), *cancelled]).pilots
    assert (one.began, one.ended, one.node_hours, one.sure) == (None, BEGAN + 8, 0, True)


def test_what_slurm_said_later_counts_in_whatever_order_it_is_read():
    run = [*beginning(), *submitted("a"), *pilot(1), done("a", 6), ended(1, BEGAN + 40)]
    asked = [lines.Jobs(BEGAN + 20, [("1001", "RUNNING", "None", BEGAN + 4, 0.0, 1)])]
    report = drawn([*run, lines.Ended(BEGAN + 41)], asked)
    assert (report.pilots[0].state, report.totals.sure) == ("COMPLETED", True)


def test_a_task_whose_result_could_not_be_kept_has_its_worker_and_its_seconds():
    runs = lines.Read(BEGAN + 7, "1001.0.0", runs=[("a", 0, 1, BEGAN + 6)])
    died = lines.Read(BEGAN + 9, "1001.0.0", died=[("a", 0, -1, 0.0, BEGAN + 8.5, "no space")])
    report = drawn([*beginning(), *submitted("a"), *pilot(1), runs, died, lines.Ended(BEGAN + 12)])
    (one,) = attempts(report)
    assert (one["outcome"], one["worker"], one["seconds"]) == ("died", 1, 2.5)


def test_a_task_of_an_earlier_process_that_nothing_is_known_of_was_not_submitted_just_now():
    """Else it seems to have ended before it was submitted, and clocks are moved."""
    again = [*beginning(), sent(BEGAN + 1000, "u1"), lines.Same("u1", "a")]
    report = drawn([*again, *pilot(1), done("a", 6), lines.Ended(BEGAN + 1001)])
    assert report.clock.shift == 0
    assert tasks(report)["a"]["submitted"] is None
    assert tasks(report)["a"]["function"] == "f"
    read_before = [*beginning(), *pilot(1), done("a", 6), *again[3:]]
    report = drawn([*read_before, lines.Ended(BEGAN + 1001)])
    assert report.clock.shift == 0
    assert tasks(report)["a"]["function"] == "f"


def test_a_file_that_lost_its_first_line_ends_no_other_process():
    first = [*beginning(), *submitted("a"), *pilot(1)]
    report = drawn(
        first, [done("a", 6), lines.Requests(BEGAN + 9, {"read": 9}), lines.Ended(BEGAN + 9)]
    )
    assert report.processes[0].ended is None
    assert report.totals.requests == 0
    assert report.totals.states == {"done": 1}


def test_a_run_that_was_attached_to_three_times_is_one_run():
    first = [*beginning(), *submitted("a", "b"), *pilot(1)]
    later = [
        [began(at=BEGAN + at), *submitted("a", "b", earlier=True), *pilot(1), done("a", 6), end]
        for at, end in (
            (100, lines.Ended(BEGAN + 120)),
            (200, done("b", 8)),
            (300, lines.Ended(BEGAN + 320)),
        )
    ]
    report = drawn(first, *later)
    assert [one.ended for one in report.processes] == [None, BEGAN + 120, None, BEGAN + 320]
    assert report.totals.states == {"done": 2}
    assert (report.totals.work, report.totals.repeated) == (2.0, 0)
    assert report.totals.elapsed < 20  # they only looked


OLDER = b"""\
{"k":"began","at":1795764000.0,"run":"sweep-1","name":"sweep","system":"daint","api_url":"https://a","fcx":"0.0.9","python":"3.11.7","host":"laptop","pid":7,"format":1}
{"k":"code","function":"mark","digest":"cc"}
{"k":"shape","shape":0,"sbatch_options":["--time=1"],"srun_options":[],"workers_per_node":1,"nodes":1}
{"k":"place","at":1795764000.0,"shape":0,"place":{"policy":"off","interpreter":"/usr/bin/python3"}}
{"k":"tasks","at":1795764001.0,"tasks":[["t1","f",80,"mark",null,[],0,"a key",[],0,[]]]}
{"k":"pilot","at":1795764001.0,"pilot":"p1","job":"7"}
{"k":"jobs","at":1795764002.0,"jobs":[["7","PENDING","Priority",1795767600.0,0.0,0]]}
{"k":"up","at":1795764010.0,"log":"7.0.0","pilot":"p1","node":"nid1"}
{"k":"read","at":1795764012.0,"log":"7.0.0","done":[["t1",0,-1,0.0,1.5,5,0]]}
{"k":"jobs","at":1795764020.0,"jobs":[["7","COMPLETED","None",1795764008.0,1795764018.0,1]]}
{"k":"ended","at":1795764021.0}
"""


def test_the_ledger_of_an_older_fcx_is_read():
    """With keys of tasks, and the begin that Slurm only expected of a job which waited."""
    report = summed([lines.decode(OLDER)], now=BEGAN + 99, fcx="0.1.0", served=False)
    assert (report.whole, report.state) == (True, "ended")
    assert report.totals.states == {"done": 1}
    (one,) = report.pilots
    assert (one.starts, one.began, one.sure) == (1, BEGAN + 8, True)
    assert one.node_hours == pytest.approx(10 / 3600, abs=1e-6)
    assert "a key" not in page(report)
