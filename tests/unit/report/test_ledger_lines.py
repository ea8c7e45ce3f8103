"""Lines of a ledger are read as they were written; what is no line is left out."""

from hypothesis import given, settings
from hypothesis import strategies as st
from ledgers import BEGAN, began, many

from fcx.report import lines
from fcx.report.crate import crate
from fcx.report.page import page
from fcx.report.sum_up import report

SOUND = lines.encode(many(40))


def test_what_was_written_is_read():
    written = many(20)
    assert lines.decode(lines.encode(written)) == written


def test_a_line_that_was_cut_off_is_left_out():
    data = lines.encode([began(), lines.Full(1.0)])
    assert lines.decode(data[:-3]) == [began()]


def test_a_line_of_a_newer_fcx_is_counted():
    data = b'{"k":"weather","at":1}\n' + lines.encode([began()])
    assert lines.decode(data) == [began(), lines.Unread(1)]


def test_what_is_no_json_is_counted():
    assert lines.decode(b'\xff\xfe\n{"k":\n[[[[\n\n') == [lines.Unread(3)]


def test_half_a_character_costs_no_line():
    """It may stand in a name, or in an option that was a path of another encoding."""
    shape = lines.Shape(0, ("--chdir=/r\udce9sultats", "--time=1"), (), 1, 1)
    task = lines.Tasks(1.0, (lines.Task("t1", "f\ud83d", 5),))
    (began_, read, tasks) = lines.decode(lines.encode([began(), shape, task]))
    assert began_ == began()
    assert read.sbatch_options == ("--chdir=/r\\udce9sultats", "--time=1")
    assert tasks.tasks[0].name == "f\\ud83d"


def test_what_is_no_time_is_a_spoilt_line():
    for at in ("-1.0", "1e300", "99999999999999"):
        assert lines.decode(b'{"k":"ended","at":%s}\n' % at.encode()) == [lines.Unread(1)]


@given(st.binary(max_size=3), st.lists(st.tuples(st.integers(0, 5000), st.binary(max_size=3)), min_size=1, max_size=20))  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_a_ledger_that_was_spoilt_anywhere_has_a_report_or_is_refused_in_words(first, places):
    data = bytearray(SOUND)
    for place, put in [(0, first), *places]:
        at = place % len(data)
        data[at : at + len(put)] = put
    try:
        found = report([lines.decode(bytes(data))], now=BEGAN + 1e6, fcx="0", served=False)
    except ValueError as error:
        assert "what run" in str(error)  # noqa: PT017 - most have one
        return
    assert page(found).endswith("</html>\n")
    assert crate(found)
