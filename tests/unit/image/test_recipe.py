"""Reading a Dockerfile, and the ids of recipe and build."""

from __future__ import annotations

import pytest
from places import REPOSITORY

from fcx.errors import UsageError
from fcx.image.recipe import Recipe, build_id, expand, instructions, source_id

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
        ('"${A}"', "1"),
        (r"\$A", "$A"),
        ("python:${A}-slim", "python:1-slim"),
    ],
)
def test_variables(text: str, wanted: str):
    """Arguments are put in as Docker does it."""
    assert expand(text, {"A": "1", "E": ""}) == wanted


@pytest.mark.parametrize(
    ("text", "args", "bases"),
    [
        ("FROM a", {}, ("a",)),
        ("from a:1 as x\nFROM b", {}, ("b", "a:1")),
        ("FROM a AS x\nFROM x", {}, ("a",)),
        ("FROM --platform=linux/amd64 a AS x\nFROM X AS y\nFROM y", {}, ("a",)),
        ("ARG V=1\nFROM a:$V", {}, ("a:1",)),
        ("ARG V=1\nFROM a:$V", {"V": "2"}, ("a:2",)),
        ("ARG V=1\nARG B=a:${V}\nFROM ${B}", {"V": "3"}, ("a:3",)),
        ("ARG V=1\nARG B=a:${V}\nFROM ${B}", {"V": "3", "B": "c"}, ("c",)),
        ("FROM a \\\n  AS x\n# FROM z\nCOPY --from=q:1 /a /b\nCOPY --from=x a b", {}, ("a", "q:1")),
        ("FROM a AS x\nCOPY --from=0 a b", {}, ("a",)),
        ("FROM scratch", {}, ("scratch",)),
        ("FROM a\nARG V=1\nFROM b:${V:-9}", {}, ("b:9", "a")),
        ("# escape=`\nFROM a `\n  AS x", {}, ("a",)),
    ],
)
def test_bases(text: str, args: dict[str, str], bases: tuple[str, ...]):
    """The images that the stages start from and copy from, the last stage's first."""
    assert Recipe.from_text(text, args).bases == bases


def test_the_projects_own():
    """The project's Dockerfile follows the interpreter, unless another base is given."""
    text = PROJECT.read_text()
    assert Recipe.from_text(text, {"PYTHON_VERSION": "3.11.7"}).bases == ("python:3.11.7-slim",)
    recipe = Recipe.from_text(text, {"BASE_IMAGE": "nvcr.example.org/x:1"})
    assert recipe.bases == ("nvcr.example.org/x:1",)
    assert {"PYTHON_VERSION", "BASE_IMAGE", "DILL_VERSION"} <= recipe.arguments


def test_the_projects_own_has_nothing_of_buildkit():
    """The docker SDK speaks to the classic builder only."""
    for word, rest in instructions(PROJECT.read_text()):
        assert not (word == "RUN" and rest.startswith("--"))
        assert "<<" not in rest
    assert "syntax=" not in PROJECT.read_text()


@pytest.mark.parametrize("text", ["", "RUN x", "# FROM a", "FROM", "ARG V\nFROM $V"])
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
