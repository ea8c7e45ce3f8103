"""What statuses and exceptions mean, without a network."""

from __future__ import annotations

import time
from email.utils import formatdate

import httpx
import pytest
from firecrest.FirecrestException import UnexpectedStatusException

from fcx import errors
from fcx.firecrest import failures
from fcx.firecrest.failures import Odd, Passing, StaleToken
from fcx.firecrest.token import refused

OK = httpx.Response(200, json={})
PAGE = httpx.Response(200, html="<html><title>Sign in</title></html>")


def response(status, message="", **headers):
    """An error in FirecREST's form."""
    return httpx.Response(status, json={"errorType": "error", "message": message}, headers=headers)


def meaning(error, answer=OK):
    """Of an exception that came out of pyfirecrest."""
    return failures.failure(error, "look", answer)


class TestRefusals:
    """failures.refusal: an HTTP status, and what its words mean."""

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
        found = failures.refusal(response(status, message), "look")
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
            (400, "The path (/opt/x) does not match any of the defined filesystem paths for alps."),
            (400, "The provided path (x) is not an absolute path."),
        ],
    )
    def test_what_is_worded_as_lasting(self, status, message):
        """Refused, with the words and the status."""
        found = failures.refusal(response(status, message), "look")
        assert type(found) is errors.RequestRefused
        assert found.status == status
        assert message in str(found)
        assert str(found).startswith("Could not look")

    @pytest.mark.parametrize("message", ["No space left on device", "Disk quota exceeded"])
    def test_a_full_disk_has_a_remedy(self, message):
        """One that is known, whatever was to be written."""
        told = str(failures.refusal(response(500, f"base64: write error: {message}"), "write /w/f"))
        assert f"Could not write /w/f: base64: write error: {message} (HTTP 500). Remove " in told
        assert "`fcx runs clean`" in told
        assert "name another working_dir" in told

    def test_a_path_that_is_not_there(self):
        """By its words."""
        found = failures.refusal(response(404, "ls: No such file or directory"), "look")
        assert type(found) is errors.NoSuchPath

    @pytest.mark.parametrize("status", [200, 201, 302, 400, 403, 404, 500, 502, 503])
    def test_a_page_of_somebody_in_between(self, status):
        """A proxy's, whatever its status: waited out, and shown."""
        found = failures.refusal(httpx.Response(status, html="<h1>Maintenance</h1>"), "look")
        assert type(found) is Odd
        assert "<h1>Maintenance</h1>" in str(found)
        assert str(status) in str(found)

    @pytest.mark.parametrize("body", [[], {}, {"message": 7}, {"detail": "Not Found"}, None, "x"])
    def test_json_of_another_form(self, body):
        """Not FirecREST's either."""
        assert type(failures.refusal(httpx.Response(404, json=body), "look")) is Odd

    def test_a_page_that_names_the_time_to_wait(self):
        """A maintenance page, usually."""
        page = httpx.Response(503, html="<h1>Maintenance</h1>", headers={"Retry-After": "9"})
        assert failures.refusal(page, "look").after == 9

    def test_json_is_not_shown(self):
        """There may be a script in it, and a key in that."""
        half = httpx.Response(200, json=[{"script": "key"}])
        assert "key" not in str(failures.refusal(half, "look"))
        assert "key" not in str(meaning(ValueError("cut"), half))

    def test_a_wrong_status_with_words(self):
        """200 where 201 was promised."""
        assert type(failures.refusal(response(200, "fine"), "look")) is Odd

    def test_a_token_that_is_not_taken(self):
        """Worded or not."""
        assert type(failures.refusal(response(401, "expired"), "look")) is StaleToken
        assert type(failures.refusal(httpx.Response(401, html="no"), "look")) is StaleToken

    def test_a_rate_limit_has_done_nothing(self):
        """And names the time to wait."""
        found = failures.refusal(response(429, "slow down", **{"Retry-After": "7"}), "look")
        assert (type(found), found.after, found.sent) == (Passing, 7.0, False)

    @pytest.mark.parametrize(
        ("headers", "least", "most"),
        [
            ({"Retry-After": "0"}, 0, 0),
            ({"Retry-After": "2.5"}, 2.5, 2.5),
            ({"Retry-After": "-3"}, 0, 0),
            ({"Retry-After": "86400"}, failures.LONGEST_REST, failures.LONGEST_REST),
            ({"Retry-After": "nan"}, failures.NO_DATE, failures.NO_DATE),
            ({"Retry-After": "soon"}, failures.NO_DATE, failures.NO_DATE),
            ({"Retry-After": formatdate(0, usegmt=True)}, 0, 0),
            ({"RateLimit-Reset": "11"}, 11, 11),
            ({}, failures.REST, failures.REST),
        ],
    )
    def test_how_long_to_wait(self, headers, least, most):
        """A number, a date, or neither."""
        assert least <= failures.retry_after(httpx.Response(429, headers=headers)) <= most

    @pytest.mark.parametrize("date", ["Wed, 21 Oct 99999999999 07:28:00 GMT", "1e999", "nan"])
    def test_a_wait_that_cannot_be(self, date):
        """A date that no clock has: as good as none."""
        found = failures.retry_after(httpx.Response(429, headers={"Retry-After": date}))
        assert 0 < found <= failures.LONGEST_REST

    def test_when_the_wait_ends(self):
        """A date counts from now, up to the longest rest."""
        for ahead, most in ((200, 200), (86_400, failures.LONGEST_REST)):
            date = formatdate(time.time() + ahead, usegmt=True)
            found = failures.retry_after(httpx.Response(429, headers={"Retry-After": date}))
            assert 0 < found <= most


class TestExceptions:
    """failures.failure: whose fault it is."""

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
        name, _, reason = str(found).partition(": ")
        assert name == type(error).__name__
        assert reason

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

    @pytest.mark.parametrize("status", [400, 401, 403, 404])
    def test_a_refusal(self, status):
        """With the names of what to look at, and nothing of what was sent."""
        found = refused(httpx.Response(status, json={"error": "invalid_client"}), "http://t")
        assert type(found) is errors.CredentialsRefused
        assert "FIRECREST_CLIENT_SECRET" in str(found)
        assert "http://t" in str(found)

    @pytest.mark.parametrize(
        ("status", "kind"), [(500, Passing), (429, Passing), (400, Odd), (403, Odd), (404, Odd)]
    )
    def test_anything_else_passes(self, status, kind):
        """Nothing was sent to the API."""
        answer = httpx.Response(status, html="<h1>no</h1>", headers={"Retry-After": "3"})
        found = refused(answer, "http://t")
        assert (type(found), found.sent) == (kind, False)
        assert found.after == (0.0 if kind is Odd else 3.0)


class TestSomewhereElse:
    """What answers there is no API, and no token endpoint."""

    @pytest.mark.parametrize(
        ("goal", "shown"),
        [
            ("https://t/token?state=secret", ", which leads to https://t/token)"),
            ("https://ada:secret@t/v2#secret", ", which leads to https://t/v2)"),
            ("/elsewhere", "''"),
            ("http://[", "''"),
            (None, "''"),
        ],
    )
    def test_a_redirection_is_told_and_not_followed(self, goal, shown):
        """By where it leads, without what may be secret there: http for https, a slash too many."""
        headers = {"Content-Type": "text/html", **({"Location": goal} if goal else {})}
        answer = httpx.Response(308, headers=headers)
        found = failures.refusal(answer, "look", "http://t")
        assert "FIRECREST_URL seems to be wrong: at http://t " in str(found.meaning)
        assert shown in str(found)
        token = refused(answer, "http://t")
        assert "AUTH_TOKEN_URL seems to be wrong" in str(token.meaning)
        assert "secret" not in f"{found}{found.meaning}{token}{token.meaning}"

    def test_a_page_to_log_in_at(self):
        """It has a status of 200."""
        found = failures.failure(ValueError("no JSON"), "look", PAGE, "http://t")
        assert "FIRECREST_URL seems to be wrong: at http://t " in str(found.meaning)
        assert "Sign in" in str(found.meaning)
        assert "AUTH_TOKEN_URL seems to be wrong" in str(refused(PAGE, "http://t").meaning)

    @pytest.mark.parametrize("status", [403, 503])
    def test_a_page_of_what_is_out_of_order_says_nothing_of_the_address(self, status):
        """It may pass."""
        answer = httpx.Response(status, html="<h1>Maintenance</h1>")
        assert failures.refusal(answer, "look", "http://t").meaning is None

    def test_a_server_without_tls(self):
        """https for http: no certificate is to blame."""
        error = httpx.ConnectError("[SSL: WRONG_VERSION_NUMBER] wrong version number")
        found = failures.transport(error, "AUTH_TOKEN_URL", "https://t")
        assert "begin AUTH_TOKEN_URL with http://" in str(found.meaning)
        assert "CERT" not in str(found.meaning)
        assert not found.restarts
