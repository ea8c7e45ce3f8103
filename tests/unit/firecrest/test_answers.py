"""Answers as typed records, without a network."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcx.firecrest import answers
from fcx.firecrest.failures import Odd


class TestReading:
    """Typed records: what fits is read, and what does not is odd, never a raw error."""

    @pytest.mark.parametrize(
        "record",
        [
            {"jobId": 7, "status": {"state": "FAILED", "exitCode": "0:0"}},
            {"jobId": None},
            {"status": {}},
            {"jobId": "7", "status": []},
            {"jobId": "7", "status": {"state": {"current": ["RUNNING"]}}},
            ["7"],
            "7",
            None,
        ],
    )
    def test_jobs_of_another_shape(self, record):
        """Alone it is odd; among others it is left out, for it must not hide them."""
        with pytest.raises(Odd, match="makes no sense"):
            answers.read_jobs([record])
        good = {"jobId": "8", "name": "n"}
        assert [job.job_id for job in answers.read_jobs([record, good])] == ["8"]

    def test_jobs_that_are_not_there(self):
        """Null is no job, as the API's description has it."""
        assert answers.read_jobs(None) == answers.read_jobs([]) == answers.read_paths(None) == []

    def test_a_directory_is_not_empty_for_null(self):
        """What lies there would count as gone; one that is empty has a list of nothing."""
        with pytest.raises(Odd, match="the whole must be a list of objects, not None"):
            answers.read_files(None)
        assert answers.read_files([]) == []

    def test_sizes_come_as_text(self):
        """As ls writes them."""
        (found,) = answers.read_files([{"name": "a", "size": "12", "linkTarget": "b"}])
        assert (found.name, answers.read_size(found), found.link_target) == ("a", 12, "b")
        for odd in "12K", "nan", "1e999":
            with pytest.raises(Odd, match="size"):
                answers.read_size(answers.FileRecord("a", odd))

    @pytest.mark.parametrize(
        ("sent", "text"),
        [({"content": "ä"}, "ä"), ("a", "a"), (None, ""), ({"content": None}, ""), ({}, "")],
    )
    def test_text(self, sent, text):
        """With or without what is known of it; null is nothing."""
        assert answers.read_text(sent) == text.encode()

    def test_half_a_surrogate_is_no_error(self):
        """JSON can say it, UTF-8 cannot."""
        assert answers.read_text({"content": "a\ud800"}) == b"a?"

    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["jobId", "name", "status", "state", "user", "content", "size"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    )

    @pytest.mark.parametrize(
        "read",
        [
            answers.read_jobs,
            answers.read_paths,
            answers.read_accepted,
            answers.read_files,
            answers.read_text,
            answers.read_stat,
            answers.read_user,
            answers.read_systems,
        ],
    )
    @given(anything)
    def test_anything_at_all(self, read, answer):
        """It is read, or it is odd."""
        try:
            read(answer)
        except Odd:
            pass

    @pytest.mark.parametrize(
        "body",
        [b"", b"<html>", b"[]", b"{}", b'{"access_token": 1}', b"[" * 100_000, b"\xff\xfe{"],
    )
    def test_no_token(self, body):
        """Whatever the token endpoint says."""
        with pytest.raises(Odd, match="token endpoint"):
            answers.read_token(body)

    def test_a_token(self):
        """Some endpoints write the seconds as text, some leave them out."""
        assert answers.read_token(b'{"access_token": "t", "expires_in": "300"}') == ("t", 300)
        assert answers.read_token(b'{"access_token": "t"}') == ("t", 0)
        assert answers.read_token(b'{"access_token": "t", "expires_in": null}') == ("t", 0)

    @pytest.mark.parametrize("wrong", [{}, "", 0, False, {"jobs": []}])
    def test_what_is_empty_is_not_therefore_a_list(self, wrong):
        """Null is; anything else is odd."""
        for read in answers.read_jobs, answers.read_paths, answers.read_files, answers.read_systems:
            with pytest.raises(Odd):
                read(wrong)
        with pytest.raises(Odd):
            answers.read_text([])

    def test_what_is_wrong_is_said(self):
        """Where, what must stand there, and what does, if that is short."""
        wrong = {"jobId": "7", "status": {"exitCode": "0:0"}}
        with pytest.raises(Odd, match=r"status\.exitCode must be a whole number.* not '0:0'"):
            answers.read_jobs([wrong])
        for hidden in ["x" * 100], "x" * 100:
            with pytest.raises(Odd, match=r"user must be an object, not a (list|str)\)$"):
                answers.read_user({"user": hidden})

    @pytest.mark.parametrize(
        "body",
        [b'{"access_token": ["hush"]}', b'["hush"]', b'{"access_token": "hush", "expires_in": {}}'],
    )
    def test_a_token_is_in_no_message(self, body):
        """Nor in what the message came from."""
        with pytest.raises(Odd) as caught:
            answers.read_token(body)
        assert "hush" not in "".join(traceback.format_exception(caught.value))


class TestAbout:
    """What a server tells of itself, in the forms that different versions have."""

    def test_services_that_nobody_watches(self):
        """A server may not tell of them at all."""
        assert answers.read_health([{"name": "a"}, {"name": "b", "servicesHealth": None}]) == {
            "a": [],
            "b": [],
        }
        told = {"serviceType": "scheduler", "healthy": False, "message": "down"}
        (health,) = answers.read_health([{"name": "a", "servicesHealth": [told]}])["a"]
        assert (health.service_type, health.healthy, health.message) == ("scheduler", False, "down")

    @pytest.mark.parametrize(
        ("accounts", "read"), [(None, ()), ([], ()), ([{"name": "a", "default": True}], ("a",))]
    )
    def test_accounts_come_from_26_on(self, accounts, read):
        """Before that, and where there are none, nothing is known of them."""
        told = {"user": {"name": "me", "id": "7"}, "accounts": accounts}
        assert answers.read_identity(told) == ("me", 7, read)
        assert answers.read_identity({"user": {"name": "me"}}) == ("me", None, ())

    @pytest.mark.parametrize(
        ("state", "up"),
        [("UP", True), (["UP"], True), (["UP", "DRAIN"], False), ("INACTIVE", False), ([], True)],
    )
    def test_states_of_a_partition(self, state, up):
        """A word or a list of them; where nothing is told it counts as up."""
        (found,) = answers.read_partitions([{"name": "normal", "partition": state}])
        assert (found.is_up, found.total_nodes) == (up, None)
