"""How findings are told: of a file that works two things at most, and like things as one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcx.edf.check import check
from fcx.edf.read import parse

SINGLE = 'image = "me/x:fcx-0123456789ab"\nmounts = [\n  "/a",\n  "/b",\n  "/c:/c",\n  "/d",\n]\n'

# Each part works on the CE today, and would be worth a note by itself.
NOTED = [
    'image = "team/x:1"',
    'mounts = ["/a", "/users", "${MINE}:/m"]',
    "[env]",
    'PATH = "${PATH}:/x"',
    'LD_LIBRARY_PATH = "${LD_LIBRARY_PATH}:/x"',
    'A = "${B}"',
]


def test_repeated_findings_are_one_with_a_count():
    """Where the others are, and how each is changed."""
    (finding,) = [f for f in check(SINGLE, "x.toml", dialect="sarus") if f.severity == "error"]
    assert finding.what == "/a is a single path, and 2 more of this kind: lines 3-4, 6"
    assert finding.fix == 'write "/a:/a"; write "/b:/b"; write "/d:/d"'
    assert [single.line for single in finding.singles()] == [3, 4, 6]
    assert finding.message().count("\n") == 2


def test_many_fixes_are_not_all_listed():
    """The first ones show how."""
    text = "mounts = [" + ", ".join(f'"/m{n}"' for n in range(40)) + "]"
    (finding,) = [f for f in check(text, dialect="sarus") if f.code == "single-path-mount"]
    assert "39 more of this kind: line 1" in finding.what
    assert finding.fix.endswith("; and so on for the others")
    assert len(finding.singles()) == 40


def test_what_only_sarus_refuses_is_one_note_where_no_engine_is_named():
    """With the kinds and their numbers; on the CE alone there is nothing to say of it."""
    (finding,) = check(SINGLE, "x.toml")
    assert (finding.severity, finding.code) == ("note", "ce-only")
    assert "3 x single-path-mount" in finding.what
    assert check(SINGLE, "x.toml", dialect="ce") == []


@given(st.lists(st.sampled_from(NOTED), unique=True))
@settings(max_examples=60, deadline=None, database=None)
def test_a_file_that_works_gets_two_notes_at_most(parts: list[str]):
    """Whatever it has that works and is worth a note; and none of it is lost."""
    parts = sorted(parts, key=NOTED.index)
    if parts and parts[0] in NOTED[3:]:
        parts = ["[env]", *parts]
    elif not {"[env]", *parts} - {"[env]", *NOTED[:2]} or "[env]" in parts:
        pass
    else:
        parts.insert(next(n for n, part in enumerate(parts) if part in NOTED[3:]), "[env]")
    text = "\n".join(dict.fromkeys(['image = "team/x:1"', *parts]))
    found = check(text)
    assert len(found) <= 2
    assert {finding.severity for finding in found} <= {"note"}
    codes = {single.code for finding in found for single in finding.singles()}
    assert "moving-tag" in codes
    assert ("path-from-host" in codes) == ("PATH" in text)
    assert ("home-without-nousersite" in codes) == ("/users" in text)


@pytest.mark.parametrize(
    ("image", "dialect"), [("nvcr.io/nvidia/pytorch:25.05-py3", "ce"), ("r.io#a/b:1", "ce")]
)
def test_either_separator_of_a_registry_is_fine_on_the_ce(image: str, dialect: str):
    """The centre's own pages write both."""
    (finding,) = check(f'image = "{image}"', dialect=dialect)
    assert (finding.code, finding.severity) == ("moving-tag", "note")


def test_an_empty_image_over_a_base_is_taken_out():
    """It would hide the base's."""
    bases = {"b": parse('image = "me/x:fcx-0123456789ab"')}
    text = 'base_environment = "b"\nimage = ""'
    (finding,) = check(text, dialect="ce", lookup=bases.__getitem__)
    assert finding.fix.startswith("take it out, so that the image of what it is based on holds")
    assert check('base_environment = "b"', dialect="ce", lookup=bases.__getitem__) == []


def test_a_mount_over_that_of_a_base_is_told():
    """Both are mounted, the base's first."""
    bases = {"b": parse('image = "me/x:fcx-0123456789ab"\nmounts = ["/a:/data"]')}
    text = 'base_environment = "b"\nmounts = ["/b:/data"]'
    (finding,) = check(text, dialect="ce", lookup=bases.__getitem__)
    assert (finding.code, finding.what) == ("mount-twice", "/a and /b are both mounted at /data")


@pytest.mark.parametrize(
    ("flags", "fix"),
    [
        ("readonly", "/a:/b:ro"),
        ("ro+privat", "/a:/b:ro+private"),
        ("RO", "/a:/b:ro"),
        ("read-write+rprivate", "/a:/b:rw+rprivate"),
        ("ro+nonesuch", "/a:/b:ro"),
    ],
)
def test_a_flag_that_is_known_by_another_name_keeps_its_meaning(flags: str, fix: str):
    """What was to be read only stays so."""
    text = f'image = "me/x:fcx-0123456789ab"\nmounts = ["/a:/b:{flags}"]'
    (finding,) = check(text, dialect="ce")
    assert (finding.code, finding.fix) == ("mount-flag", f'write "{fix}"')
