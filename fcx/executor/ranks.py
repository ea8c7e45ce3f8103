"""Preflight of ranks: one job that starts them in each way that Slurm has, and the verdict on it.

It follows the preflight of the place itself, and costs nothing where no ranks are asked for.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace

from ..errors import NoSuchPath, OptionError
from ..jobscript.ranks import ANSWER, script
from ..parity import mpi
from ..parity.gate import Gate, Question
from ..parity.verdict import Verdict
from ..records import Misfit, fit
from ..state.memory import Memory
from .effects.context import Context, Identity
from .preflight import Watch, judged, submitted
from .run import make_context
from .settings import RunSettings

TYPE = re.compile(r"[a-z][a-z0-9_]*")
HEAD = re.compile(r"== (list|default|trial (?P<type>\w+) (?P<code>\d+))")


def ranks(settings: RunSettings, question: Question, wanted: int, asked: str = "") -> Verdict:
    """Start so many ranks there, by ``asked`` or by whatever fits, and judge what came of it.

    Raises what keeps the job from being run; a verdict that did not pass is an answer.
    """
    if asked and not TYPE.fullmatch(asked):
        raise OptionError(f"--mpi={asked} is no interface of srun's, as pmix, pmi2 or none")
    memory = Memory(settings.logger)
    context = make_context(settings, Gate(question, memory), Identity.new(), memory)
    tried = judged(context, _tried(context, wanted, asked))
    return mpi.judge(tried, settings.table.parity)


async def _tried(context: Context, wanted: int, asked: str) -> mpi.Tried:
    base = await context.home.find()
    context.place.found(base, context.identity.id)
    await context.client.files.make_folder(context.place.directory, parents=False)
    shape = context.scripts.shape(context.place.directory)
    shape = replace(shape, run_id=context.identity.id)
    types = (asked,) if asked else mpi.LIKELY
    text = script(shape, wanted, context.settings.environment.text, types)
    async with submitted(context, text, f"the job that tries {wanted} ranks") as job:
        return read(await _Answered(context, job).found(), wanted, asked)


class _Answered(Watch[str]):
    """Waits for what the job leaves."""

    async def read(self) -> str | None:
        """The file, which appears whole."""
        path = self.context.place.path(ANSWER)
        try:
            data = await self.context.client.files.download(path)
        except NoSuchPath:
            return None
        return data.decode("utf-8", "replace")

    async def begun(self) -> bool:
        """Whether the job has come to our lines: they write the ranks' program first."""
        there = await self.context.client.files.list(self.context.place.directory)
        return "rank.py" in there


def read(text: str, wanted: int, asked: str = "") -> mpi.Tried:
    """What the job has left; a rank that wrote no sense has not told."""
    parts: dict[str, tuple[list[str], list[mpi.Rank]]] = {}
    said: list[str] = []
    told: list[mpi.Rank] = []
    for line in text.splitlines():
        head = HEAD.fullmatch(line)
        if head:
            said, told = [], []
            parts[head[1]] = said, told
        elif line.startswith("{"):
            told += _rank(line)
        else:
            said.append(line.removeprefix("| "))
    trials = []
    for name, (words, found) in parts.items():
        match = HEAD.fullmatch(f"== {name}")
        if match and match["type"]:
            ordered = tuple(sorted(found, key=lambda one: one.rank))
            trials.append(
                mpi.Trial(match["type"], int(match["code"]), "\n".join(words).strip(), ordered)
            )
    types = mpi.types_in("\n".join(parts.get("list", ([], []))[0]))
    default = mpi.default_in("\n".join(parts.get("default", ([], []))[0]))
    plain = trials[0] if trials else mpi.Trial(mpi.NONE, 1)
    return mpi.Tried(wanted, plain, tuple(trials[1:]), types, default, asked)


def _rank(line: str) -> list[mpi.Rank]:
    try:
        return [fit(mpi.Rank, json.loads(line))]
    except (ValueError, Misfit):
        return []
