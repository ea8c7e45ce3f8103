"""The EDF generated of an image, written over what users have added, and the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from fcx.cli import main
from fcx.config import KNOWN_SITES, EdfSettings, Site
from fcx.edf.check import check
from fcx.edf.document import Edf
from fcx.edf.generate import LEAKING, generate, header, reach, refuse_architecture
from fcx.edf.rewrite import rewritten
from fcx.errors import EdfError, ParityError, UsageError
from fcx.parity.manifest import Interpreter, Manifest, Sqsh

DIGEST = "registry.example#team/img@sha256:" + "0" * 64
PATH = "/opt/py/bin:/usr/local/bin:/usr/bin:/bin"


def python(version: str) -> Interpreter:
    """An interpreter of that version."""
    tag = "cpython-" + "".join(version.split(".")[:2])
    prefix = "/opt/py"
    return Interpreter("cpython", version, tag, "a7", f"{prefix}/bin/python3", prefix, prefix, 5)


MANIFEST = Manifest(
    name="img",
    architecture="arm64",
    python=python("3.11.7"),
    dill="0.4.1",
    distributions={"dill": "0.4.1"},
    recipe_id="r" * 64,
    build_id="b" * 64,
    tag="img:bbbbbbbbbbbb",
    repo_digest=DIGEST.replace("#", "/"),
    env={"PATH": PATH, "LD_LIBRARY_PATH": "/opt/lib"},
)
DAINT = KNOWN_SITES["daint"]


def test_a_generated_edf_says_everything_that_parity_needs():
    """Image by digest, entrypoint, mounts as pairs, and an [env] that keeps the host out."""
    edf = generate(MANIFEST, DAINT, EdfSettings(), "/scratch/me/work")
    assert edf.image == DIGEST
    assert (edf.workdir, edf.entrypoint, edf.writable) == ("/scratch/me/work", False, True)
    assert edf.mounts == ("/scratch/me/work:/scratch/me/work",)
    assert edf.env["PATH"] == PATH
    assert edf.env["PYTHONNOUSERSITE"] == edf.env["PYTHONSAFEPATH"] == "1"
    assert edf.env["PYTHONPATH"] == ""
    unset = {name for name, value in edf.env.items() if value == ""}
    assert unset == {"PYTHONPATH", *LEAKING} - {"LD_LIBRARY_PATH"}
    assert "LD_LIBRARY_PATH" not in edf.env  # the image's own value holds


def test_a_generated_edf_has_no_finding_on_its_own_engine():
    """What fcx writes is what fcx would have people write, on both engines."""
    for site in (DAINT, Site("daint", "arm64", engine="sarus")):
        edf = generate(MANIFEST, site, EdfSettings(annotations={"com": {"x": True}}), "/w")
        text = rewritten("", edf, header(MANIFEST, site, "1"))
        assert check(text, dialect=site.engine, site=site, manifest=MANIFEST) == []


@pytest.mark.parametrize(("version", "has"), [("3.10.13", False), ("3.11.0", True), ("4.0", True)])
def test_safe_path_is_set_where_the_images_python_has_it(version, has):
    """PYTHONSAFEPATH came with 3.11."""
    edf = generate(replace(MANIFEST, python=python(version)), DAINT, EdfSettings())
    assert ("PYTHONSAFEPATH" in edf.env) == has


def test_the_path_of_the_image_is_taken_absolute_and_literal():
    """Relative entries go, dollar signs are escaped; without any, the system's is written."""
    odd = replace(MANIFEST, env={"PATH": "bin:/a$b:.:/c:"})
    assert generate(odd, DAINT, EdfSettings()).env["PATH"] == "/a$$b:/c"
    none = replace(MANIFEST, env={})
    assert generate(none, DAINT, EdfSettings()).env["PATH"].startswith("/usr/local/sbin:")


def test_without_a_working_directory_the_scratch_is_mounted():
    """The run's own directory is mounted by each run anyway."""
    edf = generate(MANIFEST, DAINT, EdfSettings())
    assert edf.mounts == ("${SCRATCH}:${SCRATCH}",)
    assert edf.workdir == "${SCRATCH}"
    assert generate(MANIFEST, Site("x", scratch="/s"), EdfSettings()).mounts == ("/s:/s",)


def test_of_a_site_that_nobody_described_no_folder_is_assumed():
    """A variable that is not there would keep the container from starting."""
    edf = generate(MANIFEST, Site("fcx-local"), EdfSettings())
    assert (edf.workdir, edf.mounts) == (None, ())
    assert "${" not in rewritten("", edf, [])


def test_the_users_settings_are_written_and_win():
    """[edf] of fcx.toml: image, workdir, mounts, env and annotations, nested or flat."""
    settings = EdfSettings(
        image="/store/x.sqsh",
        workdir="/here",
        writable=False,
        mounts=("/capstor", "/a:/b:ro"),
        env={"PATH": "/mine", "A": "1"},
        annotations={"com": {"hooks": {"cxi": {"enabled": True}}}, "com.x": "y"},
    )
    edf = generate(MANIFEST, DAINT, settings, "/w")
    assert (edf.image, edf.workdir, edf.writable) == ("/store/x.sqsh", "/here", False)
    assert edf.mounts == ("/w:/w", "/capstor:/capstor", "/a:/b:ro")
    assert (edf.env["PATH"], edf.env["A"]) == ("/mine", "1")
    assert edf.annotations == {"com.hooks.cxi.enabled": "true", "com.x": "y"}


@pytest.mark.parametrize(
    ("changes", "options", "image"),
    [
        ({}, {}, DIGEST),
        ({}, {"dialect": "sarus"}, DIGEST.replace("#", "/")),
        ({}, {"sqsh": "/far/x.sqsh"}, "/far/x.sqsh"),
        ({"repo_digest": "", "sqsh": Sqsh("/near/x.sqsh", "0")}, {}, "/near/x.sqsh"),
        ({"repo_digest": ""}, {}, "img:bbbbbbbbbbbb"),
        ({"repo_digest": "", "tag": ""}, {}, "img:bbbbbbbbbbbb"),
    ],
)
def test_the_image_is_named_by_what_is_surest(changes, options, image):
    """What was asked for, the registry's digest, the packed file, the unique tag."""
    edf = generate(replace(MANIFEST, **changes), DAINT, EdfSettings(), "/w", **options)
    assert edf.image == image


def test_an_image_that_only_this_machine_has_is_told():
    """The EDF is written, but the cluster could not find the image: push, pack or copy."""
    assert reach(MANIFEST, EdfSettings()) == ""
    local = replace(MANIFEST, repo_digest="")
    assert "fcx image push" in reach(local, EdfSettings())
    assert "--sqsh" in reach(replace(local, sqsh=Sqsh("/near/x.sqsh", "0")), EdfSettings())
    assert reach(local, EdfSettings(), "/far/x.sqsh") == ""
    assert reach(local, EdfSettings(image="/far/x.sqsh")) == ""


def test_an_image_file_is_refused_for_sarus():
    """It takes references only."""
    with pytest.raises(UsageError, match="fcx image push"):
        generate(MANIFEST, DAINT, EdfSettings(), sqsh="/x.sqsh", dialect="sarus")


@pytest.mark.parametrize("name", KNOWN_SITES)
def test_an_image_of_another_architecture_is_refused(name):
    """Wanted, found, and the command that builds the right one; exit code 3."""
    site = KNOWN_SITES[name]
    if site.architecture == "arm64":
        refuse_architecture(MANIFEST, site)
        return
    with pytest.raises(ParityError, match="wanted amd64, found arm64.*--platform linux/amd64") as e:
        generate(MANIFEST, site, EdfSettings())
    assert e.value.exit_code == 3


def test_an_unknown_architecture_is_not_refused():
    """Nothing is known of a site that no one described."""
    refuse_architecture(MANIFEST, Site("mine"))
    refuse_architecture(replace(MANIFEST, architecture=""), DAINT)


GENERATED = """\
#: head

image = "/x.sqsh"  # fcx
workdir = "/w"  # fcx
entrypoint = false  # fcx
writable = true  # fcx
mounts = [
    "/w:/w",  # fcx
]

[env]
PATH = "/bin"  # fcx
OMP_PLACES = ""  # fcx

[annotations]
com.hooks.cxi.enabled = "true"  # fcx
"""
WANTED = Edf(
    image="/x.sqsh",
    workdir="/w",
    entrypoint=False,
    writable=True,
    mounts=("/w:/w",),
    env={"PATH": "/bin", "OMP_PLACES": ""},
    annotations={"com.hooks.cxi.enabled": "true"},
)


def test_a_new_file_has_every_line_of_fcx_marked():
    """So that it can be told whose a line is."""
    assert rewritten("", WANTED, ["head"]) == GENERATED
    assert Edf.parse(GENERATED) == WANTED


def test_regeneration_renews_what_is_ours_and_nothing_else():
    """New values where the lines stand, unwanted lines gone, every other byte as it was."""
    users = (
        GENERATED.replace("#: head", "#: an older head\n#: of two lines")
        .replace('image = "/x.sqsh"', '# which image\nimage = "/x.sqsh"')
        .replace('workdir = "/w"  # fcx', "workdir = '/mine'   # kept")
        .replace('    "/w:/w",  # fcx', "    # data\n    '/data:/d:ro',\n    \"/w:/w\",  # fcx")
        .replace("[env]", "# the environment\n[env]\nMINE = '1'")
        .replace('OMP_PLACES = ""  # fcx', 'OMP_PLACES = "cores"')
        + "\n[tool.mine]\nx = [1, 2]  # whatever\n"
    )
    wanted = replace(
        WANTED, image="/y.sqsh", mounts=("/v:/v",), env={"PATH": "/usr/bin", "OMP_PLACES": ""},
        annotations={},
    )  # fmt: skip
    expected = (
        users.replace("#: an older head\n#: of two lines", "#: head")
        .replace("/x.sqsh", "/y.sqsh")
        .replace('    "/w:/w",  # fcx\n', "")
        .replace("mounts = [\n", 'mounts = [\n    "/v:/v",  # fcx\n')
        .replace('PATH = "/bin"', 'PATH = "/usr/bin"')
        .replace('com.hooks.cxi.enabled = "true"  # fcx\n', "")
    )
    assert rewritten(users, wanted, ["head"]) == expected


def test_a_file_written_by_hand_keeps_its_lines_and_gets_ours():
    """Only the image is replaced; its comment stays. Single-path mounts are written out."""
    theirs = '# top\nimage = "old"  # c\nmounts = ["/capstor", "/a:/a"]  # m\n\n# e\n[env]\nA = "1"'
    text = rewritten(theirs, WANTED, ["head"])
    for part in ("# top\n", '"/x.sqsh"  # c\n', '"/capstor:/capstor", "/a:/a"]  # m', "# e\n[env]"):
        assert part in text
    assert Edf.parse(text).env == {"A": "1", **WANTED.env}
    assert Edf.parse(text).mounts == ("/w:/w", "/capstor:/capstor", "/a:/a")


@pytest.mark.parametrize(
    "theirs",
    [
        'env.A = "1"\nannotations.com.x = "1"\n',
        '[annotations.com.hooks.ssh]\nenabled = "true"\n',
        '[annotations.com.hooks.ssh]\nenabled = "true"\n[annotations]\nx = "1"\n',
        '[annotations.com.hooks]\nssh.enabled = "true"\n[env]\n',
        '[annotations]\n"com.hooks.cxi.enabled" = "false"\n',
        '[annotations]\r\ncom.hooks.ssh.enabled = "true"\r\n\r\n[env]\r\n',
        "mounts = []\n",
        "mounts = [  # none yet\n]",
        "# nothing but a comment",
        "[[notes]]\nx = 1\n[[notes]]\nx = 2\n",
        '\ufeffimage = "x"\n',
        '[env]\nTEXT = """\n#: not a header\n  # fcx\n"""\n',
    ],
)
def test_every_way_to_lay_out_an_edf_has_room_for_ours(theirs):
    """Dotted keys, headers in any order, Windows line ends: what was there still is."""
    text = rewritten(theirs, WANTED, ["head"])
    assert rewritten(text, WANTED, ["head"]) == text
    before, after = Edf.parse(theirs), Edf.parse(text)
    assert after.env == {**before.env, **WANTED.env}
    assert after.annotations == {**WANTED.annotations, **before.annotations}
    assert after.mounts == WANTED.mounts
    assert ("\r\n" in theirs) == (text.count("\r\n") == text.count("\n"))


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        ('env = {A = "1"}\n', "write it as a table"),
        ("[annotations]\ncom = {hooks = {ssh = {enabled = 'true'}}}\n", "give another --output"),
        ("image = \n", "not valid TOML"),
    ],
)
def test_a_file_without_room_for_ours_is_an_error_and_says_what_to_do(theirs, words):
    """Nothing is broken silently."""
    with pytest.raises(EdfError, match=words):
        rewritten(theirs, WANTED, ["head"], "my.toml")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with fcx.toml and a manifest, as `fcx image build` leaves it."""
    (tmp_path / "fcx.toml").write_text(
        '[image]\nname = "img"\nsite = "daint"\n[executor]\nworking_dir = "/capstor/me/work"\n'
        '[edf]\nmounts = ["/store"]\n'
    )
    (tmp_path / "edf").mkdir()
    (tmp_path / "edf" / "img.manifest.json").write_text(MANIFEST.to_json())
    for name in ("FIRECREST_SYSTEM", "EDF_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def fcx(capsys, monkeypatch):
    """Run a command line; its exit code, standard output and standard error."""

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["fcx", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            main()
        code = caught.value.code
        return (code if isinstance(code, int) else 0, *capsys.readouterr())

    return run


def test_write_makes_the_edf_beside_the_manifest(project, fcx):
    """With settings, site and working directory of fcx.toml, and a header that says of what."""
    assert fcx("edf", "write") == (0, f"{project}/edf/img.toml: image {DIGEST}\n", "")
    text = (project / "edf" / "img.toml").read_text()
    assert f"#: build id:  {'b' * 64}\n" in text
    assert f"#: recipe id: {'r' * 64}\n" in text
    edf = Edf.parse(text)
    assert edf.mounts == ("/capstor/me/work:/capstor/me/work", "/store:/store")
    assert not list((project / "edf").glob(".*"))


def test_writing_again_keeps_what_was_added(project, fcx):
    """Also with another working directory, another image and another file."""
    fcx("edf", "write")
    path = project / "edf" / "img.toml"
    path.write_text(path.read_text() + '[annotations]\ncom.x = "mine"  # why\n')
    code, _, _ = fcx("edf", "write", "--working-dir", "/w", "--sqsh", "/far/x.sqsh")
    edf = Edf.read(path)
    assert code == 0
    assert (edf.image, edf.mounts[0], edf.annotations) == (
        "/far/x.sqsh", "/w:/w", {"com.x": "mine"},
    )  # fmt: skip
    assert "# why" in path.read_text()
    fcx("edf", "write", "--output", project / "new" / "other.toml")
    assert Edf.read(project / "new" / "other.toml").image == DIGEST


def test_additions_come_from_another_edf_when_the_file_is_new(project, fcx):
    """`base` in [edf]: its lines and comments are the user's from then on."""
    base = '# ours\nimage = "theirs"\nentrypoint = true\n[env]\nA = "1"\n'
    (project / "mine.toml").write_text(base)
    (project / "fcx.toml").write_text('[image]\nname = "img"\n[edf]\nbase = "mine.toml"\n')
    assert fcx("edf", "write")[0] == 0
    edf = Edf.read(project / "edf" / "img.toml")
    assert (edf.image, edf.entrypoint, edf.env["A"]) == (DIGEST, True, "1")
    assert "# ours" in (project / "edf" / "img.toml").read_text()


def test_write_prints_json_and_warns_of_an_image_that_is_only_here(project, fcx):
    """For machines: where, what, and what is to be said about it."""
    local = replace(MANIFEST, repo_digest="").to_json()
    (project / "edf" / "img.manifest.json").write_text(local)
    code, out, _ = fcx("edf", "write", "--json")
    answer = json.loads(out)
    assert (code, answer["image"], answer["build_id"]) == (0, "img:bbbbbbbbbbbb", "b" * 64)
    assert "fcx image push" in answer["warning"]
    assert answer["findings"] == []
    assert "warning: the image is on this machine only" in fcx("edf", "write")[2]


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
    assert "\n    why:  " in out
    assert "\n    mend: put the value in quotes\n" in out
    code, out, _ = fcx("edf", "check", "warn.toml")
    assert (code, "[moving-tag]" in out) == (0, True)
    assert fcx("edf", "check", "warn.toml", "--strict")[0] == 1
    assert fcx("edf", "check", "fine.toml", "--strict", "--dialect", "ce")[:2] == (0, "")
    assert fcx("edf", "check", "fine.toml", "--dialect", "sarus")[0] == 1
    assert fcx("edf", "check", "fine.toml", "bad.toml", "--dialect", "ce")[0] == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"image = \xff", b"image = ", b"\x00", b'image = "x"', b"[" * 9_999, "é = 1".encode()],
)
def test_check_prints_json_whatever_the_file_holds(project, fcx, content):
    """One array of findings, each with file, line, column, code, severity, what, why, mend."""
    (project / "x.toml").write_bytes(content)
    code, out, _ = fcx("edf", "check", "x.toml", "absent.toml", "--json")
    findings = json.loads(out)
    keys = {"file", "line", "column", "code", "severity", "what", "why", "mend"}
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
    """--site and --manifest for the architecture, --here for paths and variables."""
    text = f'image = "{DIGEST}"\nentrypoint = true\nmounts = ["{project}:/a", "/absent:${{NO}}"]\n'
    (project / "x.toml").write_text(text)
    manifest = "edf/img.manifest.json"
    code, out, _ = fcx("edf", "check", "x.toml", "--site", "eiger", "--manifest", manifest)
    assert (code, "[architecture]" in out) == (1, True)
    code, out, _ = fcx("edf", "check", "x.toml", "--site", "daint", "--manifest", manifest)
    assert (code, "[architecture]" in out) == (0, False)
    code, out, _ = fcx("edf", "check", "x.toml", "--here", "--site", "daint")
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
    assert (code, err) == (0, "not set here, left for the cluster: ${FAR}\n")
    assert Edf.parse(out) == Edf(
        image="/store/x.sqsh", workdir=f"/here/{PATH}/${{FAR}}", mounts=("/a:/a",)
    )
    code, out, _ = fcx("edf", "render", "base", "--json", "-D", "IMAGES=/s")
    assert json.loads(out) == {"image": "/s/x.sqsh", "mounts": ["/a:/a"]}


def test_render_tells_what_is_wrong_with_its_place(project, fcx):
    """A base that is not there, a circle, broken TOML: file, line, column on stderr, exit 1."""
    (project / "x.toml").write_text('\nbase_environment = "absent"\n')
    code, out, err = fcx("edf", "render", "./x.toml")
    assert (code, out) == (1, "")
    assert err.startswith("fcx: ./x.toml:2:20: there is no EDF 'absent' here; looked for ")
    assert fcx("edf", "render", "nowhere")[0] == 1
    assert fcx("edf", "render", "x.toml", "-D", "broken")[0] == 2


def test_a_check_of_5000_lines_from_the_shell_is_under_a_second(project):
    """The whole command, interpreter start included; best of three."""
    mounts = "".join(f'  "/d/{n}:/x/{n}",\n' for n in range(2_498))
    env = "".join(f'V{n} = "${{SCRATCH}}/{n}"\n' for n in range(2_498))
    (project / "big.toml").write_text(f'image = "a/b:1"\nmounts = [\n{mounts}]\n[env]\n{env}')
    assert (project / "big.toml").read_text().count("\n") == 5_000
    command = [sys.executable, "-c", "from fcx.cli import main; main()", "edf", "check", "big.toml"]
    seconds = [_user_seconds(command) for _ in range(3)]
    assert min(seconds) < 1


def _user_seconds(command: list[str]) -> float:
    """Processor time of a command: other tests run beside it and do not count."""
    before = os.times()
    subprocess.run(command, check=True, capture_output=True)
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])
