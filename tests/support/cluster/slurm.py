"""A real Slurm on this machine for as long as a `with` block lasts: slurmctld, a slurmd per node.

Debian's packages are enough (`apt-get install slurm-wlm slurm-wlm-basic-plugins`): no munge, no
cgroups, no database, no system service. Everything lives in one private directory and listens on
loopback, on ports that were free, so several such clusters run beside each other. Clients find it
by SLURM_CONF. What follows from that: no sacct (no slurmdbd), and out of memory is enforced by
sampling (`--mem`), so that such a job ends as FAILED by signal 9 and not as OUT_OF_MEMORY.

As root, any user of the machine may submit; started by another user, only that one.

    python tests/support/cluster/slurm.py     serves until a signal, prints SLURM_CONF
"""

from __future__ import annotations

import contextlib
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

DAEMONS = ("slurmctld", "slurmd")
COMMANDS = ("sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PACKAGES = "apt-get install slurm-wlm slurm-wlm-basic-plugins"

# A start on ports that somebody took in the meantime is tried again on others.
ATTEMPTS = 5
START_TIMEOUT = 180.0
STOP_TIMEOUT = 90.0
TENDED_EVERY = 1.0  # seconds

CONF = """\
ClusterName=cluster
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/none
CredType=cred/none
AuthInfo=cred_expire=5
MpiDefault=none
SwitchType=switch/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=8000
TmpFS={root}/tmp-%n
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool-%n
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd-%n.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd-%n.log
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,sched_min_interval=0
ReturnToService=2
KillWait=2
MailProg=/bin/true
PlugStackConfig={root}/plugstack.conf
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
{nodes}
PartitionName=debug Default=YES Nodes=ALL DefaultTime=60 MaxTime=INFINITE
PartitionName=normal Nodes=ALL DefaultTime=60 MaxTime=1440
PartitionName=short Nodes=ALL DefaultTime=1 MaxTime=1
PartitionName=urgent Nodes=ALL DefaultTime=1 MaxTime=1 PriorityTier=10 PreemptMode=OFF Hidden=YES
"""

NODE = (
    "NodeName={name} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} "
    "CPUs={cpus} RealMemory=64000"
)


def missing() -> str | None:
    """What is not installed and how to get it; None where a Slurm can be started."""
    absent = [name for name in (*DAEMONS, *COMMANDS) if _which(name) is None]
    return f"no {', '.join(absent)} here ({PACKAGES})" if absent else None


class SlurmFailed(RuntimeError):
    """Slurm didn't come up; the message holds the end of its logs."""


class SlurmCluster:
    """A Slurm that runs: `.conf` is its slurm.conf, `.env` what clients need, `.stop()` ends it."""

    def __init__(self, root: Path, nodes: int, cpus: int, plugstack: Sequence[str]) -> None:
        self.root = root
        self.conf = root / "slurm.conf"
        self.env = {"SLURM_CONF": str(self.conf)}
        self.nodes = [f"nid{number:03d}" for number in range(1, nodes + 1)]
        self.cpus = cpus
        self.plugstack = tuple(plugstack)
        self._daemons: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Bring the daemons up and wait until every node takes work. Raises SlurmFailed."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._configure(_free_ports(1 + len(self.nodes)))
                self._launch()
                self._wait_ready()
            except SlurmFailed:
                self.stop()
                if attempt == ATTEMPTS:
                    raise
            except BaseException:
                self.stop()
                raise
            else:
                return

    def run(
        self, *command: str, timeout: float = 300.0, check: bool = True, **options: object
    ) -> str:
        """What a command prints, run as a client of this Slurm. Raises CalledProcessError."""
        done = subprocess.run(
            command,
            env={"PATH": SYSTEM_PATH, "HOME": str(Path.home()), **self.env},
            timeout=timeout,
            check=False,
            text=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            **options,
        )
        if check and done.returncode:
            raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
        return done.stdout

    def pid(self, name: str) -> int:
        """The process id of a daemon; of the first node's, for slurmd."""
        for daemon in self._daemons:
            if any(Path(str(word)).name == name for word in daemon.args):
                return daemon.pid
        raise LookupError(f"no {name} runs")

    def kill_controller(self) -> None:
        """End slurmctld as a crash would; jobs go on."""
        daemon = self._daemons[0]
        daemon.kill()
        daemon.wait()

    def start_controller(self) -> None:
        """Start slurmctld anew, with the state that it had saved; nodes that it took down serve."""
        self._daemons[0] = self._start("slurmctld", "-D")
        deadline = time.monotonic() + START_TIMEOUT
        while self._resume() and time.monotonic() < deadline:
            time.sleep(0.1)

    @contextlib.contextmanager
    def tended(self) -> Iterator[None]:
        """As by an administrator: while the block lasts, nodes that Slurm closes are opened again.

        A controller that was killed may have forgotten that a job began, start it once more, and
        then drain the node for good, "Duplicate jobid".
        """
        ended = threading.Event()

        def tend() -> None:
            while not ended.wait(TENDED_EVERY):
                self._resume()

        thread = threading.Thread(target=tend, name="tends Slurm", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def logs(self, lines: int = 15) -> str:
        """The last lines of each daemon's log."""
        parts = []
        for log in sorted(self.root.glob("*.log")):
            tail = log.read_text(errors="replace").splitlines()[-lines:]
            parts.append("\n".join([f"--- {log.name}", *tail]))
        return "\n".join(parts)

    def stop(self) -> None:
        """Cancel the jobs, then end the daemons and what is left of their steps: by id."""
        if self._daemons:
            self._cancel_all()
        for daemon in reversed(self._daemons):
            _end(daemon)
        self._daemons.clear()
        for pid in self._left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _configure(self, ports: Sequence[int]) -> None:
        shutil.rmtree(self.root / "state", ignore_errors=True)
        (self.root / "state").mkdir(mode=0o700)
        for name in self.nodes:  # PMIx has a folder of its own in it, by the job's number
            (self.root / f"tmp-{name}").mkdir(exist_ok=True)
        lines = [
            NODE.format(name=name, port=port, cpus=self.cpus)
            for name, port in zip(self.nodes, ports[1:], strict=True)
        ]
        user = pwd.getpwuid(os.geteuid()).pw_name
        text = CONF.format(root=self.root, ports=ports, user=user, nodes="\n".join(lines))
        self.conf.write_text(text)
        (self.root / "plugstack.conf").write_text("".join(f"{line}\n" for line in self.plugstack))

    def _launch(self) -> None:
        self._daemons.append(self._start("slurmctld", "-D"))
        for name in self.nodes:
            self._daemons.append(self._start("slurmd", "-D", "-N", name))

    def _start(self, name: str, *words: str) -> subprocess.Popen[bytes]:
        program = _which(name)
        assert program is not None, f"{name} is gone"
        with (self.root / "daemons.log").open("ab") as log:
            return subprocess.Popen(
                [*_die_with_parent(), program, *words],
                env={"PATH": SYSTEM_PATH, "LANG": "C.UTF-8", **self.env},
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A Ctrl-C at the terminal is for the tests, who then stop Slurm in order.
                start_new_session=True,
            )

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            for daemon in self._daemons:
                if daemon.poll() is not None:
                    raise SlurmFailed(f"{daemon.args} ended at once:\n{self.logs()}")
            if self._idle():
                return
            time.sleep(0.05)
        raise SlurmFailed(f"no idle nodes after {START_TIMEOUT:.0f} s:\n{self.logs()}")

    def _idle(self) -> bool:
        """Whether the controller answers and every node has reported to it."""
        states = self._states().split()
        return len(states) == len(self.nodes) and set(states) == {"idle"}

    def _resume(self) -> bool:
        """Put nodes back that are down or drained; whether there were any."""
        states = self._states()
        closed = "down" in states or "drain" in states
        if closed:
            names = ",".join(self.nodes)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.run("scontrol", "update", f"NodeName={names}", "State=RESUME", check=False)
        return closed

    def _states(self) -> str:
        """Of all nodes; ``down`` while the controller does not answer."""
        try:
            return self.run("sinfo", "-h", "-N", "-p", "debug", "-o", "%T", timeout=60)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return "down"

    def _cancel_all(self) -> None:
        deadline = time.monotonic() + STOP_TIMEOUT
        with contextlib.suppress(subprocess.SubprocessError, OSError):
            while time.monotonic() < deadline:
                jobs = self.run("squeue", "-h", "-o", "%A", timeout=60).split()
                if not jobs:
                    return
                self.run("scancel", "--quiet", *sorted(set(jobs)), timeout=60, check=False)
                time.sleep(0.1)

    def _left(self) -> Iterator[int]:
        """What its jobs left, daemons of steps included: known by slurm.conf in their environment.

        A controller that was killed may have forgotten jobs, whose `srun` then waits for ever.
        """
        mark = f"SLURM_CONF={self.conf}".encode()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    yield int(entry.name)


@contextlib.contextmanager
def slurm_cluster(
    root: str | Path | None = None,
    *,
    nodes: int = 1,
    cpus: int = 8,
    plugstack: Iterable[str | Callable[[Path], str]] = (),
) -> Iterator[SlurmCluster]:
    """A Slurm of `nodes` nodes that claim `cpus` CPUs each, in a directory of its own.

    `plugstack` are lines of plugstack.conf, or functions that install a plugin in the directory
    that they are given and return its line.
    Its partitions: debug (the default), normal (up to a day), short (one minute), and the hidden
    urgent, whose jobs preempt the others. Without `root`, a temporary directory that goes with
    it. Raises SlurmFailed, with the logs.
    """
    lack = missing()
    if lack:
        raise SlurmFailed(lack)
    home = Path(tempfile.mkdtemp(prefix="fcx-slurm-")) if root is None else Path(root).absolute()
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o755)  # clients of other users read slurm.conf
    try:
        lines = [line if isinstance(line, str) else line(home) for line in plugstack]
        cluster = SlurmCluster(home, nodes, cpus, lines)
    except BaseException:
        _remove(home, root)
        raise
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        _remove(home, root)


def _remove(home: Path, root: str | Path | None) -> None:
    """The directory goes with the cluster, unless the caller named it."""
    if root is None:
        shutil.rmtree(home, ignore_errors=True)


def _which(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}")


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, below those that the kernel gives to outgoing connections."""
    ports: list[int] = []
    candidates = random.SystemRandom()
    while len(ports) < count:
        port = candidates.randrange(18000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports


def _die_with_parent() -> list[str]:
    """A prefix that ends the daemon when this process is killed, as far as that can be had.

    The kernel sends the signal when the starting *thread* ends, so only the main thread asks.
    """
    setpriv = shutil.which("setpriv", path=SYSTEM_PATH)
    if setpriv is None or threading.current_thread() is not threading.main_thread():
        return []
    return [setpriv, "--pdeathsig", "TERM"]


def _end(daemon: subprocess.Popen[bytes]) -> None:
    if daemon.poll() is None:
        daemon.terminate()
    try:
        daemon.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def stop_on_signals() -> None:
    """Let SIGINT, SIGTERM and SIGHUP leave the program through its `with` blocks, once."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def leave(number: int, frame: object) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)  # nothing interrupts the tidying up
        raise SystemExit(0)

    for each in numbers:
        signal.signal(each, leave)


def main() -> None:
    """Serve until a signal."""
    stop_on_signals()
    with slurm_cluster() as cluster:
        print(f"export SLURM_CONF={cluster.conf}", flush=True)
        while True:
            signal.pause()


if __name__ == "__main__":
    main()
