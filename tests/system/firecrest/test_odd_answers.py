"""Answers that are not FirecREST's, over real HTTP: waited out, told apart from faults of ours."""

from __future__ import annotations

import asyncio
import gzip
import logging
import random
from collections.abc import Callable

import pytest
from executors.deadline import WAIT
from odd_server import Say

from fcx import errors
from fcx.config import Credentials
from fcx.firecrest.client import Client
from fcx.firecrest.loop import AT_ONCE, LoopThread
from fcx.firecrest.retries import SURE

PAGE = Say(b"<html><title>Sign in</title></html>")
DEEP = Say(b'{"jobs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")
CUT = Say(b'{"jobs": [{"jobId": "7", "na', headers={"Content-Type": "application/json"}, length=900)
CUT_UNSEEN = Say(b'{"jobs": [{"jobId": "7", "na', length=-1)
BAD_GZIP = Say(gzip.compress(b"{}")[:-6] + b"??????", headers={"Content-Encoding": "gzip"})
ODD = {
    "a page": PAGE,
    "a page with an error": Say(b"<h1>Bad gateway</h1>", 502),
    "a page that is not found": Say(b"<h1>default backend - 404</h1>", 404),
    "a page that is forbidden": Say(b"<h1>blocked</h1>", 403),
    "a way elsewhere": Say(status=302, headers={"Location": "/login"}),
    "nothing at all": Say(),
    "a list": Say.json([1, 2]),
    "a number": Say.json(7),
    "another object": Say.json({"detail": "Not Found"}),
    "bad UTF-8": Say(b'{"jobs": "\xff\xfe'),
    "deep nesting": DEEP,
    "half a body": CUT,
    "half a body without a length": CUT_UNSEEN,
    "a body that cannot be unpacked": BAD_GZIP,
    "a number of 9,999 digits": Say(b'{"jobs": [{"jobId": ' + b"9" * 9999 + b"}]}"),
    "a refusal in words of its own": Say.error(403, "Forbidden"),
    "a request that is said to be bad": Say.error(400, "Bad request"),
    "a path that is said not to be": Say.error(404, "Not Found"),
    "a gateway's refusal": Say.json({"message": "no Route matched"}, 403),
    "a token that is not taken": Say.error(401, "Access token expired"),
    "a page about a token": Say(b"<h1>Sign in</h1>", 401),
    "a teapot": Say(b"", 418),
}
HUGE = Say.json({"output": [{"name": "f", "size": 10**400}]})
NO_NUMBER = Say(b'{"jobs": [{"jobId": NaN}], "output": [{"name": "f", "size": Infinity}]}')
TWICE = Say(b'{"jobs": [], "jobs": 7, "output": [], "output": 7}')
TOO_LONG = Say.error(408, "Command execution timeout")
JOB = {"jobId": "7", "name": "n", "status": {"state": "RUNNING", "exitCode": 0}}
FILE = {"name": "f", "size": "3", "type": "-", "linkTarget": None}
STAT = {"mode": 33188, "uid": 1, "gid": 2, "size": 3}
CALLS = {
    "submit": (lambda c: c.jobs.submit("/w", "#!/bin/sh"), Say.json({"jobId": "7"}, 201)),
    "listing": (lambda c: c.jobs.listing(), Say.json({"jobs": [JOB]})),
    "ask": (lambda c: c.jobs.ask("7"), Say.json({"jobs": [JOB]})),
    "output_paths": (lambda c: c.jobs.output_paths("7"), Say.json({"jobs": [{}]})),
    "cancel": (lambda c: c.jobs.cancel("7"), Say(status=204)),
    "user": (lambda c: c.user(), Say.json({"user": {"name": "ada"}})),
    "systems": (lambda c: c.systems(), Say.json({"systems": [{"name": "daint"}]})),
    "list": (lambda c: c.files.list("/w"), Say.json({"output": [FILE]})),
    "read_from": (lambda c: c.files.read_from("/f", 2), Say.json({"output": {"content": "x"}})),
    "read_end": (lambda c: c.files.read_end("/f", 2), Say.json({"output": {"content": "x"}})),
    "stat": (lambda c: c.files.stat("/f"), Say.json({"output": STAT})),
    "write": (lambda c: c.files.write("/w", "f", b"x"), Say(status=204)),
    "make_folder": (lambda c: c.files.make_folder("/w/d"), Say.json({"output": FILE}, 201)),
    "set_mode": (lambda c: c.files.set_mode("/f", "700"), Say.json({"output": FILE})),
    "remove": (lambda c: c.files.remove("/f"), Say(status=204)),
}


@pytest.fixture
def call(server):
    """Ask one thing of a client of its own; it is closed afterwards."""

    def ask(what: Callable, patience: float = 30.0, env: dict | None = None):
        async def do():
            credentials = Credentials.from_env(env or server.env)
            client = Client(credentials, patience, logging.getLogger("fcx"), random.Random(1))
            try:
                return await what(client)
            finally:
                await client.close()

        return LoopThread.shared().run(do(), WAIT)

    return ask


class TestOddAnswers:
    """Each kind of odd answer to each kind of request."""

    @pytest.mark.parametrize("name", CALLS)
    def test_is_waited_out(self, server, call, name):
        """One of them, then a good one: the request is repeated, and its answer comes."""
        ask, good = CALLS[name]

        async def through_all(client):
            for odd, answer in ODD.items():
                server.say(answer, good)
                await ask(client)
                assert len(server.asked) == 2, odd
                assert len(set(server.asked)) == 1, odd

        call(through_all)

    @pytest.mark.parametrize(
        ("name", "odd"),
        [
            ("list", Say.json({"output": None})),
            ("list", HUGE),
            ("list", NO_NUMBER),
            ("list", TWICE),
            ("listing", NO_NUMBER),
            ("listing", TWICE),
            ("listing", Say.json({"jobs": [{"jobId": ""}]})),
            ("listing", Say.json({"jobs": [{"jobId": 1, "status": {"exitCode": 2**80}}]})),
            ("submit", Say.json({"jobId": ""}, 201)),
            ("submit", Say.json({"jobId": "7"}, 200)),
            ("submit", TOO_LONG),
            ("write", TOO_LONG),
        ],
    )
    def test_of_one_kind_is_waited_out_too(self, server, call, name, odd):
        """What is odd only where it was asked for."""
        ask, good = CALLS[name]
        server.say(odd, good)
        call(ask)
        assert len(server.asked) == 2

    def test_what_may_have_made_a_job_is_known(self, server, call):
        """A submit after it is said to be one more, whatever the odd answer was."""
        ask, good = CALLS["submit"]
        for odd in TOO_LONG, PAGE, CUT, CUT_UNSEEN, BAD_GZIP, Say.error(500, "down"), Say(b"", 201):
            server.say(odd, good)
            assert call(ask).repeated

    def test_half_a_character_is_none(self, server, call):
        """JSON can say it; it can be written and recorded all the same."""
        server.say(Say.json({"output": [{**FILE, "name": "a\ud800"}]}))
        assert list(call(lambda c: c.files.list("/w"))) == ["a?"]
        server.say(Say.json({"jobs": [{**JOB, "name": "n\ud800"}]}))
        assert call(lambda c: c.jobs.ask("7")).name == "n?"

    @pytest.mark.parametrize("odd", ODD)
    def test_is_said_when_it_stays(self, server, call, odd):
        """As ours, with what came instead, within the patience that was given."""
        server.say(ODD[odd])
        with pytest.raises(errors.Unreachable, match="Could not list the jobs") as caught:
            call(lambda c: c.jobs.listing(), patience=0.1)
        assert server.url in str(caught.value)

    @pytest.mark.parametrize(
        "status",
        [
            {"state": "FAILED", "exitCode": "0:0"},
            {"state": {"current": "RUNNING"}},
            {"state": ["RUNNING"], "interruptSignal": {"id": 9}},
            "RUNNING",
        ],
    )
    def test_a_job_of_another_shape(self, server, call, status):
        """It hides no other job; asked for by itself it is waited out."""
        odd = {**JOB, "jobId": "8", "status": status}
        server.say(Say.json({"jobs": [odd, JOB]}))
        assert [state.job for state in call(lambda c: c.jobs.listing()).jobs] == ["7"]
        server.say(Say.json({"jobs": [odd]}), Say.json({"jobs": [JOB]}))
        assert call(lambda c: c.jobs.ask("8")).state == "RUNNING"
        assert len(server.asked) == 2

    def test_what_it_was_is_logged(self, server, call, caplog):
        """Whoever waits can see that a page came, and which."""
        server.say(PAGE, Say.json({"jobs": []}))
        with caplog.at_level(logging.WARNING, "fcx"):
            call(lambda c: c.jobs.listing())
        (message,) = caplog.messages
        assert "Could not list the jobs" in message
        assert "Sign in" in message

    def test_download_in_two_requests(self, server, call):
        """A page in the place of the first, then of the second: whole in the end."""
        stat, data = Say.json({"output": STAT}), Say(b"abc")
        server.say(PAGE, stat, Say(b"<h1>bad</h1>", 502), stat, data)
        assert call(lambda c: c.files.download("/f")) == b"abc"
        assert len(server.asked) == 5
        server.say(Say(b"<h1>default backend - 404</h1>", 404), stat, data)
        assert call(lambda c: c.files.download("/f")) == b"abc"
        server.say(stat, PAGE, data)
        assert call(lambda c: c.files.download("/f")) == b"abc"
        server.say(Say.error(404, "stat: cannot statx '/f': No such file or directory"))
        with pytest.raises(errors.NoSuchPath, match="download /f"):
            call(lambda c: c.files.download("/f"))


class TestFaultsOfOurs:
    """What we ask wrongly is no outage: it comes out as it is, and at once."""

    @pytest.mark.parametrize(
        "wrong",
        [
            lambda c: c.jobs.submit("/w", b"bytes"),
            lambda c: c.files.make_folder(object()),
            lambda c: c.files.read_from("/f", "two"),
            lambda c: c.files.write("/w", "f", "text"),
        ],
    )
    def test_is_not_sent(self, server, call, wrong):
        """And is not tried again."""
        server.say(PAGE)
        with pytest.raises(TypeError):
            call(wrong)
        assert server.asked == []

    def test_an_address_that_is_none(self, server, call):
        """Said at once, with the variables to look at."""
        for name in "FIRECREST_URL", "AUTH_TOKEN_URL":
            with pytest.raises(errors.ConfigError, match="FIRECREST_URL"):
                call(lambda c: c.user(), env={**server.env, name: "api.example.org/firecrest"})


class TestTokens:
    """The token endpoint is a server like any other."""

    @pytest.mark.parametrize("odd", [odd for odd in ODD if ODD[odd].status != 403])
    def test_an_odd_answer_is_waited_out(self, server, call, odd):
        """Unless it is a refusal."""
        server.tokens.appendleft(ODD[odd])
        server.say(Say.json({"jobs": [JOB]}))
        assert len(call(lambda c: c.jobs.listing()).jobs) == 1
        assert len(server.token_requests) == 2
        assert len(server.asked) == 1

    def test_a_submit_behind_it_is_in_no_doubt(self, server, call):
        """It was never sent."""
        server.tokens.appendleft(PAGE)
        server.say(Say.json({"jobId": "7"}, 201))
        assert not call(lambda c: c.jobs.submit("/w", "#!/bin/sh")).repeated

    def test_a_refusal_is_final(self, server, call):
        """With the names of what to look at, and no secret."""
        server.tokens.appendleft(Say.json({"error": "invalid_client"}, 401))
        server.say(PAGE)
        with pytest.raises(errors.CredentialsRefused, match="FIRECREST_CLIENT_SECRET") as caught:
            call(lambda c: c.user())
        assert server.env["FIRECREST_CLIENT_SECRET"] not in str(caught.value)
        assert server.asked == []

    def test_one_token_for_many_requests(self, server, call):
        """Until it is about to end."""
        server.say(Say.json({"jobs": []}))

        async def three(client):
            for _ in range(3):
                await client.jobs.listing()

        call(three)
        assert len(server.token_requests) == 1
        server.tokens.appendleft(Say.json({"access_token": "short", "expires_in": 30}))
        server.tokens.appendleft(Say.json({"access_token": "short", "expires_in": "30"}))
        server.token_requests.clear()
        call(three)
        assert len(server.token_requests) == 3
        for untold in ({}, {"expires_in": None}, {"expires_in": 0}, {"expires_in": -1}):
            server.tokens.appendleft(Say.json({"access_token": "untold", **untold}))
            server.token_requests.clear()
            call(three)
            assert len(server.token_requests) == 1

    @pytest.mark.slow
    def test_a_token_that_is_not_taken_is_replaced(self, server, call):
        """Again and again; then the account is told to be refused."""
        server.say(Say.error(401, "expired"), Say.json({"jobs": []}))
        call(lambda c: c.jobs.listing())
        assert len(server.token_requests) == 2
        server.say(Say.error(401, "expired"))
        with pytest.raises(errors.CredentialsRefused, match="expired"):
            call(lambda c: c.jobs.listing())
        assert len(server.asked) == 1 + SURE
        server.say(*[Say.error(401, "expired")] * 3, Say.json({"jobs": []}))
        call(lambda c: c.jobs.listing())

    def test_netrc_is_not_read(self, server, call, tmp_path, monkeypatch):
        """It may name somebody else, for every host."""
        netrc = tmp_path / ".netrc"
        netrc.write_text("default login eve password evil\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("HOME", str(tmp_path))
        server.say(Say.json({"jobs": []}))
        call(lambda c: c.jobs.listing())
        assert "Authorization" not in server.token_requests[0]


class TestWhatIsSaid:
    """Errors and answers that are FirecREST's own."""

    def test_sbatch_is_quoted(self, server, call):
        """Its own words, once, and what to look at."""
        words = "sbatch: error: Batch job submission failed: Invalid account"
        server.say(Say.error(500, f"Remote process failed with exit status:1: {words}"))
        with pytest.raises(
            errors.JobRefused, match="Slurm refused the job: sbatch: error"
        ) as caught:
            call(lambda c: c.jobs.submit("/w", "#!/bin/sh"))
        assert "FIRECREST_ACCOUNT" in str(caught.value)
        assert [each for each in server.asked if each.startswith("POST")] == [server.asked[0]]

    @pytest.mark.parametrize(
        "words",
        [
            "scancel: error: Kill job error on job id 7: Invalid job id specified",
            "Job/step already completing or completed",
            "Job not found.",
        ],
    )
    def test_a_cancel_that_came_too_late_is_done(self, server, call, words):
        """The job does not run: that is what was wanted."""
        server.say(Say.error(404 if "found" in words else 500, words))
        assert call(lambda c: c.jobs.cancel("7")) is None

    def test_a_cancel_that_is_refused_is_not(self, server, call):
        """It is said, for this job alone."""
        server.say(Say.error(403, "Access denied"), Say(status=204))

        async def two(client):
            with pytest.raises(errors.RequestRefused, match="Access denied"):
                await client.jobs.cancel("7")
            await client.jobs.cancel("8")

        call(two)
        assert [path[-1] for path in server.asked] == ["7", "8"]

    def test_rate_limits_are_waited_out(self, server, call):
        """And a submit that met one has not been carried out."""
        limit = Say.error(429, "slow down", **{"Retry-After": "0"})
        server.say(limit, Say.json({"jobId": "7"}, 201))
        assert not call(lambda c: c.jobs.submit("/w", "#!/bin/sh")).repeated
        server.say(Say.error(502, "down"), Say.json({"jobId": "7"}, 201))
        assert call(lambda c: c.jobs.submit("/w", "#!/bin/sh")).repeated

    def test_a_wait_that_is_longer_than_patience_is_not_begun(self, server, call):
        """Said at once instead."""
        server.say(Say.error(429, "slow down", **{"Retry-After": "120"}))
        with pytest.raises(errors.Unreachable, match="slow down"):
            call(lambda c: c.user(), patience=20.0)
        assert len(server.asked) == 1


class TestHowMany:
    """At most four requests under way, whoever asks: behind the server stands an sshd."""

    def test_two_clients_share_the_places(self, server):
        """Sixteen requests at once, four by four."""
        server.say(Say(b'{"jobs": []}', delay=0.1))
        server.peak = 0

        async def do():
            clients = [Client(Credentials.from_env(server.env)) for _ in range(2)]
            try:
                return await asyncio.gather(*(c.jobs.listing() for c in clients * 8))
            finally:
                for client in clients:
                    await client.close()

        assert len(LoopThread.shared().run(do(), WAIT)) == 16
        assert server.peak == AT_ONCE
