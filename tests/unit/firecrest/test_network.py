"""Proxies and CAs that the environment names: used, or refused in words, never a raw error."""

from __future__ import annotations

import ssl

import certifi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcx.config import Credentials
from fcx.errors import ConfigError
from fcx.firecrest import network
from fcx.firecrest.client import Client

URL = "https://api.example.org/firecrest"


@pytest.fixture(autouse=True)
def _bare(monkeypatch):
    """None is set."""
    for name in "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", *network.CA_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def account(**changed):
    """The six variables."""
    env = {
        "FIRECREST_CLIENT_ID": "id",
        "FIRECREST_CLIENT_SECRET": "hush",
        "AUTH_TOKEN_URL": "https://auth.example.org/token",
        "FIRECREST_URL": URL,
        "FIRECREST_SYSTEM": "daint",
        "FIRECREST_ACCOUNT": "a1",
    }
    return Credentials.from_env({**env, **changed})


class TestProxies:
    """proxy_for()."""

    @pytest.mark.parametrize(
        ("variable", "value", "address"),
        [
            ("HTTPS_PROXY", "http://proxy:3128", "http://proxy:3128"),
            ("https_proxy", "proxy:3128", "http://proxy:3128"),
            ("ALL_PROXY", "http://proxy", "http://proxy"),
            ("all_proxy", "http://user:word@proxy:1", "http://user:word@proxy:1"),
        ],
    )
    def test_what_is_set(self, monkeypatch, variable, value, address):
        """By the scheme of the URL, else for all; the setting is named, no password is shown."""
        monkeypatch.setenv(variable, value)
        found = network.proxy_for(URL)
        assert (found.address, found.setting) == (address, variable)
        assert "word" not in str(found)

    @pytest.mark.parametrize(
        "url",
        ["http://127.0.0.1:8000", "http://localhost:1", "http://[::1]:8000", "http://127.3.2.1"],
    )
    def test_loopback_is_reached_directly(self, monkeypatch, url):
        """A proxy elsewhere cannot."""
        for variable in "HTTP_PROXY", "ALL_PROXY":
            monkeypatch.setenv(variable, "http://proxy:3128")
        assert network.proxy_for(url) is None

    @pytest.mark.parametrize(
        ("spared", "direct"),
        [
            ("*", True),
            ("example.org", True),
            (".example.org", True),
            ("*.example.org", True),
            ("localhost, api.example.org", True),
            ("api.example.org:443", True),
            ("api.example.org:80", False),
            ("ample.org", False),
            ("other.org", False),
            ("[::1]", False),
            ("[::1]:80,::1", False),
            ("10.0.0.0/8", False),
            ("[,]:,/,:::", False),
            ("", False),
        ],
    )
    def test_hosts_that_are_spared(self, monkeypatch, spared, direct):
        """By name, domain and port; what means nothing is passed over."""
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
        monkeypatch.setenv("NO_PROXY", spared)
        url = "https://api.example.org:443/firecrest"
        assert (network.proxy_for(url) is None) is direct

    @pytest.mark.parametrize(
        ("spared", "direct"),
        [("10.0.0.0/8", True), ("10.1.2.3", True), ("11.0.0.0/8", False), ("10.1.2", False)],
    )
    def test_addresses_that_are_spared(self, monkeypatch, spared, direct):
        """One by one, and whole networks."""
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
        monkeypatch.setenv("NO_PROXY", spared)
        assert (network.proxy_for("https://10.1.2.3/firecrest") is None) is direct

    @pytest.mark.parametrize(
        "value",
        ["ftp://h:1", "http://u:hush@h:port", "http://", "://", "http://[::1", "socks4://h:1"],
    )
    @pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
    def test_what_is_none_is_refused_when_a_client_is_made(self, monkeypatch, variable, value):
        """With the variable's name, and no password."""
        monkeypatch.setenv(variable, value)
        with pytest.raises(ConfigError, match=variable) as caught:
            Client(account())
        assert "hush" not in str(caught.value)

    def test_a_socks_proxy(self, monkeypatch):
        """It works if its package is there; else that is said."""
        monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(network.importlib.util, "find_spec", lambda name: None)
            with pytest.raises(ConfigError, match=r"ALL_PROXY.*socksio"):
                Client(account())
            patch.setattr(network.importlib.util, "find_spec", lambda name: name)
            assert network.proxy_for(URL).setting == "ALL_PROXY"

    @given(
        value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
        spared=st.text(st.sampled_from("[]:*./,019a ")),
    )
    def test_anything_at_all(self, value, spared):
        """Used, or refused in words."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HTTPS_PROXY", value)
            patch.setenv("NO_PROXY", spared)
            try:
                Client(account())
            except ConfigError as error:
                assert "HTTPS_PROXY" in str(error)


class TestAddresses:
    """check_address()."""

    @pytest.mark.parametrize("variable", ["FIRECREST_URL", "AUTH_TOKEN_URL"])
    @pytest.mark.parametrize(
        "value",
        ["api.example.org", "http:/host", "https://", "ftp://host", "http://h:port", "http://[::1"],
    )
    def test_what_is_none_is_refused_when_a_client_is_made(self, variable, value):
        """With the variable's name."""
        with pytest.raises(ConfigError, match=rf"^{variable} is "):
            Client(account(**{variable: value}))

    @pytest.mark.parametrize("value", ["http://[::1]:8000/x", "https://h", "HTTPS://Host:1/a/b"])
    def test_what_is_one(self, value):
        """Whatever its host."""
        Client(account(FIRECREST_URL=value))


class TestCas:
    """trusted(): any of the variables, for all requests."""

    def test_none_is_named(self):
        """Then those that everybody trusts."""
        assert len(network.trusted().get_ca_certs()) > 50

    @pytest.mark.parametrize("urls", [("https://a",), ("http://a", "HTTPS://b"), ("http://c",)])
    def test_on_ways_of_which_one_is_encrypted(self, monkeypatch, urls):
        """To a server, or to the proxy before one that is not itself."""
        if urls == ("http://c",):
            monkeypatch.setenv("http_proxy", "https://proxy")
        assert len(network.trusted_by(*urls).get_ca_certs()) > 50

    def test_on_ways_of_which_none_is(self):
        """Nobody, should one be after all."""
        context = network.trusted_by("http://127.0.0.1:1", "http://localhost:2")
        assert not context.get_ca_certs()
        assert context.verify_mode == ssl.CERT_REQUIRED

    @pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
    def test_a_file_is_named(self, monkeypatch, variable, tmp_path):
        """It alone is trusted, and certificates are checked."""
        bundle = certifi.contents().split("-----END CERTIFICATE-----")[0]
        own = tmp_path / "ca.pem"
        own.write_text(bundle + "-----END CERTIFICATE-----\n")
        monkeypatch.setenv(variable, str(own))
        context = network.trusted()
        assert len(context.get_ca_certs()) == 1
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)

    @pytest.mark.parametrize("variable", network.CA_VARIABLES)
    def test_a_file_that_is_not_there(self, monkeypatch, variable):
        """Said when a client is made."""
        monkeypatch.setenv(variable, "/nowhere/ca.pem")
        with pytest.raises(ConfigError, match=rf"{variable} names '/nowhere/ca.pem'"):
            Client(account())

    def test_a_file_of_another_kind(self, monkeypatch, tmp_path):
        """Said as well, in words."""
        (tmp_path / "ca.pem").write_text("no certificate\n")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        with pytest.raises(ConfigError, match="REQUESTS_CA_BUNDLE"):
            network.trusted()
