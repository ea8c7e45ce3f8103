"""A run directory and an agent in it: fed and read as the client does, no server, no scheduler."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys

from executors.deadline import WAIT, eventually

from fcx.jobscript import programs
from fcx.payload.dump import dump
from fcx.payload.outcome import load
from fcx.protocol import keys, layout, names, packing, record
from fcx.protocol.bundle import Item
from fcx.protocol.config import Config
from fcx.protocol.names import Incarnation

KEY = b"k" * 32
INBOX = keys.inbox_key(KEY)


class Pilot:
    """One pilot of one node; ``records`` is what its log has said so far."""

    def __init__(self, folder):
        self.run = folder / "run"
        for name in layout.FOLDERS:
            (self.run / name).mkdir(parents=True, exist_ok=True)
        self.programs = folder / f"{programs.name()}.py"
        self.programs.write_bytes(programs.program())
        self.process = None
        self.stdout = subprocess.DEVNULL  # where the job's output goes
        self.me = Incarnation("7", 0, 0)
        self.segment = self.offset = 0
        self.records = []

    @property
    def config(self):
        return self.run / "pilots" / "p.json"

    def configure(self, *, workers=1, **config):
        given = {"workers": (workers,), "idle_timeout": 30.0, "gate_timeout": 30.0, "guard": {}}
        given |= {"pilot_key": keys.pilot_key(KEY, "p"), "inbox_key": INBOX}
        self.config.write_bytes(Config("p", **{**given, **config}).encode())

    def launch(self, *, job="7", restart=0, left=None, python=sys.executable):
        self.me = Incarnation(job, restart, 0)
        self.segment = self.offset = 0
        self.records = []
        if left is not None:
            (self.run / "locks" / names.time_left(job, restart)).write_text(f"{left}\n")
        environ = {
            **os.environ, "SLURM_JOB_ID": job, "SLURM_RESTART_COUNT": str(restart),
            "SLURM_NODEID": "0",
        }  # fmt: skip
        self.process = subprocess.Popen(
            [python, str(self.programs), "agent", str(self.run), str(self.config)],
            env=environ,
            cwd=self.run,
            stdout=self.stdout,
            start_new_session=True,
        )

    def start(self, *, job="7", restart=0, left=None, python=sys.executable, **config):
        self.configure(**config)
        self.launch(job=job, restart=restart, left=left, python=python)

    def put(self, number, calls, *, slots=1, pilot=None, seen=None, walltime=None, modules=()):
        """Send calls, each (fn, *args), as one bundle."""
        items = [
            Item(f"t{number}{i}", 0, "f", dump(fn, args, {}).data, walltime, tuple(modules))
            for i, (fn, *args) in enumerate(calls)
        ]
        sizes = [1] * len(items) if pilot else packing.portion_sizes(len(items), slots)
        made = packing.encode(layout.bundle(number), items, sizes, {}, pilot, seen, INBOX)
        for name, data in made.files:
            (self.run / "inbox" / name).write_bytes(data)

    def order(self, number, *tasks):
        text = packing.encode_order({"cancel": list(tasks)}, INBOX)
        (self.run / "inbox" / layout.order(number)).write_bytes(text)

    def read(self):
        """All records so far, authentic ones only."""
        path = self.run / "logs" / names.log(self.me, self.segment)
        while path.exists():
            found = record.read(path.read_bytes()[self.offset :], keys.pilot_key(KEY, "p"))
            assert not found.spoilt
            self.offset += found.used
            self.records += map(json.loads, found.bodies)
            if not found.bodies or self.records[-1]["k"] != "next":
                break
            self.segment, self.offset = self.records[-1]["segment"], 0
            path = self.run / "logs" / names.log(self.me, self.segment)
        return self.records

    def said(self, kind, **fields):
        return [r for r in self.read() if r["k"] == kind and fields.items() <= r.items()]

    def wait(self, kind, **fields):
        return eventually(lambda: self.said(kind, **fields))[0]

    def ended(self):
        return self.process.wait(WAIT)

    def data(self, found):
        data = base64.b64decode(found["d"])
        assert record.sha(data) == found["sha"]
        return data

    def value(self, task):
        found = self.wait("done", t=task)
        return load(found["o"], self.data(found)[: found["n"][0]])

    def claims(self):
        return sorted(path.name for path in (self.run / "claims").iterdir())

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
