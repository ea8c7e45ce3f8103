"""The ledgers of this machine as reports; and Slurm's last word on jobs, where it is asked for."""

from __future__ import annotations

import time
from dataclasses import dataclass

from .. import __version__
from ..config import Credentials
from ..errors import UsageError
from ..firecrest.client import Client
from ..firecrest.jobs import JobState
from ..firecrest.loop import LoopThread
from ..report import lines
from ..report.model import Report
from ..report.page import page
from ..report.sum_up import report
from ..spoken import meant
from ..state import ledger
from ..state.presence import Presence

PATIENCE = 30.0  # seconds for which a request is repeated: a person waits
EACH = 20  # jobs that are asked for by themselves, where the listing has them no longer


class Ledgers:
    """What processes of this machine have noted of runs."""

    def find(self, run: str) -> str:
        """The id of a run by its name or id, or of the newest. Raises UsageError."""
        known = ledger.runs()
        if run in known:
            return run
        for other in known:
            if not run or self._name(other) == run:
                return other
        names = list(filter(None, map(self._name, known)))
        if not known:
            raise UsageError(
                "This machine has noted nothing of any run: a report is drawn from what an "
                "executor of this fcx notes while it serves its run. Run your script, then ask "
                "again."
            )
        raise UsageError(
            f"This machine has noted nothing of a run {run!r}: another machine or an older fcx "
            f"served it, or it is too long ago. It has noted: {', '.join(names[:5])}."
            f"{meant(run, names)} fcx.attach({run!r}), or its script run again, notes what can "
            "still be read of it."
        )

    @staticmethod
    def _name(run: str) -> str:
        first = lines.decode(ledger.first_line(run))
        return first[0].name if first and isinstance(first[0], lines.Began) else ""

    def served(self, run: str) -> bool:
        """Whether a process of this machine serves it just now."""
        return Presence(run).holder() != 0

    def report(self, run: str) -> Report:
        """What is known of it. Raises UsageError where what is there cannot be read."""
        served = self.served(run)  # first: its last word is written before it lets go
        files = [lines.decode(data) for data in ledger.read(run)]
        try:
            return report(files, now=time.time(), fcx=__version__, served=served)
        except ValueError as error:
            raise UsageError(
                f"What this machine has noted of run {run} cannot be used: {error}. Remove "
                f"{ledger.folder() / run}."
            ) from error

    def source(self, run: str) -> Source:
        """The page of a run that goes on."""
        return Source(self, run)

    def ask(self, run: str) -> None:
        """Note what Slurm says of jobs whose end was not seen. Raises UsageError, and the door's.

        One request, and one for each job that is too old for that.
        """
        found = self.report(run)
        jobs = [pilot.job for pilot in found.pilots if pilot.job and not pilot.sure]
        if not jobs:
            return
        credentials = Credentials.from_env()
        if (credentials.api_url, credentials.system) != (found.api_url, found.system):
            raise UsageError(
                f"Run {found.name} lies on {found.system} behind {found.api_url}: set the "
                "FIRECREST variables to that, or leave out --ask."
            )
        told = LoopThread.shared().run(_asked(Client(credentials, PATIENCE), jobs))
        rows = [(j.job, j.state, j.reason, j.began, j.ended, j.nodes) for j in told]
        try:
            ledger.LedgerFile(run, asked=True).append(lines.encode([lines.Jobs(time.time(), rows)]))
        except OSError as error:
            raise UsageError(f"What Slurm said cannot be noted: {error}.") from error


@dataclass(frozen=True)
class Source:
    """What a server shows of a run: the page, and a word that changes when that does."""

    ledgers: Ledgers
    run: str

    def version(self) -> str:
        """More has been noted where it is another; it begins with ``over`` after the end."""
        state = "on" if self.ledgers.served(self.run) else "over"
        return f"{state}-{ledger.size(self.run)}"

    def page(self) -> str:
        """As it is now."""
        version = self.version()
        return page(self.ledgers.report(self.run), version=version)


async def _asked(client: Client, jobs: list[str]) -> list[JobState]:
    try:
        listed = {job.job: job for job in (await client.jobs.listing()).jobs}
        missing = [job for job in jobs if job not in listed][:EACH]
        each = (await client.jobs.each(*missing)).jobs if missing else ()
    finally:
        await client.close()
    return [*(listed[job] for job in jobs if job in listed), *each]
