"""Why a job has not built the image, and what to do about it (pure)."""

from __future__ import annotations

import re

from ..errors import BuildFailed, EngineError, FcxError, ImageRefused, NotShipped
from ..firecrest.jobs import JobState
from ..image.failure import CODE, own_step
from ..image.features import features
from . import script
from .log import Log
from .order import Order

LOCALLY = "a machine with an engine builds it as well: `fcx image build`, then `fcx image ship`"
SETTINGS = "[remote_build] in fcx.toml"
FULL = re.compile("no space left|disk quota|quota exceeded", re.IGNORECASE)
DENIED = re.compile("permission denied|read-only file system|cannot be written", re.IGNORECASE)
PULL = re.compile(
    "initializing source|short-name|image not known|unable to copy from source|"
    "reading manifest|pinging container registry|unable to pull|no policy.json",
    re.IGNORECASE,
)


class Failed:
    """A job that ended without an image, by its state, its exit code and its log."""

    def __init__(self, order: Order, state: JobState, log: Log) -> None:
        self._order = order
        self._state = state
        self._log = log

    @property
    def code(self) -> int | None:
        """Of its own end; None where somebody else has ended it."""
        own = self._state.state == "FAILED" and not self._state.signal
        return self._state.exit_code if own else None

    def error(self) -> FcxError:
        """What to raise."""
        words = " ".join((*self._log.lines, self._log.error, self._log.end))
        if self.code is None:
            return self._cut_off()
        if FULL.search(words):
            return self._full()
        if self.code == script.BUILD:
            return self._build()
        if DENIED.search(words) and self.code in (script.PLACE, script.IMPORT):
            return NotShipped(
                f"{self._job} may not write there: {self._log.end or self._log.error}.{self._tail} "
                "--to, or `ship_to` under [image] in fcx.toml, names another folder."
            )
        return self._lacking() or NotShipped(
            f"{self._job} ended with exit code {self.code}: {self._log.end or 'no word of why'}."
            f"{self._tail} {self._whole_log}"
        )

    @property
    def _job(self) -> str:
        return f"Job {self._state.job}"

    @property
    def _tail(self) -> str:
        """The last lines of what it was at."""
        lines = [*self._log.lines, *([self._log.error] if self._log.error else [])]
        if not lines:
            return ""
        return " Its last lines:" + "".join(f"\n  | {line}" for line in lines) + "\n"

    @property
    def _whole_log(self) -> str:
        return f"The whole log, on the cluster: {self._order.made}/log."

    @property
    def _at(self) -> str:
        """What it was at."""
        found = self._log.step or self._log.phase
        return f" at {found!r}" if found else ""

    def _cut_off(self) -> FcxError:
        """Slurm or somebody has ended it, or it never began."""
        state = self._state.state
        kept = "The context that was sent is kept: the same command sends none of it again."
        if state == "TIMEOUT":
            why = (
                f"was cut off{self._at} by its time limit. More time: `--sbatch=--time=04:00:00`, "
                "or sbatch_options under [executor] in fcx.toml."
            )
        elif state in ("CANCELLED", "PREEMPTED", "DEADLINE", "REVOKED"):
            why = f"was ended from outside{self._at} ({state}). Run the same command again."
        elif state == "OUT_OF_MEMORY" or self._state.signal == 9:
            why = (
                f"was killed{self._at} ({state}), as for want of memory. More of it: "
                "`--sbatch=--mem=16G`, say. Where podman keeps images in memory (/dev/shm), they "
                "count, too."
            )
        elif not self._log.read:
            why = (
                f"ended ({state}) without a word: is {self._order.made} on a file system that "
                "compute nodes have, too? --to names another folder."
            )
        else:
            why = f"was ended{self._at} ({state}). Run the same command again."
        return NotShipped(f"{self._job} {why} {kept}")

    def _full(self) -> FcxError:
        return NotShipped(
            f"No room, or over quota: {self._job.lower()} ended{self._at}.{self._tail} `fcx image "
            f"clean` removes images from {self._order.folder} that are no longer used, --to names "
            "another folder; where the node's own disk is full, podman's storage lies elsewhere "
            f"by graphroot in ~/.config/containers/storage.conf, or by `podman` under {SETTINGS}."
        )

    def _build(self) -> FcxError:
        """podman build has said no."""
        words = self._log.error
        if PULL.search(words):
            return EngineError(
                f"{self._job} cannot have the base image of {self._log.step!r}: {words}. Is its "
                "name right, with its registry before it (docker.io/library/...)? Do compute nodes "
                "reach that registry, does it want a login (`podman login` on the cluster), does "
                f"a proxy have to be set (`setup` under {SETTINGS})? Else {LOCALLY}."
            )
        if not self._log.step:
            return BuildFailed(f"{self._job}: podman did not begin to build: {words}.{self._tail}")
        if own := own_step(self._log.step):
            return BuildFailed(f"The build failed in {self._log.step!r}: {words}\n{own}")
        code = CODE.search(words)
        how = f" with exit code {code[1]}" if code else ""
        output = "".join(f"\n  | {line}" for line in self._log.lines)
        where = self._line()
        return BuildFailed(
            f"The build failed in {self._log.step!r}{where}{how}. Its last lines:{output}\n  "
            f"{words}\nCorrect that step in the Dockerfile, or what it reads from the context, and "
            f"build again. {self._whole_log}"
        )

    def _line(self) -> str:
        """Where the step stands in the Dockerfile, if that can be told."""
        text = self._log.step.partition(": ")[2]
        for one in self._order.plan.recipe.file.instructions:
            if " ".join(f"{one.word} {one.rest}".split()) == " ".join(text.split()):
                return f", line {one.line} of the Dockerfile,"
        return ""

    def _lacking(self) -> FcxError | None:
        """What the node, or the image, does not have."""
        told = {
            script.NO_PODMAN: self._no_podman,
            script.OLD_PODMAN: self._old_podman,
            script.NO_ENROOT: self._no_enroot,
            script.OTHER_MACHINE: self._other_machine,
            script.SILENT: self._silent,
            script.IMPORT: self._not_imported,
            script.SETUP: self._no_setup,
        }.get(self.code or 0)
        return told() if told else None

    def _no_podman(self) -> FcxError:
        return EngineError(
            f"{self._job} found no podman that starts on its node: {self._log.end}. Name its "
            'command as `podman`, or what brings it as `setup` (["module load podman"]), under '
            f"{SETTINGS}; or a partition whose nodes have it with --sbatch=--partition=NAME. Else "
            f"{LOCALLY}."
        )

    def _old_podman(self) -> FcxError:
        found = features(self._order.plan.recipe.file)
        lines = ", ".join(f"line {one.line}" for one in found if one.name.endswith("heredoc"))
        return EngineError(
            f"The Dockerfile has heredocs ({lines}). Wanted: podman 4.8 or later; found on the "
            f"node: {self._log.end}. Write these steps without them; else {LOCALLY}."
        )

    def _no_enroot(self) -> FcxError:
        return EngineError(
            f"{self._job} found no enroot on its node: {self._log.end}. Name its command as "
            f"`enroot`, or what brings it as `setup`, under {SETTINGS}. Else {LOCALLY}."
        )

    def _other_machine(self) -> FcxError:
        return EngineError(
            f"{self._job}: {self._log.end}. Name a partition with such nodes "
            "(--sbatch=--partition=NAME), or what the image is for: --platform, or `platform` "
            "under [image] in fcx.toml."
        )

    def _silent(self) -> FcxError:
        return ImageRefused(
            f"The image does not answer on the node: {self._log.end or 'it says nothing'}. It must "
            "have `sh`, and a Python 3.6 or later, on its PATH or named by `python` under [image] "
            "in fcx.toml, that a plain user can start. Options that podman needs to run it: "
            f"`run_options` under {SETTINGS}."
        )

    def _not_imported(self) -> FcxError:
        return NotShipped(
            f"{self._job}: {self._log.end}.{self._tail} Options of the command: `enroot` under "
            f'{SETTINGS}, such as "enroot import -x mount". {self._whole_log}'
        )

    def _no_setup(self) -> FcxError:
        return EngineError(
            f"{self._job}: the `setup` under {SETTINGS} failed: {self._log.end}.{self._tail}"
        )
