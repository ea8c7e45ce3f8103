"""Dockerfiles as people write them, by a real engine: built as docker does, or refused as docker does.

What each of many patterns should come to is written into a file by its own stage: one build, whose
last stage gathers the files. `tests/unit/image/test_patterns.py` has more, read and not built.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
from cluster.bases import bare_image, base_image, docker, interpreters, newest
from cluster.engine import Engine
from cluster.foreign import bring_dill
from cluster.inside import assert_true, in_image
from cluster.project import Project

from fcx.image.builder import find_builder
from fcx.image.engine import connect

pytestmark = pytest.mark.docker

OWN = newest("{}.{}".format(*sys.version_info)) or max(interpreters())
SITE = f"/usr/local/lib/python{OWN.rpartition('.')[0]}/site-packages/"

MANY = r"""
ARG BASE=nothing NOTE="a b"
ARG VERSION=3.11.7
FROM bare:1 AS tools
RUN mkdir /out

from tools as Mounts
RUN --mount=type=cache,target=/cache \
    # a comment in between
    echo kept > /cache/x && \

    cp /cache/x /out/cache
RUN --mount=type=bind,source=given.txt,target=/given cp /given /out/bind
RUN --mount=type=bind,from=tools,source=/out,target=/o test -d /o && echo other > /out/bind-from
RUN --mount=type=tmpfs,target=/t touch /t/x && echo gone > /out/tmpfs
RUN --mount=type=secret,id=none test ! -e /run/secrets/none && echo none > /out/no-secret
RUN --mount=type=secret,id=a --mount=type=secret,id=b,target=/b cat /run/secrets/a /b > /out/secret

FROM --platform=$BUILDPLATFORM tools AS arguments
ARG NOTE
ARG LATER=$NOTE-x
ARG TARGETARCH GIVEN=default
ARG BUILDPLATFORM
RUN echo "$NOTE|$LATER|$GIVEN" > /out/arg && echo "$BUILDPLATFORM" > /out/platform && \
    echo "linux/$TARGETARCH" >> /out/platform

FROM tools
ENV OLD form with blanks
ENV A=1 \
    # a comment

    B="2 3" C='4'\ 5
RUN echo "$OLD|$A|$B|$C" > /out/env
WORKDIR /app
WORKDIR sub
RUN pwd > /out/workdir
SHELL ["/bin/bash", "-c"]
RUN [[ a == a ]] && echo bash > /out/shell
COPY --chmod=640 given.txt /out/chmod
COPY --chown=7:8 given.txt /out/chown
ADD archive.tar /out/
COPY ["given.txt", "/out/json form"]
COPY --from=mounts /out/cache /out/from-a-stage

FROM nowhere.invalid/unneeded AS unneeded
RUN false

FROM tools AS onbuild
ONBUILD RUN false
RUN echo "not yet" > /out/onbuild

FROM ${BASE}
COPY dill/ %(site)s
COPY --from=mounts /out /out
COPY --from=arguments /out /out
COPY --from=3 /out /out
COPY --from=onbuild /out /out
ONBUILD RUN false
USER 1234:5678
WORKDIR /w
VOLUME ["/data"]
EXPOSE 80
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s CMD true
LABEL one="b c" \
      two=e
ENTRYPOINT ["/bin/false"]
CMD ["x"]
ENV LAST=$OLD-1 \
    AND=2 \
"""
WANTED = {
    "cache": "kept",
    "bind": "given",
    "bind-from": "other",
    "tmpfs": "gone",
    "no-secret": "none",
    "secret": "by filein the environment",
    "arg": "a b|a b-x|set",
    "env": "form with blanks|1|2 3|4 5",
    "workdir": "/app/sub",
    "shell": "bash",
    "chmod": "given",
    "chown": "given",
    "added": "unpacked",
    "json form": "given",
    "from-a-stage": "kept",
    "onbuild": "not yet",
}
LOOK = """
import json, os
found = {n: open("/out/" + n).read().strip() for n in os.listdir("/out")}
modes = {n: [oct(os.stat("/out/" + n).st_mode & 0o7777), os.stat("/out/" + n).st_uid] for n in found}
print(json.dumps([found, modes]))
"""
OTHERWISE = (
    "\ufeff# escape=`\n# comment\nfrom\t{base} as x\nrun\techo one > `\n\n  # comment\n /one\n"
    "FROM x\ncopy dill/ {site}\nRUN echo 'a\\' > /two\nENV LAST=1 `"
).replace("\n", "\r\n")
REFUSED = {
    "nothing": "",
    "no FROM": "RUN x\n",
    "FROM alone": "FROM bare:1\nFROM\n",
    "an unknown word": "FROM bare:1\nNONSENSE x\n",
    "a name without a value": "FROM bare:1\nENV A\n",
    "a copy of itself": "FROM bare:1\nCOPY --from=0 /x /y\n",
    "a copy of nothing": "FROM bare:1\nCOPY /x\n",
    "an unknown flag": "FROM bare:1\nCOPY --nonsense=1 /x /y\n",
    "an unknown mount": "FROM bare:1\nRUN --mount=type=nonsense true\n",
    "a variable without a name": "FROM bare:${\n",
}


@pytest.fixture
def project(tmp_path: Path, engine: Engine) -> Project:
    """A project whose context has what the Dockerfiles take."""
    bare_image(engine)
    made = Project(tmp_path / "project", dict(engine.env))
    made.write("containers/given.txt", "given\n")
    bring_dill(made.root / "containers/dill")
    with tarfile.open(made.root / "containers/archive.tar", "w") as archive:
        info = tarfile.TarInfo("added")
        info.size = len(b"unpacked")
        archive.addfile(info, io.BytesIO(b"unpacked"))
    return made


def dockerfile(project: Project, text: str) -> None:
    """The project's Dockerfile, its line ends kept."""
    (project.root / "containers/Dockerfile").write_bytes(text.encode())


def test_many_patterns_in_one_build(project: Project, engine: Engine):
    """Each came to what docker's reference says; what the image's record has is kept."""
    dockerfile(project, MANY % {"site": SITE})
    base = base_image(engine, OWN)
    project.write("a file", "by file")
    project.env["VARIABLE"] = "in the environment"
    secrets = ["--secret", "id=a,src=a file", "--secret", "id=b,env=VARIABLE"]
    built = project.build("--build-arg", f"BASE={base}", "--build-arg", "GIVEN=set", *secrets)
    found, modes = json.loads(in_image(engine, built["tag"], "-c", LOOK))
    platform = found.pop("platform").split()
    assert found == WANTED
    assert platform == [project.manifest().platform] * 2
    assert modes["chmod"] == ["0o640", 0]
    assert modes["chown"][1] == 7
    config = json.loads(docker(engine, "image", "inspect", built["tag"]).stdout)[0]["Config"]
    assert (config["User"], config["WorkingDir"], config["StopSignal"]) == (
        "1234:5678",
        "/w",
        "SIGINT",
    )
    assert (config["Entrypoint"], config["Cmd"]) == (["/bin/false"], ["x"])
    assert (config["OnBuild"], list(config["Volumes"])) == (["RUN false"], ["/data"])
    assert config["Healthcheck"]["Test"] == ["CMD-SHELL", "true"]
    assert (config["Labels"]["one"], config["Labels"]["two"]) == ("b c", "e")
    assert built["base_image"] == base
    assert built["env"] == dict(pair.split("=", 1) for pair in config["Env"])
    assert (built["env"]["LAST"], built["env"]["AND"]) == ("-1", "2")
    assert_true(engine, built["tag"], project.manifest())


@pytest.mark.parametrize("kit", "10")
def test_another_escape_windows_lines_and_lower_case(project: Project, engine: Engine, kit: str):
    """By both builders."""
    dockerfile(project, OTHERWISE.format(base=base_image(engine, OWN), site=SITE))
    project.env["DOCKER_BUILDKIT"] = kit
    built = project.build("--no-cache")
    code = "print(open('/one').read(), open('/two').read())"
    assert in_image(engine, built["tag"], "-c", code).split() == ["one", "a\\"]
    assert built["env"]["LAST"] == "1"


@pytest.mark.lasts(40)
def test_what_docker_refuses_is_refused(project: Project, engine: Engine):
    """In few words, without a trace of ours; and docker does refuse it."""
    with closing(connect(engine.env)) as client:
        command = find_builder(client).command
    for name, text in REFUSED.items():
        dockerfile(project, text)
        done = subprocess.run(
            [*command, "."],
            cwd=project.root / "containers",
            env={**os.environ, **engine.env, "DOCKER_BUILDKIT": "1"},
            capture_output=True,
            check=False,
        )
        assert done.returncode != 0, name
        message = project.fcx("image", "build", code=2 if "FROM" in name or not text else 5).stderr
        assert message.startswith("fcx: "), name
        assert "Traceback" not in message
