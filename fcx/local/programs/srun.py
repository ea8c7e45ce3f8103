"""srun of the process back end: starts tasks inside a job, on its nodes, and waits for them.

One task on each node unless told otherwise. A node is a working environment: its name in the
environment and a TMPDIR of its own; all nodes are this machine. Options that only make sense on
real hardware (CPU binding, memory, GPUs, MPI) are read and let be; unknown ones are refused as
srun does. A signal that srun gets goes to every task.
"""

# ruff: noqa: T201  # what a program prints is its answer

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import tempfile
import time
from typing import Any, NoReturn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from desk import DeskClosed, Refused, ask, settings  # type: ignore[import-not-found]
from getopts import OptionProblem, Table  # type: ignore[import-not-found]

OPTIONS = Table(
    "A|account= acctg-freq= bb= bbf= bcast= bcast-exclude= b|begin= c|cpus-per-task= comment= "
    "compress? container= cpu-freq= d|dependency= deadline= delay-boot= D|chdir= export= e|error= "
    "epilog= E|preserve-env gres= gres-flags= H|hold i|input= I|immediate? jobid= J|job-name= "
    "k|no-kill K|kill-on-bad-exit? l|label L|licenses= M|clusters= m|distribution= mail-type= "
    "mail-user= mcs-label= mpi= multi-prog n|ntasks= nice? ntasks-per-node= N|nodes= o|output= "
    "O|overcommit overlap het-group= p|partition= power= priority= prolog= profile= propagate? pty "
    "quit-on-interrupt q|qos= Q|quiet reboot r|relative= s|oversubscribe S|core-spec= send-libs? "
    "signal= slurmd-debug= spread-job switches= task-epilog= task-prolog= thread-spec= T|threads= "
    "t|time= time-min= u|unbuffered use-min-nodes v|verbose W|wait= wckey= X|disable-status "
    "cluster-constraint= contiguous C|constraint= mem= mincpus= reservation= tmp= w|nodelist= "
    "x|exclude= Z|no-allocate exact exclusive? mem-per-cpu= resv-ports? sockets-per-node= "
    "cores-per-socket= threads-per-core= ntasks-per-core= ntasks-per-socket= cpus-per-gpu= G|gpus= "
    "gpu-bind= gpu-freq= gpus-per-node= gpus-per-socket= gpus-per-task= mem-per-gpu= cpu-bind= "
    "mem-bind= hint= open-mode= network= environment= h|help usage V|version"
)
FROM_ENVIRONMENT = {  # options that sbatch or the user left there
    "SLURM_NTASKS": "ntasks",
    "SLURM_NTASKS_PER_NODE": "ntasks-per-node",
    "SLURM_CPUS_PER_TASK": "cpus-per-task",
    "SLURM_WAIT": "wait",
    "SLURM_KILL_BAD_EXIT": "kill-on-bad-exit",
    "SLURM_LABELIO": "label",
    "SLURM_STDOUTMODE": "output",
    "SLURM_STDERRMODE": "error",
    "SLURM_STDINMODE": "input",
    "SLURM_WORKING_DIR": "chdir",
    "SLURM_ENVIRONMENT": "environment",
}
NUMERIC = ("ntasks", "ntasks-per-node", "cpus-per-task", "wait", "relative")
FORWARDED = ("SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGCONT", "SIGTSTP")
PR_SET_PDEATHSIG = 1


def main() -> None:
    """Read the options, ask for a step, run its tasks, end as they ended."""
    options, command = read_options(sys.argv[1:])
    if not command:
        fail("No command given to execute.", 1)
    job_id = options.get("jobid") or os.environ.get("SLURM_JOB_ID")
    if not job_id:
        fail("Unable to allocate resources: this srun starts tasks inside a job, and this is none")
    engine = engine_prefix(options.get("environment"))
    try:
        step = ask("step/start", **wanted(options, job_id, command))
    except DeskClosed as problem:
        fail(f"Unable to contact slurm controller: {problem}")
    except Refused as problem:
        fail(str(problem))
    status = Step(step, options, [*engine, *command]).run()
    with contextlib.suppress(DeskClosed, Refused):  # if the job has been ended meanwhile
        ask("step/end", job=job_id, step=step["step"], status=status)
    sys.exit(status if status < 256 else 128 + (status >> 8))


def fail(text: str, status: int = 1) -> NoReturn:
    """End as srun does: its name, the reason, a status."""
    for line in text.splitlines():
        print(f"srun: error: {line}", file=sys.stderr)
    sys.exit(status)


def read_options(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Options by long name, those of the environment included, and the command."""
    found = {
        option: os.environ[name] for name, option in FROM_ENVIRONMENT.items() if name in os.environ
    }
    try:
        given, command = OPTIONS.parse(words)
    except OptionProblem as problem:
        print(f'srun: {problem}\nTry "srun --help" for more information', file=sys.stderr)
        sys.exit(255)
    if "ntasks" not in dict(given) and {"nodes", "ntasks-per-node"} & set(dict(given)):
        found.pop("ntasks", None)  # srun --nodes=2 means one task on each, whatever sbatch said
    found.update((name, "1" if value is None else value) for name, value in given)
    for name in NUMERIC:
        if name in found and not found[name].isdigit():
            fail(f'Invalid numeric value "{found[name]}" for --{name}.')
    if found.get("ntasks") == "0":
        fail('Invalid numeric value "0" for --ntasks.')
    if "multi-prog" in found or "pty" in found:
        fail("--multi-prog and --pty are not offered by the local cluster's srun")
    return found, command


def engine_prefix(environment: str | None) -> list[str]:
    """The command that enters the container of an EDF, from the cluster's engine."""
    if environment is None:
        return []
    try:
        engine = settings().get("engine")
    except DeskClosed as problem:
        fail(f"Unable to contact slurm controller: {problem}")
    if not engine:
        fail(
            f"--environment={environment}: this local cluster has no container engine, so it "
            "cannot run an EDF;\nleave --environment out, or use a cluster that has one"
        )
    return [*engine, "--environment", environment, "--"]


def wanted(options: dict[str, str], job_id: str, command: list[str]) -> dict[str, Any]:
    """The step as the server is asked for it."""
    nodes = options.get("nodes", "").partition("-")[0]
    if nodes and not nodes.isdigit():
        fail(f'"{options["nodes"]}" is not a valid node count', 255)
    return {
        "job": job_id,
        "name": options.get("job-name") or os.path.basename(command[0]),
        "nodes": int(nodes) if nodes else None,
        "ntasks": int(options["ntasks"]) if "ntasks" in options else None,
        "ntasks_per_node": int(options["ntasks-per-node"])
        if "ntasks-per-node" in options
        else None,
        "cpus_per_task": int(options.get("cpus-per-task", "1")),
        "overcommit": "overcommit" in options,
        "nodelist": options.get("nodelist"),
        "relative": int(options.get("relative", "0")),
    }


class Task:
    """One process of a step."""

    def __init__(self, rank: int, node: dict[str, Any], local: int) -> None:
        self.rank = rank
        self.node = node
        self.local = local
        self.pid = 0
        self.pipes: list[int] = []


class Step:
    """The tasks of one srun."""

    def __init__(self, step: dict[str, Any], options: dict[str, str], command: list[str]) -> None:
        self.step = step
        self.options = options
        self.command = command
        self.libc = ctypes.CDLL(None)
        self.running: dict[int, Task] = {}
        self.readers: dict[int, tuple[Task, int, bytes]] = {}
        self.worst = 0
        self.deadline: float | None = None
        self.input = self._input()
        self.wakeup, self.notify = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def run(self) -> int:
        """Start all tasks and see them through; the exit status, a signal in the high byte."""
        signal.set_wakeup_fd(self.notify, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for name in FORWARDED:
            signal.signal(getattr(signal, name), self._forward)
        rank = 0
        for node in self.step["nodes"]:
            for local in range(node["tasks"]):
                self._start(Task(rank, node, local))
                rank += 1
        while self.running or self.readers:
            self._turn()
        return self.worst

    def _turn(self) -> None:
        pause = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
        ready, _, _ = select.select([self.wakeup, *self.readers], [], [], pause)
        if self.wakeup in ready:
            os.read(self.wakeup, 4096)
        for fd in ready:
            if fd in self.readers:
                self._relay(fd)
        self._reap()
        if self.deadline is not None and time.monotonic() >= self.deadline and self.running:
            self.deadline = None
            self._end_others()

    def _start(self, task: Task) -> None:
        labelled = "label" in self.options
        channels = [self._channel(name, task) for name in ("output", "error")]
        sources = []
        for number, path in enumerate(channels):
            if path is not None:
                sources.append(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644))
            elif labelled:
                reading, writing = os.pipe()
                self.readers[reading] = (task, number + 1, b"")
                sources.append(writing)
            else:
                sources.append(-1)
        task.pid = os.fork()
        if task.pid == 0:
            self._become(task, sources)
        self.running[task.pid] = task
        for fd in sources:
            if fd >= 0:
                os.close(fd)

    def _become(self, task: Task, sources: list[int]) -> NoReturn:
        """In the child: turn into the task's command."""
        self.libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        for name in FORWARDED:
            signal.signal(getattr(signal, name), signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        os.setsid()
        for fd, target in zip(sources, (1, 2), strict=True):
            if fd >= 0:
                os.dup2(fd, target)
        os.dup2(self._input_of(task), 0)
        os.closerange(3, 256)
        directory = self.options.get("chdir")
        if directory:
            _change_directory(directory)
        environment = self._environment(task)
        try:
            os.execvpe(self.command[0], self.command, environment)
        except OSError as error:
            os.write(
                2, f"slurmstepd: error: execve(): {self.command[0]}: {error.strerror}\n".encode()
            )
            os._exit(13 if isinstance(error, PermissionError) else 2)

    def _environment(self, task: Task) -> dict[str, str]:
        step = self.step
        found = dict(os.environ)
        if self.options.get("export", "ALL").upper() == "NONE":
            found = {name: value for name, value in found.items() if name.startswith("SLURM_")}
        for pair in self.options.get("export", "").split(","):
            name, equals, value = pair.partition("=")
            if equals:
                found[name] = value
        total = sum(node["tasks"] for node in step["nodes"])
        first = task.rank - task.local
        found.update(task.node["env"])
        found.update(
            {
                "SLURM_JOB_ID": step["job"],
                "SLURM_JOBID": step["job"],
                "SLURM_PROCID": str(task.rank),
                "SLURM_LOCALID": str(task.local),
                "SLURM_NODEID": str(task.node["index"]),
                "SLURM_GTIDS": ",".join(str(first + n) for n in range(task.node["tasks"])),
                "SLURM_STEP_ID": str(step["step"]),
                "SLURM_STEPID": str(step["step"]),
                "SLURM_NTASKS": str(total),
                "SLURM_NPROCS": str(total),
                "SLURM_STEP_NUM_TASKS": str(total),
                "SLURM_STEP_NUM_NODES": str(len(step["nodes"])),
                "SLURM_NNODES": str(len(step["nodes"])),
                "SLURM_STEP_NODELIST": step["nodelist"],
                "SLURM_STEP_TASKS_PER_NODE": step["tasks_per_node"],
                "SLURM_TASKS_PER_NODE": step["tasks_per_node"],
                "SLURM_TASK_PID": str(os.getpid()),
            }
        )
        return found

    def _channel(self, name: str, task: Task) -> str | None:
        """The file that a task's output goes to; None for srun's own."""
        pattern = self.options.get(name)
        if name == "error" and pattern is None:
            pattern = self.options.get("output")
        if pattern in {None, "all"}:
            return None
        assert pattern is not None
        if pattern == "none":
            return os.devnull
        if pattern.isdigit():
            return None if int(pattern) == task.rank else os.devnull
        marks = {
            "%t": str(task.rank),
            "%n": str(task.node["index"]),
            "%N": task.node["name"],
            "%j": self.step["job"],
            "%A": self.step["job"],
            "%J": f"{self.step['job']}.{self.step['step']}",
            "%s": str(self.step["step"]),
            "%x": os.environ.get("SLURM_JOB_NAME", ""),
            "%u": os.environ.get("USER", ""),
        }
        for mark, text in marks.items():
            pattern = pattern.replace(mark, text)
        return pattern

    def _input(self) -> int:
        """A descriptor that every task may read from its beginning, or srun's own for one task."""
        choice = self.options.get("input", "all")
        if choice == "none":
            return os.open(os.devnull, os.O_RDONLY)
        if choice != "all" and not choice.isdigit():
            return os.open(choice, os.O_RDONLY)
        if sum(node["tasks"] for node in self.step["nodes"]) == 1 or os.isatty(0):
            return 0
        with tempfile.TemporaryFile() as copy:
            while True:
                part = os.read(0, 1 << 20)
                if not part:
                    break
                copy.write(part)
            copy.flush()
            return os.dup(copy.fileno())

    def _input_of(self, task: Task) -> int:
        if self.input == 0:
            return 0
        choice = self.options.get("input", "all")
        if choice.isdigit() and int(choice) != task.rank:
            return os.open(os.devnull, os.O_RDONLY)
        return os.open(f"/proc/self/fd/{self.input}", os.O_RDONLY)  # an offset of its own

    def _relay(self, fd: int) -> None:
        """Pass labelled output on, line by line."""
        task, channel, held = self.readers[fd]
        part = os.read(fd, 1 << 16)
        *lines, held = (held + part).split(b"\n")
        if not part:
            os.close(fd)
            del self.readers[fd]
            lines = [held] if held else []
        else:
            self.readers[fd] = (task, channel, held)
        width = len(str(sum(node["tasks"] for node in self.step["nodes"]) - 1))
        label = f"{task.rank:>{width}}: ".encode()
        os.write(channel, b"".join(label + line + b"\n" for line in lines))

    def _forward(self, number: int, _frame: object) -> None:
        """Every process of the step gets the signal, the children of its tasks too."""
        if number in {signal.SIGINT, signal.SIGTERM}:
            text = "Job step aborted: Waiting up to 32 seconds for job step to finish."
            os.write(2, f"srun: {text}\n".encode())
        for pid in list(self.running):
            _send_group(pid, number)

    def _reap(self) -> None:
        while self.running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            task = self.running.pop(pid, None)
            if task is not None:
                self._note(task, status)

    def _note(self, task: Task, status: int) -> None:
        code, number = (
            (os.WEXITSTATUS(status), 0) if os.WIFEXITED(status) else (0, os.WTERMSIG(status))
        )
        where = f"srun: error: {task.node['name']}: task {task.rank}:"
        if number:
            core = " (core dumped)" if os.WCOREDUMP(status) else ""
            print(f"{where} {signal.strsignal(number)}{core}", file=sys.stderr, flush=True)
        elif code:
            print(f"{where} Exited with exit code {code}", file=sys.stderr, flush=True)
        rank = code or number << 8
        self.worst = max(self.worst, rank, key=lambda one: one if one < 256 else 128 + (one >> 8))
        if (code or number) and self.options.get("kill-on-bad-exit", "0") != "0" and self.running:
            print(
                f"srun: Terminating StepId={self.step['job']}.{self.step['step']}",
                file=sys.stderr,
                flush=True,
            )
            self._end_others()
        elif self.deadline is None and int(self.options.get("wait", "0")) > 0 and self.running:
            self.deadline = time.monotonic() + int(self.options["wait"])

    def _end_others(self) -> None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S")
        name = f"{self.step['job']}.{self.step['step']}"
        for pid, task in list(self.running.items()):
            print(
                f"slurmstepd: error: *** STEP {name} ON {task.node['name']} CANCELLED AT {stamp}"
                " ***",
                file=sys.stderr,
                flush=True,
            )
            _send_group(pid, signal.SIGKILL)


def _send_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:  # a task that has not become the leader of its group yet
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    except PermissionError:
        pass


def _change_directory(directory: str) -> None:
    try:
        os.chdir(directory)
    except OSError as error:
        text = f"slurmstepd: error: couldn't chdir to `{directory}': {error.strerror}"
        os.write(2, f"{text}: going to /tmp instead\n".encode())
        os.chdir("/tmp")


if __name__ == "__main__":
    main()
