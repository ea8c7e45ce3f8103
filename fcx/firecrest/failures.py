"""What a failure means: a status, an exception of somebody else's, an answer that is odd.

It is one of four: ``Passing`` (may be gone the next time; ``Odd`` where an answer came that is not
FirecREST's), ``StaleToken`` (a new token may do), an error of ``fcx.errors`` (lasting), or none of
these: then it is a fault of our own code and stays what it is. Lasting is what FirecREST, Slurm or
the system say in words that are known. A refusal in other words, or an address where nothing is,
is ``Passing`` with its ``meaning``: what it is taken for once it has come several times running.
"""

from __future__ import annotations

import email.utils
import math
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from ..errors import ClusterError, ConfigError, FcxError, NoSuchPath, RequestRefused
from .network import is_loopback

LONGEST_REST = 300.0  # seconds that a server may ask us to wait
NO_DATE = 30.0  # seconds to wait where it asks for it in words that cannot be read
REST = 5.0  # seconds to wait where it does not say how long
SHOWN = 300  # characters of an odd page that a message has
LONGEST_WORDS = 2000  # characters of the server's own words that a message has
NO_ROOM = ("No space left on device", "Disk quota exceeded")  # of bytes or of files
# Words of a command that failed for a reason that does not pass, though the status is a 500.
LASTING = (
    "already complet",
    "Invalid job id",
    "File exists",
    "File name too long",
    "Is a directory",
    "Not a directory",
    *NO_ROOM,
    "Operation not permitted",
    "Permission denied",
    "Read-only file system",
    "Too many levels of symbolic links",
)
OUTSIDE = "does not match any of the defined filesystem paths"  # of what the server shows
# The same of a request that the API itself refuses, by its words or its status.
REFUSED = (
    "Access denied",
    "Job not found",
    "System not found",
    OUTSIDE,
    "is not an absolute path",
    "not allowed",
)
TOO_LARGE = 413
REFUSED_STATUSES = frozenset({TOO_LARGE, 422})
NOWHERE = frozenset({404, 405, 410})  # what a server says of a path that it does not have
# sbatch gave up waiting although the job may yet appear.
AMBIGUOUS = (
    "timed out",
    "Unable to contact slurm controller",
    "Zero Bytes were transmitted",
    "temporarily unavailable",
    "Channel not open",
    "try again later",
)
# A resolver that knows no such name, or no network.
NO_SUCH_HOST = (
    "Name or service not known",
    "No address associated",
    "nodename nor servname",
    "getaddrinfo failed",
)
NO_TLS = "WRONG_VERSION_NUMBER"  # OpenSSL's word for an answer in plain HTTP
# Faults of TLS that come of what an address is, or of whom we trust.
WRONG_TLS = ("CERTIFICATE_VERIFY_FAILED", NO_TLS)
# What goes wrong in pyfirecrest when it takes an answer apart that is not of the expected form.
STUMBLES = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


class Passing(Exception):
    """May be gone the next time. ``after``: seconds that the server asks for.

    ``sent``: whether the request may have been carried out all the same. ``meaning``: what it is
    when it comes again and again; if it is ``early``, only while no request ever succeeded, and if
    a gateway that ``restarts`` says the same, only after longer than that takes.
    """

    server = ""  # who failed, and the variable that names it, where it is not the API

    def __init__(
        self,
        told: str,
        after: float = 0.0,
        *,
        sent: bool = True,
        meaning: FcxError | None = None,
        early: bool = True,
        restarts: bool = False,
    ) -> None:
        super().__init__(told)
        self.after, self.sent, self.meaning, self.early = after, sent, meaning, early
        self.restarts = restarts


class Odd(Passing):
    """An answer came, and it is not one of FirecREST's: a proxy's page, half a body."""


class StaleToken(Exception):
    """The API refused a token that a new one may replace."""


def failure(error: Exception, what: str, answer: Any, url: str = "") -> Exception:
    """What an exception from pyfirecrest means; ``answer``: the HTTP response that came, if any."""
    import httpx
    from firecrest.FirecrestException import FirecrestException

    if isinstance(error, (ClusterError, ConfigError, Passing, StaleToken)):
        return error  # of the token, or of the way to the server, which are ours
    if isinstance(error, FirecrestException):
        return refusal(error.responses[-1], what, url)
    if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol)):
        return ConfigError(f"Could not {what}: {error}. Check FIRECREST_URL and AUTH_TOKEN_URL.")
    if isinstance(error, httpx.HTTPError):
        return transport(error, "FIRECREST_URL", url)
    return error if answer is None else _stumbled(error, what, answer, url)


def _stumbled(error: Exception, what: str, answer: Any, url: str) -> Exception:
    """What happened to pyfirecrest after an answer had come."""
    if isinstance(error, FileNotFoundError):  # its own translation of 404
        return NoSuchPath(f"Could not {what}: no such file or directory", 404)
    if isinstance(error, STUMBLES):
        told = f"the answer makes no sense ({_described(answer)})"
        meaning = _elsewhere(told, url) if is_elsewhere(answer) else None
        return Odd(told, meaning=meaning, restarts=True)
    if type(error).__module__.startswith("firecrest."):  # of a transfer by a job
        return RequestRefused(f"Could not {what}: {error}", answer.status_code)
    return error


def transport(error: Any, variable: str, url: str) -> Passing:
    """Nothing came, or not all of it. ``variable`` names the server, whose ``url`` it is."""
    import httpx

    reason = "no answer in time" if isinstance(error, httpx.TimeoutException) else "cut off"
    told = f"{type(error).__name__}: {str(error) or reason}"
    if isinstance(error, httpx.DecodingError):
        return Odd(f"the answer makes no sense ({told})")
    unsent = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
    wrong = _wrong_address(error, told, variable, url)
    told = str(wrong) if wrong else told
    restarts = _by_a_restart(error, told)
    return Passing(told, sent=not isinstance(error, unsent), meaning=wrong, restarts=restarts)


def _by_a_restart(error: Any, told: str) -> bool:
    """Whether it is what somebody in between says while it, or what is behind it, starts."""
    import httpx

    by_the_proxy = isinstance(error.__cause__, httpx.ProxyError)  # which answers
    return by_the_proxy or ("[SSL" in told and not any(word in told for word in WRONG_TLS))


def _wrong_address(error: Any, told: str, variable: str, url: str) -> ConfigError | None:
    """What a connection that cannot be made says of the address, unless it says nothing."""
    import httpx

    if NO_TLS in told:
        return ConfigError(
            f"What answers at {url} ({variable}) does not speak TLS ({told}): begin {variable} "
            "with http:// if it is a server of your own machine, else correct its host or port."
        )
    if "[SSL" in told:
        return ConfigError(
            f"No secure connection to {url} ({variable}): {told}. If its certificate is from a CA "
            "of your own, name that in SSL_CERT_FILE or REQUESTS_CA_BUNDLE: either will do."
        )
    if isinstance(error, httpx.ProxyError):
        return ConfigError(f"Could not reach {url} ({variable}): {told}. Check the proxy.")
    if isinstance(error, httpx.ConnectError) and is_loopback(urlsplit(url).hostname or ""):
        return ConfigError(
            f"Nothing listens at {url} ({variable}): start what is meant to (`fcx local up "
            f"--env-file env.sh`, then `. ./env.sh`, if it was that), or correct {variable}."
        )
    if isinstance(error, httpx.ConnectError) and any(words in told for words in NO_SUCH_HOST):
        return ConfigError(
            f"There is no host of the name in {url} ({variable}), or no network: {told}. Correct "
            f"{variable}, or connect to the network that knows it."
        )
    return None


def refusal(response: Any, what: str, url: str = "") -> Exception:
    """An HTTP answer that is not the one wished for."""
    status, message = response.status_code, worded(response)
    told = f"Could not {what}: {message or _described(response)} (HTTP {status})"
    if status == 401:
        words = message or _described(response)
        return StaleToken(f"the API does not accept this token: {words} (HTTP 401)")
    if status == 429:
        return Passing(message or "too many requests", retry_after(response), sent=False)
    if message is None or status < 400:
        told = f"the answer is not one of FirecREST's ({_described(response)}{goal(response)})"
        rest = retry_after(response, default=0.0)
        if status == TOO_LARGE:  # a proxy's word, which no waiting changes
            refused = RequestRefused(f"Could not {what}: {told}", status)
            return Odd(told, rest, meaning=refused, early=False)
        meaning = _elsewhere(told, url) if is_elsewhere(response) else None
        return Odd(told, rest, meaning=meaning, restarts=True)
    return _worded(response, message, told, url)


def _elsewhere(told: str, url: str) -> ConfigError:
    """What an answer of somebody else's, or of nobody, says of the address."""
    return ConfigError(f"FIRECREST_URL seems to be wrong: at {url} {told}. Check its path.")


def is_elsewhere(response: Any) -> bool:
    """Whether it is what an address says where no API is: nothing, go there, or a page for people.

    A redirection is not followed: what is asked with a secret is asked at one place only.
    """
    status = response.status_code
    page = response.headers.get("Content-Type", "").lower().startswith("text/html")
    return status in NOWHERE or 300 <= status < 400 or (page and status < 300)


def goal(response: Any) -> str:
    """Where a redirection leads: without what may be secret there."""
    with suppress(ValueError):  # of what is no URL
        parts = urlsplit(response.headers.get("Location", ""))
        place = _readable(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")
        return f", which leads to {place[:SHOWN]}" if parts.netloc else ""
    return ""


def _worded(response: Any, message: str, told: str, url: str) -> Exception:
    """What FirecREST's own words mean: a command failed, or the server is not well."""
    status = response.status_code
    if "No such file or directory" in message or "Not a directory" in message:
        return NoSuchPath(told, status)
    refused_by_slurm = "sbatch: " in message and not any(word in message for word in AMBIGUOUS)
    lasting = refused_by_slurm or any(word in message for word in LASTING)
    rest = retry_after(response, default=0.0)
    if (status >= 500 or status in {408, 424}) and not lasting:
        return Passing(f"{message} (HTTP {status})", rest)
    known = status in REFUSED_STATUSES or any(word in message for word in REFUSED)
    if lasting or known:
        return RequestRefused(told + _remedy(message), status)
    passing = f"{message} (HTTP {status})"
    if message == "Not Found":  # of a path that the server itself does not have
        wrong = _elsewhere(f"the answer is {passing}", url) if status in NOWHERE else None
        return Passing(passing, rest, meaning=wrong)
    return Passing(passing, rest, meaning=RequestRefused(told, status), early=False)


def _remedy(message: str) -> str:
    """What to do about it, where the words of the system leave only one thing."""
    if not any(words in message for words in NO_ROOM):
        return ""
    return (
        ". Remove files there (`fcx runs clean` removes those of runs that are over), have the "
        "quota raised, or name another working_dir"
    )


def worded(response: Any) -> str | None:
    """The message of an error in FirecREST's form; None for anything else."""
    with suppress(*STUMBLES):
        found = response.json()
        message = found["message"] if isinstance(found["errorType"], str) else None
        return _readable(message) if isinstance(message, str) else None
    return None


def _readable(message: str) -> str:
    """Of a length that can be read, and with nothing in it that a terminal would obey."""
    shown = message[:LONGEST_WORDS]
    return "".join(one if one.isprintable() or one == "\n" else "?" for one in shown)


def retry_after(response: Any, default: float = REST) -> float:
    """For how many seconds the server wants to be left alone: a number, or a date."""
    headers = response.headers
    given = headers.get("Retry-After") or headers.get("RateLimit-Reset")
    if given is None:
        return default
    seconds = NO_DATE
    try:
        seconds = float(given)
    except ValueError:
        with suppress(ValueError, TypeError, OverflowError):
            seconds = email.utils.parsedate_to_datetime(given).timestamp() - time.time()
    return NO_DATE if math.isnan(seconds) else min(LONGEST_REST, max(0.0, seconds))


def _described(response: Any) -> str:
    """A page is shown, JSON is not: there may be a job's script in it, and a key in that."""
    kind = response.headers.get("Content-Type", "no type").partition(";")[0]
    told = f"HTTP {response.status_code}, {kind}"
    if not kind.startswith("text/"):
        return told
    text = response.content[: 4 * SHOWN].decode("utf-8", "replace")  # whatever charset it names
    begins = " ".join(text.split())[:SHOWN]
    return f"{told}, {begins!r}"
