"""What a failure means: a status, an exception of somebody else's, an answer that is odd.

It is one of four: ``Passing`` (may be gone the next time; ``Odd`` where an answer came that is not
FirecREST's), ``StaleToken`` (a new token may do), an error of ``fcx.errors`` (lasting), or none of
these: then it is a fault of our own code and stays what it is.
"""

from __future__ import annotations

import email.utils
import math
import time
from contextlib import suppress
from typing import Any

from ..errors import ClusterError, ConfigError, NoSuchPath, RequestRefused

LONGEST_REST = 300.0  # seconds that a server may ask us to wait
NO_DATE = 30.0  # seconds to wait where it asks for it in words that cannot be read
REST = 5.0  # seconds to wait where it does not say how long
SHOWN = 300  # characters of an odd page that a message has
# Words of a command that failed for a reason that does not pass, though the status is a 500.
LASTING = (
    "already complet",
    "Invalid job id",
    "File exists",
    "File name too long",
    "Is a directory",
    "Not a directory",
    "No space left on device",
    "Disk quota exceeded",
    "Operation not permitted",
    "Permission denied",
    "Read-only file system",
    "Too many levels of symbolic links",
)
# sbatch gave up waiting although the job may yet appear.
AMBIGUOUS = (
    "timed out",
    "Unable to contact slurm controller",
    "Zero Bytes were transmitted",
    "temporarily unavailable",
    "Channel not open",
    "try again later",
)
# What goes wrong in pyfirecrest when it takes an answer apart that is not of the expected form.
STUMBLES = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


class Passing(Exception):
    """May be gone the next time. ``after``: seconds that the server asks for.

    ``sent``: whether the request may have been carried out all the same.
    """

    def __init__(self, told: str, after: float = 0.0, *, sent: bool = True) -> None:
        super().__init__(told)
        self.after, self.sent = after, sent


class Odd(Passing):
    """An answer came, and it is not one of FirecREST's: a proxy's page, half a body."""


class StaleToken(Exception):
    """The API refused a token that a new one may replace."""


def failure(error: Exception, what: str, answer: Any) -> Exception:
    """What an exception from pyfirecrest means; ``answer``: the HTTP response that came, if any."""
    import httpx
    from firecrest.FirecrestException import FirecrestException

    if isinstance(error, (ClusterError, Passing, StaleToken)):
        return error  # of the token, which is ours
    if isinstance(error, FirecrestException):
        return refusal(error.responses[-1], what)
    if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol)):
        return ConfigError(f"Could not {what}: {error}. Check FIRECREST_URL and AUTH_TOKEN_URL.")
    if isinstance(error, httpx.HTTPError):
        return transport(error)
    return error if answer is None else _stumbled(error, what, answer)


def _stumbled(error: Exception, what: str, answer: Any) -> Exception:
    """What happened to pyfirecrest after an answer had come."""
    if isinstance(error, FileNotFoundError):  # its own translation of 404
        return NoSuchPath(f"Could not {what}: no such file or directory", 404)
    if isinstance(error, STUMBLES):
        return Odd(f"the answer makes no sense ({_described(answer)})")
    if type(error).__module__.startswith("firecrest."):  # of a transfer by a job
        return RequestRefused(f"Could not {what}: {error}", answer.status_code)
    return error


def transport(error: Any) -> Passing:
    """Nothing came, or not all of it."""
    import httpx

    reason = "no answer in time" if isinstance(error, httpx.TimeoutException) else "cut off"
    told = f"{type(error).__name__}: {str(error) or reason}"
    if isinstance(error, httpx.DecodingError):
        return Odd(f"the answer makes no sense ({told})")
    unsent = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
    return Passing(told, sent=not isinstance(error, unsent))


def refusal(response: Any, what: str) -> Exception:
    """An HTTP answer that is not the one wished for."""
    status, message = response.status_code, worded(response)
    told = f"Could not {what}: {message or _described(response)} (HTTP {status})"
    if status == 401:
        return StaleToken(f"{told}. The API does not accept this token.")
    if status == 429:
        return Passing(message or "too many requests", retry_after(response), sent=False)
    if message is None or status < 400:
        told = f"the answer is not one of FirecREST's ({_described(response)})"
        return Odd(told, retry_after(response, default=0.0))
    return _worded(message, told, response)


def _worded(message: str, told: str, response: Any) -> Exception:
    """What FirecREST's own words mean: a command failed, or the server is not well."""
    status = response.status_code
    if "No such file or directory" in message:
        return NoSuchPath(told, status)
    refused_by_slurm = "sbatch: " in message and not any(word in message for word in AMBIGUOUS)
    lasting = refused_by_slurm or any(word in message for word in LASTING)
    if (status >= 500 or status in {408, 424}) and not lasting:
        return Passing(f"{message} (HTTP {status})", retry_after(response, default=0.0))
    return RequestRefused(told, status)


def worded(response: Any) -> str | None:
    """The message of an error in FirecREST's form; None for anything else."""
    with suppress(*STUMBLES):
        message = response.json()["message"]
        return message if isinstance(message, str) else None
    return None


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
        with suppress(ValueError, TypeError):
            seconds = email.utils.parsedate_to_datetime(given).timestamp() - time.time()
    return NO_DATE if math.isnan(seconds) else min(LONGEST_REST, max(0.0, seconds))


def _described(response: Any) -> str:
    """A page is shown, JSON is not: there may be a job's script in it, and a key in that."""
    kind = response.headers.get("Content-Type", "no type").partition(";")[0]
    told = f"HTTP {response.status_code}, {kind}"
    if not kind.startswith("text/"):
        return told
    begins = " ".join(response.text[: 4 * SHOWN].split())[:SHOWN]
    return f"{told}, {begins!r}"
