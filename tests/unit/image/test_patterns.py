"""Dockerfiles as people write them: what of each decides about a build is read as docker reads it.

For each: the images that it is made of, what it needs a newer builder for, and its instructions.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from fcx.image.dockerfile import Dockerfile
from fcx.image.features import features
from fcx.image.own import filled, takes_wheel
from fcx.image.recipe import Recipe, platform_arguments

HOST = {"PYTHON_VERSION": "3.11.7", "DILL_VERSION": "0.4.1"}


@dataclass(frozen=True)
class Pattern:
    """A Dockerfile, and what is to be read in it."""

    text: str
    words: str  # its instructions
    bases: tuple[str, ...] = ("python:3.11",)
    asks: tuple[str, ...] = ()
    args: tuple[str, ...] = ()


PATTERNS = {
    "one line": Pattern("FROM python:3.11", "FROM"),
    "an escape below a comment, which counts for nothing": Pattern(
        "# c\n# escape=`\nFROM python:3.11\nRUN a `\nRUN b\n", "FROM RUN RUN"
    ),
    "two stages of one name": Pattern(
        "FROM busybox AS a\nFROM python:3.11 AS A\nFROM a\n", "FROM FROM FROM"
    ),
    "quotes that hold a line's end": Pattern(
        'FROM python:3.11\nLABEL a="b\\\nc" d=\'e\'\nENV F=\\ g H="i\\"j"\n', "FROM LABEL ENV"
    ),
    "a tag that an argument adds to": Pattern(
        "ARG V\nARG N=python\nFROM ${N}:${V:-3.11}\n", "ARG ARG FROM", args=("N", "V")
    ),
    "a cache for pip": Pattern(
        "# syntax=docker/dockerfile:1\nFROM python:3.11\n"
        "RUN --mount=type=cache,target=/var/cache/pip \\\n    pip install numpy\n",
        "FROM RUN",
        asks=("RUN --mount",),
    ),
    "a secret": Pattern(
        "FROM python:3.11\nRUN --mount=type=secret,id=tok TOKEN=$(cat /run/secrets/tok) pip install x\n",
        "FROM RUN",
        asks=("RUN --mount",),
    ),
    "requirements by a bind mount": Pattern(
        "FROM python:3.11\nRUN --mount=type=bind,source=requirements.txt,target=/r.txt \\\n"
        "    --mount=type=cache,target=/var/cache \\\n    pip install -r /r.txt\n",
        "FROM RUN",
        asks=("RUN --mount",),
    ),
    "uv mounted from its image": Pattern(
        "FROM python:3.11\nRUN --mount=from=ghcr.io/astral-sh/uv:0.5,source=/uv,target=/bin/uv \\\n"
        "    uv pip install --system dill\n",
        "FROM RUN",
        ("python:3.11", "ghcr.io/astral-sh/uv:0.5"),
        ("RUN --mount",),
    ),
    "uv copied from its image": Pattern(
        "FROM python:3.11\nCOPY --from=ghcr.io/astral-sh/uv:latest /uv /uvx /bin/\n"
        "ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy\nCOPY . /app\nWORKDIR /app\n"
        "RUN uv sync --frozen\nENV PATH=/app/.venv/bin:$PATH\n",
        "FROM COPY ENV COPY WORKDIR RUN ENV",
        ("python:3.11", "ghcr.io/astral-sh/uv:latest"),
    ),
    "uv, and a second stage": Pattern(
        "FROM ghcr.io/astral-sh/uv:python3.12-bookworm-slim AS builder\nWORKDIR /app\n"
        "RUN --mount=type=cache,target=/var/cache/uv uv sync\n"
        "FROM python:3.11\nCOPY --from=builder --chown=app:app /app /app\n",
        "FROM WORKDIR RUN FROM COPY",
        ("python:3.11", "ghcr.io/astral-sh/uv:python3.12-bookworm-slim"),
        ("RUN --mount",),
    ),
    "micromamba": Pattern(
        "FROM mambaorg/micromamba:1.5.8\nCOPY --chown=$MAMBA_USER:$MAMBA_USER env.yaml /tmp/env.yaml\n"
        "RUN micromamba install -y -n base -f /tmp/env.yaml && \\\n    micromamba clean -a -y\n"
        "ARG MAMBA_DOCKERFILE_ACTIVATE=1  # (otherwise python will not be found)\n",
        "FROM COPY RUN ARG",
        ("mambaorg/micromamba:1.5.8",),
        args=(
            "MAMBA_DOCKERFILE_ACTIVATE",
            "python",
            "will",
            "not",
            "be",
        ),  # docker takes them for such
    ),
    "conda in a login shell": Pattern(
        "FROM continuumio/miniconda3\nCOPY environment.yml .\nRUN conda env create -f environment.yml\n"
        'SHELL ["conda", "run", "-n", "x", "/bin/bash", "-c"]\nRUN echo "conda activate x" >> ~/.bashrc\n',
        "FROM COPY RUN SHELL RUN",
        ("continuumio/miniconda3",),
    ),
    "a script in a heredoc": Pattern(
        "FROM python:3.11\nRUN <<EOF\napt-get update\napt-get install -y git\nEOF\nCMD x\n",
        "FROM RUN CMD",
        asks=("RUN <<EOF",),
    ),
    "Python in a heredoc": Pattern(
        "FROM python:3.11\nRUN python3 - <<'PY'\nfrom pathlib import Path\nPath('/x').touch()\nPY\n",
        "FROM RUN",
        asks=("RUN <<PY",),
    ),
    "a heredoc into a file": Pattern(
        "FROM python:3.11\nCOPY <<-EOT /etc/x.toml\n\t[a]\n\tFROM = 1\n\tEOT\nUSER x\n",
        "FROM COPY USER",
        asks=("COPY <<EOT",),
    ),
    "two heredocs": Pattern(
        "FROM python:3.11\nCOPY <<a <<b /x/\nARG FOO\na\nARG BAR\nb\n",
        "FROM COPY",
        asks=("COPY <<a",),
    ),
    "a heredoc in Windows' lines": Pattern(
        "FROM python:3.11\r\nRUN <<EOF\r\nFROM x\r\nEOF\r\nUSER x\r\n",
        "FROM RUN USER",
        asks=("RUN <<EOF",),
    ),
    "a shift is no heredoc": Pattern(
        "FROM python:3.11\nRUN echo $((1<<4)) && cat <<<EOF\nUSER x\n", "FROM RUN USER"
    ),
    "modes": Pattern(
        "FROM python:3.11\nCOPY --chmod=0755 run.sh /\nADD --chown=1000:1000 --chmod=644 a.tar /a\n",
        "FROM COPY ADD",
        asks=("COPY --chmod", "ADD --chmod"),
    ),
    "links": Pattern(
        "FROM python:3.11\nCOPY --link --from=busybox:1 /bin/sh /sh\n",
        "FROM COPY",
        ("python:3.11", "busybox:1"),
        ("COPY --link",),
    ),
    "ADD from elsewhere": Pattern(
        "FROM python:3.11\nADD --checksum=sha256:ab https://example.org/x.tar.gz /x\nADD x.tar.xz /y\n",
        "FROM ADD ADD",
        asks=("ADD --checksum",),
    ),
    "ONBUILD": Pattern(
        "FROM python:3.11\nONBUILD COPY requirements.txt /\nONBUILD RUN pip install -r /requirements.txt\n",
        "FROM ONBUILD ONBUILD",
    ),
    "stages by name": Pattern(
        "FROM gcc:13 AS build\nRUN make\nFROM python:3.11 AS runtime\nCOPY --from=build /x /x\n",
        "FROM RUN FROM COPY",
        ("python:3.11", "gcc:13"),
    ),
    "stages by number": Pattern(
        "FROM gcc:13\nRUN make\nFROM python:3.11\nCOPY --from=0 /x /x\n",
        "FROM RUN FROM COPY",
        ("python:3.11", "gcc:13"),
    ),
    "a stage from a stage": Pattern(
        "FROM python:3.11 AS base\nENV A=1\nFROM base AS dev\nRUN x\nFROM base\nCOPY --from=dev /x /x\n",
        "FROM ENV FROM RUN FROM COPY",
    ),
    "a stage that is not needed": Pattern(
        "FROM nowhere.invalid/test AS test\nFROM python:3.11\nCOPY . /app\n", "FROM FROM COPY"
    ),
    "ARG before FROM": Pattern(
        "ARG TAG=3.11\nARG IMAGE=python:${TAG}\nFROM ${IMAGE}\nARG TAG\n",
        "ARG ARG FROM ARG",
        args=("TAG", "IMAGE"),
    ),
    "somebody else's PYTHON_VERSION": Pattern(
        "ARG PYTHON_VERSION=3.11\nFROM python:${PYTHON_VERSION}\nARG DILL_VERSION=0.3.8\n",
        "ARG FROM ARG",
        args=("PYTHON_VERSION", "DILL_VERSION"),
    ),
    "a folder that begins like ours": Pattern(
        "FROM python:3.11\nCOPY .fctools/ .fcx-notes /opt/\n", "FROM COPY"
    ),
    "a default within": Pattern("ARG V\nFROM python:${V:-3.11}", "ARG FROM", args=("V",)),
    "a pattern within": Pattern("ARG V=3.11.7\nFROM python:${V%.*}", "ARG FROM", args=("V",)),
    "several in a line": Pattern(
        "ARG A=python B='3.11'\nFROM $A:$B\n", "ARG FROM", args=("A", "B")
    ),
    "another platform": Pattern("FROM --platform=linux/amd64 python:3.11\n", "FROM"),
    "cross-building": Pattern(
        "FROM --platform=$BUILDPLATFORM golang:1 AS b\nARG TARGETOS TARGETARCH\nRUN go build\n"
        "FROM python:3.11\nCOPY --from=b /x /x\n",
        "FROM ARG RUN FROM COPY",
        ("python:3.11", "golang:1"),
        ("FROM with $BUILDPLATFORM",),
        ("TARGETOS", "TARGETARCH"),
    ),
    "a stage for each processor": Pattern(
        "FROM amd:1 AS base-amd64\nFROM python:3.11 AS base-arm64\nFROM base-${TARGETARCH}\n",
        "FROM FROM FROM",
        asks=("FROM with $TARGETARCH",),
    ),
    "a processor by default": Pattern(
        "ARG TARGETARCH=3.11\nFROM python:$TARGETARCH\n", "ARG FROM", args=("TARGETARCH",)
    ),
    "SHELL": Pattern(
        'FROM python:3.11\nSHELL ["/bin/bash", "-eo", "pipefail", "-c"]\nRUN a | b\n',
        "FROM SHELL RUN",
    ),
    "ENV in its old form": Pattern(
        "FROM python:3.11\nENV A b c\nENV D=e F='g h' I=\"j\"\n", "FROM ENV ENV"
    ),
    "ENV over lines": Pattern(
        "FROM python:3.11\nENV A=1 \\\n    B=2 \\\n\n    # why\n    C=3\nUSER x\n", "FROM ENV USER"
    ),
    "ENV that does not end": Pattern("FROM python:3.11\nENV A=1 \\\n    B=2 \\\n", "FROM ENV"),
    "comments within a command": Pattern(
        "FROM python:3.11\nRUN apt-get update \\\n  # FROM x\n  && apt-get install \\\n#COPY y\n  git\n",
        "FROM RUN",
    ),
    "blanks behind the mark": Pattern(
        "FROM python:3.11\nRUN a \\  \n  && b\nUSER x\n", "FROM RUN USER"
    ),
    "a word in two": Pattern("FROM python:\\\n3.11\n", "FROM"),
    "another escape": Pattern(
        "# escape=`\nFROM python:3.11\nRUN a `\n  && b\nCOPY a C:\\\nUSER x\n", "FROM RUN COPY USER"
    ),
    "Windows' lines": Pattern(
        "FROM python:3.11\r\nRUN a \\\r\n  && b\r\nUSER x\r\n", "FROM RUN USER"
    ),
    "a byte order mark": Pattern("\ufeff# comment\nFROM python:3.11\n", "FROM"),
    "lower case": Pattern("from python:3.11 as x\nrun a\ncopy --from=x a b\n", "FROM RUN COPY"),
    "tabs": Pattern("FROM\tpython:3.11\n\tRUN\ta\n", "FROM RUN"),
    "the rest": Pattern(
        'FROM python:3.11\nLABEL a="b c" \\\n d=e\nWORKDIR /a\nWORKDIR b\nUSER 1000:1000\nVOLUME ["/data"]\n'
        "EXPOSE 80/tcp\nSTOPSIGNAL SIGTERM\nHEALTHCHECK --interval=5s CMD true\nMAINTAINER x\n"
        'ENTRYPOINT ["x"]\nCMD ["y"]\n',
        "FROM LABEL WORKDIR WORKDIR USER VOLUME EXPOSE STOPSIGNAL HEALTHCHECK MAINTAINER ENTRYPOINT CMD",
    ),
    "NGC": Pattern(
        "ARG BASE=nvcr.io/nvidia/pytorch:24.10-py3\nFROM ${BASE}\nENV PIP_CONSTRAINT=\nRUN pip install dill\n",
        "ARG FROM ENV RUN",
        ("nvcr.io/nvidia/pytorch:24.10-py3",),
        args=("BASE",),
    ),
    "by digest": Pattern("FROM python@sha256:0a AS x\n", "FROM", ("python@sha256:0a",)),
    "from nothing": Pattern("FROM scratch\nADD rootfs.tar /\n", "FROM ADD", ("scratch",)),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_is_read_as_docker_reads_it(name: str):
    """Instructions, images, arguments, what it asks of a builder; and nothing of it is ours."""
    pattern = PATTERNS[name]
    recipe = Recipe.from_text(pattern.text, {}, platform_arguments("linux/arm64", "linux/amd64"))
    assert " ".join(one.word for one in recipe.file.instructions) == pattern.words
    assert recipe.bases == pattern.bases
    found = [one.name for one in features(recipe.file)]
    assert len(found) == len(pattern.asks)
    assert all(one.startswith(asked) for one, asked in zip(found, pattern.asks, strict=True))
    assert recipe.arguments == set(pattern.args)
    assert filled(recipe, HOST, {}) == {}
    assert not takes_wheel(recipe)


@pytest.mark.parametrize("name", PATTERNS)
def test_what_is_added_is_an_instruction_of_its_own(name: str):
    """Behind each of them."""
    file = Dockerfile.from_text(PATTERNS[name].text)
    longer = Dockerfile.from_text(file.text + "\nCOPY .fcx/image.json /x\n")
    assert longer.instructions[:-1] == file.instructions
    assert (longer.instructions[-1].word, longer.instructions[-1].rest) == (
        "COPY",
        ".fcx/image.json /x",
    )
