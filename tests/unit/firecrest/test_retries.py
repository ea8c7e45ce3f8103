"""What passes is repeated, for as long as patience allows; what does not is not. In virtual time."""

from __future__ import annotations

import asyncio
import logging
import math
import random

import pytest
import virtual_time
from hypothesis import given
from hypothesis import strategies as st

from fcx.errors import ConfigError, CredentialsRefused, NoSuchPath, RequestRefused, Unreachable
from fcx.firecrest.answers import read_systems
from fcx.firecrest.circuit import COMPLAINTS, LONGEST_PAUSE, OPENS, REMINDERS
from fcx.firecrest.connection import Came
from fcx.firecrest.failures import Odd, Passing, StaleToken
from fcx.firecrest.retries import (
    FIRST_CONTACT,
    LAST_PATIENCE,
    RESTART,
    SURE,
    Attempts,
    Requests,
    pause,
)

LOG = logging.getLogger("fcx.test")


class Script:
    """A line to nowhere: each attempt comes to the next of ``ends``, the last one for ever."""

    url = "http://nowhere"

    def __init__(self, *ends):
        self.ends = list(ends)
        self.times = []
        self.forgotten = 0

    async def once(self, what, ask, *, large=False):
        """The next end."""
        self.times.append(asyncio.get_running_loop().time())
        end = self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]
        if isinstance(end, Exception):
            raise end
        return Came(end, 0.25)

    def forget_token(self):
        """Count."""
        self.forgotten += 1


def requests(line, patience=900.0, seed=0):
    """Requests on a line."""
    return Requests(line, patience, LOG, random.Random(seed))


async def nothing(api):
    """No request."""


def as_it_is(answer):
    """No reading."""
    return answer


def ask(made, read=as_it_is):
    """One request, whole."""
    return made.answer("look", nothing, read)


def spent(line, made, error=Unreachable):
    """Virtual seconds until a request was given up, and with what."""

    async def do():
        with pytest.raises(error) as caught:
            await ask(made)
        return asyncio.get_running_loop().time(), str(caught.value)

    return virtual_time.run(do)


class TestPause:
    """pause()."""

    @given(st.integers(0, 10_000), st.integers(1, 100))
    def test_the_first_repeat_is_at_once_and_later_ones_are_spread(self, seed, failures):
        """A connection that was closed needs no rest; an outage does, and not all at one time."""
        rng = random.Random(seed)
        assert pause(1, 0.0, rng) == 0.0
        whole = min(LONGEST_PAUSE, 0.5 * 2 ** min(failures - 1, 10))
        assert 0.5 * whole <= pause(failures + 1, 0.0, rng) <= 1.5 * whole

    @given(st.integers(0, 10_000), st.floats(0.1, 300), st.integers(1, 20))
    def test_at_least_as_long_as_the_server_asks(self, seed, after, failures):
        """And not much longer, unless the doubling has come to more."""
        found = pause(failures, after, random.Random(seed))
        assert after <= found <= max(1.25 * after, 1.5 * LONGEST_PAUSE)

    def test_one_seed_gives_one_series(self):
        """Two clients with seeds of their own come at times of their own."""
        series = [
            [pause(n, 0.0, rng) for n in range(2, 9)] for rng in map(random.Random, (1, 1, 2))
        ]
        assert series[0] == series[1] != series[2]


class TestRepeating:
    """Requests.answer: what is repeated, and how long."""

    def test_what_passes_is_repeated_until_it_has_passed(self):
        """At once the first time, then later and later."""
        line = Script(*[Passing("down")] * 5, "well")
        answer = virtual_time.run(lambda: ask(requests(line)))
        assert (answer.value, answer.seconds, len(line.times)) == ("well", 0.25, 6)
        waits = [b - a for a, b in zip(line.times, line.times[1:], strict=False)]
        assert waits[0] == 0
        assert 0.25 <= waits[1] <= 0.75
        assert 2.0 <= waits[4] <= 6.0

    def test_it_ends_when_patience_does(self):
        """With what failed, where, how long, and what to do."""
        line = Script("well", Passing("HTTP 502"))
        made = requests(line, patience=200.0)
        virtual_time.run(lambda: ask(made))
        seconds, told = spent(line, made)
        assert 150 <= seconds <= 200
        assert "Could not look at http://nowhere: HTTP 502" in told
        assert "status page" in told

    def test_a_server_that_never_answered_is_given_up_earlier(self):
        """The address may be wrong, and the message says so."""
        made = requests(Script(Passing("down")))
        seconds, told = spent(made, made)
        assert seconds <= FIRST_CONTACT
        assert not made.reached
        assert "FIRECREST_URL" in told

    def test_what_is_refused_is_not_repeated(self):
        """It would be refused again."""
        line = Script(NoSuchPath("not there", 404))
        spent(line, requests(line), NoSuchPath)
        assert len(line.times) == 1

    @pytest.mark.parametrize("error", [TypeError, KeyError, ValueError, AttributeError])
    def test_a_fault_of_ours_is_no_outage(self, error):
        """It comes out at once, as it is; in the request, or in what reads the answer."""
        line = Script(error("ours"))
        spent(line, requests(line), error)
        assert len(line.times) == 1

        def read(answer):
            raise error("ours")

        line = Script("fine")
        with pytest.raises(error):
            virtual_time.run(lambda: ask(requests(line), read))
        assert len(line.times) == 1

    def test_an_answer_that_makes_no_sense_passes(self):
        """What reads it says so; the next one is asked for."""
        line = Script({"a": "list"}, [{"nome": "x"}], [{"name": "daint"}])
        answer = virtual_time.run(lambda: ask(requests(line), read_systems))
        assert answer.value == ["daint"]
        assert len(line.times) == 3

    def test_only_answers_count_as_reached(self):
        """Not a proxy's page."""
        made = requests(Script(Odd("a page")), patience=5.0)
        spent(made, made)
        assert not made.reached
        made = requests(Script("well"))
        virtual_time.run(lambda: ask(made))
        assert made.reached

    def test_a_wait_that_is_asked_for_goes_along(self):
        """Whoever repeats it later is not to come sooner."""
        line = Script(Passing("slow down", after=120.0))

        async def do():
            with pytest.raises(Unreachable) as caught:
                await ask(requests(line, patience=15.0))
            return caught.value.after

        assert virtual_time.run(do) == 120.0
        assert len(line.times) == 1


class TestDoubt:
    """Answer.doubtful: whether an earlier attempt may have been carried out."""

    @pytest.mark.parametrize(
        ("ends", "doubtful"),
        [
            (["well"], False),
            ([Passing("lost"), "well"], True),
            ([Passing("no connection", sent=False), "well"], False),
            ([Passing("lost"), Passing("no connection", sent=False), "well"], True),
            ([StaleToken("old"), "well"], False),
        ],
    )
    def test_only_what_was_sent(self, ends, doubtful):
        """A 429, or a connection that was refused, has done nothing."""
        assert virtual_time.run(lambda: ask(requests(Script(*ends)))).doubtful is doubtful


class TestTokens:
    """A token that the API does not take."""

    def test_a_new_one_is_tried_once(self):
        """It may have been revoked."""
        line = Script(StaleToken("old"), "well")
        assert virtual_time.run(lambda: ask(requests(line))).value == "well"
        assert line.forgotten == 1

    def test_what_is_not_taken_again_and_again_is_refused(self):
        """At first: then it is the account that is not accepted."""
        line = Script(StaleToken("HTTP 401"))
        seconds, told = spent(line, requests(line), CredentialsRefused)
        assert "HTTP 401" in told
        assert len(line.times) == 1 + SURE
        assert line.forgotten == 1 + SURE
        assert seconds < 5

    def test_two_in_a_row_are_no_answer(self):
        """The keys of the token endpoint may just be changing."""
        line = Script(StaleToken("old"), StaleToken("old"), StaleToken("old"), "well")
        answer = virtual_time.run(lambda: ask(requests(line)))
        assert (answer.value, answer.doubtful) == ("well", False)

    def test_later_they_pass(self):
        """Who was let in once is let in again, within patience."""
        line = Script("well", *[StaleToken("old")] * 20, "well")
        made = requests(line)
        virtual_time.run(lambda: ask(made))
        assert virtual_time.run(lambda: ask(made)).value == "well"


class TestMeaning:
    """Passing.meaning: what comes again and again is taken at its word."""

    @pytest.mark.parametrize("kind", [ConfigError, RequestRefused])
    def test_what_comes_several_times_running(self, kind):
        """It is what it seems to be, within seconds."""
        line = Script(Passing("404", meaning=kind("the address is wrong")))
        seconds, told = spent(line, requests(line), kind)
        assert told == "the address is wrong"
        assert len(line.times) == SURE
        assert seconds < 5

    @pytest.mark.parametrize("seed", range(20))
    def test_what_a_gateway_says_while_it_restarts(self, seed):
        """It must come for longer than that takes, and is said at the end of that time."""
        meant = Passing("404", meaning=ConfigError("the address is wrong"), restarts=True)
        line = Script(meant)
        seconds, told = spent(line, requests(line, patience=15.0, seed=seed), ConfigError)
        assert told == "the address is wrong"
        assert RESTART <= seconds < RESTART + 1
        assert len(line.times) <= 2 * SURE

    def test_a_gateway_that_has_restarted_in_between_is_none_that_is_wrong(self):
        """Its seconds are counted from the last failure that meant something else."""
        meant = Passing("404", meaning=ConfigError("no"), restarts=True)
        so_far = Attempts(0.0)
        for now in range(10):
            assert so_far.count(meant, float(now)) > 0
        so_far.count(Passing("503"), 10.0)
        assert so_far.count(meant, 11.0) == math.inf
        assert [so_far.count(meant, now) for now in (12.0, 13.0, 20.0, 23.0)] == [
            math.inf,
            math.inf,
            RESTART - 9,
            0.0,
        ]

    def test_a_gateway_that_asks_to_be_left_alone_is(self):
        """Whatever it seems to mean."""
        meant = Passing("404", 50.0, meaning=ConfigError("no"), restarts=True)
        line = Script(*[meant] * 4, "well")
        made = requests(line)
        made._circuit.reached = True
        virtual_time.run(lambda: ask(made))
        assert all(b - a >= 50 for a, b in zip(line.times, line.times[1:], strict=False))

    def test_what_means_now_this_now_that_is_nothing(self):
        """Somebody in between is not well."""
        one, other = (Passing("no", meaning=ConfigError(text)) for text in ("this", "that"))
        line = Script(one, other, one, other, one, "well")
        assert virtual_time.run(lambda: ask(requests(line))).value == "well"

    def test_what_comes_now_and_then_is_nothing(self):
        """A good answer, or another failure, lies between."""
        meant = Passing("404", meaning=ConfigError("wrong"))
        other = Passing("503")
        line = Script(meant, meant, other, meant, meant, other, meant, "well")
        assert virtual_time.run(lambda: ask(requests(line))).value == "well"

    @pytest.mark.parametrize("early", [True, False])
    def test_an_address_that_was_good_is_not_wrong(self, early):
        """After a first success only what is a refusal at any time counts."""
        meant = Passing("404", meaning=ConfigError("no"), early=early)
        line = Script("well", *[meant] * 10, "well")
        made = requests(line)
        virtual_time.run(lambda: ask(made))
        if early:
            assert virtual_time.run(lambda: ask(made)).value == "well"
        else:
            spent(line, made, ConfigError)


class TestTokenEndpoint:
    """Passing.server: another server than the API may be the one that fails."""

    @pytest.fixture
    def line(self):
        """Its endpoint gives no token."""
        failed = Passing("the token endpoint: ConnectTimeout", sent=False)
        failed.server = "http://auth (AUTH_TOKEN_URL)"
        return Script(failed)

    def test_it_is_named_when_patience_ends(self, line):
        """With its own variable, and no other."""
        _, told = spent(line, requests(line))
        assert "Could not look, for want of a token from http://auth (AUTH_TOKEN_URL): " in told
        assert "check AUTH_TOKEN_URL, and the network" in told
        assert "nowhere" not in told
        assert "FIRECREST_URL" not in told

    def test_it_is_named_when_the_circuit_opens_and_closes(self, line, caplog):
        """The API is not blamed for it."""
        line.ends = [*line.ends * 8, "well"]
        made = requests(line)
        made._circuit.reached = True
        with caplog.at_level(logging.WARNING, LOG.name):
            virtual_time.run(lambda: ask(made))
        _, opened, closed = caplog.messages
        assert opened.startswith("http://auth (AUTH_TOKEN_URL) cannot be used since ")
        assert closed.startswith("http://auth (AUTH_TOKEN_URL) can be used again")


class TestLeaving:
    """hurry()."""

    def test_who_waits_is_woken_and_has_little_patience(self):
        """The pause under way ends; what fails then is given up."""
        made = requests(Script(Passing("down", after=300.0)))
        made._circuit.reached = True

        async def do():
            waiting = asyncio.ensure_future(ask(made))
            await asyncio.sleep(20)
            made.hurry()
            with pytest.raises(Unreachable):
                await waiting
            return asyncio.get_running_loop().time()

        assert virtual_time.run(do) == 20.0

    def test_a_request_that_begins_then_is_repeated_for_some_seconds(self):
        """What the caller still wants to send may get through."""
        made = requests(Script(Passing("down")))
        made.hurry()
        seconds, _ = spent(made, made)
        assert LAST_PATIENCE / 2 < seconds <= LAST_PATIENCE


class TestComplaints:
    """Who waits should know what for."""

    def lines(self, caplog, line, seconds, patience=900.0, count=5):
        """What is logged while ``count`` requests are made at once, after ``seconds`` of them."""
        made = requests(line, patience)
        made._circuit.reached = True

        async def do():
            work = [asyncio.ensure_future(ask(made)) for _ in range(count)]
            await asyncio.sleep(seconds)
            for one in work:
                one.cancel()
            await asyncio.gather(*work, return_exceptions=True)

        with caplog.at_level(logging.WARNING, LOG.name):
            virtual_time.run(do)
        return caplog.messages

    def test_single_failures_now_and_then(self, caplog):
        """One line in half a minute, with the reason, whatever number of requests fail."""

        class Every(Script):
            async def once(self, what, ask, *, large=False):
                await asyncio.sleep(1)
                return await super().once(what, ask, large=large)

        line = Every(*[Passing("HTTP 503"), "well"] * 200)

        made = requests(line)

        async def do():
            for _ in range(100):
                await ask(made)
            return asyncio.get_running_loop().time()

        with caplog.at_level(logging.WARNING, LOG.name):
            seconds = virtual_time.run(do)
        assert 2 <= len(caplog.messages) <= seconds / COMPLAINTS + 1
        first, *others = caplog.messages
        assert first == f"{others[0]}; if it stays so, `fcx doctor` finds out why", "once"
        assert set(others) == {"Could not look: HTTP 503. Trying again"}

    def test_a_server_that_wants_a_long_rest(self, caplog):
        """The request is given up, whoever made it waits: not in silence."""
        line = Script(Passing("too many requests", after=300.0))
        told = self.lines(caplog, line, 1.0, patience=15.0)
        assert told == [
            (
                "http://nowhere asks to be left alone for 300 s: too many requests. What runs on the "
                "cluster goes on"
            )
        ]

    def test_one_line_when_the_circuit_opens(self, caplog):
        """Since when, why, and what is done; then a reminder every ten minutes."""
        first, opened, *reminders = self.lines(
            caplog, Script(Passing("HTTP 503")), 3 * REMINDERS, patience=10 * REMINDERS
        )
        assert first.startswith("Could not look: HTTP 503. Trying again")
        assert opened.startswith("http://nowhere cannot be used since ")
        assert f"repeated at most {LONGEST_PAUSE:.0f} s apart" in opened
        assert len(reminders) == 2

    def test_whoever_comes_in_an_outage_waits_at_once(self):
        """A request that begins then is not repeated as if all were well."""
        line = Script(Passing("HTTP 503"))
        made = requests(line, patience=15.0)
        made._circuit.reached = True

        async def do():
            for _ in range(20):
                with pytest.raises(Unreachable):
                    await ask(made)
            began = len(line.times)
            for _ in range(20):
                with pytest.raises(Unreachable):
                    await ask(made)
            return len(line.times) - began

        assert virtual_time.run(do) <= 2 * 20

    def test_one_line_when_it_closes(self, caplog):
        """And none for what failed for a moment."""
        line = Script(*[Passing("HTTP 503")] * 8, "well")
        *_, opened, closed = self.lines(caplog, line, 300.0, count=1)
        assert "cannot be used" in opened
        assert closed.startswith("http://nowhere can be used again, after ")
        caplog.clear()
        line = Script(Passing("HTTP 503"), Passing("HTTP 503"), "well")
        (only,) = self.lines(caplog, line, OPENS - 1, count=1)
        assert "Trying again" in only
