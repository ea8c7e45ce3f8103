"""Images built by a real engine around real interpreters: what they are, and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cluster.bases import bare_image, base_image, docker, import_tree, newest, own_image
from cluster.emulation import arm_files, handlers
from cluster.engine import Engine, mounts_below
from cluster.foreign import bring_dill, missing_foreign
from cluster.project import Project
from places import REPOSITORY

from fcx.config import Settings
from fcx.image.build import build
from fcx.image.engine import connect
from fcx.image.request import Request
from fcx.protocol import probe

pytestmark = pytest.mark.docker

HERE = probe.snapshot()
MINORS = ("3.10", "3.11", "3.12", "3.13")
SMALL = "FROM {base}\nCOPY dill/ /usr/local/lib/python{minor}/site-packages/\n"


@pytest.fixture
def project(tmp_path: Path, engine: Engine) -> Project:
    """An empty project whose engine is the tests' own."""
    return Project(tmp_path / "a project", dict(engine.env))


@pytest.fixture
def small(project: Project, engine: Engine) -> Project:
    """A project whose image takes a second: dill is copied in, no index is asked.

    The source is this test's own: others build, tag and run theirs in the same engine meanwhile.
    """
    minor = HERE["python"]["version"].rpartition(".")[0]
    base = base_image(engine, newest(minor))
    text = SMALL.format(base=base, minor=minor) + f"# for {project.root.parent.name}\n"
    project.write("containers/Dockerfile", text)
    bring_dill(project.root / "containers/dill")
    return project


def extend(project: Project, text: str) -> None:
    """Add lines to the project's Dockerfile."""
    path = project.root / "containers/Dockerfile"
    path.write_text(path.read_text() + text)


def version_of(minor: str) -> str:
    """The patch of a minor version that this machine has."""
    version = newest(minor)
    if version is None:
        pytest.skip(f"no CPython {minor} on this machine")
    return version


def inside(engine: Engine, image: str, *command: str, user: str = "65534") -> str:
    """What a command prints in the image."""
    options = ["--rm", "--user", user, "--network", "none", "--entrypoint", command[0]]
    return docker(engine, "run", *options, image, *command[1:]).stdout


@pytest.mark.lasts(30)
@pytest.mark.parametrize("minor", MINORS)
def test_the_projects_own_dockerfile(tmp_path: Path, engine: Engine, minor: str):
    """As it is, on each Python: the manifest says what the interpreter says by hand."""
    version = version_of(minor)
    project = Project(tmp_path, dict(engine.env))
    shutil.copytree(REPOSITORY / "containers", tmp_path / "containers")
    # A source of this test's own: others build the same image in the same engine.
    extend(project, f"# for {minor} in {tmp_path.name}\n")
    with own_image(engine, version):
        said = project.build("--build-arg", f"PYTHON_VERSION={version}")
    manifest = project.manifest()
    assert said["fresh"] is True
    assert said["image_id"] == manifest.image_id
    code = "import sys, importlib.util as u, dill, fcx, json; print(json.dumps([sys.version.split("
    code += ")[0], u.MAGIC_NUMBER.hex(), sys.executable, sys.implementation.cache_tag, "
    code += "dill.__version__]))"
    python = manifest.python
    by_hand = json.loads(inside(engine, manifest.tag, python.executable, "-c", code))
    assert by_hand == [
        python.version,
        python.magic,
        python.executable,
        python.cache_tag,
        manifest.dill,
    ]
    assert python.version == version
    assert manifest.dill == HERE["dill"]
    listed = inside(engine, manifest.tag, "python3", "-m", "pip", "list", "--format=json")
    wanted = {
        item["name"].lower().replace("_", "-"): item["version"] for item in json.loads(listed)
    }
    assert manifest.distributions == wanted
    assert "firecrest-fcx" in wanted
    assert said["filled"] == {"DILL_VERSION": HERE["dill"]}
    record = json.loads(inside(engine, manifest.tag, "cat", "/etc/fcx/image.json"))
    labels = json.loads(docker(engine, "image", "inspect", manifest.tag).stdout)[0]["Config"]
    assert record["build_id"] == labels["Labels"]["fcx.build-id"] == manifest.build_id
    assert record["recipe_id"] == labels["Labels"]["fcx.recipe-id"] == manifest.recipe_id
    assert labels["Labels"]["org.opencontainers.image.base.name"] == f"python:{version}-slim"
    assert manifest.env["PATH"] == dict(v.split("=", 1) for v in labels["Env"])["PATH"]
    assert (manifest.architecture, manifest.locale) == ("amd64", "C.UTF-8")
    differs = version != HERE["python"]["version"]
    assert any("PYTHON_VERSION" in text for text in said["warnings"]) is differs


def test_unchanged_is_known_without_asking_the_image(small: Project, engine: Engine, monkeypatch):
    """A build with nothing to do builds nothing and starts no container."""
    small.build()
    monkeypatch.setenv("DOCKER_HOST", engine.host)
    settings = Settings.load(small.root)
    with closing(connect(engine.env)) as client:
        begun = time.time()
        assert build(Request.from_settings(settings), settings).fresh is False
        told = client.events(since=begun, until=time.time() + 1, decode=True)
        own = [event for event in told if small_image(event, small)]
    assert {event["Action"] for event in own} == {"tag"}


def small_image(event: dict, project: Project) -> bool:
    """Whether an event of the engine is about the project's image or a container of it."""
    attributes = event["Actor"]["Attributes"]
    return project.manifest().image_id in (event["Actor"]["ID"], attributes.get("image"))


def test_same_source_same_ids(small: Project, tmp_path: Path):
    """Another clone of the source finds the same ids; each change, and each fresh build, others."""
    first = small.build()
    clone = Project(tmp_path / "clone", small.env)
    shutil.copytree(small.root / "containers", clone.root / "containers")
    same = clone.build()
    assert (same["recipe_id"], same["build_id"]) == (first["recipe_id"], first["build_id"])
    assert same["fresh"] is False
    again = clone.build("--no-cache")
    assert again["fresh"] is True
    assert again["recipe_id"] == first["recipe_id"]
    assert again["build_id"] != first["build_id"]
    assert clone.build()["image_id"] == again["image_id"]
    assert small.build()["image_id"] == first["image_id"]
    seen = {first["build_id"], again["build_id"]}
    steps = {
        "a byte": lambda: clone.write("containers/data", "x"),
        "an ignore file that ignores nothing": lambda: None,
        "the Dockerfile": lambda: extend(clone, "# another line\n"),
    }
    for name, step in steps.items():
        step()
        build_id = clone.build()["build_id"]
        assert (build_id in seen) is (name == "an ignore file that ignores nothing")
        seen.add(build_id)
    before = clone.build()["build_id"]
    assert clone.build("--build-arg", "X=1")["build_id"] not in seen
    clone.write("containers/.dockerignore", "noise\n")
    clone.write("containers/noise", "1")
    assert clone.build()["build_id"] == before
    clone.write("containers/noise", "2")
    assert clone.build() == {**clone.build(), "fresh": False}


def test_another_base_under_the_same_name(small: Project, engine: Engine):
    """A base that was replaced changes the build id and not the recipe id."""
    docker(engine, "tag", bare_image(engine), "moving:1")
    small.write("fcx.toml", '[image]\nname = "on-moving-base"\n')  # which no other test builds
    small.write("containers/Dockerfile", "FROM moving:1\nCOPY dill/ /d/\n")
    small.fcx("image", "build", code=5)  # no Python in there; the tag is made all the same
    one = {tag for tag in tags(engine) if tag.startswith("on-moving-base:")}
    docker(engine, "tag", bare_image(engine, "bare:2", shell=False), "moving:1")
    small.fcx("image", "build", code=5)
    assert len({tag for tag in tags(engine) if tag.startswith("on-moving-base:")} - one) == 1


def tags(engine: Engine) -> set[str]:
    """All tags that the engine has."""
    return set(docker(engine, "images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split())


def test_nobody_s_cache_is_stale(small: Project, engine: Engine):
    """A tag that was moved by hand to another image is not taken for the build."""
    manifest = small.build()
    docker(engine, "tag", bare_image(engine), manifest["tag"])
    again = small.build()
    assert again["fresh"] is True
    assert docker(engine, "run", "--rm", again["tag"], "cat", "/etc/fcx/image.json").stdout


def test_a_lost_manifest_is_written_again(small: Project):
    """The image is there still: it is asked, not built."""
    first = small.build()
    path = Path(first["manifest"])
    path.write_text("{")
    again = small.build()
    assert again["fresh"] is False
    assert small.manifest().image_id == first["image_id"]


REFUSED = {
    "no Python": ("FROM bare:1\n", "no Python.*Wanted: python3.*found: neither"),
    "no sh": ("FROM bare:2\n", "no `sh`.*Wanted: a POSIX shell.*dash"),
    "no dill": ("FROM {base}\n", "no dill.*pip install dill==\\$DILL_VERSION"),
    "dill for root alone": (
        SMALL + "RUN chmod 700 /usr/local/lib/python{minor}/site-packages/dill\n",
        "no dill.*as a plain user",
    ),
    "dill in a home": (
        SMALL.replace("/usr/local", "/home/u/.local") + "ENV HOME=/home/u\nUSER 1000\n",
        "no dill.*a home does not count.*before any `USER`",
    ),
    "a record of its own": (
        SMALL + "RUN rm -f /etc/fcx/image.json\nONBUILD RUN true\n",
        None,
    ),
    "a Python that does not answer": (
        SMALL + "RUN printf '#!/bin/sh\\necho broken >&2; exit 3\\n' > /usr/local/bin/python3\n",
        "does not answer the probe: broken",
    ),
    "a Python that only root may start": (
        SMALL
        + "RUN mkdir -m 700 /hidden && mv /usr/local/bin/python* /hidden/\n"
        + "ENV PATH=/hidden:/usr/local/bin:/usr/bin:/bin\n",
        "/hidden/python3, does not answer.*such as /root .mode 0700.: install Python elsewhere",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_at_build(small: Project, engine: Engine, name: str):
    """What cannot serve is refused with what was wanted, what was found and the way out."""
    bare_image(engine)
    bare_image(engine, "bare:2", shell=False)
    text, message = REFUSED[name]
    minor = HERE["python"]["version"].rpartition(".")[0]
    base = base_image(engine, newest(minor))
    small.write("containers/Dockerfile", text.replace("{base}", base).replace("{minor}", minor))
    if message is None:
        small.fcx("image", "build")
        return
    done = small.fcx("image", "build", code=5)
    assert_matches(done.stderr, message)
    assert not (small.root / "edf").exists()


def assert_matches(text: str, pattern: str) -> None:
    """The pattern is in the text, line breaks or not."""
    import re

    assert re.search(pattern, text, re.DOTALL), text


def test_a_sitecustomize_that_prints(small: Project, engine: Engine):
    """What it says before the probe does is no answer, and in no way of one."""
    minor = HERE["python"]["version"].rpartition(".")[0]
    line = "RUN echo \"print('welcome {}', end='')\" > "
    target = f"/usr/local/lib/python{minor}/site-packages/sitecustomize.py\n"
    text = SMALL.format(base=base_image(engine, newest(minor)), minor=minor)
    small.write("containers/Dockerfile", text + line + target)
    small.fcx("image", "build")
    assert small.manifest().dill == HERE["dill"]


def test_other_python_and_dill_are_warnings(small: Project, engine: Engine):
    """Calls can run from inside such an image, so it is built; both fixes are named."""
    minor = "3.12" if HERE["python"]["version"].rpartition(".")[0] != "3.12" else "3.11"
    version = version_of(minor)
    text = SMALL.format(base=base_image(engine, version), minor=minor)
    text += f"RUN cd /usr/local/lib/python{minor}/site-packages && mv dill-* dill-0.0.1.dist-info "
    text += "&& sed -i 's/^Version: .*/Version: 0.0.1/' dill-0.0.1.dist-info/METADATA\n"
    small.write("containers/Dockerfile", text)
    warnings = small.build()["warnings"]
    python, dill = (next(w for w in warnings if w.startswith(n)) for n in ("Python:", "dill:"))
    assert f"found cpython {version} in the image" in python
    assert f"wanted {HERE['dill']} as at the client, found 0.0.1" in dill
    for warning in (python, dill):
        assert "Fix at the client: `" in warning
        assert "fcx image run" in warning
    assert small.manifest().dill == "0.0.1"


def test_python_that_is_not_on_path(small: Project):
    """It is found, both ways to have it are said, and the setting is one."""
    extend(small, "ENV PATH=/usr/bin:/bin\n")
    message = small.fcx("image", "build", code=5).stderr
    version = HERE["python"]["version"].rpartition(".")[0]
    assert_matches(
        message, rf"no Python on its PATH.*/usr/local/bin/python \({version}[.\d]*, dill"
    )
    assert "`ENV PATH=/usr/local/bin:$PATH`" in message
    assert '`python = "/usr/local/bin/python"` below [image] in fcx.toml' in message
    small.write("fcx.toml", '[image]\npython = "/usr/local/bin/python"\n')
    assert small.build()["dill"] == HERE["dill"]
    assert small.manifest().python.executable == "/usr/local/bin/python"
    assert small.build()["fresh"] is False
    assert small.fcx("image", "run", "-c", "import dill; print(dill.__version__)").stdout
    small.write("fcx.toml", '[image]\npython = "/opt/none/bin/python"\n')
    message = small.fcx("image", "build", code=5).stderr
    assert "has no /opt/none/bin/python, which [image] in fcx.toml names" in message


def test_only_what_is_marked_is_filled_in(small: Project):
    """An argument of somebody else's keeps its default, and what is set is said."""
    extend(small, "ARG PYTHON_VERSION=3.1.4\n# fcx: the dill of the laptop\nARG DILL_VERSION=0\n")
    extend(small, "ENV SAID=$PYTHON_VERSION-$DILL_VERSION A=1 \\\n  # no more\n\n")
    done = small.fcx("image", "build")
    assert small.manifest().env["SAID"] == f"3.1.4-{HERE['dill']}"
    assert f"filled in  DILL_VERSION={HERE['dill']}\n" in done.stdout


def test_a_stage_can_be_asked_for(small: Project):
    """By its name, as with docker; what comes after it is not built."""
    path = small.root / "containers/Dockerfile"
    first = path.read_text().replace("\n", " AS Wanted\n", 1)
    path.write_text(first + "FROM nowhere.invalid/none\n")
    small.write("fcx.toml", '[image]\ntarget = "wanted"\n')
    assert small.build()["dill"] == HERE["dill"]
    message = small.fcx("image", "build", "--target", "other", code=2).stderr
    assert "no stage 'other'; it has Wanted, 1" in message


def test_what_its_requirements_name_is_imported(small: Project):
    """A library that is not there is named, and the image is no good."""
    minor = HERE["python"]["version"].rpartition(".")[0]
    loading = "cannot open shared object file: No such file or directory"
    site = f"/usr/local/lib/python{minor}/site-packages"
    extend(small, f"COPY --chown=0:0 other/ {site}/\n")
    for name, text in {
        "broken.py": f"raise ImportError('libgfortran.so.5: {loading}')",
        "broken-1.0.dist-info/METADATA": "Name: broken\nVersion: 1.0\n",
        "broken-1.0.dist-info/RECORD": "broken.py,,\n",
    }.items():
        small.write(f"containers/other/{name}", text)
    small.build()  # nobody has asked for it
    small.write("containers/requirements.txt", "dill\nbroken\n")
    message = small.fcx("image", "build", code=5).stderr
    assert_matches(message, "cannot import broken.*libgfortran.so.5.*install -y libgfortran5")
    text = f"raise ImportError('libcuda.so.1: {loading}')"
    small.write("containers/other/broken.py", text)
    assert any("libcuda.so.1, which the cluster" in text for text in small.build()["warnings"])


def test_modes_of_the_context_are_kept(small: Project, engine: Engine):
    """What somebody set, and not what an umask did."""
    small.write("containers/odd/key", "x").chmod(0o600)
    small.write("containers/odd/tool", "x").chmod(0o777 & ~0o022)
    extend(small, "COPY odd/ /odd/\n")
    tag = small.build()["tag"]
    said = inside(engine, tag, "stat", "-c", "%a", "/odd", "/odd/key", "/odd/tool", user="0")
    assert said.split() == ["755", "600", "755"]


def test_a_failing_step_is_named(small: Project):
    """The step, its last lines, the exit code; exit code 5."""
    extend(small, "RUN echo before; echo to-stderr >&2; exit 42\n")
    message = small.fcx("image", "build", code=5).stderr
    assert_matches(message, r"build failed in .*RUN echo before.*exit code 42")
    for said in ("before", "to-stderr"):  # BuildKit gives the two streams in any order
        assert_matches(message, rf"\n  \| .*{said}")


def test_a_file_where_fcx_keeps_its_record(small: Project):
    """The step that fails is none of the user's: what he can correct is named."""
    extend(small, "RUN touch /etc/fcx\n")
    message = small.fcx("image", "build", code=5).stderr
    assert "COPY .fcx/image.json" in message
    assert_matches(message, "fcx's own.*must leave /etc/fcx/image.json free.*place of /etc/fcx")
    assert "Correct that step" not in message


def test_a_base_that_is_nowhere(small: Project):
    """Where no registry answers that is the network's doing, and no other base is proposed."""
    base = "127.0.0.1:1/python:3.99.9-slim"
    small.write("containers/Dockerfile", f"FROM {base}\n")
    message = small.fcx("image", "build", code=5).stderr
    assert_matches(message, f"Pulling the base image {base} failed.*the registry 127.0.0.1:1: is")
    assert_matches(message, f"With {base} in the engine .*no network is needed")
    assert "PYTHON_VERSION" not in message


def test_no_engine(small: Project):
    """Where nobody answers, the places that were tried and how to start an engine."""
    small.env["DOCKER_HOST"] = f"unix://{small.root}/nothing.sock"
    message = small.fcx("image", "build", code=5).stderr
    assert_matches(message, r"No container engine answers.*nothing.sock: nothing there")
    small.env["DOCKER_HOST"] = "tcp://127.0.0.1:1"
    assert_matches(small.fcx("image", "build", code=5).stderr, "nobody listens")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--file", "nowhere"], "no Dockerfile at .*fcx init"),
        (["nowhere"], "not a folder.*fcx init"),
        (["--tag", "Upper Case"], "cannot name an image"),
        (["--platform", "windows/amd64"], "no platform"),
        (["--build-arg", "=x"], "not NAME=VALUE"),
        (["--build-arg", "UNSET_HERE"], "no variable UNSET_HERE"),
    ],
)
def test_what_cannot_be_asked(small: Project, words: list[str], message: str):
    """A wrong request is told apart from a failed build: exit code 2."""
    assert_matches(small.fcx("image", "build", *words, code=2).stderr, message)


def test_full_disk(small: Project, tmp_path: Path, engine: Engine):
    """When the engine's disk is full, that is what is said, and what frees it."""
    base = docker(engine, "image", "inspect", bare_image(engine))
    assert base.returncode == 0
    tree = tmp_path / "tree"
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(disk)], check=True)
    try:
        from cluster.bases import bare_root
        from cluster.engine import engine as another

        bare_root(tree)
        with another(data_root=disk / "data") as full:
            import_tree(full, tree, "bare:1")
            small.env.update(full.env)
            text = "FROM bare:1\nRUN dd if=/dev/zero of=/big bs=1M count=200\n"
            small.write("containers/Dockerfile", text)
            message = small.fcx("image", "build", code=5).stderr
    finally:
        for mount in sorted(mounts_below(str(disk)), reverse=True):
            subprocess.run(["umount", "--lazy", mount], check=False)
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
    assert_matches(message, r"disk is full.*docker system prune")


def test_hostile_context(small: Project, engine: Engine):
    """Odd names reach the image, a link out of the context leads nowhere, a gigabyte stays."""
    names = ["a b", "q'uo\"te", "new\nline", "$HOME", "-rf"]
    for name in names:
        small.write(f"containers/odd/{name}", name)
    small.write("secret", "s3cret")
    (small.root / "containers/odd/link").symlink_to(small.root / "secret")
    with (small.root / "containers/big").open("wb") as stream:
        stream.truncate(1 << 30)
    small.write("containers/.dockerignore", "big\n")
    extend(small, "COPY odd/ /odd/\n")
    built = small.build()
    code = "import os, json; print(json.dumps({n: os.path.islink('/odd/' + n) or open('/odd/' + n)"
    code += ".read() for n in os.listdir('/odd')}))"
    found = json.loads(inside(engine, built["tag"], "python3", "-c", code))
    assert found == {**dict(zip(names, names, strict=True)), "link": True}
    assert any("link out of the build context" in text for text in built["warnings"])
    assert built["size"] < 1 << 29


def test_empty_context(small: Project, tmp_path: Path):
    """A Dockerfile elsewhere and a context with nothing in it are fine."""
    dockerfile = tmp_path / "Docker file"
    dockerfile.write_text("FROM bare:1\n")
    (tmp_path / "empty").mkdir()
    done = small.fcx("image", "build", str(tmp_path / "empty"), "--file", str(dockerfile), code=5)
    assert "no Python" in done.stderr


def test_secrets_are_warned_of(small: Project):
    """A build argument or a variable that looks like a secret is named, not its value."""
    extend(small, "ARG INDEX_TOKEN\nENV DB_PASSWORD=hunter2\n")
    done = small.fcx("image", "build", "--build-arg", "INDEX_TOKEN=s3cret")
    assert_matches(done.stderr, "INDEX_TOKEN looks like a secret.*DB_PASSWORD")
    assert "s3cret" not in done.stdout + done.stderr.partition("warning:")[2]


def test_entrypoint_and_user_do_not_hinder(small: Project):
    """The probe passes by an entrypoint, a user, a workdir and a command of the image's own."""
    extend(small, 'ENTRYPOINT ["/bin/false"]\nUSER 1234\nWORKDIR /work\nCMD ["x"]\n')
    small.build()
    assert small.manifest().dill == HERE["dill"]


@pytest.fixture
def unemulated() -> Iterator[None]:
    """No handler for arm64 in the kernel, from whomever."""
    with handlers():
        yield


def test_another_processor(small: Project, engine: Engine, unemulated: None):
    """The manifest says arm64 by the ELF header, whatever the engine's record says."""
    lack = missing_foreign()
    if lack:
        pytest.skip(lack)
    tag = arm_files(engine)
    record = json.loads(docker(engine, "image", "inspect", tag).stdout)[0]["Architecture"]
    assert record == "amd64"
    small.write("containers/Dockerfile", f"FROM {tag}\nENV X=1\n")
    small.env["FIRECREST_SYSTEM"] = "eiger"
    said = small.build("--tag", "far")
    manifest = small.manifest("far")
    assert (manifest.architecture, manifest.platform) == ("arm64", "linux/arm64")
    assert manifest.dill == HERE["dill"]
    assert manifest.python.version.startswith("3.11.")
    assert manifest.python.executable == "/usr/bin/python3"
    assert manifest.libc.startswith("glibc 2.")
    assert "Debian" in manifest.os
    assert any("wanted amd64 for eiger, found arm64" in text for text in said["warnings"])
    for verb in (["push", "127.0.0.1:1/x"], ["pack"]):
        message = small.fcx("image", *verb, "--name", "far", code=3).stderr
        assert_matches(message, "wanted amd64 for eiger, found arm64.*--platform linux/amd64")
    small.env["FIRECREST_SYSTEM"] = "daint"
    assert small.fcx("image", "pack", "--name", "far", "--compression", "none").returncode == 0
    done = small.fcx("image", "run", "--name", "far", "-c", "1", code=5)
    assert "another processor" in done.stderr


def test_foreign_platform_without_emulation(small: Project, unemulated: None):
    """A step that cannot run here says how emulation is set up."""
    small.write("containers/Dockerfile", "FROM arm:1\nRUN true\n")
    message = small.fcx("image", "build", code=5).stderr
    assert_matches(message, "exec format error|cannot be pulled|Pulling the base image arm:1")


def test_architecture_in_fcx_toml(small: Project):
    """A system from fcx.toml: warned of at build, refused for pack with exit code 3."""
    small.write("fcx.toml", '[image]\nsite = "mine"\n[site.mine]\narchitecture = "arm64"\n')
    said = small.build()
    assert any("wanted arm64 for mine, found amd64" in text for text in said["warnings"])
    message = small.fcx("image", "pack", code=3).stderr
    assert "fcx image build --platform linux/arm64" in message


def test_inspect(small: Project):
    """`inspect` shows the manifest, and says what to do without one."""
    assert "fcx image build" in small.fcx("image", "inspect", code=2).stderr
    built = small.build("--tag", "team/thing:v1")
    assert json.loads(small.fcx("image", "inspect", "--name", "thing", "--json").stdout) == {
        key: value
        for key, value in built.items()
        if key not in ("manifest", "fresh", "warnings", "filled")
    }
    text = small.fcx("image", "inspect", "--name", "thing").stdout
    assert built["build_id"] in text
    assert f"dill=={HERE['dill']}" in text


@pytest.mark.parametrize("name", ["team/img", "img:1.0", "registry.example.org:5000/team/img:2"])
def test_build_and_edf_agree_on_an_images_files(small: Project, name: str):
    """Whatever stands before or behind the last part of its name; and the EDF is found by it."""
    small.write("fcx.toml", f'[image]\nname = "{name}"\n')
    built = small.build()
    assert built["manifest"] == str(small.root / "edf/img.manifest.json")
    written = json.loads(small.fcx("edf", "write", "--json").stdout)
    assert (written["path"], written["build_id"]) == (
        f"{small.root}/edf/img.toml",
        built["build_id"],
    )
    assert written["image"].endswith(built["tag"].rpartition("/")[2])
    assert (
        json.loads(small.fcx("image", "inspect", "--name", name, "--json").stdout)["name"] == "img"
    )
    small.fcx(
        "edf", "check", "img", "--dialect", "ce", "--site", "daint", code=1
    )  # it is for amd64


def test_both_builders_take_the_dockerfile(tmp_path: Path, engine: Engine):
    """BuildKit and the classic builder build `containers` as it is, without fcx's help."""
    version = version_of("3.12")
    base_image(engine, version)
    program = "/usr/bin/docker" if Path("/usr/bin/docker").exists() else "docker"
    for kit in "01":
        done = subprocess.run(
            [program, "build", "--quiet", "--build-arg", f"PYTHON_VERSION={version}", "."],
            cwd=REPOSITORY / "containers",
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "DOCKER_BUILDKIT": kit}
            | engine.env,
            capture_output=True,
            text=True,
            check=False,
        )
        if kit == "1" and "buildx" in done.stderr:  # this client needs a plugin for it
            continue
        assert done.returncode == 0, done.stderr
        image = done.stdout.strip()
        assert inside(engine, image, "python3", "-c", "import dill; print(dill.__version__)")
