"""The user's sbatch and srun options: honoured, or refused with the reason."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import OptionError

SBATCH_REFUSED = {
    "--wait": "the answer would be an error although the job runs, so each retry makes another job",
    "--parsable": "the answer would be an error although the job runs",
    "--test-only": "the answer is an error although it starts nothing that could be waited for",
    "--array": "one task of an array can be neither watched nor cancelled through the API; "
    "submit more tasks instead",
    "--clusters": "the API reaches one cluster; make an executor for each",
    "--wrap": "the script is the executor's own",
    "--export": "the server overrides it; set variables inside the function or in the EDF's [env]",
    "--chdir": "the server overrides it; use working_dir",
    "--hetjob": "heterogeneous jobs have ids that the API does not take",
    ":": "heterogeneous jobs have ids that the API does not take",
    "--help": "sbatch would print its help and submit nothing",
    "--usage": "sbatch would print its usage and submit nothing",
    "--version": "sbatch would print its version and submit nothing",
}
SRUN_REFUSED = {
    "--multi-prog": "the program is the executor's own",
    "--bcast": "the program is the executor's own",
    "--het-group": "heterogeneous jobs have ids that the API does not take",
    "--jobid": "the job is the pilot's own",
    "--test-only": "nothing would run",
    "--pty": "there is no terminal",
    "--input": "the agent reads no input",
    "--help": "srun would print its help and start nothing",
    "--usage": "srun would print its usage and start nothing",
    "--version": "srun would print its version and start nothing",
}
SRUN_OURS = {
    "--ntasks-per-node": ("1", "an agent drives a whole node; use workers_per_node"),
    "--cpu-bind": ("none", "the agent divides the CPUs of its node among the workers"),
    "--wait": ("0", "an agent that has nothing to do ends, and must not end the others"),
    "--kill-on-bad-exit": ("0", "an agent that fails must not end those of the other nodes"),
}
"""Option of our own srun -> (its value, why no other will do)."""

_COMMON = {
    "A": "--account", "B": "--extra-node-info", "b": "--begin", "C": "--constraint",
    "c": "--cpus-per-task", "D": "--chdir", "d": "--dependency", "e": "--error", "F": "--nodefile",
    "G": "--gpus", "i": "--input", "J": "--job-name", "L": "--licenses", "M": "--clusters",
    "m": "--distribution", "N": "--nodes", "n": "--ntasks", "o": "--output", "p": "--partition",
    "q": "--qos", "S": "--core-spec", "t": "--time", "w": "--nodelist", "x": "--exclude",
}  # fmt: skip
_COMMON_FLAGS = {
    "H": "--hold", "h": "--help", "k": "--no-kill", "O": "--overcommit", "Q": "--quiet",
    "s": "--oversubscribe", "u": "--usage", "V": "--version", "v": "--verbose",
}  # fmt: skip
SBATCH_SHORT = {**_COMMON, "a": "--array"}
SBATCH_FLAGS = {**_COMMON_FLAGS, "W": "--wait"}
SRUN_SHORT = {**_COMMON, "r": "--relative", "T": "--threads", "W": "--wait"}
SRUN_FLAGS = {
    **_COMMON_FLAGS, "E": "--preserve-env", "I": "--immediate", "K": "--kill-on-bad-exit",
    "l": "--label", "u": "--unbuffered", "X": "--disable-status", "Z": "--no-allocate",
}  # fmt: skip

WHOLE = frozenset(
    {*SBATCH_SHORT.values(), *SBATCH_FLAGS.values(), *SRUN_SHORT.values(), *SRUN_FLAGS.values()}
)
"""Names that are no abbreviation, though others begin with them."""

ENGINE = ("--environment", "--edf")
PLACE = (*ENGINE, "--uenv", "--view", "--repo")
"""sbatch options that make the place where tasks run: those of its srun follow from them."""
ONE_TASK = ("--ntasks-per-node", "--ntasks-per-socket", "--ntasks-per-core", "--ntasks-per-gpu")


@dataclass(frozen=True)
class Options:
    """The user's options: checked, and what the executor must know of them."""

    sbatch: tuple[str, ...]
    srun: tuple[str, ...]
    job_name: str = ""
    nodes: int = 1
    requeue: bool = False
    environment: str = ""  # of the user's own --environment (or --edf) among the srun options
    engine_option: str = "--environment"  # or --edf, as the user has it
    output: str = ""
    account: str = ""
    partition: str = ""  # one, or several by commas
    names: tuple[str, ...] = ()  # long names of the sbatch options
    place: tuple[str, ...] = ()  # those of them that make the place where tasks run

    @classmethod
    def check(cls, sbatch: Sequence[str], srun: Sequence[str]) -> Options:
        """Read and check both lists. Raises OptionError with the reason for what is refused."""
        batch = _parsed(_words("sbatch_options", sbatch), SBATCH_SHORT, SBATCH_FLAGS)
        step = _parsed(_words("srun_options", srun), SRUN_SHORT, SRUN_FLAGS)
        _refuse("sbatch_options", batch, SBATCH_REFUSED)
        _refuse("srun_options", step, SRUN_REFUSED)
        nodes = _node_count(_value(batch, "--nodes") or "1")
        _check_sbatch(batch, nodes)
        _check_srun(step, nodes)
        engine = [option for option in step if option.name in ENGINE]
        return cls(
            _kept(batch, ("--job-name",)),
            _kept(step, ENGINE),
            _value(batch, "--job-name") or "",
            nodes,
            _requeue(batch),
            engine[-1].value if engine else "",
            "--edf" if any(option.name == "--edf" for option in engine) else "--environment",
            _value(batch, "--output") or "",
            _value(batch, "--account") or "",
            _value(batch, "--partition") or "",
            tuple(dict.fromkeys(option.name for option in batch)),
            tuple(word for option in batch if option.name in PLACE for word in option.words),
        )

    def gives(self, name: str) -> bool:
        """Whether the user gave this sbatch option (its long name), however it was written."""
        return any(_means(given, name) for given in self.names)


@dataclass(frozen=True)
class _Option:
    """One option: its long name, its value, and the words it was given as."""

    name: str
    value: str
    words: tuple[str, ...]


def _words(name: str, options: Sequence[str]) -> list[str]:
    """The options as words; one element may hold several, as the seed joined them by spaces."""
    if isinstance(options, (str, bytes)):
        raise OptionError(f"{name} must be a list of strings, not one string: [{options!r}]")
    words: list[str] = []
    for option in options:
        if not isinstance(option, str):
            raise OptionError(f"{name} must be strings, not {type(option).__name__}: {option!r}")
        if any(ord(character) < 32 or ord(character) == 127 for character in option):
            raise OptionError(f"{name}: {option!r} has a newline or control character")
        try:
            words += shlex.split(option)
        except ValueError as error:
            raise OptionError(f"{name}: {option!r} cannot be split into words: {error}") from error
    return words


def _parsed(
    words: Sequence[str], short: Mapping[str, str], flags: Mapping[str, str]
) -> list[_Option]:
    """Words grouped into options; short ones under their long name, one by one."""
    found: list[_Option] = []
    rest = [part for word in words for part in _apart(word, short, flags)]
    while rest:
        word = rest.pop(0)
        name, value = word, ""
        if word.startswith("--"):
            name, _, value = word.partition("=")
        elif word.startswith("-") and word[1:2] in {**short, **flags}:
            name, value = {**short, **flags}[word[1]], word[2:].removeprefix("=")
        given = [word]
        takes = word == name or (len(word) == 2 and word[1] in short)
        if takes and word.startswith("-") and rest and not rest[0].startswith("-"):
            value = rest.pop(0)
            given.append(value)
        found.append(_Option(name, value, tuple(given)))
    return found


def _apart(word: str, short: Mapping[str, str], flags: Mapping[str, str]) -> list[str]:
    """``-HkN2`` is ``-H -k -N2``."""
    if word[:1] != "-" or word[1:2] not in flags or word[2:3] not in {**short, **flags}:
        return [word]
    return [word[:2], *_apart(f"-{word[2:]}", short, flags)]


def _kept(options: Sequence[_Option], without: Sequence[str]) -> tuple[str, ...]:
    dropped = [o for o in options if any(_means(o.name, name) for name in without)]
    return tuple(word for o in options if o not in dropped for word in o.words)


def _value(options: Sequence[_Option], name: str) -> str | None:
    """The value of an option: the last one counts. None where it is not given."""
    values = [option.value for option in options if _means(option.name, name)]
    return values[-1] if values else None


def _refuse(where: str, given: Sequence[_Option], refused: Mapping[str, str]) -> None:
    for option in given:
        name = next((name for name in refused if _means(option.name, name)), None)
        if name is not None:
            raise OptionError(f"{where}: {option.words[0]} cannot be used: {refused[name]}")


def _means(given: str, name: str) -> bool:
    """Whether it is that option: Slurm's programs also take the unambiguous beginning of one."""
    abbreviated = len(given) > len("--x") and given not in WHOLE and name.startswith(given)
    return given == name or abbreviated


def _node_count(text: str) -> int:
    """The number of nodes that is sure to come (the lower one of a range)."""
    match = re.match(r"\d+", text)
    return max(1, int(match.group())) if match else 1


def _requeue(options: Sequence[_Option]) -> bool:
    """The last of --requeue and --no-requeue counts."""
    asked = [_means(o.name, "--requeue") for o in options if o.name.endswith("requeue")]
    return bool(asked) and asked[-1]


def _check_sbatch(given: Sequence[_Option], nodes: int) -> None:
    """What several tasks per node would need, or a job that does not survive a node."""
    for name in ONE_TASK:
        value = _value(given, name)
        if value not in {None, "", "1"}:
            raise OptionError(
                f"sbatch_options: {name}={value} asks for several tasks per node; an agent "
                "drives a whole node: use workers_per_node for tasks that run side by side"
            )
    tasks = _value(given, "--ntasks") or ""
    if tasks.isdigit() and int(tasks) > nodes and _value(given, "--nodes") is not None:
        raise OptionError(
            f"sbatch_options: --ntasks={tasks} on {nodes} node(s) asks for several tasks per node; "
            "use workers_per_node for tasks that run side by side"
        )
    if _value(given, "--no-kill"):
        raise OptionError(
            "sbatch_options: --no-kill=off cannot be used: the agents of a pilot's other nodes go "
            "on when one node fails"
        )


def _check_srun(given: Sequence[_Option], nodes: int) -> None:
    """What the pilot's own srun must have otherwise."""
    for option in given:
        for name, (ours, reason) in SRUN_OURS.items():
            if option.name == name and option.value != ours:
                raise OptionError(f"srun_options: {name} can only be {ours}: {reason}")
        if option.name in {"--nodes", "--ntasks"} and option.value != str(nodes):
            raise OptionError(
                f"srun_options: {option.name} can only be {nodes}, one agent on each node of the "
                "pilot; ask for nodes in sbatch_options, and for workers by workers_per_node"
            )
