"""Commands that a table or a CI file tells people to run are commands that exist."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import pytest
import yaml
from parity.sides import laptop, manifest, snapshot
from places import REPOSITORY
from typer.testing import CliRunner

from fcx.cli.root import app
from fcx.parity.compare import compare
from fcx.parity.fixes import Fixes
from fcx.parity.manifest import Shipped, Sqsh
from fcx.parity.snapshot import Snapshot
from fcx.protocol import probe
from fcx.records import replace

EXAMPLES = REPOSITORY / "examples" / "ci"
HELP: dict[tuple[str, ...], str] = {}


def check(command: str) -> None:
    """An `fcx` command: its verbs exist and have the options that are given."""
    words = [word for word in shlex.split(command) if not word.startswith("$")]
    verbs = tuple(word for word in words[1:3] if re.fullmatch(r"[a-z]+", word))
    if verbs not in HELP:
        done = CliRunner().invoke(app, [*verbs, "--help"])
        assert done.exit_code == 0, f"{command}: {done.output}"
        HELP[verbs] = done.output
    for word in words:
        if word.startswith("--"):
            assert re.search(rf"{word}\b", HELP[verbs]), f"{command}: no {word}"


def fcx_commands(text: str) -> Iterator[str]:
    """The commands of fcx in a line of shell."""
    for part in re.split(r"&&|;|\|", text):
        found = re.match(r"\s*(fcx .*)", part)
        if found:
            yield found[1]


def fixes_by_name() -> dict[str, str]:
    """Every fix, for images that are built, pushed, packed and adopted."""
    built = manifest()
    pushed = replace(built, repo_digest="registry.example/me/img@sha256:" + "0" * 64)
    packed = replace(built, sqsh=Sqsh("/x.sqsh", "0" * 64))
    shipped = replace(packed, shipped={"alps": Shipped("/far/x.sqsh", "0" * 64, 1)})
    found = {}
    for kind, image in {
        "built": built,
        "pushed": pushed,
        "packed": packed,
        "shipped": shipped,
        "adopted": replace(built, origin="adopted"),
        "bare": None,
    }.items():
        fixes = Fixes.of(snapshot({"image/build_id": None}), laptop(), image)
        found |= {
            f"{kind}: add": fixes.add("numpy", "2.4.6"),
            f"{kind}: python": fixes.follow("3.12.1", anew=True),
            f"{kind}: client": fixes.follow("3.11.7"),
            f"{kind}: platform": fixes.other_platform("arm64"),
            f"{kind}: edf": fixes.new_edf(),
            f"{kind}: clear": fixes.clear("PYTHONPATH"),
            f"{kind}: path": fixes.not_a_path("/apps/lib"),
            f"{kind}: inside": fixes.run_inside(),
            f"{kind}: anew": fixes.ask_anew(),
            f"{kind}: system": fixes.system_package("tkinter"),
        }
    return found


@pytest.mark.parametrize("name", fixes_by_name())
def test_fixes_are_commands_that_exist(name):
    """What a verdict tells people to run has the verbs and options that fcx has."""
    for command in fcx_commands(fixes_by_name()[name].rpartition("then: ")[2]):
        check(command)


def test_the_image_goes_back_where_it_came_from():
    """A pushed image is pushed to its repository again, a packed one packed, a shipped one shipped."""
    found = fixes_by_name()
    assert "fcx image push registry.example/me/img &&" in found["pushed: add"]
    assert "fcx image pack &&" in found["packed: add"]
    assert found["shipped: add"].endswith("&& fcx image ship")
    assert "edf write" not in found["shipped: add"]  # that is done with it
    assert found["built: add"].count("&&") == 2
    assert found["built: add"].endswith("&& fcx up")  # on this machine only, it is of no use there
    for kind, fix in (
        ("built", "fcx up"),
        ("pushed", "fcx edf write"),
        ("shipped", "fcx edf write"),
    ):
        assert found[f"{kind}: edf"] == fix
    assert found["adopted: add"].startswith("on the cluster: /usr/local/bin/python3 -m pip install")


def test_a_foreign_path_is_looked_for_where_it_comes_from():
    """No variable has it: those that do are told of by their names."""
    found = fixes_by_name()
    assert found["bare: path"].startswith("on the cluster: remove the .pth file in ")
    assert found["adopted: path"].startswith("in the image: remove the .pth file in ")
    assert found["built: path"].startswith("in the EDF, take the mount that has /apps/lib out")


def probed(variables: dict[str, str]) -> Snapshot:
    """What the probe finds with these below [env]: an empty one is unset there."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LD_", "OMP_"))}
    env = {**clean, **{name: value for name, value in variables.items() if value}}
    command = [sys.executable, "-s" if "PYTHONNOUSERSITE" in env else "-B", probe.__file__]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    return Snapshot.from_json(done.stdout)


@pytest.mark.parametrize(
    ("code", "what", "variables", "own"),
    [
        ("pythonpath", "PYTHONPATH", {"PYTHONPATH": "/usr"}, {}),
        ("pythonpath", "PYTHONPATH", {"PYTHONPATH": "/usr"}, {"PYTHONPATH": "/opt/own"}),
        ("variable", "PYTHONOPTIMIZE", {"PYTHONOPTIMIZE": "1"}, {}),
        ("variable", "LD_LIBRARY_PATH", {"LD_LIBRARY_PATH": "/nowhere"}, {}),
        ("other-python", "python3 in PATH", {"PATH": "{other}:/usr/bin:/bin"}, {}),
    ],
)
def test_what_the_edf_lets_in_is_gone_after_the_fix(tmp_path, code, what, variables, own):
    """The line that a finding asks for, in place of the one that let it in."""
    (tmp_path / "python3").write_text("")
    (tmp_path / "python3").chmod(0o755)
    image = replace(manifest(), env=own)
    edf = {name: value.replace("{other}", str(tmp_path)) for name, value in variables.items()}
    found = before = None
    for _ in range(2):
        found = compare("minor", remote=probed(edf), manifest=image).differences
        before = before or [one for one in found if (one.code, one.what) == (code, what)]
        line = re.search(r'in edf/fcx-image.toml, set (\w+) = "(.*)" below', before[0].fix)
        assert line
        edf[line[1]] = line[2]
    assert (code, what) not in {(one.code, one.what) for one in found}
    assert edf.get("PYTHONPATH", "") == own.get("PYTHONPATH", "")


def scripts(node: object) -> Iterator[str]:
    """The shell lines of a CI file, wherever they stand."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in {"run", "script", "before_script"}:
                yield from value if isinstance(value, list) else str(value).splitlines()
            else:
                yield from scripts(value)
    elif isinstance(node, list):
        for item in node:
            yield from scripts(item)


@pytest.mark.parametrize("name", ["github-actions.yml", "gitlab-ci.yml"])
def test_ci_files(name):
    """Valid YAML whose every fcx command exists, and which build, compare and ask the cluster."""
    content = yaml.safe_load((EXAMPLES / name).read_text())
    lines = list(scripts(content))
    commands = [command for line in lines for command in fcx_commands(line)]
    for command in commands:
        check(command)
    assert any("--fcx-manifest" in line for line in lines)
    order = [" ".join(shlex.split(command)[1:3]) for command in commands]
    wanted = ["image build", "image push", "edf write", "edf check", "preflight --edf"]
    assert [one for one in order if one in wanted] == wanted


URL = "https://host.example/tiny-1.3.0-py3-none-any.whl"
GIT = {"url": "https://host.example/tiny", "vcs_info": {"vcs": "git", "commit_id": "a1b2"}}


@pytest.mark.parametrize(
    ("record", "version", "wanted", "remark"),
    [
        (None, "1.3.0", "tiny==1.3.0", ""),
        (None, "1.3.0+cu121", "tiny==1.3.0+cu121", "--extra-index-url"),
        ({"url": URL, "archive_info": {}}, "1.3.0", f"tiny @ {URL}", ""),
        (GIT, "1.3.0", "tiny @ git+https://host.example/tiny@a1b2", ""),
        ({"url": "file:///apps/tiny.whl"}, "1.3.0", "tiny==1.3.0", "it came from file:///apps/tiny.whl"),
        ({"url": "file:///croot/tiny/work"}, "1.3.0", "tiny==1.3.0", ""),
        ("{", "1.3.0", "tiny==1.3.0", ""),
    ],
)  # fmt: skip
def test_what_no_index_has_is_taken_from_where_it_came(record, version, wanted, remark):
    """On the side that has it; a shell takes the remark for a comment."""
    text = record if isinstance(record, str) else json.dumps(record)
    known = {"origins": {"tiny": text} if record else {}}
    other, mine = snapshot({**known, "image/build_id": None}), laptop(known)
    here = Fixes.of(other, laptop(), None).install("tiny", version)
    there = Fixes.of(snapshot({"image/build_id": None}), mine, None).add("tiny", version)
    again = Fixes.of(other, laptop(), None).reinstall("tiny", version)
    for fix in (here, there, again):
        assert shlex.split(fix, comments=True)[-1] == wanted
        assert remark in fix
        assert bool(remark) == ("  # " in fix)


def test_conda_leaves_urls_to_pip():
    """It knows none of them."""
    known = {"origins": {"tiny": json.dumps({"url": URL})}}
    fix = Fixes.of(snapshot(known), laptop({"live/tool": "conda"}), None).install("tiny", "1.3.0")
    assert fix == f"/home/ada/.venv/bin/python -m pip install 'tiny @ {URL}'"


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_what_pip_cannot_take_out_is_written_over(tool):
    """A distribution without a list of files is not uninstalled: any other command fails."""
    caller = replace(laptop({"live/tool": tool}), unlisted=("tiny",))
    fixes = Fixes.of(snapshot(), caller, None)
    assert "-m pip install --ignore-installed --no-deps tiny==1.3.0" in fixes.install(
        "tiny", "1.3.0"
    )
    assert "--ignore-installed" not in fixes.install("other", "1.3.0")
