"""The agent: one per node of a pilot. It moves bytes between the run directory and its workers.

``start.py agent RUN CONFIG``: RUN is the run directory, CONFIG the pilot's JSON file. The agent
tells its environment, waits for a guard (in CONFIG, or in the first bundle) and compares, claims
portions, feeds workers, appends what became of each task to its log, and leaves when there is
nothing to do for ``idle_timeout`` seconds. It never unpickles: only workers do.

Records (kinds) of its log::

    up      node, pilot, cpus, python, dill, left (seconds of the job), edf (digest), probe
    refused findings: what differs from the guard; the agent ends
    run     t, a, first, slot: the task runs (written only if it takes longer than a flush)
    done    t, a, o, s, n, mac and d (base64) or parts: see worker.py
    died    t, a, first, left and how the worker ended
    back    t: [[task, attempt], ...] handed back untouched, for want of time
    failed  error: the initializer's traceback; the agent ends
    next    segment: where the log goes on
    end     why: idle | time | closed | signal
"""

import errno
import hashlib
import json
import os
import platform
import re
import selectors
import signal
import sys
import time
import traceback

import log
import pool
from inbox import Inbox

HEARTBEAT = 5.0  # seconds
MARGIN = 2.0  # seconds of the job's time that are not counted on
HELLO_TIMEOUT = 120.0  # seconds for an interpreter to start on a cold file system
QUICK, SLOW = 0.02, 0.5  # seconds between looks into the inbox: after news, and while idle
TELL = 0.05  # seconds from which a running task is told of
DISK_FULL = 75  # exit code of an agent that cannot write any more; pilots.py knows it
PROMPT = 3.0  # seconds for which the go is looked for as quickly as tasks are
LONGEST_LOOK = 0.2  # while workers are busy


def seconds_left(text):
    """Seconds in a time of ``squeue -o %L`` (``1-02:03:04``, ``59:59``); None if it has no end."""
    match = re.match(r"^(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)$", text.strip())
    if not match:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


class Clock:
    """How much of the job's time is left, counted monotonically from when it was told."""

    def __init__(self, path):
        self.path = path
        self.end = None
        self.known = False

    def left(self):
        """Seconds left, None while unknown or unlimited."""
        if not self.known:
            self._read()
        return None if self.end is None else self.end - time.monotonic()

    def _read(self):
        try:
            with open(self.path) as file:
                text = file.read()
                age = max(0.0, time.time() - os.fstat(file.fileno()).st_mtime)
        except OSError:
            return
        if not text.endswith("\n"):
            return
        self.known = True
        left = seconds_left(text)
        if left is not None:
            self.end = time.monotonic() + left - min(age, 60.0)


def compare(guard, found):
    """What differs between the guard and this place, as [[what, wanted, found], ...]."""
    return [
        [what, wanted, found.get(what)]
        for what, wanted in sorted(guard.items())
        if wanted is not None and not agrees(wanted, found.get(what))
    ]


def agrees(wanted, found):
    """Equal, or for a wanted version that ends with a dot: a prefix (``3.11.``)."""
    if isinstance(wanted, str) and wanted.endswith("."):
        return isinstance(found, str) and found.startswith(wanted)
    return wanted == found


def image_record():
    """What the image says of itself; an empty dictionary outside of one of ours."""
    try:
        with open("/etc/fcx/image.json") as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def file_digest(path):
    """SHA-256 of a file, None where there is none."""
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except (OSError, TypeError):
        return None


def whole(path):
    """The path itself; a file that was too large for one upload is joined from its parts first."""
    if os.path.exists(path) or not os.path.exists(path + ".parts"):
        return path
    with open(path + ".parts") as file:
        index = json.load(file)
    own = "%s~%d" % (path, os.getpid())
    digest = hashlib.sha256()
    with open(own, "wb") as target:
        for number in range(index["parts"]):
            with open("%s.%d" % (path, number), "rb") as part:
                data = part.read()
            digest.update(data)
            target.write(data)
    if digest.hexdigest() != index["sha256"]:
        raise ValueError("%s did not arrive whole" % os.path.basename(path))
    os.rename(own, path)
    return path


class Agent:
    """State and loop."""

    def __init__(self, run, config):
        self.run, self.config = run, config
        job = os.environ.get("SLURM_JOB_ID", "0")
        restart = os.environ.get("SLURM_RESTART_COUNT", "0")
        node = os.environ.get("SLURM_NODEID", "0")
        self.name = "%s.%s.%s" % (job, restart, node)
        self.log = log.Log(run, self.name)
        self.inbox = Inbox(run, self.name, config["pilot"])
        self.clock = Clock(os.path.join(run, "seats", "%s.%s.left" % (job, restart)))
        self.selector = selectors.DefaultSelector()
        self.slots = self._make_slots(int(node))
        self.queue = []  # (meta, payload) claimed and not yet run
        self.cancelled = set()
        self.guard = config.get("guard")
        self.leaving = None  # why
        self.hello = {}
        self.closing = 0.0

    def _make_slots(self, node):
        counts = self.config["workers"]
        workers = counts[min(node, len(counts) - 1)]
        cpus = sorted(os.sched_getaffinity(0))
        variable, gpus = pool.visible_gpus(os.environ)
        if workers == 1:
            return [pool.Slot(0, [], None, self.run, self.name)]
        return [
            pool.Slot(rank, own, (variable, some) if some else None, self.run, self.name)
            for rank, (own, some) in enumerate(pool.shares(cpus, gpus, workers))
        ]

    # -- the loop ---------------------------------------------------------------------------

    def serve(self):
        """Run until there is nothing to do, no time, or the word to end."""
        self._signals()
        for slot in self.slots:
            self._start(slot)
        if not self._meet():
            return 1
        self._wait_for_guard()
        beat = idle_since = time.monotonic()
        pause, next_look = QUICK, 0.0
        while self.leaving is None:
            now = time.monotonic()
            if now >= next_look:
                news = self._look()
                pause = QUICK if news else min(pause * 1.5, self._slowest())
                next_look = now + pause
            self._dispatch()
            if self._busy() or self.queue:
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since > self.config["idle_timeout"]:
                self._look()
                self._leave_if_idle()
            if now - beat > HEARTBEAT:
                self.log.beat()
                beat = now
            self._wait(min(next_look, beat + HEARTBEAT))
        return self._finish()

    def _slowest(self):
        return LONGEST_LOOK if self._busy() else SLOW

    def _busy(self):
        return any(slot.state == "busy" for slot in self.slots)

    def _wait(self, until):
        """Sleep until a worker speaks, a record is due or the time has come."""
        now = time.monotonic()
        timeout = until - now
        due = self.log.due()
        if due is not None:
            timeout = min(timeout, due)
        for slot in self.slots:
            if slot.state == "busy" and not slot.told:
                timeout = min(timeout, slot.began + TELL - now)
        for key, _ in self.selector.select(max(0.0, timeout)):
            if key.data is None:
                self._drain()
            else:
                self._hear(key.data)
        self._tell_running()
        idle = not self._busy() and not self.queue
        if idle or self.log.due() == 0.0:
            self.log.flush()

    def _drain(self):
        try:
            while os.read(self.waker, 512):
                pass
        except BlockingIOError:
            pass
        for slot in self.slots:
            if slot.process is not None and slot.dead():
                self._hear(slot)

    def _tell_running(self):
        now = time.monotonic()
        for slot in self.slots:
            if slot.state == "busy" and not slot.told and now - slot.began >= TELL:
                slot.told = True
                meta = slot.task[0]
                self.log.add("run", t=meta["t"], a=meta["a"], first=slot.calls == 1, slot=slot.rank)

    # -- beginning --------------------------------------------------------------------------

    def _signals(self):
        self.waker, woken = os.pipe()
        os.set_blocking(self.waker, False)
        os.set_blocking(woken, False)
        signal.set_wakeup_fd(woken)
        self.selector.register(self.waker, selectors.EVENT_READ, None)
        for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2:
            signal.signal(number, self._signalled)
        signal.signal(signal.SIGCHLD, self._woken)

    def _signalled(self, number, frame):
        self.leaving = "signal"

    def _woken(self, number, frame):
        """A child has ended: the wakeup descriptor says so, the loop looks which."""

    def _start(self, slot):
        slot.start(self.config.get("environ") or os.environ)
        self.selector.register(slot.read_fd, selectors.EVENT_READ, slot)

    def _stop(self, slot):
        if slot.process is not None:
            self.selector.unregister(slot.read_fd)
            slot.end()

    def _meet(self):
        """Wait for the first worker's hello, and say what this place is."""
        deadline = time.monotonic() + HELLO_TIMEOUT
        while not self.hello and self.leaving is None:
            if time.monotonic() > deadline:
                self._report_broken(
                    "the worker's interpreter did not start in %d s" % HELLO_TIMEOUT
                )
                return False
            for key, _ in self.selector.select(1.0):
                if key.data is not None:
                    self._hear(key.data)
                else:
                    self._drain()
        self.log.add(
            "up",
            node=platform.node(),
            pilot=self.config["pilot"],
            cpus=len(os.sched_getaffinity(0)),
            python=self.hello.get("python"),
            dill=self.hello.get("dill"),
            left=self.clock.left(),
            edf=file_digest(self.config.get("edf")),
            probe=self._probe() if self.guard is None or self.config.get("probe") else None,
        )
        self.log.flush()  # before anything is claimed: who claims can be found by its log
        return True

    def _probe(self):
        """The snapshot, as a worker would see the place: without this program's own folder."""
        import probe

        own, path = os.path.dirname(os.path.abspath(__file__)), list(sys.path)
        sys.path[:] = [entry for entry in path if entry not in (own, "")]
        try:
            return probe.snapshot()
        finally:
            sys.path[:] = path

    def _report_broken(self, text):
        self.log.add("refused", findings=[["worker", "a running interpreter", text]])
        self.log.flush()

    def _here(self):
        """What the guard asks of this place."""
        found = {
            "python": "%s %s" % (sys.implementation.name, self.hello.get("python")),
            "dill": self.hello.get("dill"),
            "architecture": platform.machine(),
            "executable": sys.executable,
            "edf": file_digest(self.config.get("edf")),
        }
        found.update(image_record())
        wanted = (self.guard or {}).get("distributions")
        if wanted is not None:
            found["distributions"] = self._distributions()
        return found

    def _distributions(self):
        listed = sorted("%s==%s" % item for item in self._probe()["distributions"].items())
        return hashlib.sha256("\n".join(listed).encode()).hexdigest()

    def _wait_for_guard(self):
        """Without a guard of its own, wait for the first bundle: its arrival is the go."""
        deadline = time.monotonic() + self.config["gate_timeout"]
        beat = began = time.monotonic()
        while self.guard is None and self.leaving is None:
            self.log.flush()
            self._look()
            self.guard = self.inbox.guard
            now = time.monotonic()
            if now > deadline:
                self.leaving = "idle"
            if now - beat > HEARTBEAT:
                self.log.beat()
                beat = now
            if self.guard is None:
                time.sleep(QUICK if now - began < PROMPT else LONGEST_LOOK)
        if self.guard is not None:
            self._judge()

    def _judge(self):
        findings = compare(self.guard, self._here())
        if self.hello.get("error"):
            findings.append(["dill", self.guard.get("dill"), self.hello["error"]])
        if findings:
            self.log.add("refused", findings=findings)
            self.leaving = "refused"

    # -- work -------------------------------------------------------------------------------

    def _look(self):
        """Take in what the caller sent; whether there was any news."""
        known = len(self.inbox.bundles)
        try:
            orders = self.inbox.look()
        except OSError:
            self.leaving = "closed"  # the run directory is gone: nobody is waiting any more
            return True
        for order in orders:
            self._cancel(order.get("cancel", ()))
        if self.inbox.closed:
            self.leaving = "closed"
        return bool(orders) or len(self.inbox.bundles) > known

    def _cancel(self, tasks):
        self.cancelled.update(tasks)
        self.queue = [task for task in self.queue if task[0]["t"] not in self.cancelled]
        for slot in self.slots:
            if slot.state == "busy" and slot.task[0]["t"] in self.cancelled:
                self._stop(slot)
                self._start(slot)

    def _fits(self, slot, functions, walltime):
        """Whether a call may be begun: the first of a slot always, others if the time will do."""
        left = self.clock.left()
        if left is None or slot.calls == 0:
            return True
        need = max([walltime or 0.0] + [self.inbox.seen.get(name, 0.0) for name in functions])
        return left - MARGIN >= need

    def _dispatch(self):
        """Give each free worker a task."""
        while self.leaving is None:
            slot = next((slot for slot in self.slots if slot.state == "idle"), None)
            if slot is None:
                return
            if not self.queue and not self._claim(slot):
                return
            if self.queue:
                self._run(slot)

    def _claim(self, slot):
        tasks, refused = self.inbox.claim(lambda f, w: self._fits(slot, f, w))
        if tasks is None:
            if refused and not self._busy():
                self.leaving = "time"
            return False
        self.queue += [task for task in tasks if task[0]["t"] not in self.cancelled]
        return True

    def _run(self, slot):
        meta, payload = self.queue[0]
        if not self._fits(slot, [meta["f"]], meta.get("w")):
            self._hand_back()
            if not self._busy():
                self.leaving = "time"
            return
        if slot.served and slot.paths != meta.get("m", []):
            slot.stale = (
                True  # other modules of the user's: a process that has imported none of them
            )
        if slot.stale:
            self._stop(slot)
            self._start(slot)
            return
        if slot.paths is None:
            self._configure(slot, meta.get("m", []))
            return
        self.queue.pop(0)
        slot.task, slot.began, slot.told = (meta, payload), time.monotonic(), False
        slot.state = "busy"
        slot.calls += 1
        slot.served += 1
        slot.send(b"T", {"t": meta["t"], "a": meta["a"]}, payload)

    def _hand_back(self):
        """What was claimed and not begun is for another pilot."""
        self.log.add("back", t=[[meta["t"], meta["a"]] for meta, _ in self.queue])
        self.queue = []

    def _configure(self, slot, modules):
        meta = {
            "key": self._key(),
            "paths": [self._module_path(name) for name in modules],
            "umask": self.config["umask"],
            "cpus": slot.cpus,
        }
        slot.paths = modules
        slot.state = "starting"
        slot.send(b"C", meta, self._initializer())

    def _module_path(self, name):
        """The archive itself, or the folder it is unpacked into where it must be (``.x.zip``)."""
        path = whole(os.path.join(self.run, "modules", name))
        if not name.endswith(".x.zip"):
            return path
        folder = path[: -len(".x.zip")]
        if not os.path.isdir(folder):
            import zipfile

            own = "%s~%s" % (folder, self.name)
            with zipfile.ZipFile(path) as archive:
                archive.extractall(own)
            try:
                os.rename(own, folder)
            except OSError:
                pass  # another agent was first
        return folder

    def _key(self):
        """The run's key; kept as a file for whoever collects the run from its directory alone."""
        path = os.path.join(self.run, "key")
        if not os.path.exists(path):
            own = "%s~%s" % (path, self.name)
            with open(own, "w") as file:
                file.write(self.inbox.key + "\n")
            os.rename(own, path)
        return self.inbox.key

    def _initializer(self):
        path = whole(os.path.join(self.run, "initializer"))
        if not os.path.exists(path):
            return b""
        with open(path, "rb") as file:
            return file.read()

    # -- workers ----------------------------------------------------------------------------

    def _hear(self, slot):
        for kind, meta, data in slot.receive():
            if kind == b"H":
                self.hello = self.hello or meta
                slot.paths = None
                slot.state = "idle"
            elif kind == b"R":
                slot.state = "idle"
                if meta.get("error"):
                    self.log.add("failed", error=meta["error"])
                    self.leaving = "failed"
            elif kind == b"D":
                self._done(slot, meta, data)
        if slot.process is not None and slot.dead():
            self._died(slot)

    def _done(self, slot, meta, data):
        self.inbox.ran(slot.task[0]["f"], time.monotonic() - slot.began)
        self._echo(data, meta["n"])
        stale = meta.pop("stale", False)
        try:
            meta.update(self.log.store(meta["t"], meta["a"], data))
            self.log.add("done", **meta)
        except OSError as error:
            self._not_stored(slot, meta, len(data), error)
        slot.task = None
        slot.state = "idle"
        most = self.config.get("max_tasks_per_child")
        slot.stale = bool(stale or (most and slot.served >= most))

    def _not_stored(self, slot, meta, size, error):
        """The run directory does not take what the call gave back: the call ends with that."""
        text = "ran the call, but the %d bytes that came of it cannot be kept over there: %s"
        text %= (size, error)
        how = {"text": text, "signal": 0, "code": 0, "oom": False, "outside": False}
        first, left = slot.calls == 1, self.clock.left()
        lost = {"t": meta["t"], "a": meta["a"], "first": first, "left": left, "n": [0, 0, 0]}
        self.log.add("died", how=how, d="", **lost)

    @staticmethod
    def _echo(data, lengths):
        """What a call printed also goes where the job's output goes, as it always did."""
        result, out, _ = lengths
        for fd, text in (1, data[result : result + out]), (2, data[result + out :]):
            if text:
                try:
                    os.write(fd, text[: 1 << 20])
                except OSError:
                    pass  # a full disk must not cost the result

    def _died(self, slot):
        """A worker has ended by itself: say how, and start another."""
        frames = slot.receive()
        for kind, meta, data in frames:
            if kind == b"D":
                self._done(slot, meta, data)
        how = slot.how()
        if slot.task is not None:
            meta = slot.task[0]
            out, err = slot.output()
            left = self.clock.left()
            fields = self.log.store(meta["t"], meta["a"], out + err)
            self.log.add(
                "died",
                t=meta["t"],
                a=meta["a"],
                first=slot.calls == 1,
                left=left,
                n=[0, len(out), len(err)],
                how=how,
                **fields,
            )
        elif slot.state == "starting" and not self.hello:
            self.hello = {"python": None, "dill": None, "error": "the worker %s" % how["text"]}
        elif slot.state == "starting":
            self.log.add("failed", error="a worker %s while it started" % how["text"])
            self.leaving = "failed"
        self._stop(slot)
        if self.leaving is None and not self.hello.get("error"):
            self._start(slot)

    # -- end --------------------------------------------------------------------------------

    def _leave_if_idle(self):
        if self.leaving is None:
            self.log.flush()
            self.leaving = "idle"

    def _finish(self):
        """Hand back what was not begun; let running calls end where the time allows it."""
        if self.queue and self.leaving in ("signal", "time"):
            self._hand_back()
        why = self.leaving
        beat = time.monotonic()
        while why == "signal" and self._busy():
            self._flush_safely()
            self._wait(time.monotonic() + HEARTBEAT)
            if time.monotonic() - beat > HEARTBEAT:
                self._look()
                beat = time.monotonic()
                if self.inbox.closed:
                    break
        for slot in self.slots:
            self._stop(slot)
        if why != "closed":
            self.log.add("end", why=why)
        self._flush_safely()
        return 0

    def _flush_safely(self):
        try:
            self.log.flush()
        except OSError:
            pass


def main(arguments):
    """Serve; whatever goes wrong in the agent itself is left as a note that the caller reads."""
    run, path = arguments
    os.umask(0o77)
    with open(path) as file:
        config = json.load(file)
    config["umask"] = int(os.environ.pop("FCX_UMASK", "022"), 8)
    agent = Agent(run, config)
    try:
        return agent.serve()
    except FileNotFoundError:
        if os.path.isdir(os.path.join(run, "logs")):
            raise
        return 0  # the run directory was removed: the run is over
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            os._exit(DISK_FULL)  # neither a note nor a flush would succeed
        agent.log.note_exit(traceback.format_exc())
        raise
    except Exception:
        agent.log.note_exit(traceback.format_exc())
        raise
