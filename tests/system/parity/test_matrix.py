"""The matrix of hazards on the real thing: images of real interpreters, Slurm, --environment.

Each case sends a call that brings a payload. Where the far side is refused, the server's own
records show that no payload was written: none in a job's script, none uploaded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from cluster import bases
from parity.images import OWN, SYSTEM, TINY, Images, Variant, put_package

from fcx import FirecrestExecutor, records
from fcx.config import Site
from fcx.edf.document import Edf
from fcx.edf.generate import generate
from fcx.edf.render import render
from fcx.errors import ParityError
from fcx.executor.preflight import preflight
from fcx.local import Environment
from fcx.parity.compare import compare
from fcx.parity.manifest import Manifest
from fcx.parity.snapshot import ImageIds, Snapshot
from fcx.parity.verdict import Verdict
from fcx.payload.requirements import Requirements

pytestmark = pytest.mark.slurm

WAIT = 180.0
TIME = "--time=00:05:00"
DISTRIBUTION = TINY.replace("_", "-")


def others(minor: str) -> str | None:
    """The interpreter of this machine with that minor version, unless it is the caller's."""
    return None if OWN.startswith(f"{minor}.") else bases.newest(minor)


@pytest.fixture(scope="session")
def images(environment_slurm: Any, tmp_path_factory: pytest.TempPathFactory) -> Images:
    """Images for all tests of this run, in a folder that its workers share."""
    if OWN not in bases.interpreters():
        pytest.skip(f"no Python {OWN} here that could be put into an image")
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    return Images(shared / "parity-images")


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Installs a version of the made-up package here, as if by pip, and imports it."""
    import importlib
    import sys

    def install(version: str) -> Any:
        site = tmp_path / "here" / "site-packages"
        put_package(site, TINY, version)
        monkeypatch.syspath_prepend(str(site))
        importlib.invalidate_caches()
        return importlib.import_module(TINY)

    yield install
    sys.modules.pop(TINY, None)


@dataclass
class Bench:
    """One executor after the other, each with nothing remembered, and what the server saw."""

    env: Environment
    folder: Path
    state: pytest.MonkeyPatch
    seen: list[dict[str, Any]] = field(default_factory=list)

    @property
    def working_dir(self) -> Path:
        """Where this bench's runs are, and nobody else's."""
        return self.folder / "work"

    def edf(self, manifest: Manifest, change: Callable[[Edf], Edf], *, known: bool = True) -> Path:
        """The EDF of an image, with the manifest beside it if there is one; changed by hand."""
        path = manifest.sqsh.path if manifest.sqsh else ""
        edf = generate(manifest, Site("here"), str(self.working_dir), sqsh=path)
        target = self.folder / "image.toml"
        target.write_text(render(change(edf)))
        if known:
            (self.folder / "image.manifest.json").write_text(manifest.to_json())
        return target

    def executor(self, edf: Path, policy: str, *sbatch: str, **options: Any) -> FirecrestExecutor:
        """An executor that remembers what earlier ones of this bench found."""
        self.state.setenv("FCX_STATE_DIR", str(self.folder / "state"))
        self.working_dir.mkdir(exist_ok=True)
        chosen = {"sleep_interval": 1, "idle_timeout": 2.0, "max_workers": 1, **options}
        return FirecrestExecutor(
            self.working_dir,
            [TIME, *sbatch],
            environment=edf,
            parity=policy,
            env=self.env,
            **chosen,
        )

    def payloads(self) -> list[str]:
        """Whatever of a user's reached the server for this bench: in scripts, uploads, files."""
        own = str(self.working_dir)
        brought = []
        for job in self.env.submissions():
            script = job["script"] or ""
            if own in script:
                lines = script.splitlines()
                brought += [line for line in lines if line.startswith("put ") and is_payload(line)]
        brought += [str(up) for up in self.env.uploads() if own in str(up) and is_payload(str(up))]
        walk = os.walk(self.working_dir)  # a run's folders may vanish meanwhile: it skips them
        files = (os.path.join(folder, name) for folder, _, names in walk for name in names)
        return brought + [path for path in files if is_payload(path)]


def is_payload(text: str) -> bool:
    """Names a bundle, an initializer or modules of a run; orders are the executor's own words."""
    return any(part in text for part in ("/inbox/b", "inbox/b", "/initializer", "/modules/"))


@pytest.fixture
def bench(
    slurm_firecrest: Environment, images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Bench:
    """A bench of its own for each test."""
    return Bench(slurm_firecrest, tmp_path, monkeypatch)


def same(edf: Edf) -> Edf:
    """The EDF as fcx writes it."""
    return edf


def nothing(_: Manifest) -> None:
    """No manifest: the image is not known here."""


def with_env(**env: str) -> Callable[[Edf], Edf]:
    """The EDF with variables changed by hand."""
    return lambda edf: replace(edf, env={**edf.env, **env})


@dataclass(frozen=True)
class Case:
    """A hazard: the image there, what was changed by hand, and what must come of it."""

    name: str
    variant: Variant | None
    code: str  # the difference that must be found
    minor: bool  # whether minor lets it pass; strict is asked of a caller inside the image
    strict: bool
    change: Callable[[Edf], Edf] = same
    wanted: Callable[[Manifest], Manifest | None] = lambda manifest: manifest  # the manifest here
    here: str = ""  # version of the made-up package here, and the call refers to it
    shadow: str = ""  # version of it in the home over there, before the image's own


def pythons() -> Iterator[Case]:
    """An image of each other minor version of Python that this machine has."""
    for minor in ("3.10", "3.11", "3.12", "3.13"):
        version = others(minor)
        if version:
            yield Case(f"Python {minor}", Variant(version), "python-minor", False, False)
    if SYSTEM.exists() and os.path.realpath(SYSTEM).endswith(OWN.rpartition(".")[0]):
        yield Case("another patch", Variant("system"), "python-micro", True, False)


CASES = [
    Case("equal", Variant(), "", True, True),
    *pythons(),
    Case("dill 0.3.8", Variant(dill="0.3.8"), "dill", False, False),
    Case(
        "dill missing",
        Variant(dill=None, build_id=None),
        "dill-missing",
        False,
        False,
        wanted=nothing,
    ),
    Case("a package missing", Variant(), "reference-missing", False, False, here="1.2.0"),
    Case(
        "another version",
        Variant(packages={TINY: "1.3.0"}),
        "reference-version",
        False,
        False,
        here="1.2.0",
    ),
    Case(
        "a local version",
        Variant(packages={TINY: "1.2.0+local.1"}),
        "package-version",
        True,
        False,
        here="1.2.0",
    ),
    Case(
        "a pre-release",
        Variant(packages={TINY: "1.2.0rc1"}),
        "package-version",
        True,
        False,
        here="1.2.0",
    ),
    Case(
        "a package missing, the image not known here",
        Variant(build_id=None),
        "reference-missing",
        False,
        False,
        wanted=nothing,
        here="1.2.0",
    ),
    Case(
        "another version, the image not known here",
        Variant(packages={TINY: "1.3.0"}, build_id=None),
        "reference-version",
        False,
        False,
        wanted=nothing,
        here="1.2.0",
    ),
    Case(
        "a package in the user's site, another patch",
        Variant(packages={TINY: "1.2.0"}),
        "user-site",
        True,
        False,
        with_env(HOME="/opt/home", PYTHONNOUSERSITE=""),
        here="1.2.0",
        shadow="1.2.9",
    ),
    Case(
        "a package in the user's site, another minor",
        Variant(packages={TINY: "1.2.0"}),
        "reference-version",
        False,
        False,
        with_env(HOME="/opt/home", PYTHONNOUSERSITE=""),
        here="1.2.0",
        shadow="1.3.0",
    ),
    Case(
        "PYTHONPATH leaks",
        Variant(),
        "pythonpath",
        True,
        False,
        with_env(PYTHONPATH="/opt/leaks"),
    ),
    Case(
        "PATH gives another python",
        Variant(),
        "other-python",
        True,
        True,
        with_env(PATH="/opt/other/bin:/usr/local/bin:/usr/bin:/bin"),
    ),
    Case(
        "wrong build id under the right name",
        Variant(build_id="c" * 64),
        "build-id",
        False,
        False,
        wanted=lambda manifest: records.replace(manifest, build_id="b" * 64),
    ),
    Case(
        "another architecture",
        Variant(),
        "architecture",
        False,
        False,
        wanted=lambda manifest: records.replace(manifest, architecture="s390x"),
    ),
]


def mounts_for(case: Case, folder: Path) -> tuple[str, ...]:
    """What the case mounts into the container, beside the working directory."""
    if case.code == "pythonpath":
        (folder / "leaks").mkdir()
        return (f"{folder}/leaks:/opt/leaks",)
    if case.code == "other-python":
        (folder / "other").mkdir()
        (folder / "other" / "python3").write_text("#!/bin/sh\nexit 1\n")
        (folder / "other" / "python3").chmod(0o755)
        return (f"{folder}/other:/opt/other/bin",)
    if case.shadow:
        minor = OWN.rpartition(".")[0]
        site = folder / f"home/.local/lib/python{minor}/site-packages"
        put_package(site, TINY, case.shadow)
        return (f"{folder}/home:/opt/home",)
    return ()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_matrix(case: Case, bench: Bench, images: Images, tiny: Callable[[str], Any]) -> None:
    """Passes and refusals under each policy are the ones that are written down above."""
    there = images.get(case.variant)
    wanted = case.wanted(there)
    extra = mounts_for(case, bench.folder)

    def change(edf: Edf) -> Edf:
        return replace(case.change(edf), mounts=(*edf.mounts, *extra))

    edf = bench.edf(there if wanted is None else wanted, change, known=wanted is not None)
    call = tiny(case.here).version if case.here else (lambda: "ran")
    result, executor, remote = run(bench, edf, call)
    assert (not isinstance(result, ParityError)) is case.minor, result
    if case.minor:
        assert result == (case.shadow or there.distributions.get(DISTRIBUTION, "ran"))
        assert bench.payloads()
    else:
        assert bench.payloads() == []
        assert "fix: " in str(result)
        assert not result.verdict.passed
    verdicts = judged(executor, remote, case)
    found = {one.code for verdict in verdicts.values() for one in verdict.differences}
    assert case.code in found | {""}
    assert {policy: verdict.passed for policy, verdict in verdicts.items()} == {
        "strict": case.strict, "minor": case.minor, "off": True,
    }  # fmt: skip


def run(
    bench: Bench, edf: Path, call: Callable[[], Any]
) -> tuple[Any, FirecrestExecutor, Snapshot]:
    """Send a task under the default policy; then see the remote side, if that took no job."""
    with bench.executor(edf, "minor") as executor:
        result = submitted(executor, call)
    with bench.executor(edf, "off") as looking:
        answer = preflight(looking._intake.settings, looking._intake.question)
    assert answer.remote is not None
    return result, executor, answer.remote


def submitted(executor: FirecrestExecutor, call: Callable[[], Any]) -> Any:
    """What becomes of a call: it may be refused at once, after the probe, or not at all."""
    try:
        return executor.submit(call).result(WAIT)
    except ParityError as error:
        return error


def judged(executor: FirecrestExecutor, remote: Snapshot, case: Case) -> dict[str, Verdict]:
    """The far side that was found, judged under each policy; under strict as from inside it."""
    question = executor._intake.question
    here = {TINY: {DISTRIBUTION: case.here}}
    call = Requirements(frozenset(here), installed=here) if case.here else Requirements()
    there = {name: v for name, v in remote.distributions.items() if name != DISTRIBUTION}
    own = {DISTRIBUTION: case.here} if case.here else {}
    inside = records.replace(
        question.caller,
        image=ImageIds("a" * 64, "b" * 64),
        distributions={**there, **own},
    )
    return {
        policy: compare(
            policy,
            remote=remote,
            manifest=question.manifest,
            caller=inside if policy == "strict" else question.caller,
            requirements=call,
        )
        for policy in ("strict", "minor", "off")
    }


def test_an_image_that_is_missing(bench: Bench, images: Images) -> None:
    """The error names the file, and nothing was sent."""
    there = images.get(Variant())
    edf = bench.edf(there, lambda edf: replace(edf, image="/nowhere/image.sqsh"))
    with bench.executor(edf, "minor") as executor:
        result = submitted(executor, lambda: "ran")
    assert isinstance(result, ParityError)
    assert "/nowhere/image.sqsh" in str(result)
    assert bench.payloads() == []


def test_python_that_is_missing(bench: Bench, images: Images) -> None:
    """An image without any Python: the error says so and what to do, and nothing was sent."""
    there = images.without_python(images.get(Variant()))
    edf = bench.edf(there, same, known=False)
    with bench.executor(edf, "minor") as executor:
        result = submitted(executor, lambda: "ran")
    assert isinstance(result, ParityError)
    assert "python3" in str(result)
    assert "nothing was sent" in str(result)
    assert bench.payloads() == []


def test_an_edf_that_is_tampered_with(bench: Bench, images: Images) -> None:
    """After a pass, the run's EDF is edited on the cluster: the next pilot unpickles nothing."""
    edf = bench.edf(images.get(Variant()), same)
    touched = bench.folder / "work" / "touched"
    with bench.executor(edf, "minor", idle_timeout=1.0) as executor:
        assert executor.submit(lambda: "first").result(WAIT) == "first"
        (remote,) = bench.working_dir.rglob("edf/*.toml")
        remote.write_text(remote.read_text() + "# changed on the cluster\n")
        wait_for_no_jobs(bench)
        result = submitted(executor, touched.touch)
    assert isinstance(result, ParityError), result
    assert "edf: wanted" in str(result)
    assert not touched.exists()


def test_an_image_that_drifts(bench: Bench, images: Images) -> None:
    """After a pass, another image is put under the same name: its agent is refused."""
    good, bad = images.get(Variant()), images.get(Variant(build_id="c" * 64))
    link = bench.folder / "image.sqsh"
    shutil.copy(good.sqsh.path, link)
    edf = bench.edf(good, lambda edf: replace(edf, image=str(link)))
    touched = bench.folder / "work" / "touched"
    with bench.executor(edf, "minor", idle_timeout=1.0) as executor:
        assert executor.submit(lambda: "first").result(WAIT) == "first"
        wait_for_no_jobs(bench)
        shutil.copy(bad.sqsh.path, bench.folder / "new.sqsh")
        (bench.folder / "new.sqsh").rename(link)
        result = submitted(executor, touched.touch)
    assert isinstance(result, ParityError), result
    assert "build" in str(result)
    assert not touched.exists()
    with bench.executor(edf, "minor") as executor:  # and the remembered verdict does not count
        assert isinstance(submitted(executor, lambda: "ran"), ParityError)


def test_off_runs_and_is_marked(bench: Bench, images: Images) -> None:
    """Under off a package in another version is no bar, and the verdict says that it was off."""
    edf = bench.edf(images.get(Variant(build_id="c" * 64)), same)
    record = bench.folder / "image.manifest.json"
    manifest = records.replace(Manifest.from_json(record.read_bytes()), build_id="b" * 64)
    record.write_text(manifest.to_json())
    with bench.executor(edf, "off") as executor:
        assert submitted(executor, lambda: "ran") == "ran"
        assert executor.preflight().mark == "parity off"
        codes = {one.code for one in executor.preflight().differences}
        assert "build-id" in codes


def test_a_remembered_verdict_costs_no_request(bench: Bench, images: Images) -> None:
    """Preflight on one partition; on another the payload rides in the first script."""
    edf = bench.edf(images.get(Variant()), same)
    with bench.executor(edf, "minor", "--partition=debug") as first:
        assert first.preflight().passed
    assert bench.payloads() == []
    before = len(bench.env.submissions())
    with bench.executor(edf, "minor", "--partition=normal") as second:
        bench.env.reset_counts()
        assert second.preflight().passed
        # what an executor asks when it starts, and nothing for the verdict
        starts = {"token", "systems", "userinfo", "mkdir", "chmod", "stat"}
        assert set(bench.env.counts()) <= starts
        assert submitted(second, lambda: "ran") == "ran"
    later = bench.env.submissions()[before:]
    assert len(later) == 1
    assert bench.payloads()


@pytest.mark.parametrize("style", ["by reference", "in the body"])
def test_a_remembered_verdict_lets_no_task_through(
    style: str, bench: Bench, images: Images, tiny: Callable[[str], Any]
) -> None:
    """A place passed before, with another release of what these tasks need: none of 200 leaves."""
    module = tiny("2.1.0")
    edf = bench.edf(
        images.get(Variant(packages={TINY: "1.26.4"}, build_id=None)), same, known=False
    )
    with bench.executor(edf, "minor") as first:
        assert first.preflight().passed
    scope: dict[str, Any] = {}
    exec(f"def call():\n    import {TINY}\n    return {TINY}.version()", scope)
    call = module.version if style == "by reference" else scope["call"]
    with bench.executor(edf, "minor") as second:
        results = at_once(second, call, 200)
    assert {type(result) for result in results} == {ParityError}, results
    assert "2.1.0" in str(results[0])
    assert "1.26.4" in str(results[0])
    assert bench.payloads() == []


def at_once(executor: FirecrestExecutor, call: Callable[[], Any], count: int) -> list[Any]:
    """What becomes of calls that are submitted one after the other, before any has ended."""
    given: list[Any] = []
    for _ in range(count):
        try:
            given.append(executor.submit(call))
        except ParityError as error:
            given.append(error)
    return [one if isinstance(one, ParityError) else one.exception(WAIT) for one in given]


def wait_for_no_jobs(bench: Bench) -> None:
    """The bench's pilot has ended of itself: what comes next is another one."""
    own = str(bench.working_dir)
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        listed = subprocess.run(
            ["squeue", "-h", "-o", "%Z"], capture_output=True, text=True, check=True
        )
        if not any(folder.startswith(own) for folder in listed.stdout.splitlines()):
            return
        time.sleep(0.2)
    pytest.fail("the pilot does not end")
