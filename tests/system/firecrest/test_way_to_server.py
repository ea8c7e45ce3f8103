"""The way to a server: CAs of one's own, proxies, addresses that are wrong; said at once."""

from __future__ import annotations

import contextlib
import http.server
import logging
import random
import socket
import ssl
import subprocess
import threading

import pytest
from executors.deadline import WAIT
from odd_server import Say

from fcx import errors
from fcx.config import Credentials
from fcx.firecrest import network, retries
from fcx.firecrest.client import Client
from fcx.firecrest.loop import LoopThread
from fcx.firecrest.retries import SURE

PAGE = Say(b"<h1>404</h1>", 404)
LOGIN = Say(b"<h1>Log in</h1>", headers={"Content-Type": "text/html"})
AWAY = Say(b"", 307, headers={"Location": "https://127.0.0.1/elsewhere"})
JOBS = Say.json({"jobs": []})
ACCOUNT = {"user": {"name": "ada"}}


@pytest.fixture(autouse=True)
def _bare(monkeypatch):
    """No proxy and no CA is named."""
    for name in "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", *network.CA_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server(server):
    """It lists no jobs."""
    server.say(JOBS)
    return server


@pytest.fixture
def soon_sure(monkeypatch):
    """What a gateway that restarts may say too is believed after a second."""
    monkeypatch.setattr(retries, "RESTART", 1.0)


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    """A certificate for 127.0.0.1 that is its own CA."""
    folder = tmp_path_factory.mktemp("ca")
    subprocess.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 "
        "-addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out ca.pem".split(),
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
def secure(ca, server):
    """The same server behind TLS: a tunnel that ends there."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca / "ca.pem", ca / "key.pem")

    class Handler(http.server.BaseHTTPRequestHandler):
        """Answers as the other does."""

        def answer(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            said = server.next(self)
            self.send_response(said.status)
            self.send_header("Content-Length", str(len(said.body)))
            self.end_headers()
            self.wfile.write(said.body)

        do_GET = do_POST = answer

        def log_message(self, *args):
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        serving.socket = context.wrap_socket(serving.socket, server_side=True)
        thread = threading.Thread(target=serving.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        url = f"https://127.0.0.1:{serving.server_port}"
        yield {**server.env, "FIRECREST_URL": url, "AUTH_TOKEN_URL": f"{url}/token"}
        serving.shutdown()
        thread.join()


def ask(env, what=lambda c: c.jobs.listing(), patience=60.0):
    """One request of a client of its own."""

    async def do():
        client = Client(
            Credentials.from_env(env), patience, logging.getLogger("fcx"), random.Random(1)
        )
        try:
            return await what(client)
        finally:
            await client.close()

    return LoopThread.shared().run(do(), WAIT)


class TestCas:
    """A CA of one's own."""

    @pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
    def test_either_variable_does_for_both(self, secure, ca, variable, monkeypatch):
        """For the token and for the API."""
        monkeypatch.setenv(variable, str(ca / "ca.pem"))
        assert ask(secure).jobs == ()

    @pytest.mark.parametrize("other", ["FIRECREST_URL", "AUTH_TOKEN_URL"])
    def test_without_it_both_variables_are_named(self, secure, server, other):
        """Whichever of the two servers has it, and within seconds."""
        env = {**secure, other: server.env[other]}
        with pytest.raises(errors.ConfigError, match="SSL_CERT_FILE or REQUESTS_CA_BUNDLE"):
            ask(env)


class TestAddresses:
    """An address that is wrong is told from a server that is down."""

    @pytest.mark.parametrize("variable", ["FIRECREST_URL", "AUTH_TOKEN_URL"])
    def test_nothing_listens_on_loopback(self, server, variable):
        """The server of this machine is gone."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        gone = f"http://127.0.0.1:{port}"
        with pytest.raises(errors.ConfigError, match=rf"Nothing listens at {gone} \({variable}\)"):
            ask({**server.env, variable: gone})

    def test_a_path_that_the_api_itself_does_not_have(self, server):
        """Asked for some times within two seconds, then said: no gateway speaks so."""
        server.say(Say.error(404, "Not Found"))
        with pytest.raises(errors.ConfigError, match="FIRECREST_URL seems to be wrong"):
            ask(server.env)
        assert len(server.asked) == SURE

    @pytest.mark.parametrize("answer", [PAGE, LOGIN, AWAY, Say.json({"detail": "Not Found"}, 404)])
    def test_a_path_of_the_api_that_is_wrong(self, server, answer, soon_sure):
        """Said once it has been so for longer than a gateway takes to start."""
        server.say(answer)
        with pytest.raises(errors.ConfigError, match="FIRECREST_URL seems to be wrong"):
            ask(server.env)
        assert len(server.asked) >= SURE

    @pytest.mark.parametrize("answer", [PAGE, LOGIN, AWAY, Say(b"", 405)])
    def test_a_path_of_the_token_endpoint_that_is_wrong(self, server, answer, soon_sure):
        """The same."""
        server.tokens.appendleft(answer)
        server.tokens.pop()
        with pytest.raises(errors.ConfigError, match="AUTH_TOKEN_URL seems to be wrong"):
            ask(server.env)
        assert len(server.token_requests) >= SURE

    @pytest.mark.slow
    @pytest.mark.parametrize("what", ["path", "token path", "realm"])
    def test_a_gateway_that_restarts_at_the_first_contact_is_waited_for(self, server, what):
        """Some seconds of 404 make no address wrong."""
        gone = Say.json({"error": "Realm does not exist"}, 404) if what == "realm" else PAGE
        if what == "path":
            server.say(*[gone] * (SURE + 1), JOBS)
        else:
            server.tokens.extendleft([gone] * (SURE + 1))
        assert ask(server.env).jobs == ()

    @pytest.mark.slow
    def test_a_token_endpoint_that_does_not_answer_is_the_one_to_be_blamed(self, server):
        """By its address and its variable, and the API is not."""
        with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
            url = f"http://127.0.0.1:{deaf.getsockname()[1]}/token"

            def hang_up():
                with contextlib.suppress(OSError):
                    while True:
                        deaf.accept()[0].close()

            thread = threading.Thread(target=hang_up, daemon=True)
            thread.start()
            with pytest.raises(errors.Unreachable) as caught:
                ask({**server.env, "AUTH_TOKEN_URL": url}, patience=3.0)
            deaf.shutdown(socket.SHUT_RDWR)
            thread.join()
        told = str(caught.value)
        assert f"for want of a token from {url} (AUTH_TOKEN_URL)" in told
        assert "check AUTH_TOKEN_URL, and the network" in told
        assert server.env["FIRECREST_URL"] + ":" not in told

    def test_a_realm_that_is_not_there(self, server, soon_sure):
        """In the words of a Keycloak."""
        server.tokens[0] = Say.json({"error": "Realm does not exist"}, 404)
        with pytest.raises(
            errors.CredentialsRefused, match=r"Realm does not exist.*AUTH_TOKEN_URL"
        ):
            ask(server.env)

    @pytest.mark.slow
    def test_a_server_that_answered_before_is_waited_for(self, server):
        """Its pages are an outage, not another address."""

        async def do(client):
            await client.jobs.listing()
            server.say(*[PAGE] * (SURE + 1), JOBS)
            return await client.jobs.listing()

        assert ask(server.env, do).jobs == ()


class TestProxies:
    """What the environment says of proxies."""

    @pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
    def test_loopback_needs_none(self, server, variable, monkeypatch):
        """A cluster of this machine works behind the proxy of an institute."""
        monkeypatch.setenv(variable, "http://proxy.invalid:3128")
        assert ask(server.env).jobs == ()

    def test_one_that_is_gone_is_named(self, server, monkeypatch):
        """With the variable that names it."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        monkeypatch.setenv("ALL_PROXY", f"http://eve:hush@127.0.0.1:{port}")
        env = {**server.env, "AUTH_TOKEN_URL": "http://auth.invalid/token"}
        with pytest.raises(errors.ConfigError, match=rf"127.0.0.1:{port} \(ALL_PROXY\)") as caught:
            ask(env)
        assert "hush" not in str(caught.value)

    def test_one_that_is_there_is_used(self, server, monkeypatch):
        """Here the server itself: it is asked for what lies elsewhere."""
        monkeypatch.setenv("HTTP_PROXY", server.url)
        env = {
            **server.env,
            "FIRECREST_URL": "http://api.invalid",
            "AUTH_TOKEN_URL": "http://auth.invalid/token",
        }
        assert ask(env).jobs == ()
        assert server.asked == ["GET /compute/odd/jobs"]


class TestQuiet:
    """Lines of HTTP do not bury ours."""

    def test_ours_are_left_out_and_nobody_elses(self, server, caplog):
        """Below WARNING; no level is set."""
        import httpx

        with caplog.at_level(logging.DEBUG):
            ask(server.env)
            assert {record.name for record in caplog.records} <= {"fcx", "asyncio"}
            assert "list the jobs: done in" in caplog.text
            caplog.clear()
            with httpx.Client() as client:
                client.get(server.url)
            names = {record.name for record in caplog.records}
        assert "httpx" in names
        assert "httpcore.http11" in names
        assert logging.getLogger("httpx").level == logging.NOTSET
