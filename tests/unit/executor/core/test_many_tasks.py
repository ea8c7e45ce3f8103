"""Steps of the core take no longer because there are many tasks: nothing goes through all of them."""

from __future__ import annotations

from typing import Any

from driving import Drive

from fcx.executor.core.actions import ReadLog
from fcx.executor.core.events import Settled


class Counted(dict[str, Any]):
    """Tells how often somebody has gone through all of it."""

    gone_through = 0

    def values(self) -> Any:
        """All of it."""
        self.gone_through += 1
        return super().values()


def test_no_step_goes_through_all_tasks():
    """Of a run that this process has begun: there is no task whose place is not known."""
    drive = Drive(max_workers=2)
    drive.serve(*(f"t{number}" for number in range(50)))
    drive.core.tasks.unfinished = tasks = Counted(drive.core.tasks.unfinished)
    for _ in range(20):
        drive.wait(0.5)
        drive.core.due()
    drive.tell(Settled(("t1",)))
    drive.core.due()
    assert drive.all(ReadLog)
    assert len(tasks) == 50
    assert not tasks.gone_through
