"""What goes through the site's staging area, for how long that is waited for, and when no more."""

from __future__ import annotations

import pytest
from driving import Drive

from fcx.executor.core.actions import Fetch, ReadLog, Say, Settle, UploadArchive
from fcx.executor.core.budget import EXTERNAL, cost
from fcx.executor.core.events import Fetched, Finished, LogRead, Up, Uploaded
from fcx.executor.core.external import BEGINS, QUEUE, Transfers
from fcx.executor.core.inbox import Bundle
from fcx.protocol.parts import PART

PARTS = 200
SIZE = PARTS * PART


def finished(*tasks: str, parts: int = PARTS) -> Drive:
    """Tasks whose outcomes lie there, in so many parts each."""
    drive = Drive(max_workers=1)
    drive.serve(*tasks)
    while not drive.all(ReadLog):
        drive.wait(0.1)
    records = [Finished(task, 0, 1.0, parts, True) for task in tasks]
    drive.tell(LogRead(drive.last(ReadLog).id, (Up("n", "fcx-001"), *records), 1000))
    return drive


def complaints(drive: Drive) -> list[str]:
    """What it says of the staging area."""
    return [say.text for say in drive.all(Say) if "staging area" in say.text]


class TestOutcomes:
    """On their way to the client."""

    @pytest.mark.parametrize(("parts", "may"), [(128, False), (129, True)])
    def test_those_of_half_a_gigabyte_may(self, parts: int, may: bool) -> None:
        """What is smaller is there before a job is."""
        asked = finished("t0", parts=parts).last(Fetch)
        assert (asked.external is not None) is may
        assert cost(asked) == (EXTERNAL if may else parts)

    def test_the_larger_the_longer(self) -> None:
        """In the queue it waits as long as any."""
        asked = finished("t0").last(Fetch)
        assert asked.external is not None
        assert asked.external.queue == QUEUE
        assert asked.external.whole == BEGINS + SIZE / 10e6

    def test_one_that_came_in_parts_is_the_last_to_try(self) -> None:
        """Said once, with the reason; what it took in requests is paid."""
        drive = finished("t0", "t1")
        first, second = drive.all(Fetch)
        drive.tell(Fetched(first.id, whole=True, parts="job 9 ended: FAILED."))
        drive.tell(Fetched(second.id, whole=True, parts="job 8 ended: FAILED."))
        assert drive.core.requests.budget.short(drive.now)
        assert len(drive.all(Settle)) == 2
        (told,) = complaints(drive)
        assert told.endswith("the site's staging area: job 9 ended: FAILED")
        assert drive.core.outcomes.inbox.transfers.of(SIZE) is None

    def test_a_site_without_one_is_not_spoken_of(self) -> None:
        """Nor asked again."""
        drive = finished("t0")
        drive.tell(Fetched(drive.last(Fetch).id, whole=True, parts=""))
        assert not complaints(drive)
        assert drive.core.outcomes.inbox.transfers.of(SIZE) is None

    def test_one_that_is_damaged_is_fetched_in_parts(self) -> None:
        """And nothing goes that way any more."""
        drive = finished("t0")
        drive.tell(Fetched(drive.last(Fetch).id, whole=False))
        assert drive.last(Fetch).external is None
        assert complaints(drive)[0].endswith("what came of it is not what was written")
        drive.tell(Fetched(drive.last(Fetch).id, whole=True))
        assert drive.last(Settle).trouble is None


class TestUploads:
    """On their way to the cluster."""

    def test_what_is_large_may(self) -> None:
        """What is small beside it does not; where one cannot, the next does not try."""
        drive = Drive(max_workers=1)
        drive.submit("t0")
        inbox = drive.core.outcomes.inbox
        inbox.landed = True
        names = (("objects/a", SIZE), ("objects/b", 5000))
        done: list[int] = []
        inbox.upload([Bundle("b7")], names, lambda: done.append(1))
        large, small = inbox.requests.taken()[-2:]
        assert isinstance(large, UploadArchive)
        assert isinstance(small, UploadArchive)
        assert large.external == Transfers(inbox.requests, 500_000_000).of(SIZE)
        assert small.external is None
        drive.tell(Uploaded(large.id, "HTTP 403."))
        drive.tell(Uploaded(small.id))
        assert complaints(drive)[0].endswith("HTTP 403")
        assert inbox.transfers.of(SIZE) is None
