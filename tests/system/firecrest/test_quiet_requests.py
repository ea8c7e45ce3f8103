"""The application's logging hears nothing of each request of ours, and all of its own."""

from __future__ import annotations

import logging

import httpx
from executors.deadline import WAIT

CHATTY = ("httpx", "httpcore", "firecrest")


def chatter(caplog) -> list[logging.LogRecord]:
    """What the libraries below have said."""
    return [one for one in caplog.records if one.name.partition(".")[0] in CHATTY]


def test_requests_of_ours_alone_are_quiet(make, site, caplog):
    """At DEBUG for everything; a request of the application's is heard; nothing is set on loggers."""
    with caplog.at_level(logging.DEBUG), make() as executor:
        assert executor.submit(pow, 2, 3).result(WAIT) == 8
        assert not [one for one in chatter(caplog) if one.levelno < logging.WARNING]
        httpx.get(f"{site['FIRECREST_URL']}/status/systems")
        assert [one.name for one in chatter(caplog) if one.levelno == logging.INFO] == ["httpx"]
    for name in ("fcx", *CHATTY):
        assert not logging.getLogger(name).handlers
        assert name == "fcx" or logging.getLogger(name).level == logging.NOTSET
