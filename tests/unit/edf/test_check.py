"""What `fcx edf check` says: of EDFs in use, and rule by rule with a case and a near miss."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from places import PACKAGE

from fcx.config import KNOWN_SITES, Site
from fcx.edf.check import check
from fcx.edf.findings import unreadable
from fcx.edf.lookup import finder
from fcx.edf.read import parse, read, text_of
from fcx.edf.render import render
from fcx.errors import EdfError
from fcx.parity.manifest import Manifest
from fcx.parity.snapshot import Interpreter

IN_USE = Path(__file__).with_name("data") / "in-use"
"""EDFs as people write them, each with a feature that the engines take in their own way."""

PYTHON = Interpreter(
    "cpython", "3.11.7", "cpython-311", "a70d0d0a", "/opt/py/bin/python3", "/opt/py", "/opt/py", 5
)
AMD64 = Manifest("img", "amd64", PYTHON, "0.4.1", {}, env={"PATH": "/opt/py/bin:/bin", "IN": "1"})

# What one would want to be told about each EDF in use, on the CE and on Sarus. None of them holds
# an error for the CE: they are in use there.
CE = {
    # A team's store is not cleaned; single libraries of the host over single files are meant.
    "served-model": ["1 entrypoint-unsaid"],
    "rocm-from-docker-hub": ["1 entrypoint-unsaid", "1 moving-tag"],
    # The whole of /users is mounted: ~/.local comes with it.
    "all-of-users": ["1 entrypoint-unsaid", "5 home-without-nousersite"],
    # Folders below the home, even ~/.local/bin/uv, bring no packages.
    "folders-below-the-home": ["1 entrypoint-unsaid", "1 registry-separator", "1 moving-tag"],
    "tests-on-scratch": ["1 entrypoint-unsaid", "1 scratch-image"],
    # PATH and LD_LIBRARY_PATH are absolute there, the entrypoint is said: only the scratch is left.
    "everything-absolute": ["3 scratch-image"],
    "ellipsis-INVALID": ["3 invalid-toml"],
    "notebook-server": ["1 entrypoint-unsaid", "1 scratch-image"],
    "placeholders": ["1 entrypoint-unsaid", "1 placeholder", "2 placeholder", "3 placeholder"],
    "registry-of-a-centre": ["2 registry-separator", "2 moving-tag"],
    "bases-alone": ["1 base-absent"],
    "docker-hub-by-name": ["1 entrypoint-unsaid", "1 moving-tag"],
    "quay-arm64": ["1 entrypoint-unsaid", "1 moving-tag"],
    "scratch-mounted": ["1 entrypoint-unsaid", "1 moving-tag"],
    "hook-off": ["1 entrypoint-unsaid", "1 moving-tag"],
    "ssh-twice-INVALID": ["4 table-twice"],
    "quay-hook-off": ["1 entrypoint-unsaid", "1 moving-tag"],
    "ngc-sample": ["1 entrypoint-unsaid", "1 registry-separator", "1 moving-tag"],
    "imported-to-scratch": ["1 entrypoint-unsaid", "1 scratch-image"],
    "centre-scratch-mounted": ["1 entrypoint-unsaid", "1 registry-separator", "1 moving-tag"],
    "own-app-on-ngc": ["1 entrypoint-unsaid", "1 scratch-image"],
    "tutorial": ["1 entrypoint-unsaid", "1 scratch-image"],
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


def told(text: str, severities: str = "error warning", **options) -> list[str]:
    """Findings as `line code`, in order."""
    options.setdefault("lookup", finder({"HOME": "/nonexistent"}, "/nonexistent"))
    found = check(text, "x.toml", **options)
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
def test_without_a_dialect_what_either_refuses_is_a_warning(name):
    """Nothing that one engine would say is missing, and what the CE runs is no error."""
    text, _ = in_use(name)
    both = set(told(text))
    assert both == set(CE[name]) | set(SARUS[name])
    assert bool(told(text, "error")) == (name in BROKEN)


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


FINE = 'image = "me/x@sha256:ab"\nentrypoint = false\n'
HOOK = '[annotations]\ncom.hooks.aws_ofi_nccl.enabled = "true"\n'
MPS = '[annotations]\ncom.hooks.nvidia_cuda_mps.enabled = "true"'
VARIANT = HOOK + "com.hooks.aws_ofi_nccl.variant = "
AT = {name: {"site": site} for name, site in KNOWN_SITES.items()}


def exists(path: str) -> bool:
    """A machine that has /tmp and nothing else."""
    return path == "/tmp"


ON_CLUSTER = {"variables": {"HOME": "/root", "A": "/tmp"}, "exists": exists}

# code, a text that triggers it, one that nearly does, options of both
CASES = [
    ("invalid-toml", "image = x", 'image = "x"', {}),
    ("invalid-toml", '[env]\nA = "1",\nB = "2"', '[env]\nA = "1"\nB = "2"', {}),
    ("table-twice", "[a.b]\nc = 1\n[a.b]\nd = 1", "[a.b]\nc = 1\n[a.c]\nd = 1", {}),
    ("table-twice", "[env]\nA = '1'\nA = '2'", "[env]\nA = '1'\na = '2'", {}),
    ("unknown-key", FINE + 'mount = ["/a:/a"]', FINE + 'mounts = ["/a:/a"]', {}),
    ("unknown-key", FINE + "Writable = true", FINE + "writable = true", {}),
    ("unknown-key", FINE + 'NCCL_DEBUG = "1"', FINE + '[env]\nNCCL_DEBUG = "1"', {}),
    ("sarus-key", FINE + 'devices = ["x"]', FINE, {}),
    ("sarus-key", FINE + 'devices = ["x"]', FINE + '[env]\ndevices2 = "1"', {"dialect": "ce"}),
    ("key-in-table", FINE + '[env]\nworkdir = "/w"', FINE + 'workdir = "/w"\n[env]', {}),
    ("key-in-table", FINE + "[annotations]\nwritable = true", FINE + "writable = true", {}),
    ("wrong-type", "image = 3", 'image = "3"', {}),
    ("wrong-type", 'mounts = "/a:/a"', 'mounts = ["/a:/a"]', {}),
    ("wrong-type", 'mounts = ["/a:/a", 3]', 'mounts = ["/a:/a", "/b:/b"]', {}),
    ("wrong-type", 'writable = "true"', "writable = true", {}),
    ("wrong-type", '[env]\nA = ["1"]', '[env]\nA = "1"', {}),
    ("wrong-type", "base_environment = 1", 'base_environment = "one"', {}),
    ("not-a-string", "[env]\nA = 1", '[env]\nA = "1"', {}),
    ("not-a-string", "[annotations]\ncom.hooks.cxi.enabled = true",
     '[annotations]\ncom.hooks.cxi.enabled = "true"', {}),
    ("unknown-annotation", '[annotations]\ncom.hooks.cxi.enable = "true"',
     '[annotations]\ncom.hooks.cxi.enabled = "true"', {}),
    ("unknown-annotation", '[annotations]\ncon.hooks.cxi.enabled = "true"',
     '[annotations]\norg.opencontainers.image.title = "mine"', {}),
    ("unknown-annotation", '[annotations]\ncom.hooks.nonesuch = "1"',
     '[annotations]\ncom.sarus.nonesuch = "1"', {}),
    ("missing-com", '[annotations.hooks.aws_ofi_nccl]\nenabled = "true"',
     '[annotations.com.hooks.aws_ofi_nccl]\nenabled = "true"', {}),
    ("annotation-value", '[annotations]\ncom.hooks.cxi.enabled = "True"',
     '[annotations]\ncom.hooks.cxi.enabled = "false"', {}),
    ("annotation-value", '[annotations]\ncom.hooks.netstack.source = "hots"',
     '[annotations]\ncom.hooks.netstack.source = "artifact:26.07.1"', {}),
    ("annotation-value", '[annotations]\ncom.hooks.ssh.authorize_ssh_key = "ssh-rsa AAA"',
     '[annotations]\ncom.hooks.ssh.authorize_ssh_key = "${HOME}/k.pub"', {}),
    ("hook-variant", VARIANT + '"cuda21"', VARIANT + '"cuda12"', {}),
    ("hook-variant", VARIANT + '"cuda12"', VARIANT + '"rocm6"', AT["beverin"]),
    ("hook-variant", VARIANT + '"rocm6"', VARIANT + '"cuda-dl"', AT["daint"]),
    ("hook-variant", VARIANT + '"cuda12"', FINE, AT["eiger"]),
    ("hook-variant", 'image = "/s/x_cuda13.sqsh"\n' + VARIANT + '"cuda12"',
     'image = "/s/x_cuda13.sqsh"\n' + VARIANT + '"cuda13"', {}),
    ("hook-variant", 'image = "/s/x_cuda13.sqsh"\n' + VARIANT + '"cuda12"',
     'image = "/s/x_cuda13.sqsh"\n' + VARIANT + '"cuda-dl"', {}),
    ("hook-variant", 'image = "rocm/pytorch:1"\n' + VARIANT + '"cuda12"',
     'image = "rocm/pytorch:1"\n' + VARIANT + '"rocm6"', {}),
    ("hook-variant", 'image = "/s/cuda13.sqsh"\n' + VARIANT + '"cuda12"',
     'image = "/s/cuda13.sqsh"\n' + VARIANT + '"cuda12"\ncom.hooks.netstack.source = "artifact"',
     {}),
    ("hook-off", '[annotations]\ncom.hooks.aws_ofi_nccl.variant = "cuda12"',
     VARIANT + '"cuda12"', {}),
    ("hook-needs-writable", "writable = false\n" + MPS, "writable = true\n" + MPS, {}),
    ("ssh-key", '[annotations]\ncom.hooks.ssh.enabled = "true"',
     '[annotations]\ncom.hooks.ssh.enabled = "false"', {}),
    ("single-path-mount", 'mounts = ["/capstor"]', 'mounts = ["/capstor:/capstor"]', {}),
    ("single-path-mount", 'mounts = ["${A:-/x:y}"]', 'mounts = ["tmpfs:/t"]', {}),
    ("mount-form", 'mounts = ["/a:/b:ro:x"]', 'mounts = ["/a:/b:ro+private"]', {}),
    ("mount-form", 'mounts = [":/b"]', 'mounts = ["${A:-/x:y}:/b"]', {}),
    ("mount-form", 'mounts = ["/a:"]', 'mounts = ["/a:/b:"]', {}),
    ("mount-flags", 'mounts = ["/a:/b:ro,z"]', 'mounts = ["/a,b:/b:ro"]', {}),
    ("mount-relative", 'mounts = ["data:/data"]', 'mounts = ["/data:/data"]', {}),
    ("mount-relative", 'mounts = ["./data:/data"]', 'mounts = ["${SCRATCH}/data:/data"]', {}),
    ("mount-target", 'mounts = ["/data:data"]', 'mounts = ["/data:${HOME}"]', {}),
    ("missing-source", 'mounts = ["/absent:/a"]', 'mounts = ["/tmp:/a"]', ON_CLUSTER),
    ("missing-source", 'mounts = ["${A}/absent:/a"]', 'mounts = ["${A}:/a"]', ON_CLUSTER),
    ("missing-source", 'mounts = ["/absent"]', 'mounts = ["tmpfs:/absent"]', ON_CLUSTER),
    ("missing-image", 'image = "/absent.sqsh"', 'image = "absent/x"', ON_CLUSTER),
    ("tilde", 'image = "~/x.sqsh"', 'image = "${HOME}/x.sqsh"', {}),
    ("tilde", 'mounts = ["~/x:/x"]', 'mounts = ["/x~:/x"]', {}),
    ("tilde", 'workdir = "~/x"', 'workdir = "/x"', {}),
    ("workdir-relative", 'workdir = "w"', 'workdir = "${SCRATCH}/w"', {}),
    ("undefined-variable", 'workdir = "${MY_DIR}"', 'workdir = "${MY_DIR:-}"', {}),
    ("undefined-variable", 'workdir = "${MY_DIR}"', 'workdir = "${SCRATCH}"', {}),
    ("undefined-variable", 'workdir = "${MY_DIR}"', 'workdir = "$${MY_DIR}"', {}),
    ("undefined-variable", 'workdir = "${OUT}"', 'workdir = "${IN}"', {"manifest": AMD64}),
    ("undefined-variable", 'workdir = "${SCRATCH}"', 'workdir = "${A}"', ON_CLUSTER),
    ("unbraced-variable", 'workdir = "$SCRATCH/x"', 'workdir = "${SCRATCH}/x"', {}),
    ("unbraced-variable", '[env]\nA = "a$b"', '[env]\nA = "a$$b 5$"', {}),
    ("command-substitution", '[env]\nA = "$(cat x)"', '[env]\nA = "(cat x)"', {}),
    ("odd-variable", '[env]\nA = "${HOME-x}"', '[env]\nA = "${HOME:-x}"', {}),
    ("odd-variable", '[env]\nA = "${HOME"', '[env]\nA = "{HOME}"', {}),
    ("env-refers-env", '[env]\nA = "1"\nB = "${A}"', '[env]\nA = "1"\nB = "${HOME}"', {}),
    ("path-from-host", '[env]\nPATH = "${PATH}:/x"', '[env]\nPATH = "/x:/usr/bin"', {}),
    ("path-from-host", '[env]\nPATH = "/x:$PATH"', '[env]\nMY_PATH = "/x:${PATH}"', {}),
    ("path-from-host", '[env]\nLD_LIBRARY_PATH = "/x:${LD_LIBRARY_PATH:-}"',
     '[env]\nLD_LIBRARY_PATH = "/x"', {}),
    ("path-relative", '[env]\nPATH = "bin:/bin"', '[env]\nPATH = "${HOME}/bin:/bin"', {}),
    ("path-relative", '[env]\nPATH = ""', '[env]\nPYTHONPATH = ""', {}),
    ("env-name", '[env]\n"A=B" = "1"', '[env]\nA = "B=1"', {}),
    ("env-name", '[env]\nA = "\\u0000"', '[env]\nA = "\\\\u0000"', {}),
    ("shadows-python", 'mounts = ["/x:/usr"]', 'mounts = ["/usr/lib64/x.so.1"]', {}),
    ("shadows-python", 'mounts = ["/x:/usr/local/"]', 'mounts = ["/usr/local/share/x"]', {}),
    ("shadows-python", 'mounts = ["/x:/v/lib/python3.11/site-packages"]',
     'mounts = ["/v/lib/python3.11/site-packages:/site"]', {}),
    ("shadows-python", 'mounts = ["/x:/opt/py"]', 'mounts = ["/x:/usr"]', {"manifest": AMD64}),
    ("shadows-python", 'mounts = ["/x:/opt/py/lib/python3.11/site-packages/numpy"]',
     'mounts = ["/x:/opt/py/share"]', {"manifest": AMD64}),
    ("home-without-nousersite", 'mounts = ["/users"]', 'mounts = ["/users/me/data"]', {}),
    ("home-without-nousersite", 'mounts = ["${HOME}:${HOME}"]',
     'mounts = ["${HOME}:${HOME}"]\n[env]\nPYTHONNOUSERSITE = "1"', {}),
    ("home-without-nousersite", 'mounts = ["/x:${HOME}/.local"]', 'mounts = ["${HOME}:/host"]', {}),
    ("entrypoint-unsaid", 'image = "x"', 'image = "x"\nentrypoint = true', {}),
    ("no-image", 'workdir = "/w"', 'image = "x"', {}),
    ("moving-tag", 'image = "a/b:1.0"', 'image = "a/b@sha256:0123"', {}),
    ("moving-tag", 'image = "a/b"', 'image = "a/b:fcx-0123456789ab"', {}),
    ("moving-tag", 'image = "a/b:nightly-0123456"', 'image = "/a/b.sqsh"', {}),
    ("uppercase-repository", 'image = "r.io#Me/X:1"', 'image = "R.io#me/x:V1"', {}),
    ("uppercase-repository", 'image = "Me/X:1"', 'image = "${MY}/x:1"', {}),
    ("registry-separator", 'image = "r.io/a/b:1"', 'image = "r.io#a/b:1"', {"dialect": "ce"}),
    ("registry-separator", 'image = "r.io#a/b:1"', 'image = "r.io/a/b:1"', {"dialect": "sarus"}),
    ("registry-separator", 'image = "r.io/a/b:1"', 'image = "team/b:1"', {}),
    ("image-form", 'image = "docker://a/b:1"', 'image = "a/b:1"', {}),
    ("image-form", 'image = "alpine: 3.19"', 'image = "/a b/c.sqsh"', {}),
    ("image-relative", 'image = "x.sqsh"', 'image = "/x.sqsh"', {}),
    ("image-relative", 'image = "./x.sqsh"', 'image = "${SCRATCH}/x.sqsh"', {}),
    ("sqsh-image", 'image = "/x.sqsh"', 'image = "x.io/sqsh"', {"dialect": "sarus"}),
    ("scratch-image", 'image = "${SCRATCH}/x.sqsh"', 'image = "${STORE}/x.sqsh"', {}),
    ("scratch-image", 'image = "/iopsstor/scratch/me/x.sqsh"',
     'image = "/capstor/store/scratch.sqsh"', {}),
    ("scratch-image", 'image = "/flash/x.sqsh"', 'image = "/disk/x.sqsh"',
     {"site": Site("mine", scratch="/flash")}),
    ("placeholder", 'image = "/<project>/x.sqsh"', 'image = "/project/x.sqsh"', {}),
    ("placeholder", 'image = "/path/to/x.sqsh"', '[env]\nA = "<b> /path/to/x"', {}),
    ("architecture", FINE, FINE, AT["daint"] | {"manifest": AMD64}),
    ("architecture", 'image = "a/b:1-arm64"', 'image = "a/b:1-amd64"', AT["eiger"]),
    ("architecture", 'image = "a/b:x86_64"', 'image = "a/b:x86ish"', AT["santis"]),
    ("base-absent", 'base_environment = "absent"', "", {}),
    ("byte-order-mark", "\ufeff" + FINE, FINE, {}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "bad", "good", "options"), CASES, ids=lambda v: str(v)[:40])
def test_each_rule_has_a_case_and_a_near_miss(code, bad, good, options):
    """The finding comes, with its place and words, and does not come for what is nearly it."""
    found = [f for f in check(bad, "x.toml", **options) if f.code == code]
    assert found
    for finding in found:
        assert finding.what
        assert finding.why
        assert finding.fix
        assert finding.message().startswith(f"x.toml:{finding.line}:{finding.column}: ")
    near = options | ({"site": KNOWN_SITES["eiger"]} if bad == good else {})
    assert code not in codes(good, **near)


def test_every_rule_is_among_the_cases():
    """A code that is written anywhere in the rules is triggered above, or in a test of its own."""
    folder = PACKAGE / "edf"
    sources = "".join(path.read_text() for path in folder.rglob("*.py"))
    written = set(re.findall(r'"([a-z-]+)", (?:WARNING|ERROR|severity)', sources))
    assert written - {code for code, *_ in CASES} == {"base-environment", "unreadable"}


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
        ('image = "r.io/a:1"', "write r.io#a:1"),
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
    assert any(fix in finding.fix for finding in check(text))


def test_a_value_of_a_wrong_type_does_not_hide_the_rest():
    """Other findings of the file are told as well, at their right places."""
    text = 'image = 3\nmounts = [\n  3,\n  "/capstor",\n]\n[env]\nA = "$B"\nC = []\n'
    assert told(text, dialect="sarus") == [
        "1 wrong-type", "3 wrong-type", "4 single-path-mount", "8 wrong-type",
    ]  # fmt: skip
    assert "7 unbraced-variable" in told(text, dialect="ce")


def test_bases_are_looked_at_where_they_are_found():
    """What a base says counts: no image is missed, and its entrypoint is said."""
    bases = {"b": parse('image = "x"\nentrypoint = false\n[env]\nPYTHONNOUSERSITE = "1"')}
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
    found = check(text)
    assert sum(f.code == "unbraced-variable" for f in found) == 2_295
    assert sum(f.code == "unknown-annotation" for f in found) == 200
    assert calls_to_check(text) < 5 * calls_to_check(large(1_250))
