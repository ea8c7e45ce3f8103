"""BuildKit by docker's command and by buildx, and the classic builder: one image, the same words."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cluster.bases import bare_image, base_image, docker, interpreters, newest
from cluster.emulation import arm_image, handlers, missing_emulation, registered
from cluster.engine import Engine
from cluster.engine import engine as another
from cluster.foreign import bring_dill, missing_foreign, programs_of
from cluster.project import Project
from noted import Noted

from fcx.errors import BuildFailed
from fcx.image.builder import find_builder
from fcx.image.context import Context
from fcx.image.engine import connect
from fcx.image.order import Order, run_build
from fcx.image.progress import Silent

pytestmark = pytest.mark.docker

NEWER = ("docker.io", "containerd", "docker-buildx")
OWN = newest("{}.{}".format(*sys.version_info)) or max(interpreters())
TEXT = """\
ARG BASE=nothing
FROM {base} AS python
ENV LAYERS=1
FROM python
COPY dill/ /usr/local/lib/python{minor}/site-packages/
RUN echo of the step; mkdir -m 750 /made; echo $WHO > /made/by
ARG WHO=nobody
USER 1234
"""


@pytest.fixture
def project(tmp_path: Path, engine: Engine) -> Project:
    """A project whose image both builders can build; its source is this test's own."""
    made = Project(tmp_path / "project", dict(engine.env))
    text = TEXT.format(base=base_image(engine, OWN), minor=OWN.rpartition(".")[0])
    made.write("containers/Dockerfile", text + f"# {tmp_path.name}\n")
    bring_dill(made.root / "containers/dill")
    return made


def test_the_same_image_whoever_builds(project: Project, engine: Engine):
    """Ids of the source, labels, record, manifest; one knows what the other has built."""
    by_kit = project.build("--build-arg", "WHO=me")
    assert not json.loads(docker(engine, "image", "inspect", by_kit["tag"]).stdout)[0].get("Parent")
    project.env["DOCKER_BUILDKIT"] = "0"
    assert project.build("--build-arg", "WHO=me") == {**by_kit, "fresh": False}
    classic = project.build("--build-arg", "WHO=me", "--no-cache")
    assert json.loads(docker(engine, "image", "inspect", classic["tag"]).stdout)[0]["Parent"]
    of_its_own = {"build_id", "image_id", "created", "size", "tag", "content", "seal"}
    assert {k: v for k, v in classic.items() if k not in of_its_own} == {
        k: v for k, v in by_kit.items() if k not in of_its_own
    }
    labels = []
    for built in (by_kit, classic):
        config = json.loads(docker(engine, "image", "inspect", built["tag"]).stdout)[0]["Config"]
        own = {"fcx.build-id", "org.opencontainers.image.version"}
        labels.append({k: v for k, v in config["Labels"].items() if k not in own})
        assert config["Labels"]["fcx.build-id"] == built["build_id"]
    assert labels[0] == labels[1]
    assert {"fcx.recipe-id", "fcx.source-id"} <= labels[0].keys()


def test_what_fails_is_told_alike(project: Project):
    """The step, its lines and its code; and a file that docker cannot read."""
    path = project.root / "containers/Dockerfile"
    whole = path.read_text()
    heads = []
    for more in ("RUN echo first; echo $HOME; exit 42\n", "COPY nowhere /\n", "NONSENSE x\n"):
        path.write_text(whole + more)
        messages = []
        for kit in "10":
            project.env["DOCKER_BUILDKIT"] = kit
            messages.append(project.fcx("image", "build", code=5).stderr.split("fcx: ")[1])
        assert all(more.split()[0] in message for message in messages)
        heads.append([re.sub(r"\d+/\d+", "n/n", m.split(". Its")[0].strip()) for m in messages])
    assert heads[0][0] == heads[0][1]
    assert "exit code 42" in heads[0][0]
    assert heads[1][0].splitlines()[0] == heads[1][1].splitlines()[0]
    assert all("line 10: unknown instruction: NONSENSE" in head for head in heads[2])


@pytest.mark.lasts(25)
def test_what_the_builder_has_not(project: Project):
    """BuildKit builds it, and the classic builder's refusal says what for; before any step."""
    path = project.root / "containers/Dockerfile"
    path.write_text(path.read_text() + "ARG TARGETARCH\nENV FOR=$TARGETARCH\n")
    more = "RUN --mount=type=tmpfs,target=/c --mount=type=cache,target=/d true\n"
    path.write_text(path.read_text() + more)
    by_kit = project.build()
    assert by_kit["env"]["FOR"] == by_kit["architecture"]
    project.env["DOCKER_BUILDKIT"] = "0"
    message = project.fcx("image", "build", "--no-cache", code=5).stderr
    assert "builder here lacks:\n  line 12: RUN --mount\nWanted: BuildKit; found: " in message
    assert re.search(r"the classic builder of Docker \d+\.\d+.*DOCKER_BUILDKIT=0 is set", message)
    assert "Step" not in message
    path.write_text(path.read_text().replace(more, ""))
    assert project.build()["env"]["FOR"] == by_kit["env"]["FOR"]
    message = project.fcx("image", "build", "--secret", "id=a,env=HOME", code=5).stderr
    assert "A secret can be given to BuildKit alone" in message
    message = project.fcx("image", "build", "--secret", "s3cret", code=2).stderr
    assert "wants id=NAME,src=FILE" in message
    assert "s3cret" not in message


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Path]]:
    """The next Debian's dockerd, and its buildx as this machine's docker may have it."""
    lack = missing_foreign() or missing_emulation()
    if lack:
        pytest.skip(lack)
    root = tmp_path_factory.mktemp("newer")
    programs = programs_of(root, "trixie", NEWER)
    with another(programs=programs) as made:
        bare_image(made)
        yield made, root / "usr/libexec/docker/cli-plugins"


HEREDOCS = """\
FROM bare:1 AS one
RUN <<'END' sh
set -eu
echo "$0 of a heredoc" > /said
END
FROM bare:1
COPY --link --from=one /said /said
COPY --chmod=640 <<END /written
FROM nowhere
END
ARG SECRET
RUN cat /said /written; test -n "$SECRET"
"""


FOREIGN = 'FROM arm64-base:1\nARG SECRET\nRUN python3 -c "import os; print(os.uname().machine)"; test -n "$SECRET"\n'
PLAIN = 'FROM bare:1\nARG SECRET\nRUN echo yes; test -n "$SECRET"\n'


@pytest.mark.lasts(60)
@pytest.mark.slow
def test_buildx(newer: tuple[Engine, Path], engine: Engine, tmp_path: Path, monkeypatch):
    """With a daemon that has heredocs and --link; and with this machine's own, whichever it is."""
    made, plugins = newer
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/cli-plugins").symlink_to(plugins)
    steps, lines = built_by_buildx(made, tmp_path, HEREDOCS)
    assert lines == ["sh of a heredoc", "FROM nowhere"]
    assert steps[-1].startswith("Step 4/4 : RUN cat")
    steps, lines = built_by_buildx(engine, tmp_path, PLAIN)
    assert lines == ["yes"]
    assert steps[-1].startswith("Step 2/2 : RUN echo")
    with handlers() as folder, registered(folder):
        arm_image(engine)
        _, lines = built_by_buildx(engine, tmp_path, FOREIGN, "linux/arm64")
    assert lines == ["aarch64"]


def built_by_buildx(
    made: Engine, folder: Path, text: str, platform: str = ""
) -> tuple[list[str], list[str]]:
    """The steps of a build and what they print; without its argument it fails."""
    bare_image(made)
    context = Context((), ()).with_files({"Dockerfile": f"{text}\n# {folder}\n".encode()})
    order = Order(context, ".fcx/Dockerfile", "by-buildx:1", platform, False, {"SECRET": "x"})
    noted = Noted()
    with closing(connect(made.env)) as client:
        builder = find_builder(client)
        assert builder.command[0] == str(folder / ".docker/cli-plugins/docker-buildx")
        assert run_build(client, builder, order, noted).attrs["RepoTags"] == [order.tag]
        failing = Order(context, ".fcx/Dockerfile", order.tag, platform, False)
        with pytest.raises(BuildFailed, match=r"failed in 'Step \d/\d : RUN .* with exit code 1"):
            run_build(client, builder, failing, Silent())
    return noted.steps, noted.lines
