"""A run's history as a report: states, sums and sentences about what is not known (pure)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from . import model
from .history import Attempt, History, Task
from .hours import Hours, moment
from .lines import AnyLine

OUTCOMES = {"value": "done", "raised": "raised"}
EXAMPLES = 5  # ids of tasks that failed alike
SHARES = (0.0, 0.1, 0.5, 0.9, 1.0)


def report(
    files: Iterable[Iterable[AnyLine]], *, now: float, fcx: str, served: bool
) -> model.Report:
    """The report on a ledger; ``served``: a process of this machine serves the run just now.

    Raises ValueError where there is no line that says what run it is.
    """
    history = History()
    for file in files:
        history.take(file)
    if not history.processes:
        raise ValueError("the ledger does not say what run it is of")
    return Summing(history, now, fcx, served).report()


class Summing:
    """One history, summed up."""

    def __init__(self, history: History, now: float, fcx: str, served: bool) -> None:
        self.history = history
        self.now = now
        self.fcx = fcx
        self.served = served
        self.clock = history.bounds.clock()
        last = history.processes[-1]
        self.ended = None if served else last.ended or None
        self.began = self._first()
        self.until = now if served else self._last()
        self.of_agent: dict[str, list[Attempt]] = defaultdict(list)
        self.hours = Hours(history, self.clock.shift, now if served else None)
        for task in history.tasks.values():
            self._end_lost(task)
            known = (one for one in task.attempts if one.outcome in OUTCOMES)
            task.settling = next(known, None)
            for attempt in task.attempts:
                self.of_agent[attempt.agent].append(attempt)
        self.states = {task.id: self._state(task) for task in history.tasks.values()}

    def report(self) -> model.Report:
        """All of it."""
        history, first = self.history, self.history.processes[0].line
        pilots = [
            self.hours.pilot(pilot, self.of_agent, self.until) for pilot in history.pilots.values()
        ]
        requests: Counter[str] = Counter()
        for process in history.processes:
            requests.update(process.made)
        return model.Report(
            fcx=self.fcx,
            drawn=round(self.now, 3),
            run=first.run,
            name=first.name,
            state="running" if self.served else "ended" if self.ended else "open",
            system=first.system,
            api_url=first.api_url,
            account=first.account,
            began=round(self.began, 3),
            ended=self.ended,
            broken=history.broken,
            whole=not (history.full or history.unread),
            totals=self._totals(pilots, sum(requests.values())),
            processes=[
                model.Process(p.line.at, p.ended or None, p.line.host, p.line.fcx, p.line.python)
                for p in history.processes
            ],
            shapes=[
                model.Shape(
                    *(shape, one.sbatch_options, one.srun_options, one.workers_per_node),
                    history.places.get(shape, {}),
                )
                for shape, one in sorted(history.shapes.items())
            ],
            pilots=pilots,
            functions=self._functions(),
            failures=self._failures(),
            modules=history.modules,
            requests=dict(requests.most_common()),
            clock=self.clock,
            notes=self._notes(pilots),
            tasks=model.Table(model.TASK, [self._row(task) for task in history.tasks.values()]),
            attempts=model.Table(
                model.ATTEMPT,
                [self._tried(each) for task in history.tasks.values() for each in task.attempts],
            ),
        )

    def _first(self) -> float:
        """The first sign: another machine may have begun the run, long before a process here."""
        shift, history = self.clock.shift, self.history
        signs = [history.processes[0].line.at]
        signs += [agent.began + shift for agent in history.agents.values() if agent.began]
        signs += [one.submitted for one in history.pilots.values() if one.submitted]
        return min(signs)

    def _last(self) -> float:
        """The last sign of a task or a pilot: a process may only have looked at them much later."""
        shift, history = self.clock.shift, self.history
        signs = [self.began]
        signs += [agent.last + shift for agent in history.agents.values()]
        starts = [start for pilot in history.pilots.values() for start in pilot.starts]
        signs += [max(one.seen, one.ended and one.ended + shift) for one in starts]
        signs += [pilot.over + shift for pilot in history.pilots.values() if pilot.over]
        signs += [max(one.submitted or 0.0, one.ended or 0.0) for one in history.tasks.values()]
        return max(signs)

    # -- tasks ------------------------------------------------------------------------------

    def _end_lost(self, task: Task) -> None:
        """What still ran when its agent was last heard of, and does not run now."""
        for attempt in task.attempts:
            if attempt.outcome != "running":
                continue
            agent = self.history.agents.get(attempt.agent)
            later = any(other.attempt > attempt.attempt for other in task.attempts)
            gone = agent is not None and (agent.ended or self.hours.is_gone(agent))
            if later or gone or task.settled or self.ended:
                attempt.outcome = "lost"
                last = agent.ended or agent.last if agent else 0.0
                attempt.seconds = max(0.0, last - attempt.begin) if attempt.begin else None

    def _state(self, task: Task) -> str:
        if task.settled:
            return task.settled
        if task.like and task.like in self.history.tasks and task.like != task.id:
            other = self.history.tasks[task.like]
            return other.settled or ("raised" if other.settling else "failed")
        best = task.settling
        if best is not None:
            return OUTCOMES[best.outcome]
        if self.ended or not self.served:
            return "unknown"
        return "running" if any(a.outcome == "running" for a in task.attempts) else "waiting"

    def _row(self, task: Task) -> list[object]:
        settling = task.settling
        work = round(settling.seconds, 6) if settling and settling.seconds is not None else None
        failure = task.failure or (settling.failure if settling else 0)
        wait = self.wait(task)
        return [
            *(task.id, task.function[0], self.states[task.id]),
            *(_ms(task.submitted), _ms(wait), work, _ms(self._end(task))),
            *(len(task.attempts), failure or None, task.shape),
        ]

    def _end(self, task: Task) -> float | None:
        """When it came to its end, as far as that was told."""
        settling = task.settling
        if task.settled:
            return task.ended
        if settling is not None and settling.begin and settling.seconds is not None:
            return settling.begin + settling.seconds + self.clock.shift
        return None

    def wait(self, task: Task) -> float | None:
        """Seconds from its submit until it was begun first."""
        begins = [attempt.begin for attempt in task.attempts if attempt.begin]
        if not begins or task.submitted is None:
            return None
        return max(0.0, min(begins) + self.clock.shift - task.submitted)

    def _tried(self, attempt: Attempt) -> list[object]:
        begin = moment(attempt.begin, self.clock.shift)
        worker = attempt.worker if attempt.worker >= 0 else None
        where = (attempt.task, attempt.attempt, attempt.agent, worker)
        return [*where, begin, attempt.seconds, attempt.outcome, attempt.bytes]

    def _functions(self) -> list[model.Function]:
        tasks: dict[tuple[str, str], list[Task]] = defaultdict(list)
        for task in self.history.tasks.values():
            tasks[task.function].append(task)
        found = []
        for (name, digest), some in tasks.items():
            states = Counter(self.states[task.id] for task in some)
            seconds = sorted(_works(some))
            failed = states["raised"] + states["failed"]
            counts = (len(some), states["done"], failed)
            median = _quantile(seconds, 0.5) if seconds else None
            total = round(sum(seconds), 3)
            found.append(model.Function(name, digest, *counts, total, median))
        return sorted(found, key=lambda one: -one.work)

    def _failures(self) -> list[model.Failure]:
        tasks: dict[int, list[Task]] = defaultdict(list)
        for task in self.history.tasks.values():
            settling = task.settling
            number = task.failure or (settling.failure if settling else 0)
            if number and self.states[task.id] in {"raised", "failed"}:
                tasks[number].append(task)
        found = []
        for number, some in tasks.items():
            line = self.history.failures[number - 1]
            functions = tuple(dict.fromkeys(task.function[0] for task in some))
            examples = tuple(task.id for task in some[:EXAMPLES])
            told = (line.error, line.text, line.traceback)
            found.append(model.Failure(number, *told, len(some), functions, examples))
        return sorted(found, key=lambda one: -one.count)

    # -- sums -------------------------------------------------------------------------------

    def _totals(self, pilots: Sequence[model.Pilot], requests: int) -> model.Totals:
        tasks = list(self.history.tasks.values())
        attempts = [attempt for task in tasks for attempt in task.attempts]
        useful = sum(_works(tasks))
        spent = sum(one.seconds or 0.0 for one in attempts)
        agents = [agent for pilot in pilots for agent in pilot.agents]
        offered = sum(
            one.workers * max(0.0, (one.ended or one.seen) - one.began)
            for one in agents
            if one.began
        )
        waits = [wait for task in tasks if (wait := self.wait(task)) is not None]
        return model.Totals(
            tasks=len(tasks),
            states={state: n for state in model.STATES if (n := self._count(state))},
            repeated=sum(len(task.attempts) > 1 for task in tasks),
            lost_work=round(max(0.0, spent - useful), 3),
            work=round(useful, 3),
            elapsed=round(max(0.0, self.until - self.began), 3),
            wait=_quantiles(waits),
            seconds=_quantiles(list(_works(tasks))),
            node_hours=round(sum(one.node_hours for one in pilots), 6),
            idle_node_hours=round(sum(one.idle_node_hours for one in pilots), 6),
            sure=all(one.sure for one in pilots),
            utilisation=(
                round(min(1.0, sum(one.work for one in agents) / offered), 4) if offered else None
            ),
            requests=requests,
            bytes_sent=sum(task.size for task in tasks),
            bytes_returned=sum(one.bytes for one in attempts),
        )

    def _count(self, state: str) -> int:
        return sum(one == state for one in self.states.values())

    def _notes(self, pilots: Sequence[model.Pilot]) -> list[str]:
        """What a reader must know of these numbers."""
        return [*self._of_the_cluster(pilots), *self._of_the_ledger()]

    def _of_the_cluster(self, pilots: Sequence[model.Pilot]) -> Iterable[str]:
        open_ended = [one for one in pilots if not one.sure]
        if open_ended and not self.served:
            name = self.history.processes[0].line.name
            yield (
                f"The end of {len(open_ended)} of {len(pilots)} jobs was not seen: their node "
                "hours are counted until the last sign of them, and are at least what is said. "
                f"`fcx runs report {name} --ask` asks Slurm for them."
            )
        again = sum(one.starts > 1 for one in pilots)
        if again:
            yield (
                f"Slurm requeued {again} of {len(pilots)} jobs: their node hours are those of all "
                "starts. Of one before the last, Slurm's word is known only where it was asked "
                "then, else that of the agents."
            )
        if self.clock.shift:
            yield (
                f"The clocks of nodes and of the client differ: {self.clock.shift:+.3f} s were "
                "added to what nodes said, the least with which nothing ends before it begins."
            )
        if self.history.bounds.contradictory:
            yield (
                "Clocks were set while the run went on, or nodes differ among each other: waits "
                "are right to within that difference."
            )
        untold = sum(not one.begin for some in self.of_agent.values() for one in some)
        if untold:
            yield (
                f"{untold} times a task was begun on an agent of an older fcx, which does not tell "
                "when: they are not in the timeline."
            )

    def _of_the_ledger(self) -> Iterable[str]:
        history = self.history
        unknown = sum(task.submitted is None for task in history.tasks.values())
        if unknown:
            yield (
                f"{unknown} tasks were submitted where no ledger of this machine saw it: their "
                "wait is not known."
            )
        if history.full:
            yield (
                "This report is not whole: the ledger took no more before the run was over, so "
                "tasks may have gone on, and come to their end, of which nothing is said here."
            )
        if history.unread:
            yield (
                f"This report is not whole: {history.unread} lines of the ledger are spoilt, or "
                "were written by another fcx."
            )
        if not self.ended and not self.served:
            yield (
                "The process that served the run ended without a word: tasks in state 'unknown' "
                "may have gone on since. Run the script again, or fcx.attach() to the run."
            )
        if not any(history.places.values()):
            yield "Nothing is recorded of the place where tasks ran."


def _works(tasks: Iterable[Task]) -> Iterable[float]:
    """Seconds of the attempts that came to an outcome."""
    for task in tasks:
        one = task.settling
        if one is not None and one.seconds is not None:
            yield one.seconds


def _quantile(values: Sequence[float], share: float) -> float:
    """Of sorted values: the one at that share of the way."""
    return round(values[min(len(values) - 1, int(share * len(values)))], 6)


def _quantiles(values: list[float]) -> model.Quantiles | None:
    if not values:
        return None
    values.sort()
    least, p10, median, p90, most = (_quantile(values, share) for share in SHARES)
    return model.Quantiles(len(values), least, p10, median, p90, most, round(sum(values), 3))


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
