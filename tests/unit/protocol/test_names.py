"""Names of the run directory's files: what one side writes, the other recognises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcx.protocol import layout, names
from fcx.protocol.layout import LogFile
from fcx.protocol.names import Incarnation

JOBS = st.from_regex(r"[0-9]{1,9}(\+[0-9])?", fullmatch=True)
COUNTS = st.integers(0, 10**9 - 1)


class TestIncarnation:
    """A requeued job has another, under the same id."""

    @pytest.mark.parametrize(
        "name",
        ["", "1", "1.0", "1.0.0.0", "1.x.0", "1.0.y", "a..b", "1.0.0\n", "1.٣.0", "../1.0.0", "1.0.9999999999"],
    )  # fmt: skip
    def test_others_are_none(self, name):
        """A stray file is no agent's."""
        assert Incarnation.parse(name) is None

    def test_there_and_back(self):
        """Heterogeneous ids included, though they are refused elsewhere."""
        for name in ("12.0.0", "12.3.1", "510+1.0.0"):
            assert str(Incarnation.parse(name)) == name

    @given(JOBS, COUNTS, COUNTS)
    def test_any(self, job, restart, node):
        """Whatever the numbers."""
        made = Incarnation(job, restart, node)
        assert Incarnation.parse(str(made)) == made


class TestLogs:
    """An agent's files."""

    @given(JOBS, COUNTS, COUNTS, COUNTS)
    def test_segments(self, job, restart, node, segment):
        """Their agent and number."""
        incarnation = Incarnation(job, restart, node)
        found = LogFile.parse(names.log(incarnation, segment))
        assert found == LogFile(incarnation, str(segment))
        assert str(found) == names.log(incarnation, segment)

    def test_beats_and_notes(self):
        """Beside the log."""
        incarnation = Incarnation("7", 1, 0)
        assert LogFile.parse(names.beat(incarnation)) == LogFile(incarnation, "beat")
        assert LogFile.parse(names.exit_note(incarnation)) == LogFile(incarnation, "exit")

    @pytest.mark.parametrize(
        "name", ["7.0.0", "7.0.0.", "7.0.0.x", ".beat", "7.0.beat", "7.0.0.0~"]
    )
    def test_others_are_none(self, name):
        """Half-written and stray files."""
        assert LogFile.parse(name) is None


class TestInbox:
    """What the client sends."""

    @given(st.integers(0, 10**12 - 1))
    def test_bundles_and_orders(self, number):
        """Each known by its letter, and in order by name up to a million."""
        bundle, order = layout.bundle(number), layout.order(number)
        assert names.is_bundle(bundle)
        assert not names.is_bundle(order)
        assert names.is_order(order)
        assert not names.is_order(bundle)
        assert names.number_of(bundle) == names.number_of(order) == number

    @pytest.mark.parametrize("name", ["b1", "b000001.1", "b000001~", "closed", "", "bxxxxxx", "o"])
    def test_others_are_neither(self, name):
        """Chunks, temporary names, strays."""
        assert not names.is_bundle(name)
        assert not names.is_order(name)
        assert names.number_of(name) == 0

    def test_chunks(self):
        """The first lies with the head."""
        assert [names.chunk("b000001", index) for index in range(3)] == [
            "b000001", "b000001.1", "b000001.2",
        ]  # fmt: skip

    @given(st.integers(0, 10**6), st.integers(0, 10**6))
    def test_claims(self, bundle, portion):
        """There and back."""
        name = layout.bundle(bundle)
        assert layout.parse_claim(names.claim(name, portion)) == (name, portion)

    @pytest.mark.parametrize("name", ["b000001", "b000001.x", "o000001.1", "b000001.1~"])
    def test_what_is_no_claim(self, name):
        """None."""
        assert layout.parse_claim(name) is None


def test_the_other_names():
    """As the run directory's description has them."""
    incarnation = Incarnation("7", 0, 1)
    assert names.part("t1", 2, 0) == "t1.2.0"
    assert layout.output(incarnation, 3, "err") == "7.0.1.3.err"
    assert layout.pilot_config("fcx-1") == "fcx-1.json"
    assert names.time_left("7", 0) == "7.0.left"
    assert "locks" in layout.FOLDERS
    assert "seats" not in layout.FOLDERS


def test_each_client_of_a_run_has_numbers_of_its_own():
    """Bundles and orders tell who has sent them; a link tells who serves the run."""
    assert [names.epoch_of(name) for name in ("b000001", "o000009", "b100000001")] == [1, 1, 2]
    assert names.is_bundle(layout.bundle(3 * names.EPOCH + 7))
    assert names.epoch_of(layout.bundle(3 * names.EPOCH + 7)) == 4
    assert layout.epoch_of_client(layout.client(12)) == 12
    assert layout.epoch_of_client("1.0.0.0") == 0
