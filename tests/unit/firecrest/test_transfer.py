"""What begins a job of the server's own, and what is read of its answers."""

from __future__ import annotations

import asyncio
import logging
import random

import pytest

from fcx.errors import RequestRefused, Unreachable
from fcx.firecrest.answers import read_stagers, read_transfer
from fcx.firecrest.connection import Came
from fcx.firecrest.failures import Odd, Passing
from fcx.firecrest.retries import Requests
from fcx.firecrest.transfer import Transfers

URL = "https://store.example.org/u/k?X-Amz-Signature=0123456789"
JOB = {
    "jobId": "17",
    "system": "daint",
    "workingDirectory": "/scratch/me",
    "logs": {"outputLog": "/scratch/me/.f7t_job_1.log", "errorLog": "/etc/passwd"},
}


class Api:
    """What pyfirecrest's client is asked, and answers."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    async def by_job(self, _system, verb, body):
        """The next answer, or failure."""
        self.asked.append((verb, body))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Line:
    """Straight to it."""

    url = "http://nowhere"

    def __init__(self, api):
        self.api = api

    async def once(self, _what, ask, *, large=False):
        """No network in between."""
        return Came(await ask(self.api), 0.1)


def made(api, work, account="staff"):
    """One request."""

    async def do():
        requests = Requests(Line(api), 60.0, logging.getLogger("fcx.test"), random.Random(0))
        return await work(Transfers(requests, "daint", account))

    return asyncio.run(do())


def receiving(size=25, **way):
    """An answer to an upload."""
    given = {
        "transferMethod": "s3",
        "partsUploadUrls": [URL] * 3,
        "completeUploadUrl": URL,
        "maxPartSize": 10,
        **way,
    }
    return Api({"transferJob": JOB, "transferDirectives": given})


def test_parts_are_packed_by_their_names():
    """The server looks in the folder of what it is given; whoever pays is named."""
    api = Api({"transferJob": JOB})
    job = made(api, lambda transfers: transfers.pack("/run/parts", "[.]/t1[.]0", "/run/t.tar"))
    assert (job.id, job.logs) == ("17", ("/scratch/me/.f7t_job_1.log",))
    ((verb, body),) = api.asked
    assert verb == "compress"
    assert body == {
        "sourcePath": "/run/parts/all",
        "targetPath": "/run/t.tar",
        "matchPattern": "[.]/t1[.]0",
        "compression": "none",
        "account": "staff",
    }


def test_nobody_need_pay():
    """Where no account is known, none is named."""
    api = Api({"transferJob": JOB, "transferDirectives": {"downloadUrl": URL}})
    sent = made(api, lambda transfers: transfers.send("/run/t.tar"), account="")
    assert "account" not in api.asked[0][1]
    assert sent.address.url == URL
    assert "Signature" not in repr(sent)


def test_an_upload_has_a_place_for_each_part():
    """As many as the size makes."""
    taken = made(receiving(), lambda transfers: transfers.receive("/run/o", 25))
    assert [each.url for each in taken.parts] == [URL] * 3
    assert taken.part_size == 10


@pytest.mark.parametrize(
    "way",
    [
        {"partsUploadUrls": [URL] * 2},
        {"partsUploadUrls": None},
        {"partsUploadUrls": [URL, URL, "nonsense"]},
        {"completeUploadUrl": "ftp://store"},
        {"completeUploadUrl": "https://[store"},
        {"completeUploadUrl": "https://store/\ud800"},
        {"maxPartSize": 0},
        {"maxPartSize": -10},
    ],
)
def test_one_that_makes_no_sense(way):
    """Is odd, whatever is wrong, and says no address."""
    with pytest.raises(Unreachable, match="the answer (has|names)") as odd:
        made(receiving(**way), lambda transfers: transfers.receive("/run/o", 25))
    assert "Signature" not in str(odd.value)


def test_what_may_have_begun_is_not_begun_again():
    """What certainly has not is."""
    refused = Passing("too many requests", 0.0, sent=False)
    api = Api(refused, Passing("503", sent=True), {"transferJob": JOB})
    with pytest.raises(Unreachable, match="Could not have /run/t.tar sent: 503"):
        made(api, lambda transfers: transfers.send("/run/t.tar"))
    assert len(api.asked) == 2


def test_what_is_refused_says_so():
    """In the server's words, at once."""
    meaning = RequestRefused("Account parameter is required on this system.", 400)
    api = Api(Passing("HTTP 400", meaning=meaning, early=False))
    with pytest.raises(RequestRefused, match="Account parameter"):
        made(api, lambda transfers: transfers.send("/run/t.tar"))


def test_answers_do_not_show_addresses():
    """Whole, or where they do not fit."""
    answer = {"transferJob": JOB, "transferDirectives": {"downloadUrl": URL}}
    assert "Signature" not in repr(read_transfer(answer))
    answer["transferDirectives"] = {"partsUploadUrls": URL}
    with pytest.raises(Odd) as odd:
        read_transfer(answer)
    assert "Signature" not in str(odd.value)


def test_an_older_server():
    """It has the same to say in other names, and numbers for jobs."""
    way = {"parts_upload_urls": [URL], "complete_upload_url": URL, "max_part_size": 50}
    api = Api({"transferJob": {**JOB, "jobId": 17}, "transferDirectives": way})
    taken = made(api, lambda transfers: transfers.receive("/run/o", 25))
    assert (taken.job.id, taken.parts[0].url, taken.part_size) == ("17", URL, 50)


def test_which_systems_have_a_staging_area():
    """One of S3's kind: others need a program at both ends."""
    systems = [
        {"name": "a", "dataOperation": {"data_transfer": {"serviceType": "s3", "ttl": 5}}},
        {"name": "b", "dataOperation": {"data_transfer": {"serviceType": "streamer"}}},
        {"name": "c", "dataOperation": {"data_transfer": None}},
        {"name": "d", "dataOperation": {}},
        {"name": "e"},
    ]
    assert read_stagers(systems) == ["a"]
