"""What answers and exceptions mean, without a network."""

from __future__ import annotations

import time
from email.utils import formatdate

import httpx
import pytest
from firecrest.FirecrestException import UnexpectedStatusException
from hypothesis import given
from hypothesis import strategies as st

from fcx import errors
from fcx.firecrest import answers
from fcx.firecrest.answers import Odd, Passing, StaleToken
from fcx.firecrest.token import refused

OK = httpx.Response(200, json={})
PAGE = httpx.Response(200, html="<html><title>Sign in</title></html>")


def response(status, message="", **headers):
    """An error in FirecREST's form."""
    return httpx.Response(status, json={"errorType": "error", "message": message}, headers=headers)


def meaning(error, answer=OK):
    """Of an exception that came out of pyfirecrest."""
    return answers.failure(error, "look", answer)


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

    def test_sizes_come_as_text(self):
        """As ls writes them."""
        (found,) = answers.read_files([{"name": "a", "size": "12", "linkTarget": "b"}])
        assert (found.name, found.size, found.link_target) == ("a", 12, "b")
        with pytest.raises(Odd, match="size"):
            answers.read_files([{"name": "a", "size": "12K"}])

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
        assert answers.read_token(b'{"access_token": "t", "expires_in": "300"}').expires_in == 300
        assert answers.read_token(b'{"access_token": "t"}').expires_in == 0


class TestRefusals:
    """answers.refusal: an HTTP status, and what its words mean."""

    @pytest.mark.parametrize(
        ("status", "message"),
        [
            (500, "Channel not open for sending"),
            (500, "sbatch: error: Socket timed out on send/recv operation"),
            (503, "The system is unhealthy"),
            (408, "Command execution timeout"),
            (424, "Unable to open a new SSH channel"),
        ],
    )
    def test_what_passes(self, status, message):
        """The server, or what is behind it, is not well."""
        found = answers.refusal(response(status, message), "look")
        assert type(found) is Passing
        assert message in str(found)
        assert found.sent

    @pytest.mark.parametrize(
        ("status", "message"),
        [
            (500, "sbatch: error: Batch job submission failed: Invalid account"),
            (500, "scancel: error: Kill job error on job id 7: Invalid job id specified"),
            (500, "cannot create directory: File exists"),
            (500, "No space left on device"),
            (403, "Permission denied"),
            (404, "Job not found."),
            (404, "System not found"),
            (413, "File too large"),
            (422, "validation"),
        ],
    )
    def test_what_is_worded_as_lasting(self, status, message):
        """Refused, with the words and the status."""
        found = answers.refusal(response(status, message), "look")
        assert type(found) is errors.RequestRefused
        assert found.status == status
        assert message in str(found)
        assert str(found).startswith("Could not look")

    def test_a_path_that_is_not_there(self):
        """By its words."""
        found = answers.refusal(response(404, "ls: No such file or directory"), "look")
        assert type(found) is errors.NoSuchPath

    @pytest.mark.parametrize("status", [200, 201, 302, 400, 403, 404, 500, 502, 503])
    def test_a_page_of_somebody_in_between(self, status):
        """A proxy's, whatever its status: waited out, and shown."""
        found = answers.refusal(httpx.Response(status, html="<h1>Maintenance</h1>"), "look")
        assert type(found) is Odd
        assert "<h1>Maintenance</h1>" in str(found)
        assert str(status) in str(found)

    @pytest.mark.parametrize("body", [[], {}, {"message": 7}, {"detail": "Not Found"}, None, "x"])
    def test_json_of_another_form(self, body):
        """Not FirecREST's either."""
        assert type(answers.refusal(httpx.Response(404, json=body), "look")) is Odd

    def test_a_wrong_status_with_words(self):
        """200 where 201 was promised."""
        assert type(answers.refusal(response(200, "fine"), "look")) is Odd

    def test_a_token_that_is_not_taken(self):
        """Worded or not."""
        assert type(answers.refusal(response(401, "expired"), "look")) is StaleToken
        assert type(answers.refusal(httpx.Response(401, html="no"), "look")) is StaleToken

    def test_a_rate_limit_has_done_nothing(self):
        """And names the time to wait."""
        found = answers.refusal(response(429, "slow down", **{"Retry-After": "7"}), "look")
        assert (type(found), found.after, found.sent) == (Passing, 7.0, False)

    @pytest.mark.parametrize(
        ("headers", "least", "most"),
        [
            ({"Retry-After": "0"}, 0, 0),
            ({"Retry-After": "2.5"}, 2.5, 2.5),
            ({"Retry-After": "-3"}, 0, 0),
            ({"Retry-After": "86400"}, answers.LONGEST_REST, answers.LONGEST_REST),
            ({"Retry-After": "nan"}, answers.NO_DATE, answers.NO_DATE),
            ({"Retry-After": "soon"}, answers.NO_DATE, answers.NO_DATE),
            ({"Retry-After": formatdate(time.time() + 200, usegmt=True)}, 100, 200),
            ({"Retry-After": formatdate(0, usegmt=True)}, 0, 0),
            ({"RateLimit-Reset": "11"}, 11, 11),
            ({}, answers.REST, answers.REST),
        ],
    )
    def test_how_long_to_wait(self, headers, least, most):
        """A number, a date, or neither."""
        assert least <= answers.retry_after(httpx.Response(429, headers=headers)) <= most


class TestExceptions:
    """answers.failure: whose fault it is."""

    @pytest.mark.parametrize(
        "error",
        [ValueError("json"), KeyError("jobs"), TypeError("indices"), RecursionError("deep")],
    )
    def test_by_whether_an_answer_had_come(self, error):
        """Then pyfirecrest stumbled over it; before, we asked for something that cannot be."""
        found = meaning(error, PAGE)
        assert type(found) is Odd
        assert "Sign in" in str(found)
        assert meaning(error, None) is error

    @pytest.mark.parametrize("answer", [OK, None])
    def test_what_nobody_foresaw_stays(self, answer):
        """It is ours."""
        error = ZeroDivisionError()
        assert meaning(error, answer) is error

    @pytest.mark.parametrize(
        ("error", "sent"),
        [
            (httpx.ConnectError("refused"), False),
            (httpx.ConnectTimeout(""), False),
            (httpx.PoolTimeout(""), False),
            (httpx.ReadError(""), True),
            (httpx.ReadTimeout(""), True),
            (httpx.RemoteProtocolError("incomplete chunked read"), True),
        ],
    )
    def test_connections(self, error, sent):
        """They pass; whether the request was sent is known."""
        found = meaning(error, None)
        assert (type(found), found.sent) == (Passing, sent)
        assert type(error).__name__ in str(found)

    def test_a_body_that_cannot_be_unpacked(self):
        """An answer that makes no sense."""
        assert type(meaning(httpx.DecodingError("bad gzip"), None)) is Odd

    @pytest.mark.parametrize("error", [httpx.InvalidURL("port"), httpx.UnsupportedProtocol("x")])
    def test_an_address_that_is_none(self, error):
        """No use in waiting."""
        assert type(meaning(error, None)) is errors.ConfigError

    def test_of_a_status(self):
        """pyfirecrest's own exception has the answer with it."""
        error = UnexpectedStatusException([response(404, "Job not found.")], 200)
        assert type(meaning(error)) is errors.RequestRefused

    def test_a_file_that_is_not_there(self):
        """What pyfirecrest's download says of a 404; without an answer it is a file of ours."""
        assert type(meaning(FileNotFoundError("x"))) is errors.NoSuchPath
        ours = FileNotFoundError("scratch")
        assert meaning(ours, None) is ours

    @pytest.mark.parametrize("error", [errors.CredentialsRefused("x"), Odd("x"), StaleToken("x")])
    def test_ours_pass_through(self, error):
        """From the token."""
        assert meaning(error, None) is error


class TestTokenEndpoint:
    """token.refused: an answer without a token."""

    @pytest.mark.parametrize("status", [400, 401, 403])
    def test_a_refusal(self, status):
        """With the names of what to look at, and nothing of what was sent."""
        found = refused(httpx.Response(status, json={"error": "invalid_client"}), "http://t")
        assert type(found) is errors.CredentialsRefused
        assert "FIRECREST_CLIENT_SECRET" in str(found)
        assert "http://t" in str(found)

    @pytest.mark.parametrize(("status", "kind"), [(500, Passing), (429, Passing), (404, Odd)])
    def test_anything_else_passes(self, status, kind):
        """Nothing was sent to the API."""
        found = refused(httpx.Response(status, headers={"Retry-After": "3"}), "http://t")
        assert (type(found), found.sent) == (kind, False)
        assert found.after == (0.0 if kind is Odd else 3.0)
