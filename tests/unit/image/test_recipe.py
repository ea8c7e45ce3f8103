"""Reading a Dockerfile, and the ids of recipe and build."""

from __future__ import annotations

import pytest
from places import REPOSITORY

from fcx.errors import UsageError
from fcx.image.dockerfile import Dockerfile
from fcx.image.expansion import expand
from fcx.image.recipe import Recipe, build_id, platform_arguments, source_id

PROJECT = REPOSITORY / "containers/Dockerfile"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("$A", "1"),
        ("${A}", "1"),
        ("x${A}y$A", "x1y1"),
        ("${B:-2}", "2"),
        ("${A:-2}", "1"),
        ("${A:+3}", "3"),
        ("${B:+3}", ""),
        ("${B:-${A}}", "1"),
        ("$B", ""),
        ("${E-2}|${E:-2}|${B-2}", "|2|2"),
        ("${E+3}|${E:+3}|${B+3}", "3||"),
        ("${A:?none}", "1"),
        ("${V#*.}|${V##*.}|${V%.*}|${V%%.*}|${V%x}", "11.7|7|3.11|3|3.11.7"),
        ("${V/./_}|${V//./_}|${V/?.}", "3_11.7|3_11_7|11.7"),
        ('"${A}"', "1"),
        (r"\$A", "$A"),
        ("python:${A}-slim", "python:1-slim"),
    ],
)
def test_variables(text: str, wanted: str):
    """Arguments are put in as Docker does it."""
    assert expand(text, {"A": "1", "E": "", "V": "3.11.7"}) == wanted


@pytest.mark.parametrize(
    ("text", "args", "bases"),
    [
        ("FROM a", {}, ("a",)),
        ("from a:1 as x\nFROM b", {}, ("b",)),
        ("FROM a AS x\nFROM c AS z\nFROM b\nCOPY --chmod=1 --from=X /q /q", {}, ("b", "a")),
        ("FROM a AS x\nFROM b\nRUN --mount=type=bind,from=x,target=/x y", {}, ("b", "a")),
        ("FROM b\nRUN --mount=from=uv:1,target=/x --mount=type=cache y", {}, ("b", "uv:1")),
        ("FROM b\nCOPY --from=0 /a /b", {}, ("b",)),
        ("FROM a AS x\nFROM x\nCOPY --from=q / /", {}, ("a", "q")),
        ("FROM\ta\tAS\tx\nFROM\tx", {}, ("a",)),
        ("FROM pyth\\\non:3.11", {}, ("python:3.11",)),
        ("FROM a\nRUN python3 - <<'PY'\nfrom pathlib import Path\nPY\n", {}, ("a",)),
        ("FROM x-$TARGETARCH AS base\nFROM --platform=$BUILDPLATFORM y", {}, ("y",)),
        ("FROM x-$TARGETARCH", {}, ("x-arm64",)),
        ("ARG TARGETARCH\nFROM x-$TARGETARCH", {}, ("x-arm64",)),
        ("ARG TARGETARCH=own\nFROM x-$TARGETARCH", {}, ("x-own",)),
        ("ARG V=3.11.7\nFROM p:${V%.*}", {}, ("p:3.11",)),
        ("FROM a AS x\nFROM x", {}, ("a",)),
        ("FROM --platform=linux/amd64 a AS x\nFROM X AS y\nFROM y", {}, ("a",)),
        ("ARG V=1\nFROM a:$V", {}, ("a:1",)),
        ("ARG V=1\nFROM a:$V", {"V": "2"}, ("a:2",)),
        ("ARG V=1\nARG B=a:${V}\nFROM ${B}", {"V": "3"}, ("a:3",)),
        ("ARG V=1\nARG B=a:${V}\nFROM ${B}", {"V": "3", "B": "c"}, ("c",)),
        ("FROM a \\\n  AS x\n# FROM z\nCOPY --from=q:1 /a /b\nCOPY --from=x a b", {}, ("a", "q:1")),
        ("FROM a AS x\nCOPY --from=0 a b", {}, ("a",)),
        ("FROM scratch", {}, ("scratch",)),
        ("FROM a\nARG V=1\nFROM b:${V:-9}", {}, ("b:9",)),
        ("# escape=`\nFROM a `\n  AS x", {}, ("a",)),
    ],
)
def test_bases(text: str, args: dict[str, str], bases: tuple[str, ...]):
    """The images that the stages start from and copy from, the last stage's first."""
    platform = platform_arguments("linux/arm64", "linux/amd64")
    assert Recipe.from_text(text, args, platform).bases == bases


@pytest.mark.parametrize(
    ("text", "elsewhere", "runs"),
    [
        ("FROM a\nRUN x", {}, True),
        ("FROM a\nCOPY x /", {}, False),
        ("FROM --platform=linux/arm64/v8 a\nRUN x", {}, True),
        ("FROM --platform=$BUILDPLATFORM go AS b\nRUN x\nFROM a\nCOPY --from=b /x /",
         {"go": "linux/amd64"}, False),
        ("FROM --platform=linux/amd64 go AS b\nFROM b AS c\nRUN x\nFROM a\nCOPY --from=c /x /",
         {"go": "linux/amd64"}, False),
        ("FROM --platform=$BUILDPLATFORM a AS b\nFROM a\nCOPY --from=b /x /", {}, False),
        ("FROM a AS unused\nRUN x\nFROM b\nCOPY y /", {}, False),
        ("FROM a AS used\nRUN x\nFROM b\nCOPY --from=used y /", {}, True),
        ("FROM --platform=$BUILDPLATFORM a\nCOPY --from=c /x /", {"a": "linux/amd64"}, False),
    ],
)  # fmt: skip
def test_what_is_for_another_platform(text: str, elsewhere: dict[str, str], runs: bool):
    """Bases that only stages of the builder's own platform take; and whether the image's runs."""
    platform = platform_arguments("linux/arm64", "linux/amd64")
    recipe = Recipe.from_text(text, {}, platform)
    assert (recipe.elsewhere, recipe.runs) == (elsewhere, runs)


def test_what_buildkit_sets_by_itself():
    """Of what stages ask for, and have no value of their own: other builders are given that."""
    text = (
        "ARG TARGETOS\nFROM a\nARG TARGETARCH BUILDARCH=x BUILDPLATFORM\nFROM b\nARG TARGETVARIANT"
    )
    platform = platform_arguments("linux/arm64", "linux/amd64")
    recipe = Recipe.from_text(text, {"BUILDPLATFORM": "own"}, platform)
    assert recipe.automatic == {"TARGETARCH": "arm64", "TARGETVARIANT": ""}


def test_the_projects_own():
    """The project's Dockerfile follows the interpreter, unless another base is given."""
    text = PROJECT.read_text()
    assert Recipe.from_text(text, {"PYTHON_VERSION": "3.11.7"}).bases == ("python:3.11.7-slim",)
    recipe = Recipe.from_text(text, {"BASE_IMAGE": "nvcr.example.org/x:1"})
    assert recipe.bases == ("nvcr.example.org/x:1",)
    assert {"PYTHON_VERSION", "BASE_IMAGE", "DILL_VERSION"} <= recipe.arguments


def test_the_projects_own_has_nothing_of_buildkit():
    """It is to be built by whatever builder there is."""
    for one in Dockerfile.from_text(PROJECT.read_text()).instructions:
        assert not (one.word == "RUN" and one.flags())
        assert not one.heredocs
    assert "syntax=" not in PROJECT.read_text()


@pytest.mark.parametrize(
    "text", ["", "RUN x", "# FROM a", "FROM", "ARG V\nFROM $V", "ARG V\nFROM a:$V"]
)
def test_dockerfiles_that_start_from_nothing(text: str):
    """Without an image to start from there is no build."""
    with pytest.raises(UsageError, match="FROM"):
        Recipe.from_text(text, {})


def test_ids_follow_their_source():
    """Each of the parts changes the id; the same parts give the same one."""
    recipe = Recipe.from_text("FROM a", {})
    one = recipe.recipe_id("c", {"A": "1", "B": "2"})
    assert one == recipe.recipe_id("c", {"B": "2", "A": "1"})
    others = {
        recipe.recipe_id("d", {"A": "1", "B": "2"}),
        recipe.recipe_id("c", {"A": "1", "B": "3"}),
        recipe.recipe_id("c", {"A": "1"}),
        Recipe.from_text("FROM a ", {}).recipe_id("c", {"A": "1", "B": "2"}),
    }
    assert len(others | {one}) == 5
    builds = {source_id(one, bases, p) for bases in (["x"], ["y"]) for p in ("l/a", "l/b")}
    assert len(builds) == 4
    assert len({build_id(source, nonce) for source in builds for nonce in "ab"}) == 8
