"""The client of a table: run as ``home.py CONTEXT FOLDER``, it prints what became of each case as JSON.

The cases of a context lie in the script itself, in a module or in a package of the user's own. All tasks of a
context run in one process of the remote side, one after the other, as a worker runs them.
"""

from __future__ import annotations

import importlib
import json
import pickle
import re
import subprocess
import sys

WORKER = """
import pickle, sys, types
folder, archive = sys.argv[1:]
sys.path[:] = [p for p in sys.path if p not in ("", folder)]
sys.path.insert(0, folder + "/programs")
from _fcx.protocol import pickling
from _fcx.remote import outcome
del sys.path[0]
if archive:
    sys.path.insert(0, archive)
main = pickling.Main()
with open(folder + "/tasks", "rb") as file:
    tasks = pickle.load(file)
done = []
for task in tasks:
    pickling.Main(main)
    done.append(outcome.run(pickling, task))
with open(folder + "/outcomes", "wb") as file:
    pickle.dump(done, file)
"""


def plain(value):
    return repr(value)


class Table:
    """The cases of one context, and what became of them."""

    def __init__(self, space, refusals, folder):
        self.space, self.refusals, self.folder = space, refusals, folder
        self.found, self.tasks, self.archives = {}, [], set()

    def dump(self, name, part, fn, *args):
        from fcx.errors import PayloadError
        from fcx.payload.contents import Contents
        from fcx.payload.dump import dump
        from fcx.payload.needs import RequirementsCache
        from fcx.payload.sharing import Sharing

        try:
            parcel = dump(fn, args, {}, Sharing(Contents(), {}))
            needs = RequirementsCache().needs(fn, parcel.data)
            data = parcel.payload()
        except PayloadError as error:
            self.found[f"{name}/{part}"] = self.judged(name, str(error))
            return
        self.tasks.append((name, part, data))
        if needs.archive:
            self.archives.add(needs.archive)

    def judged(self, name, text):
        right = self.refusals[name]
        return "refused" if right and re.search(right, text) else text

    def prepare(self):
        for number, name in enumerate(self.refusals):
            thing, use = self.space[f"thing_{number}"], self.space[f"use_{number}"]
            self.dump(name, "call", self.space[f"call_{number}"])
            self.dump(name, "argument", use, thing)
            self.dump(name, "result", self.space[f"give_{number}"])

    def run(self):
        (self.folder / "tasks").write_bytes(pickle.dumps([data for *_, data in self.tasks]))
        assert len(self.archives) < 2, "one set of modules for all"
        archive = self.folder / "modules.zip" if self.archives else ""
        if archive:
            archive.write_bytes(self.archives.pop())
        command = [sys.executable, "-c", WORKER, str(self.folder), str(archive)]
        subprocess.run(command, check=True, cwd="/")
        return pickle.loads((self.folder / "outcomes").read_bytes())

    def compare(self, outcomes):
        from fcx.payload import outcome as outcomes_of

        numbers = {name: number for number, name in enumerate(self.refusals)}
        for (name, part, _), (kind, data) in zip(self.tasks, outcomes, strict=True):
            number = numbers[name]
            use, thing = self.space[f"use_{number}"], self.space[f"thing_{number}"]
            value, error = outcomes_of.load(kind, data)
            try:
                if error is not None:
                    raise error
                there = use(value) if part == "result" else value
                here = use(thing)
                told = "right" if plain(there) == plain(here) else f"{there!r}, not {here!r}"
            except BaseException as trouble:
                told = self.judged(name, f"{type(trouble).__name__}: {trouble} {trouble.__cause__}")
            self.found[f"{name}/{part}"] = told


def main(space, context, folder):
    refusals = json.loads((folder / "refusals.json").read_text())
    if context != "main":
        space = vars(
            importlib.import_module("cases" if context == "module" else "parcel.inner.cases")
        )
    table = Table(space, refusals, folder)
    table.prepare()
    table.compare(table.run())
    print(json.dumps(table.found))
