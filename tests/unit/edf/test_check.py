"""What `fcx edf check` says: of EDFs in use, and rule by rule with a case and a near miss."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from edf_cases import CASES, VARIANT, singles
from places import PACKAGE

from fcx.config import KNOWN_SITES
from fcx.edf.check import check
from fcx.edf.findings import unreadable
from fcx.edf.lookup import finder
from fcx.edf.read import parse, read, text_of
from fcx.edf.render import render
from fcx.errors import EdfError

IN_USE = Path(__file__).with_name("data") / "in-use"
"""EDFs as people write them, each with a feature that the engines take in their own way."""

# What one would want to be told about each EDF in use, on the CE and on Sarus. None of them holds
# an error for the CE, and none is told of more than two things: they are in use there.
CE = {
    # A team's store is not cleaned; single libraries of the host over single files are meant.
    "served-model": [],
    "rocm-from-docker-hub": ["1 moving-tag"],
    # The whole of /users is mounted: ~/.local comes with it.
    "all-of-users": ["5 home-without-nousersite"],
    # Folders below the home, even ~/.local/bin/uv, bring no packages.
    "folders-below-the-home": ["1 moving-tag"],
    "tests-on-scratch": ["1 scratch-image"],
    # PATH and LD_LIBRARY_PATH are absolute there: only the scratch is left.
    "everything-absolute": ["3 scratch-image", "20 ahead-of-image"],
    "ellipsis-INVALID": ["3 invalid-toml"],
    "notebook-server": ["1 scratch-image"],
    "placeholders": ["1 placeholder", "2 placeholder", "3 placeholder"],
    "registry-of-a-centre": ["2 moving-tag"],
    "bases-alone": ["1 base-absent"],
    "docker-hub-by-name": ["1 moving-tag"],
    "quay-arm64": ["1 moving-tag"],
    "scratch-mounted": ["1 moving-tag"],
    "hook-off": ["1 moving-tag"],
    "ssh-twice-INVALID": ["4 table-twice"],
    "quay-hook-off": ["1 moving-tag"],
    "ngc-sample": ["1 moving-tag"],
    "imported-to-scratch": ["1 scratch-image"],
    "centre-scratch-mounted": ["1 moving-tag"],
    "own-app-on-ngc": ["1 scratch-image"],
    "tutorial": ["1 scratch-image"],
}
# What Sarus refuses of the same files: image files, '#' behind a registry, single paths.
SARUS = {
    "served-model": ["1 sqsh-image", *(f"{n} single-path-mount" for n in (5, 6))],
    "rocm-from-docker-hub": ["5 single-path-mount", "6 single-path-mount"],
    "all-of-users": ["1 sqsh-image", *["5 single-path-mount"] * 3],
    "folders-below-the-home": [f"{n} single-path-mount" for n in range(4, 11)],
    "tests-on-scratch": ["1 sqsh-image"],
    "everything-absolute": ["3 sqsh-image"],
    "ellipsis-INVALID": ["3 invalid-toml"],
    "notebook-server": ["1 sqsh-image", *(f"{n} single-path-mount" for n in range(4, 10))],
    "placeholders": ["1 sqsh-image"],
    "registry-of-a-centre": ["4 single-path-mount", "5 single-path-mount"],
    "bases-alone": [],
    "docker-hub-by-name": ["1 registry-separator"],
    "quay-arm64": ["1 registry-separator"],
    "scratch-mounted": [],
    "hook-off": [],
    "ssh-twice-INVALID": ["4 table-twice"],
    "quay-hook-off": ["1 registry-separator"],
    "ngc-sample": [],
    "imported-to-scratch": ["1 sqsh-image"],
    "centre-scratch-mounted": [],
    "own-app-on-ngc": ["1 sqsh-image", *(f"{n} single-path-mount" for n in (4, 5, 6))],
    "tutorial": ["1 sqsh-image", *(f"{n} single-path-mount" for n in (4, 5))],
}
BROKEN = {"ellipsis-INVALID": "3:11", "ssh-twice-INVALID": "4:27"}


def in_use(name: str) -> tuple[str, Path]:
    """Text and path of an EDF."""
    path = IN_USE / f"{name}.toml"
    return text_of(path), path


def told(text: str, severities: str = "error warning note", **options) -> list[str]:
    """Findings as `line code`, in order."""
    found = sorted(singles(text, **options), key=lambda f: (f.line, f.column, f.code))
    return [f"{f.line} {f.code}" for f in found if f.severity in severities]


def codes(text: str, **options) -> set[str]:
    """Codes of the findings."""
    return {line.split()[1] for line in told(text, **options)}


@pytest.mark.parametrize("name", CE)
def test_edfs_in_use_get_the_findings_that_one_would_want_on_the_ce(name):
    """File by file; errors only in the two that are not TOML."""
    text, _ = in_use(name)
    assert told(text, dialect="ce") == CE[name]
    assert bool(told(text, "error", dialect="ce")) == (name in BROKEN)


@pytest.mark.parametrize("name", SARUS)
def test_edfs_in_use_get_as_errors_what_sarus_refuses(name):
    """File by file."""
    text, _ = in_use(name)
    assert told(text, "error", dialect="sarus") == SARUS[name]


@pytest.mark.parametrize("name", CE)
def test_without_a_dialect_what_either_refuses_is_told(name):
    """Nothing that one engine would say is missing, and what the CE runs is no error."""
    text, _ = in_use(name)
    both = set(told(text))
    assert both == set(CE[name]) | set(SARUS[name])
    assert bool(told(text, "error")) == (name in BROKEN)
    if name not in BROKEN:
        assert len(check(text)) <= 2


@pytest.mark.parametrize("name", sorted(set(CE) - set(BROKEN)))
def test_edfs_in_use_are_read_rendered_and_read_again_to_the_same_meaning(name):
    """Nothing is lost on the way, and the rendered file has no more errors than the first."""
    text, path = in_use(name)
    edf = read(path)
    assert parse(render(edf)) == edf
    assert not told(render(edf), "error", dialect="ce")
    assert "single-path-mount" not in codes(render(edf))


@pytest.mark.parametrize("name", BROKEN)
def test_edfs_that_are_not_toml_are_clear_errors(name):
    """File, line and column, what, why and how to fix it; reading them says the same."""
    text, path = in_use(name)
    (finding,) = check(text, str(path))
    assert finding.message().startswith(f"{path}:{BROKEN[name]}: error: not valid TOML: ")
    assert ("your own values" if name.startswith("ellipsis") else "keep one form") in finding.fix
    with pytest.raises(EdfError) as caught:
        read(path)
    assert str(caught.value) == f"{path}:{BROKEN[name]}: {finding.what}"


def test_no_file_is_without_expectations():
    """A file that is added there is added here."""
    assert {path.stem for path in IN_USE.iterdir()} == set(CE) == set(SARUS)


@pytest.mark.parametrize(("code", "bad", "good", "options"), CASES, ids=lambda v: str(v)[:40])
def test_each_rule_has_a_case_and_a_near_miss(code, bad, good, options):
    """The finding comes, with its place and words, and does not come for what is nearly it."""
    found = [f for f in singles(bad, **options) if f.code == code]
    assert found
    for finding in found:
        assert finding.what
        assert finding.why
        assert finding.fix
        assert finding.message().startswith(f"x.toml:{finding.line}:{finding.column}: ")
    near = options | ({"site": KNOWN_SITES["eiger"]} if bad == good else {})
    assert code not in codes(good, **near)


APART = {"base-environment", "unreadable", "base-level", "ce-only", "further-notes"}
"""Codes of findings that more than one file or text is needed for."""


def test_every_rule_is_among_the_cases():
    """A code that is written anywhere in the rules is triggered above, or in a test of its own."""
    folder = PACKAGE / "edf"
    sources = "".join(path.read_text() for path in folder.rglob("*.py"))
    written = set(re.findall(r'"([a-z-]+)", (?:WARNING|ERROR|NOTE|severity)', sources))
    assert written - {code for code, *_ in CASES} == APART


@pytest.mark.parametrize(
    ("text", "line", "column", "code"),
    [
        ('image = "x"\n\nworkdir = "a/$B"', 3, 14, "unbraced-variable"),
        ('mounts = [\n  "/a:/a",\n  "./b:/b",\n]', 3, 3, "mount-relative"),
        ('[env]\nPATH = "/a:${PATH}"', 2, 12, "path-from-host"),
        ('[annotations]\nhooks.x = "1"', 2, 1, "missing-com"),
        ('[annotations.hooks.x]\nenabled = "true"', 2, 1, "missing-com"),
        ('mount = ["/a"]', 1, 1, "unknown-key"),
        ('image = "a/b:latest"', 1, 14, "moving-tag"),
        ('image = "a/b:1"\r\nwritable = "no"\r\n', 2, 12, "wrong-type"),
        ('workdir = """\n/x/$Y"""', 2, 4, "unbraced-variable"),
    ],
)
def test_findings_point_at_the_very_place(text, line, column, code):
    """Line and column of the part of the value that is meant, counted from 1."""
    (found,) = [f for f in check(text) if f.code == code]
    assert (found.line, found.column) == (line, column)


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("mount = []", "did you mean mounts?"),
        ('base_enviroment = "x"', "did you mean base_environment?"),
        ('[annotations]\ncom.hooks.cxi.enable = "true"', "did you mean com.hooks.cxi.enabled?"),
        ("[annotations]\ncom.hooks.aws_ofi_nccl.varient = 'x'", "aws_ofi_nccl.variant?"),
        (VARIANT + '"cuda-d"', "did you mean cuda-dl?"),
        ('[annotations]\nhooks.cxi.enabled = "true"', "write com.hooks.cxi.enabled"),
        ('image = "r.io#a:1"', 'write image = "r.io/a:1"'),
        ('mounts = ["/a"]', 'write "/a:/a"'),
        ('writable = "true"', "without quotes"),
        ("[env]\nA = true", 'write A = "true"'),
        ('[env]\nA = "1",', "comma"),
        ("image = \u201cx\u201d", "plain ones"),
        ("writable = True", "lower case"),
        ("workdir = <WORKDIR>", "in quotes"),
        ("image: x", "not a colon"),
        ('image = "x', "close the quotes"),
        ('workdir = "C:\\q"', "doubled"),
        ("image = ubuntu", "in quotes"),
        ("image", "missing"),
        ('mounts = ["/a:/a"\n "/b:/b"]', "a comma between"),
    ],
)
def test_each_finding_says_how_to_fix_it(text, fix):
    """With the nearest known name, or the value as it should be."""
    assert any(fix in finding.fix for finding in singles(text))


def test_a_value_of_a_wrong_type_does_not_hide_the_rest():
    """Other findings of the file are told as well, at their right places."""
    text = 'image = 3\nmounts = [\n  3,\n  "/capstor",\n]\n[env]\nA = "$B"\nC = []\n'
    assert told(text, "error warning", dialect="sarus") == [
        "1 wrong-type", "3 wrong-type", "4 single-path-mount", "8 wrong-type",
    ]  # fmt: skip
    assert "7 unbraced-variable" in told(text, dialect="ce")


def test_bases_are_looked_at_where_they_are_found():
    """What a base says counts: no image is missed, and its entrypoint is said."""
    bases = {
        "b": parse(
            'image = "me/x:fcx-0123456789ab"\nentrypoint = false\n[env]\nPYTHONNOUSERSITE = "1"'
        )
    }
    text = 'base_environment = "b"\nmounts = ["/users:/users"]'
    assert told(text, lookup=bases.__getitem__) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('base_environment = "./x.toml"', "circle"),
        ("image = 3", "image must be a string"),
        ("image = ", "not valid TOML"),
    ],
)
def test_a_base_that_cannot_be_used_is_an_error(tmp_path, content, words):
    """Circles and broken bases are errors of the file that needs them."""
    (tmp_path / "x.toml").write_text(content)
    (finding,) = [
        f
        for f in check('base_environment = "./x.toml"', lookup=finder({}, tmp_path))
        if f.severity == "error"
    ]
    assert finding.code == "base-environment"
    assert words in finding.what


def test_a_file_without_text_is_a_finding_too(tmp_path):
    """So that JSON comes out whatever the file holds."""
    (tmp_path / "x.toml").write_bytes(b"\n\xff")
    with pytest.raises(EdfError) as caught:
        text_of(tmp_path / "x.toml")
    finding = unreadable(caught.value)
    assert (finding.code, finding.severity, finding.line, finding.column) == (
        "unreadable", "error", 2, 1,
    )  # fmt: skip


def large(lines: int = 5_000) -> str:
    """An EDF of that many lines, with everything that rules look at."""
    half = lines // 2 - 5
    mounts = [f'    "/data/{n}:/x/{n}:ro",  # {n}' for n in range(half)]
    env = [f'V{n} = "${{SCRATCH}}/{n}:$HOME"  # {n}' for n in range(half - 200)]
    hooks = [f'com.hooks.h{n}.enabled = "true"' for n in range(200)]
    parts = ['image = "a/b:1"', "mounts = [", *mounts, "]", "[env]", *env, "[annotations]", *hooks]
    return "\n".join([*parts, *["# end"] * (lines - len(parts))]) + "\n"


def calls_to_check(text: str) -> int:
    """How many functions are called to check a text: what it costs, whatever the machine does."""
    count = 0

    def note(_frame: object, event: str, _arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        check(text)
    finally:
        sys.setprofile(None)
    return count


def test_a_file_of_5000_lines_costs_four_times_one_of_1250():
    """Reading, finding places and all rules: nothing looks through the whole file for each line."""
    text = large()
    assert text.count("\n") == 5_000
    found = singles(text, dialect="ce")
    assert sum(f.code == "unbraced-variable" for f in found) == 2_295
    assert sum(f.code == "unknown-annotation" for f in found) == 200
    assert calls_to_check(text) < 5 * calls_to_check(large(1_250))
