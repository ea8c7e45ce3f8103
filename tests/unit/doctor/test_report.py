"""What is told of results, and what is not."""

from __future__ import annotations

import pytest

from fcx.config import VARIABLES
from fcx.doctor.case import Case
from fcx.doctor.check import Result, State, fine, warning, wrong
from fcx.doctor.machine import variables
from fcx.doctor.remedies import of_the_way
from fcx.doctor.report import clean, lines, private, worst


def test_whole_words_are_hidden_and_no_others():
    """An account may be called as the beginning of something else."""
    hidden = {"me": "<user>", "s3cr-t": "<secret>", "": "<nothing>", "me-too": "<account>"}
    found = wrong("/home/me/x of me-too, not meant", "say s3cr-t", ("mes3cr-t s3cr-t",))
    cleaned = clean(Result("a", found), hidden).found
    assert cleaned.said == "/home/<user>/x of <account>, not meant"
    assert (cleaned.fix, cleaned.details) == ("say <secret>", ("mes3cr-t <secret>",))


def test_nothing_that_a_terminal_obeys():
    """Servers may say anything."""
    assert clean(Result("a", fine("\x1b[2Ja\nb")), {}).found.said == "?[2Ja b"


def test_the_worst_counts():
    """What was not tried does not."""
    of = [Result("a", fine("")), Result("b", warning("", "fix"))]
    assert worst(of) is State.WARNING
    assert worst([*of, Result("c", wrong("", "fix"))]) is State.WRONG
    assert worst([]) is State.FINE


def test_lines_of_a_result():
    """The fix is the last of them."""
    result = Result("a", wrong("said", "repair", ("detail",)))
    told = [line.strip() for line in lines(result, details=True)]
    assert told == ["wrong      a: said", "detail", "fix: repair"]
    assert len(lines(result, details=False)) == 2


@pytest.mark.parametrize(
    ("said", "fix"),
    [
        ("SSL_CERT_DIR names '/x' as", "unset SSL_CERT_DIR"),
        ("No secure connection: CERTIFICATE_VERIFY_FAILED", "export SSL_CERT_FILE="),
        ("Could not reach x (FIRECREST_URL): the proxy p:1 (https_proxy)", "unset https_proxy"),
        ("HTTPS_PROXY names 'x', which", "unset HTTPS_PROXY"),
        ("Nothing listens at x (FIRECREST_URL)", "fcx local up"),
        ("AUTH_TOKEN_URL seems to be wrong", "export AUTH_TOKEN_URL="),
        ("FIRECREST_URL is 'x': like AUTH_TOKEN_URL", "export FIRECREST_URL="),
        ("no answer within 10 s", "curl"),
        ("the token endpoint does not accept the client id", "export FIRECREST_CLIENT_ID="),
    ],
)
def test_remedies_of_the_way(said: str, fix: str):
    """What is to be set is what the words blame."""
    assert of_the_way(said).startswith(fix)


def test_who_asks_is_hidden_also_where_variables_are_missing(monkeypatch: pytest.MonkeyPatch):
    """Those whose settings are not whole are who sends reports."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FIRECREST_ACCOUNT", '"proj42"')
    monkeypatch.setenv("FIRECREST_CLIENT_SECRET", "s3cr-t")
    monkeypatch.delenv("HOME", raising=False)
    hidden = private(Case())
    assert (hidden["proj42"], hidden["s3cr-t"]) == ("<account>", "<secret>")


@pytest.mark.parametrize("address", ["bob:hunter2@proxy:3128", "http://bob:hunter2@proxy:3128"])
def test_a_proxys_password_is_not_shown(address: str, monkeypatch: pytest.MonkeyPatch):
    """With a scheme or without one: both are taken."""
    monkeypatch.setenv("HTTPS_PROXY", address)
    found = variables(Case())
    assert "proxy:3128" in str(found)
    assert "hunter2" not in str(found)


def test_an_address_that_is_none_is_shown(monkeypatch: pytest.MonkeyPatch):
    """What is wrong with it is for another check to say."""
    monkeypatch.setenv("FIRECREST_URL", "https://[bad")
    assert "[bad" in str(variables(Case()))
