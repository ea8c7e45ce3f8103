"""Carries a case out: two environments, a snapshot, a verdict, and where it refuses, its fix.

The remote side is asked by the programs that an agent runs; the client judges as an executor does,
through its gate. What passes is then run there, as a worker runs it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fcx.jobscript.look import Look
from fcx.parity.manifest import Manifest, snapshot_fields
from fcx.parity.snapshot import Snapshot
from fcx.protocol import content, probe

from .cases import Case, Row
from .changes import Change, env, file, has
from .environments import INSIDE, Place, Stock, interpreter, is_current

ASK = """
import json, sys
programs, look = json.loads(sys.argv[1])
sys.path.insert(0, programs)
from _fcx.remote import place
del sys.path[0]
sys.stdout.write("\\n" + json.dumps(place.snapshot(look)))
"""

JUDGE = """
import base64, json, sys
from fcx.config import ParitySettings
from fcx.errors import FcxError, ParityError
from fcx.parity.gate import Gate, Question
from fcx.parity.manifest import Manifest
from fcx.payload.dump import dump
from fcx.payload.needs import RequirementsCache
from fcx.records import fit

given = json.load(sys.stdin)

class Nothing:
    get = store = forget = lambda *_: None

def judged():
    known = given["manifest"]
    manifest = Manifest.from_json(known, "edf/image.manifest.json") if known else None
    rules = fit(ParitySettings, given["parity"])
    gate = Gate(Question(given["policy"], "here", rules, manifest, given["python"]), Nothing())
    try:
        gate.recall()
        verdict = gate.admit(given["remote"], None).verdict
    except ParityError as error:
        return {"verdict": json.loads(error.verdict.to_json())}
    space = {"__name__": "__main__"}
    exec(compile(given["task"], "task.py", "exec"), space)
    payload = dump(space["f"], (), {}).data
    needs = RequirementsCache(given["include"]).needs(space["f"], payload)
    task = gate.check_task(needs.requirements)
    found = json.loads(verdict.to_json())
    more = json.loads(task.to_json())
    found["differences"] += more["differences"]
    found["passed"] = task.passed
    told = {"payload": payload, "archive": needs.archive}
    return {"verdict": found, **{k: base64.b64encode(v).decode() for k, v in told.items()}}

try:
    answer = judged()
except FcxError as error:
    answer = {"error": str(error)}
sys.stdout.write("\\n" + json.dumps(answer))
"""

RUN = """
import base64, json, os, sys, types
given = json.load(sys.stdin)
sys.path[:] = [given["programs"], *[entry for entry in sys.path if entry]]
from _fcx.protocol import pickling
from _fcx.remote.outcome import run
del sys.path[0]
if given["archive"]:
    with open("modules.zip", "wb") as stream:
        stream.write(base64.b64decode(given["archive"]))
    sys.path.insert(0, os.path.abspath("modules.zip"))
sys.modules["__main__"] = types.ModuleType("__main__")
kind, result = run(pickling, base64.b64decode(given["payload"]))
sys.stdout.write("\\n" + json.dumps("ran" if kind == "value" else repr(result[:400])))
"""

RECIPE, BUILD = "a" * 64, "b" * 64
RECORD = {"schema": 1, "name": "image", "recipe_id": RECIPE, "build_id": BUILD}


@dataclass
class Bench:
    """The two sides of a case, and what the client has been told."""

    case: Case
    folder: Path
    stock: Stock
    client: Place = field(init=False)
    remote: Place = field(init=False)
    image: Place | None = None
    manifest: str = ""
    include: list[str] = field(default_factory=list)
    parity: dict[str, Any] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    inside: bool = False

    def __post_init__(self) -> None:
        case, (mine, other) = self.case, self.case.pythons
        self.parity, self.told, self.inside = dict(case.parity), dict(case.told), case.inside
        if case.image:
            self.use(image_of(self.stock, case.image))
            self.manifest = edited(self.manifest, case.manifest)
        else:
            self.remote = Place.make(self.folder / "remote", self.stock, other)
        for change in case.remote:
            change(self.remote)
        self.client = Place.make(self.folder / "client", self.stock, mine)
        for change in case.client:
            change(self.client)

    def use(self, image: tuple[Place, Manifest]) -> None:
        """Bring an image to the remote side, and its manifest to the client."""
        self.image, self.manifest = image[0], image[1].to_json()
        self.remote = self.image.copy(self.fresh("remote"))

    def fresh(self, name: str) -> Path:
        """A folder that is not there yet."""
        return self.folder / f"{name}{len(list(self.folder.glob(f'{name}*')))}"

    def caller(self) -> Place:
        """Where submit is called."""
        if not self.inside:
            return self.client
        assert self.image is not None
        return self.image.copy(self.fresh("inside"))

    def judged(self) -> dict[str, Any]:
        """What the client's executor says of the remote side and the task."""
        if not is_current(self.remote.version):
            return {"error": self.not_started()}
        found = told(self.asked(), self.told)
        given = {
            "manifest": self.manifest, "policy": self.case.policy, "parity": self.parity,
            "python": "" if self.manifest else str(self.remote.python), "remote": found,
            "task": self.case.task, "include": self.include,
        }  # fmt: skip
        caller = self.caller()
        said = caller.run(caller.python, "-c", JUDGE, given=json.dumps(given))
        answer: dict[str, Any] = json.loads(said.splitlines()[-1])
        return answer

    def asked(self) -> dict[str, Any]:
        """What the probe of an agent finds, with a look at the image where there is one."""
        look = None
        try:
            known = Manifest.from_json(self.manifest).content if self.manifest else None
        except Exception:  # noqa: BLE001 - then nothing is asked, and the client says why
            known = None
        if known is not None:
            look = Look(tuple(known.files), self.case.policy == "strict").program()
        words = json.dumps([str(self.stock.programs.with_suffix("")), look])
        said = self.remote.run(self.remote.python, "-c", ASK, words)
        found: dict[str, Any] = json.loads(said.splitlines()[-1])
        return found

    def not_started(self) -> str:
        """What an agent says that does not start."""
        (self.remote.project / "logs").mkdir(exist_ok=True)
        words = (interpreter(self.remote.version), self.stock.programs, "agent", ".")
        done = self.remote.start(*words)
        assert done.returncode == 1
        return done.stderr.strip()

    def ran(self, answer: dict[str, Any]) -> str:
        """What the task does remotely."""
        if "payload" not in answer:
            return ""
        given = {**answer, "programs": str(self.stock.programs.with_suffix(""))}
        said = self.remote.run(self.remote.python, "-c", RUN, given=json.dumps(given))
        return str(json.loads(said.splitlines()[-1]))


IMAGES: dict[str, tuple[Change, ...]] = {
    "bare": (),
    "tiny": (has("tiny==1.2.0"),),
    "gpu": (env(NVIDIA_VISIBLE_DEVICES="all"),),
    "own path": (env(PYTHONPATH="{home}/own"), file("own/extra.py", "VALUE = 1\n")),
}
"""The images of the table, by name: what is in them."""


def image_of(stock: Stock, name: str) -> tuple[Place, Manifest]:
    """An image of the table, built when it is first asked for."""

    def build(folder: Path) -> None:
        made = built(folder / "root", stock, IMAGES[name])
        (folder / "manifest.json").write_text(described(made).to_json())
        (folder / "env.json").write_text(json.dumps(made.env))

    folder = stock.once(f"image-{name}".replace(" ", "-"), build)
    variables = json.loads((folder / "env.json").read_text())
    own = folder / "root" / INSIDE.relative_to("/")
    place = Place(own, stock, contained=True, env=variables)
    return place, Manifest.from_json((folder / "manifest.json").read_bytes())


def built(folder: Path, stock: Stock, changes: Iterable[Change]) -> Place:
    """An image as it comes from a build."""
    image = Place.make(folder, stock, contained=True)
    image.record.parent.mkdir(parents=True)
    image.record.write_text(json.dumps(RECORD))
    for change in changes:
        change(image)
    return image


def edited(manifest: str, values: Mapping[str, Any]) -> str:
    """A manifest whose file was changed by hand; ``...``: that line is gone."""
    if not values:
        return manifest
    whole = {**json.loads(manifest), **values}
    return json.dumps({name: value for name, value in whole.items() if value is not ...})


def told(found: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A probe's answer with values edited, some of them inside of others."""
    inner = {k: {**found[k], **v} for k, v in values.items() if isinstance(v, dict)}
    return {**found, **values, **inner}


def described(image: Place) -> Manifest:
    """The manifest of an image, asked from the inside by both programs of a build."""
    found = json.loads(image.run(image.python, probe.__file__))
    found["content"] = json.loads(image.run(image.python, content.__file__))
    snapshot = Snapshot.from_probe(found)
    return Manifest(
        name="image",
        architecture=snapshot.architecture,
        recipe_id=snapshot.recipe_id or "",
        build_id=snapshot.build_id or "",
        image_id="sha256:" + "c" * 64,
        env={"PATH": image.variables()["PATH"], **image.env},
        **snapshot_fields(snapshot),
    )


def settled(case: Case, folder: Path, stock: Stock) -> Row:
    """Carry a case out."""
    from .fixing import follow

    bench = Bench(case, folder, stock)
    row = Row(case)
    answer = bench.judged()
    row.take(answer)
    if row.got == "passes" or case.edited:
        row.ran = bench.ran(answer) if case.runs else ""
        return row
    row.done = follow(row, bench)
    again = Row(case)
    answer = bench.judged()
    again.take(answer)
    row.second = again.outcome
    row.ran = bench.ran(answer) if row.second == "passes" and case.runs else ""
    return row
