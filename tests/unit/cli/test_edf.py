"""`fcx edf`: write, check and render."""

from __future__ import annotations

import json
import os

import pytest
from sample import DIGEST, MANIFEST, PATH

from fcx.edf.document import Edf
from fcx.edf.lookup import finder
from fcx.edf.merge import merged
from fcx.edf.read import parse, read
from fcx.edf.run import run_edf
from fcx.records import replace


def whole(path):
    """A user's EDF with what it is based on."""
    return merged(read(path), finder())


def test_write_makes_the_edf_beside_the_manifest(project, fcx):
    """With settings, site and working directory of fcx.toml, and a header that says of what."""
    assert fcx("edf", "write") == (0, f"{project}/edf/img.toml: image {DIGEST}\n", "")
    text = (project / "edf" / "img-generated.toml").read_text()
    assert f"#: build id:  {'b' * 64}\n" in text
    assert f"#: recipe id: {'r' * 64}\n" in text
    assert "what you add into img.toml" in text
    edf = whole(project / "edf" / "img.toml")
    assert edf.mounts == ("/capstor/me/work:/capstor/me/work",)
    assert edf == parse(text)
    assert not list((project / "edf").glob(".*"))


def test_writing_again_keeps_what_was_added(project, fcx):
    """Also with another working directory, another image and another file."""
    fcx("edf", "write")
    path = project / "edf" / "img.toml"
    path.write_text(path.read_text() + 'com.x = "mine"  # why\n')
    code, _, _ = fcx("edf", "write", "--working-dir", "/w", "--sqsh", "/far/x.sqsh")
    edf = whole(path)
    assert code == 0
    assert (edf.image, edf.mounts[0], edf.annotations) == (
        "/far/x.sqsh", "/w:/w", {"com.x": "mine"},
    )  # fmt: skip
    assert "# why" in path.read_text()
    fcx("edf", "write", "--output", project / "new" / "other.toml")
    assert whole(project / "new" / "other.toml").image == DIGEST


def test_a_second_time_changes_nothing(project, fcx):
    """Byte for byte, however often, whatever was moved the first time."""
    (project / "fcx.toml").write_text('[image]\nname = "img"\n[edf]\nmounts = ["/store"]\n')
    fcx("edf", "write")
    files = [project / "edf" / name for name in ("img.toml", "img-generated.toml")]
    first = [file.read_bytes() for file in files]
    fcx("edf", "write")
    assert [file.read_bytes() for file in files] == first


def test_what_fcx_toml_adds_is_moved_once_and_said(project, fcx):
    """In one line, with what to delete; what is still there later is told, and is not read."""
    toml = project / "fcx.toml"
    plain = toml.read_text()
    toml.write_text(plain + '[edf]\nmounts = ["/store"]\nenv = {A = "1"}\n')
    path = project / "edf" / "img.toml"
    code, out, err = fcx("edf", "write")
    assert (code, out) == (0, f"{path}: image {DIGEST}\n")
    assert err == (
        f"{path} is yours now: what [edf] of fcx.toml says (mounts, env.A) stands in it and is not "
        "read there again: delete [edf] from fcx.toml\n"
    )
    edf = whole(path)
    assert edf.mounts == ("/capstor/me/work:/capstor/me/work", "/store:/store")
    assert edf.env["A"] == "1"
    told = "warning: [edf] of fcx.toml is not read any more; delete [edf] from fcx.toml\n"
    assert fcx("edf", "write")[2] == told
    path.write_text(path.read_text().replace('A = "1"\n', ""))
    assert "; env.A of it is not in " in fcx("edf", "write")[2]
    assert "A" not in whole(path).env
    toml.write_text(plain)
    assert fcx("edf", "write")[2] == ""


def test_an_edf_with_marked_lines_becomes_the_users(project, fcx):
    """What had no mark stays; fcx's lines are in a file of its own, and stay out of this one."""
    path = project / "edf" / "img.toml"
    path.write_text(
        "#: Made by `fcx edf write` (fcx 0.1) of the image img (linux/arm64), for daint.\n\n"
        'image = "old"  # fcx\nmounts = [\n    "/w:/w",  # fcx\n    "/data:/d",  # mine\n]\n'
    )
    code, _, err = fcx("edf", "write")
    assert (code, "lines marked `# fcx` are renewed in img-generated.toml" in err) == (0, True)
    text = path.read_text()
    assert text.endswith('\n\nmounts = [\n    "/data:/d",  # mine\n]\n')
    assert (whole(path).image, whole(path).mounts[-1]) == (DIGEST, "/data:/d")
    assert fcx("edf", "write")[2] == ""
    assert path.read_text() == text


def test_an_edf_written_by_hand_is_left_alone_and_told_how_to_take_the_image(project, fcx):
    """The fix, followed to the letter, ends it; so does the other that it names."""
    path = project / "edf" / "img.toml"
    text = f'# by hand\nimage = "a/b@sha256:{"0" * 64}"\n'
    path.write_text(text)
    code, _, err = fcx("edf", "write")
    assert (code, path.read_text()) == (0, text)
    assert "img.toml:1:1: error: it is not based on img-generated.toml" in err
    fix = 'write base_environment = "img-generated" above the first [table]; or remove img-gen'
    assert fix in err
    assert fcx("edf", "check", "img", "--dialect", "ce")[0] == 1
    path.write_text('base_environment = "img-generated"\n' + text)
    code, out, _ = fcx("edf", "check", "img", "--dialect", "ce")
    assert (code, f"image is set over that of the base, {DIGEST} [image-over-gen" in out) == (
        0,
        True,
    )
    assert "fix: take it out" in out
    path.write_text('base_environment = "img-generated"\n# by hand\n')
    assert fcx("edf", "check", "img", "--dialect", "ce", "--strict")[:2] == (0, "")
    path.write_text(text)
    (project / "edf" / "img-generated.toml").unlink()
    assert fcx("edf", "check", "img", "--dialect", "ce", "--strict")[:2] == (0, "")


def test_without_a_name_it_is_the_edf_of_the_project(project, fcx):
    """And where there is none yet, it is said what makes it."""
    code, _, err = fcx("edf", "check")
    assert (code, "`fcx up` makes it" in err) == (2, True)
    fcx("edf", "write")
    assert fcx("edf", "check", "--dialect", "ce") == fcx("edf", "check", "img", "--dialect", "ce")
    (project / "edf" / "img.toml").write_text("image = 1\n")
    assert fcx("edf", "check")[0] == 1


def test_without_the_file_that_it_is_based_on_an_edf_says_how_to_get_it(project, fcx):
    """Where it is not kept in the repository, say."""
    fcx("edf", "write")
    (project / "edf" / "img-generated.toml").unlink()
    code, out, _ = fcx("edf", "check", "img")
    assert (code, "img-generated is not on this machine" in out) == (0, True)
    assert "fix: run `fcx edf write`" in out
    assert fcx("edf", "render", "img")[0] == 1
    fcx("edf", "write")
    assert fcx("edf", "check", "img", "--site", "daint", "--strict")[:2] == (0, "")


def test_what_the_user_sets_anew_is_not_judged_where_fcx_wrote_it(project, fcx):
    """An image that the cluster cannot get at does not count below one that it can."""
    local = replace(MANIFEST, repo_digest="").to_json()
    (project / "edf" / "img.manifest.json").write_text(local)
    fcx("edf", "write")
    assert "[local-image]" in fcx("edf", "check", "img")[1]
    path = project / "edf" / "img.toml"
    path.write_text(path.read_text().replace("# mounts", 'image = "/store/x.sqsh"\n# mounts'))
    assert "[local-image]" not in fcx("edf", "check", "img")[1]
    code, out, err = fcx("edf", "write")
    assert (code, out) == (0, f"{path}: image /store/x.sqsh\n")
    assert "on this machine only" not in err
    assert "note: image is set over that of the base" in err
    (project / "edf" / "img.manifest.json").write_text(MANIFEST.to_json())
    assert "warning: image is set over that of the base" in fcx("edf", "write")[2]


def test_both_files_of_a_pair_are_checked_once(project, fcx):
    """However they are named; fcx's own by itself too."""
    local = replace(MANIFEST, repo_digest="").to_json()
    (project / "edf" / "img.manifest.json").write_text(local)
    fcx("edf", "write")
    files = ["edf/img.toml", "edf/img-generated.toml"]
    for chosen in (files, files[:1], files[1:]):
        code, out, err = fcx("edf", "check", *chosen, "--dialect", "ce")
        assert (code, out.count("[local-image]")) == (0, 1)
        assert out.startswith("edf/img-generated.toml:")
        assert err == "errors: 0, warnings: 1\n"


@pytest.mark.parametrize("name", ["img-generated.toml", "img.toml"])
def test_write_replaces_nothing_that_is_not_its_own(project, fcx, name):
    """Nor does it take a file of its own for the user's."""
    path = project / "edf" / name
    if name == "img.toml":
        path.write_text("#: Written whole by `fcx edf write` (fcx 1)\n")
    else:
        path.write_text('image = "mine"\n')
    before = path.read_text()
    code, _, err = fcx("edf", "write")
    assert (code, "--output" in err) == (2, True)
    assert path.read_text() == before
    assert fcx("edf", "write", "--output", "edf/other.toml")[0] == 0


def test_additions_come_from_another_edf_when_the_file_is_new(project, fcx):
    """`base` in [edf]: its lines and comments are the user's from then on."""
    base = '# ours\nimage = "theirs"\nentrypoint = true\n[env]\nA = "1"\n'
    (project / "mine.toml").write_text(base)
    (project / "fcx.toml").write_text('[image]\nname = "img"\n[edf]\nbase = "mine.toml"\n')
    assert fcx("edf", "write")[0] == 0
    edf = whole(project / "edf" / "img.toml")
    assert (edf.image, edf.entrypoint, edf.env["A"]) == (DIGEST, True, "1")
    assert "# ours" in (project / "edf" / "img.toml").read_text()


def test_a_line_of_the_users_that_overrules_fcx_toml_is_not_said_to_be_moved(project, fcx):
    """In the file that `base` names as in an old EDF: the line counted before, and does now."""
    (project / "mine.toml").write_text('workdir = "/m"\n[env]\nA = "1"\nB = "2"\n')
    toml = project / "fcx.toml"
    toml.write_text(
        '[image]\nname = "img"\n[edf]\nbase = "mine.toml"\nworkdir = "/w"\n'
        'mounts = ["/store"]\nenv = {A = "3", B = "2"}\n'
    )
    _, _, err = fcx("edf", "write")
    edf = whole(project / "edf" / "img.toml")
    assert (edf.workdir, edf.env["A"], edf.env["B"]) == ("/m", "1", "2")
    assert "yours now: what [edf] of fcx.toml says of workdir, env.A did not count, and" in err
    assert "says (base, mounts, env.B) stands in it and is not read there again" in err
    assert "; workdir, env.A of it are set to something else in " in fcx("edf", "write")[2]
    (project / "edf" / "img.toml").unlink()
    toml.write_text('[image]\nname = "img"\n[edf]\nbase = "mine.toml"\nworkdir = "/w"\n')
    assert "what [edf] of fcx.toml says (base) stands in it" in fcx("edf", "write")[2]
    (project / "edf" / "img.toml").write_text('workdir = "/m"\nentrypoint = false  # fcx\n')
    assert "what [edf] of fcx.toml says is not read there again" in fcx("edf", "write")[2]


def test_a_base_that_is_not_there_is_told_with_the_setting_that_names_it(project, fcx):
    """The path alone says not who asked for it."""
    toml = project / "fcx.toml"
    toml.write_text('[image]\nname = "img"\n[edf]\nbase = "absent.toml"\n')
    code, _, err = fcx("edf", "write")
    assert (code, "`base` in [edf] of fcx.toml names it ('absent.toml')" in err) == (1, True)
    assert not (project / "edf" / "img.toml").exists()


def test_an_edf_of_another_build_than_the_manifest_beside_it_is_told(project, fcx):
    """Once, with the fix that ends it; so is the one file that `fcx edf render` made of it."""
    fcx("edf", "write")
    manifest = project / "edf" / "img.manifest.json"
    manifest.write_text(replace(MANIFEST, build_id="c" * 64).to_json())
    for chosen in ("img", "edf/img-generated.toml"):
        code, out, _ = fcx("edf", "check", chosen, "--dialect", "ce")
        assert (code, out.count("[edf-stale]")) == (0, 1)
        assert "for the build bbbbbbbbbbbb, the manifest is of cccccccccccc" in out
        assert "fix: run `fcx edf write`" in out
    (project / "one.toml").write_text(fcx("edf", "render", "img")[1])
    words = ("edf", "check", "one.toml", "--dialect", "ce", "--manifest", str(manifest))
    assert "fix: render it anew (`fcx edf render`)" in fcx(*words)[1]
    fcx("edf", "write")
    assert fcx("edf", "check", "img", "--dialect", "ce", "--strict")[:2] == (0, "")
    (project / "one.toml").write_text(fcx("edf", "render", "img")[1])
    assert fcx(*words, "--strict")[:2] == (0, "")


def test_a_manifest_that_cannot_be_read_hides_no_finding(project, fcx):
    """Of this EDF, and of those that are checked with it."""
    fcx("edf", "write")
    manifest = project / "edf" / "img.manifest.json"
    manifest.write_text(manifest.read_text().replace("b" * 64, "c" * 64))
    (project / "other.toml").write_text("image = 3\n")
    path = project / "edf" / "img.toml"
    path.write_text(path.read_text() + 'com.hooks.cxi.enabled = "True"\n')
    code, out, _ = fcx("edf", "check", "img", "other.toml", "--dialect", "ce")
    assert code == 1
    for told in ("[manifest-unreadable]", "seal must be", "[annotation-value]", "[wrong-type]"):
        assert told in out
    assert fcx("edf", "check", "img", "--manifest", str(manifest))[0] == 1


def test_a_base_that_lies_elsewhere_may_be_of_another_build_too(project, fcx, monkeypatch):
    """It is not checked by itself then."""
    fcx("edf", "write")
    (project / "far").mkdir()
    for file in (project / "edf").glob("*.toml"):
        file.replace(project / "far" / file.name)
    monkeypatch.setenv("EDF_PATH", str(project / "far"))
    (project / "edf" / "own.toml").write_text('base_environment = "img"\n')
    other = replace(MANIFEST, build_id="c" * 64).to_json()
    (project / "edf" / "own.manifest.json").write_text(other)
    assert fcx("edf", "check", "edf/own.toml", "--dialect", "ce")[1].count("[edf-stale]") == 1


def test_the_three_files_that_are_written_pass_the_check_of_the_folder(project, fcx):
    """As the README chains them: an image of this machine is a warning, no error."""
    local = replace(MANIFEST, repo_digest="").to_json()
    (project / "edf" / "img.manifest.json").write_text(local)
    fcx("edf", "write")
    code, out, err = fcx("edf", "check", "edf/img-generated.toml", "edf/img.toml")
    assert (code, out.count("[local-image]"), "errors: 0" in err) == (0, 1, True)
    (project / "elsewhere").mkdir()
    for file in (project / "edf").glob("*.toml"):
        file.replace(project / "elsewhere" / file.name)
    code, out, _ = fcx("edf", "check", "elsewhere/img.toml")
    assert (code, out.count("warning"), out.count("[local-image]")) == (0, 1, 1)


@pytest.mark.parametrize("name", ["absent.toml", "absent/x.toml", "absent", "edf"])
def test_a_file_that_is_not_there_is_not_said_to_be_no_utf_8(project, fcx, name):
    """There is nothing to save in another way."""
    code, out, _ = fcx("edf", "check", name)
    assert (code, "UTF-8" in out) == (1, False)
    assert "why: there is nothing to check\n    fix: correct the name or the path\n" in out


def test_bases_that_are_absent_are_named_in_a_sentence(project, fcx):
    """One, or several."""
    (project / "x.toml").write_text('base_environment = ["common", "site"]\n')
    out = fcx("edf", "check", "x.toml")[1]
    assert "its bases common and site are not on this machine, so what they say was not" in out


def test_write_prints_json_and_warns_of_an_image_that_no_registry_has(project, fcx):
    """For machines: where, what, and what is to be said about it."""
    local = replace(MANIFEST, repo_digest="").to_json()
    (project / "edf" / "img.manifest.json").write_text(local)
    code, out, _ = fcx("edf", "write", "--json")
    answer = json.loads(out)
    assert (code, answer["image"], answer["build_id"]) == (0, "img:bbbbbbbbbbbb", "b" * 64)
    assert "fcx image push" in answer["warning"]
    assert answer["findings"] == []
    assert "warning: the image is on this machine only" in fcx("edf", "write")[2]
    adopted = replace(MANIFEST, repo_digest="", origin="adopted").to_json()
    (project / "edf" / "img.manifest.json").write_text(adopted)
    assert "warning: img was adopted: fcx does not know where" in fcx("edf", "write")[2]


def test_write_refuses_another_architecture_and_writes_nothing(project, fcx):
    """Exit code 3, from the option, the settings or the live system."""
    code, out, err = fcx("edf", "write", "--site", "eiger")
    assert (code, out) == (3, "")
    assert "wanted amd64, found arm64" in err
    (project / "fcx.toml").write_text('[image]\nname = "img"\n')
    os.environ["FIRECREST_SYSTEM"] = "beverin"
    try:
        assert fcx("edf", "write")[0] == 3
    finally:
        del os.environ["FIRECREST_SYSTEM"]
    assert not (project / "edf" / "img.toml").exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--manifest", "absent.json"], 2, "`fcx image build` makes one"),
        (["--dialect", "docker"], 2, "no dialect 'docker'; use ce or sarus"),
        (["--sqsh", "/x.sqsh", "--dialect", "sarus"], 2, "fcx image push"),
        (["--output", "fcx.toml/x.toml"], 2, "cannot be written"),
    ],
)
def test_write_says_what_it_lacks(project, fcx, words, code, message):
    """Exit code 2, and what to do."""
    found, _, err = fcx("edf", "write", *words)
    assert (found, message in err) == (code, True), err


def test_check_tells_findings_and_fails_for_errors(project, fcx):
    """Errors end in 1, warnings in 0, with --strict in 1."""
    (project / "bad.toml").write_text("image = 3\n")
    (project / "warn.toml").write_text('image = "a/b:1"\nentrypoint = true\n')
    (project / "fine.toml").write_text('image = "/x.sqsh"\nentrypoint = true\n')
    code, out, err = fcx("edf", "check", "bad.toml", "--dialect", "ce")
    assert (code, err) == (1, "errors: 1, warnings: 0\n")
    assert out.startswith("bad.toml:1:9: error: image must be a string, not a number [wrong-type]")
    assert "\n    why: " in out
    assert "\n    fix: put the value in quotes\n" in out
    code, out, _ = fcx("edf", "check", "warn.toml")
    assert (code, "[moving-tag]" in out) == (0, True)
    assert fcx("edf", "check", "warn.toml", "--strict")[0] == 1
    assert fcx("edf", "check", "fine.toml", "--strict", "--dialect", "ce")[:2] == (0, "")
    assert fcx("edf", "check", "fine.toml", "--dialect", "sarus")[0] == 1
    assert fcx("edf", "check", "fine.toml", "bad.toml", "--dialect", "ce")[0] == 1


def test_check_counts_notes_and_tells_like_things_once(project, fcx):
    """Of a file that works there is little to say."""
    mounts = ", ".join(f'"/m{number}"' for number in range(9))
    (project / "x.toml").write_text(f'image = "a/b:1"\nmounts = [{mounts}]\n')
    code, out, err = fcx("edf", "check", "x.toml")
    assert (code, err) == (0, "errors: 0, warnings: 0, notes: 2\n")
    assert out.count("fix: ") == 2
    assert "9 x single-path-mount" in out
    assert fcx("edf", "check", "x.toml", "--dialect", "sarus")[1].count("[single-path-mount]") == 1


def test_an_image_of_this_machine_is_an_error_until_it_was_pushed(project, fcx):
    """The fix is the push, and `fcx edf write` after it."""
    manifest = project / "edf" / "img.manifest.json"
    manifest.write_text(replace(MANIFEST, repo_digest="").to_json())
    assert fcx("edf", "write")[0] == 0
    code, out, _ = fcx("edf", "check", "img", "--site", "daint")
    assert (code, "[local-image]" in out) == (1, True)
    assert "`fcx image push REGISTRY/NAME`, then `fcx edf write`" in out
    manifest.write_text(MANIFEST.to_json())  # as `fcx image push` leaves it
    assert fcx("edf", "write")[0] == 0
    assert fcx("edf", "check", "img", "--site", "daint", "--strict")[:2] == (0, "")


def test_a_pattern_that_matches_nothing_is_no_file_that_cannot_be_read(project, fcx):
    """The shell passes it on as it is; a file of that very name is one all the same."""
    code, out, _ = fcx("edf", "check", "nowhere/*.toml")
    assert code == 1
    assert "nowhere/*.toml:1:1: error: no file matches 'nowhere/*.toml'" in out
    assert "`fcx edf write`" in out
    assert "UTF-8" not in out
    (project / "x[1].toml").write_text('image = "/x.sqsh"\nentrypoint = true\n')
    assert fcx("edf", "check", "x[1].toml", "--dialect", "ce")[0] == 0


@pytest.mark.parametrize(
    "content",
    [b"", b"image = \xff", b"image = ", b"\x00", b'image = "x"', b"[" * 9_999, "é = 1".encode()],
)
def test_check_prints_json_whatever_the_file_holds(project, fcx, content):
    """One array of findings, each with file, line, column, code, severity, what, why, fix."""
    (project / "x.toml").write_bytes(content)
    code, out, _ = fcx("edf", "check", "x.toml", "absent.toml", "--json")
    findings = json.loads(out)
    keys = {"file", "line", "column", "code", "severity", "what", "why", "fix"}
    assert code == 1  # absent.toml
    assert all(set(finding) == keys for finding in findings)
    assert {finding["file"] for finding in findings} == {"x.toml", "absent.toml"}


def test_check_needs_no_settings_and_prints_no_control_characters(project, fcx):
    """A broken fcx.toml is of no concern to it; what a file holds cannot steer the terminal."""
    (project / "fcx.toml").write_text("broken")
    (project / "x.toml").write_text('image = "a/B\\u001b[31m\\u0007:1"\n')
    code, out, _ = fcx("edf", "check", "x.toml")
    assert (code, "\\u001b[31m" in out) == (1, True)
    assert out.replace("\n", "").isprintable()


def test_check_looks_at_site_manifest_and_this_machine_when_asked(project, fcx):
    """--site and --manifest for the architecture, --on-cluster for paths and variables."""
    text = f'image = "{DIGEST}"\nentrypoint = true\nmounts = ["{project}:/a", "/absent:${{NO}}"]\n'
    (project / "x.toml").write_text(text)
    manifest = "edf/img.manifest.json"
    code, out, _ = fcx("edf", "check", "x.toml", "--site", "eiger", "--manifest", manifest)
    assert (code, "[architecture]" in out) == (1, True)
    code, out, _ = fcx("edf", "check", "x.toml", "--site", "daint", "--manifest", manifest)
    assert (code, "[architecture]" in out) == (0, False)
    code, out, _ = fcx("edf", "check", "x.toml", "--on-cluster", "--site", "daint")
    assert (code, out.count("[missing-source]"), "[undefined-variable]" in out) == (1, 1, True)


def test_render_merges_and_expands(project, fcx, monkeypatch):
    """Variables of --define, of the image and of the shell; the others stay and are told."""
    (project / ".edf").mkdir()
    (project / ".edf" / "base.toml").write_text('image = "${IMAGES}/x.sqsh"\nmounts = ["/a"]\n')
    own = 'base_environment = "base"\nworkdir = "${WHERE}/${PATH}/${FAR}"\n'
    (project / "top.toml").write_text(own)
    monkeypatch.setenv("WHERE", "/here")
    words = ["-D", "IMAGES=/store", "--manifest", "edf/img.manifest.json"]
    code, out, err = fcx("edf", "render", "top.toml", *words)
    assert (code, err) == (0, "not set on this machine, left for the cluster: ${FAR}\n")
    assert parse(out) == Edf(
        image="/store/x.sqsh", workdir=f"/here/{PATH}/${{FAR}}", mounts=("/a:/a",)
    )
    code, out, _ = fcx("edf", "render", "base", "--json", "-D", "IMAGES=/s")
    assert json.loads(out) == {"image": "/s/x.sqsh", "mounts": ["/a:/a"]}


def test_render_makes_one_file_of_a_pair_that_is_as_good(project, fcx):
    """The build id is in it, so that it is known to be older than its image later."""
    fcx("edf", "write")
    code, out, _ = fcx("edf", "render", "img")
    assert (code, parse(out)) == (0, whole(project / "edf" / "img.toml"))
    (project / "one.toml").write_text(out)
    assert run_edf(project / "one.toml", "/w").build_id == "b" * 64


def test_render_tells_what_is_wrong_with_its_place(project, fcx):
    """A base that is not there, a circle, broken TOML: file, line, column on stderr, exit 1."""
    (project / "x.toml").write_text('\nbase_environment = "absent"\n')
    code, out, err = fcx("edf", "render", "./x.toml")
    assert (code, out) == (1, "")
    assert err.startswith(
        "fcx: ./x.toml:2:20: there is no EDF 'absent' on this machine; looked for "
    )
    assert fcx("edf", "render", "nowhere")[0] == 1
    assert fcx("edf", "render", "x.toml", "-D", "broken")[0] == 2


def test_a_check_of_5000_lines(project, fcx):
    """Every line is looked at; what it may cost is a row of tests/bench/commands.py."""
    mounts = "".join(f'  "/d/{n}:/x/{n}",\n' for n in range(2_498))
    env = "".join(f'V{n} = "${{SCRATCH}}/{n}"\n' for n in range(2_497)) + "BAD = []\n"
    (project / "big.toml").write_text(f'image = "a/b:1"\nmounts = [\n{mounts}]\n[env]\n{env}')
    assert (project / "big.toml").read_text().count("\n") == 5_000
    code, out, _ = fcx("edf", "check", "big.toml")
    assert code == 1
    assert "big.toml:5000:" in out


def test_an_edf_is_found_by_name_and_compared_with_the_manifest_beside_it(project, fcx):
    """In EDF_PATH, ~/.edf and the project's edf/; the manifest beside it is the image's."""
    fcx("edf", "write")
    code, out, _ = fcx("edf", "check", "img", "--site", "eiger")
    assert code == 1
    assert out.startswith(f"{project}/edf/img-generated.toml:")
    assert "the image is for arm64, eiger is amd64" in out
    assert fcx("edf", "check", "img", "--site", "daint", "--strict")[:2] == (0, "")
    (project / "sub").mkdir()
    os.chdir(project / "sub")
    assert fcx("edf", "check", "img", "--site", "eiger")[0] == 1
    assert parse(fcx("edf", "render", "img")[1]).image == DIGEST
    code, out, _ = fcx("edf", "check", "absent")
    assert code == 1
    assert out.startswith("absent:1:1: error: there is no EDF 'absent' on this machine; looked for")


def test_a_manifest_that_is_given_goes_before_the_one_beside_the_edf(project, fcx):
    """Of another image, for another processor."""
    fcx("edf", "write")
    (project / "other.json").write_text(replace(MANIFEST, architecture="amd64").to_json())
    code, out, _ = fcx("edf", "check", "img", "--site", "daint", "--manifest", "other.json")
    assert (code, "the image is for amd64, daint is arm64" in out) == (1, True)


@pytest.mark.parametrize(
    "name",
    [
        "team/img",
        "img:1.0",
        "registry.example.org:5000/team/img",
        "localhost:5000/img:1",
        "Team/img",
    ],
)
def test_write_finds_the_manifest_of_an_image_however_it_is_named(project, fcx, name):
    """The file is called by the last part alone, as `fcx image build` calls it."""
    (project / "fcx.toml").write_text(f'[image]\nname = "{name}"\n')
    assert fcx("edf", "write")[0] == 0
    assert whole(project / "edf" / "img.toml").image == DIGEST


def test_write_calls_the_edf_as_the_manifest_of_an_adopted_image_is_called(project, fcx):
    """Also where somebody adopted it under a name with a slash, or in upper case."""
    adopted = replace(MANIFEST, name="Team/Theirs")
    (project / "edf" / "Theirs.manifest.json").write_text(adopted.to_json())
    (project / "fcx.toml").write_text('[image]\nname = "Team/Theirs"\n')
    assert fcx("edf", "write")[0] == 0
    assert fcx("edf", "check", "Theirs", "--site", "eiger")[0] == 1


def test_what_goes_wrong_is_json_where_json_was_asked_for(project, fcx):
    """On standard output, with the exit code; the words for a person stay on stderr."""
    code, out, err = fcx("edf", "write", "--manifest", "absent.json", "--json")
    error = json.loads(out)["error"]
    assert (code, error["exit_code"], error["kind"]) == (2, 2, "ConfigError")
    assert error["message"] in err
    assert fcx("edf", "write", "--manifest", "absent.json")[1] == ""


def test_hooks_are_added_to_the_users_edf_once_and_what_is_there_stays(project, fcx):
    """They live on when the image is built again; a second time changes nothing."""
    image = replace(MANIFEST, distributions={"torch": "2.5.1+cu124", "mpi4py": "4.1"})
    (project / "edf" / "img.manifest.json").write_text(image.to_json())
    assert "`fcx edf write --nccl`" in fcx("edf", "write")[2]
    code, _, err = fcx("edf", "write", "--mpi", "--nccl")
    path = project / "edf" / "img.toml"
    switches = [f"com.hooks.{name}" for name in ("cxi.enabled", "aws_ofi_nccl.enabled")]
    wanted = dict.fromkeys(switches, "true") | {"com.hooks.aws_ofi_nccl.variant": "cuda12"}
    assert (code, whole(path).annotations) == (0, wanted)
    assert err.startswith(f'{path} has com.hooks.cxi.enabled = "true", com.hooks.aws_ofi_nccl.')
    text = path.read_text()
    assert fcx("edf", "write", "--mpi", "--nccl")[1:] == fcx("edf", "write")[1:]
    assert path.read_text() == text
    path.write_text(text.replace('cxi.enabled = "true"', 'cxi.enabled = "false"'))
    code, out, _ = fcx("edf", "write", "--mpi", "--json")
    told = json.loads(out)
    assert told["hooks"] == f'com.hooks.cxi.enabled = "false" of {path} stays: it is yours'
    assert [finding["code"] for finding in told["findings"]] == ["hooks-at-odds"]
    code, _, err = fcx("edf", "write", "--mpi", "--site", "mine")
    assert (code, "the network of mine is not known" in err) == (2, True)
