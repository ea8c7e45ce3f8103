"""The two files of an EDF: which of them is whose, and how they are found and read together."""

from __future__ import annotations

from pathlib import Path

import pytest
from cluster import edf_resolve
from sample import MANIFEST

from fcx.config import KNOWN_SITES, Settings
from fcx.edf.check import check
from fcx.edf.document import Edf
from fcx.edf.generate import generate, header
from fcx.edf.lookup import finder
from fcx.edf.merge import merged
from fcx.edf.pair import generated_of, hidden, is_generated, takes_generated, written_for
from fcx.edf.read import parse, read
from fcx.edf.run import run_edf
from fcx.edf.write import write_pair
from fcx.records import replace

DAINT = KNOWN_SITES["daint"]
OTHER = replace(MANIFEST, build_id="c" * 64)


def written(folder: Path, manifest=MANIFEST, name: str = "img") -> Path:
    """The user's file of a pair in a folder."""
    target = folder / f"{name}.toml"
    write_pair(target, generate(manifest, DAINT, "/w"), header(manifest, DAINT, "1", target.name),
          Settings(folder))  # fmt: skip
    return target


def test_the_users_file_says_whose_it_is_and_adds_nothing(tmp_path: Path):
    """Whoever adds nothing need not know of it."""
    path = written(tmp_path)
    own = tmp_path / "img-generated.toml"
    assert path.read_text().startswith("# Yours: ")
    assert is_generated(own.read_text())
    assert not is_generated(path.read_text())
    assert merged(read(path), finder()) == read(own)
    assert read(path).base_environment == ("img-generated",)


def test_each_line_of_the_new_file_can_be_taken_into_use(tmp_path: Path):
    """What is commented out stands where it belongs."""
    path = written(tmp_path)
    lines = path.read_text().split("\n")
    used = [line.removeprefix("# ") if " = " in line else line for line in lines]
    path.write_text("\n".join(used))
    edf = merged(read(path), finder())
    assert edf.mounts == ("/w:/w", "${STORE}/data:/data:ro")
    assert edf.env["NCCL_DEBUG"] == "INFO"
    assert edf.annotations == {"com.hooks.cxi.enabled": "true"}
    assert edf.other == {}


def test_an_engine_that_finds_one_by_name_finds_both(tmp_path: Path, monkeypatch):
    """From any folder: a path would be looked for in the folder that srun is called in."""
    path = written(tmp_path)
    path.write_text(path.read_text().replace("[env]\n", '[env]\nMINE = "1"\n'))
    monkeypatch.setenv("EDF_PATH", str(tmp_path))
    monkeypatch.chdir("/")
    theirs = edf_resolve.load("img", ())
    assert theirs["image"] == read(tmp_path / "img-generated.toml").image
    assert theirs["env"]["MINE"] == "1"
    assert theirs["env"] == dict(merged(read(path), finder()).env)


def test_a_run_takes_what_lies_beside_wherever_it_starts(tmp_path: Path, monkeypatch):
    """Not what an older copy in EDF_PATH or ~/.edf says; one file travels, with all in it."""
    (tmp_path / "old").mkdir()
    (tmp_path / "edf").mkdir()
    written(tmp_path / "old", OTHER)
    path = written(tmp_path / "edf")
    path.write_text(path.read_text() + 'com.x = "mine"\n')
    monkeypatch.setenv("EDF_PATH", str(tmp_path / "old"))
    for folder, given in (("/", path), (path.parent, "img.toml"), (path.parent, "./img.toml")):
        monkeypatch.chdir(folder)
        run = run_edf(given, "/run")
        assert run.build_id == MANIFEST.build_id
        edf = parse(run.text)
        assert edf.base_environment == ()
        assert edf.image == read(tmp_path / "edf/img-generated.toml").image
        assert (edf.annotations, edf.mounts) == ({"com.x": "mine"}, ("/w:/w", "/run:/run"))


def test_which_build_an_edf_is_for_is_found_through_its_bases(tmp_path: Path):
    """In its own head, as older ones have it, in a base's, in a base's base; the last one counts."""
    written(tmp_path)
    written(tmp_path, OTHER, "other")
    texts = {
        "": "image = 'x'",
        "b" * 64: "base_environment = './img-generated.toml'",
        "c" * 64: "base_environment = ['./img.toml', './other-generated.toml']",
        "d" * 64: f"#: build id:  {'d' * 64}\nbase_environment = ['./img.toml']",
    }
    for wanted, text in texts.items():
        (tmp_path / "x.toml").write_text(text.replace("./", f"{tmp_path}/"))
        assert run_edf(tmp_path / "x.toml", "/w").build_id == wanted
    assert written_for([parse(f"#: build id:  {'e' * 64}\r\n")]) == "e" * 64
    assert run_edf(Edf(image="x"), "/w").build_id == ""


@pytest.mark.parametrize(
    ("base", "taken"),
    [
        ('"img-generated"', True),
        ('"./edf/img-generated.toml"', True),
        ('["common", "/a/img-generated.toml"]', True),
        ('"img"', False),
        ('["other-generated"]', False),
        ('""', False),
    ],
)
def test_the_base_may_be_named_or_given_by_its_path(base: str, taken: bool):  # noqa: FBT001
    """Engines take both."""
    assert takes_generated(parse(f"base_environment = {base}", "edf/img.toml")) is taken


def test_what_does_not_count_of_fcxs_own_file_is_not_checked(tmp_path: Path):
    """All of it where it is not taken; else what the user's sets anew."""
    path = written(tmp_path)
    own = generated_of(path)
    assert own is not None
    lines = own.text.split("\n")
    text = 'base_environment = "img-generated"\nimage = "x"\n[env]\nPATH = "/bin"\nA = "1"\n'
    anew = hidden(text, str(path), own)
    assert [lines[n - 1].split(" = ")[0] for n in sorted(anew)] == ["image", "PATH"]
    unused = hidden('image = "x"', str(path), own)
    assert all(number in unused for number in range(1, len(lines)))
    assert hidden("broken", str(path), own) == ()


@pytest.mark.parametrize("text", [None, "image = ", 'image = "mine"\n'])
def test_a_file_that_fcx_did_not_write_is_not_its_own(tmp_path: Path, text: str | None):
    """Whatever its name: absent, broken, or somebody's."""
    if text is not None:
        (tmp_path / "img-generated.toml").write_text(text)
    assert generated_of(tmp_path / "img.toml") is None


@pytest.mark.parametrize("given", ['"img"', '["img", "other"]'])
def test_a_file_that_is_based_on_itself(tmp_path: Path, given):
    """What is proposed in its place ends the circle, and takes what `fcx edf write` has written."""
    path = written(tmp_path)
    text = f"base_environment = {given}\n"
    found = {one.code: one.fix for one in check(text, str(path), generated=generated_of(path))}
    assert '"img"' not in found["generated-unused"]
    assert '"img-generated"' in found["generated-unused"]
