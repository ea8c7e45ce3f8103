"""Whatever a server sends: typed errors only. Hypothesis makes up statuses, headers and bodies."""

from __future__ import annotations

import gzip
import json
import zlib

import httpx
import pytest
from firecrest.FirecrestException import UnexpectedStatusException
from hypothesis import example, given
from hypothesis import strategies as st

from fcx.errors import FcxError
from fcx.firecrest import answers, failures
from fcx.firecrest.failures import Odd, Passing, StaleToken
from fcx.firecrest.session import Unfit, Unpacking
from fcx.firecrest.token import refused

MOST = 4096
WORDS = st.sampled_from(
    ["errorType", "message", "error", "sbatch: ", "No such file or directory", "Not Found", ""]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
statuses = st.sampled_from([200, 201, 204, 302, 400, 401, 403, 404, 408, 413, 422, 429, 500, 503])
headers = st.dictionaries(
    st.sampled_from(["Content-Type", "Retry-After", "RateLimit-Reset"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
    | st.sampled_from(
        [
            "1e400",
            "-1",
            "Mon, 01 Jan 0001 00:00:00 GMT",
            "Fri, 31 Dec 9999 23:59:59 -2359",
            "text/html; charset=undefined",
            "application/json; charset=utf-7",
        ]
    ),
)
bodies = st.binary(max_size=80) | values.map(lambda value: json.dumps(value).encode())
responses = st.builds(
    lambda status, told, body: httpx.Response(status, headers=told, content=body),
    statuses,
    headers,
    bodies,
)


@given(responses)
@example(httpx.Response(403, content=b"[" * 100_000))
@example(httpx.Response(500, headers={"Content-Type": "text/x; charset=undefined"}, content=b"x"))
@example(httpx.Response(500, content=b'{"errorType": "e", "message": "\\u001b[2J"}'))
@example(httpx.Response(404, content=b'{"errorType": "e", "message": "' + b"x" * 100_000 + b'"}'))
def test_any_refusal(response):
    """It passes, asks for a new token, or is an error with words of a readable length."""
    found = failures.failure(UnexpectedStatusException([response], 200), "look", response, "u")
    assert isinstance(found, (Passing, StaleToken, FcxError))
    assert len(str(found)) < 2 * failures.LONGEST_WORDS
    assert "\x1b" not in str(found)


@given(responses)
def test_any_answer_of_the_token_endpoint(response):
    """A token, or an error."""
    found = refused(response, "http://t")
    assert isinstance(found, (Passing, FcxError))
    try:
        _, seconds = answers.read_token(response.content)
    except Odd:
        return
    assert isinstance(seconds, float)


@given(st.sampled_from(["", "identity", "gzip", "x-gzip", "deflate", "br", "gzip, br"]), st.data())
def test_any_packing(encoding, data):
    """It is unpacked, and never to more than is allowed; or it does not fit."""
    body = data.draw(st.binary(max_size=200))
    packed = data.draw(st.sampled_from([body, gzip.compress(body), zlib.compress(body)]))
    packed = packed[: data.draw(st.integers(0, len(packed)))]
    cut = data.draw(st.integers(0, len(packed)))
    try:
        unpacking = Unpacking(encoding, MOST)
        unpacking.feed(packed[:cut])
        unpacking.feed(packed[cut:])
        whole = unpacking.whole()
    except (Unfit, zlib.error):
        return
    assert whole in {body, packed} or len(whole) <= MOST


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_takes_no_room(encoding):
    """What is allowed and one byte more is all that is ever unpacked."""
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    unpacking = Unpacking(encoding, MOST)
    with pytest.raises(Unfit, match="longer"):
        unpacking.feed(pack(b" " * 1000 * MOST))
    assert len(unpacking._bytes) == MOST + 1
