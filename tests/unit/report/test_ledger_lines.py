"""Lines of a ledger are read as they were written; what is no line is left out."""

from ledgers import began, many

from fcx.report import lines


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
