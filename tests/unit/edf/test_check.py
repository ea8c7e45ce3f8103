"""What `fcx edf check` says: of EDFs in use, and rule by rule with a case and a near miss."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from places import REPOSITORY

from fcx.config import KNOWN_SITES, Site
from fcx.edf.check import check, unreadable
from fcx.edf.document import Edf, finder, text_of
from fcx.errors import EdfError
from fcx.parity.manifest import Interpreter, Manifest

CORPUS = REPOSITORY.parent / "shared" / "data" / "edf"

PYTHON = Interpreter(
    "cpython", "3.11.7", "cpython-311", "a70d0d0a", "/opt/py/bin/python3", "/opt/py", "/opt/py", 5
)
AMD64 = Manifest("img", "amd64", PYTHON, "0.4.1", {}, env={"PATH": "/opt/py/bin:/bin", "IN": "1"})

# What one would want to be told about each EDF in use, on the CE and on Sarus. None of them holds
# an error for the CE: they are in use there.
CE = {
    # A team's store is not cleaned; single libraries of the host over single files are meant.
    "01-model-launch-sglang": ["1 entrypoint-unsaid"],
    "02-model-launch-vllm_rocm": ["1 entrypoint-unsaid", "1 moving-tag"],
    # The whole of /users is mounted: ~/.local comes with it.
    "05-swissai-containers-4m": ["1 entrypoint-unsaid", "5 home-without-nousersite"],
    # Folders below the home, even ~/.local/bin/uv, bring no packages.
    "07-whisperx-ngc": ["1 entrypoint-unsaid", "1 registry-separator", "1 moving-tag"],
    "08-cscs-reframe": ["1 entrypoint-unsaid", "1 scratch-image"],
    # PATH and LD_LIBRARY_PATH are absolute there, the entrypoint is said: only the scratch is left.
    "10-hpcagent-amd-mi300-v4": ["3 scratch-image"],
    "13-pretrain-code-INVALID": ["3 invalid-toml"],
    "docs/001": ["1 entrypoint-unsaid", "1 scratch-image"],
    "docs/003": ["1 entrypoint-unsaid", "1 placeholder", "2 placeholder", "3 placeholder"],
    "docs/005": ["2 registry-separator", "2 moving-tag"],
    "docs/011": ["1 base-not-here"],
    "docs/013": ["1 entrypoint-unsaid", "1 moving-tag"],
    "docs/015": ["1 entrypoint-unsaid", "1 moving-tag"],
    "docs/031": ["1 entrypoint-unsaid", "1 moving-tag"],
    "docs/033": ["1 entrypoint-unsaid", "1 moving-tag"],
    "docs/039": ["4 table-twice"],
    "docs/041": ["1 entrypoint-unsaid", "1 moving-tag"],
    "docs/049": ["1 entrypoint-unsaid", "1 registry-separator", "1 moving-tag"],
    "docs/053": ["1 entrypoint-unsaid", "1 scratch-image"],
    "docs/059": ["1 entrypoint-unsaid", "1 registry-separator", "1 moving-tag"],
    "docs/063": ["1 entrypoint-unsaid", "1 scratch-image"],
    "docs/065": ["1 entrypoint-unsaid", "1 scratch-image"],
}
# What Sarus refuses of the same files: image files, '#' behind a registry, single paths.
SARUS = {
    "01-model-launch-sglang": ["1 sqsh-image", *(f"{n} single-path-mount" for n in (5, 6))],
    "02-model-launch-vllm_rocm": ["5 single-path-mount", "6 single-path-mount"],
    "05-swissai-containers-4m": ["1 sqsh-image", *["5 single-path-mount"] * 3],
    "07-whisperx-ngc": [f"{n} single-path-mount" for n in range(4, 11)],
    "08-cscs-reframe": ["1 sqsh-image"],
    "10-hpcagent-amd-mi300-v4": ["3 sqsh-image"],
    "13-pretrain-code-INVALID": ["3 invalid-toml"],
    "docs/001": ["1 sqsh-image", *(f"{n} single-path-mount" for n in range(4, 10))],
    "docs/003": ["1 sqsh-image"],
    "docs/005": ["4 single-path-mount", "5 single-path-mount"],
    "docs/011": [],
    "docs/013": ["1 registry-separator"],
    "docs/015": ["1 registry-separator"],
    "docs/031": [],
    "docs/033": [],
    "docs/039": ["4 table-twice"],
    "docs/041": ["1 registry-separator"],
    "docs/049": [],
    "docs/053": ["1 sqsh-image"],
    "docs/059": [],
    "docs/063": ["1 sqsh-image", *(f"{n} single-path-mount" for n in (4, 5, 6))],
    "docs/065": ["1 sqsh-image", *(f"{n} single-path-mount" for n in (4, 5))],
}
BROKEN = {"13-pretrain-code-INVALID": "3:11", "docs/039": "4:27"}


def corpus(name: str) -> tuple[str, Path]:
    """Text and path of a file of the corpus; skips where that is not at hand."""
    path = CORPUS / f"{name}.toml"
    if not path.exists():
        pytest.skip("the corpus is not here")
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
    text, _ = corpus(name)
    assert told(text, dialect="ce") == CE[name]
    assert bool(told(text, "error", dialect="ce")) == (name in BROKEN)


@pytest.mark.parametrize("name", SARUS)
def test_edfs_in_use_get_as_errors_what_sarus_refuses(name):
    """File by file."""
    text, _ = corpus(name)
    assert told(text, "error", dialect="sarus") == SARUS[name]


@pytest.mark.parametrize("name", CE)
def test_without_a_dialect_what_either_refuses_is_a_warning(name):
    """Nothing that one engine would say is missing, and what the CE runs is no error."""
    text, _ = corpus(name)
    both = set(told(text))
    assert both == set(CE[name]) | set(SARUS[name])
    assert bool(told(text, "error")) == (name in BROKEN)


@pytest.mark.parametrize("name", sorted(set(CE) - set(BROKEN)))
def test_edfs_in_use_are_read_rendered_and_read_again_to_the_same_meaning(name):
    """Nothing is lost on the way, and the rendered file has no more errors than the first."""
    text, path = corpus(name)
    edf = Edf.read(path)
    assert Edf.parse(edf.render()) == edf
    assert not told(edf.render(), "error", dialect="ce")
    assert "single-path-mount" not in codes(edf.render())


@pytest.mark.parametrize("name", BROKEN)
def test_edfs_that_are_not_toml_are_clear_errors(name):
    """File, line and column, what, why and how to mend it; reading them says the same."""
    text, path = corpus(name)
    (finding,) = check(text, str(path))
    assert finding.message().startswith(f"{path}:{BROKEN[name]}: error: not valid TOML: ")
    assert ("your own values" if name.startswith("13") else "keep one form") in finding.mend
    with pytest.raises(EdfError) as caught:
        Edf.read(path)
    assert str(caught.value) == f"{path}:{BROKEN[name]}: {finding.what}"


def test_no_file_of_the_corpus_is_without_expectations():
    """A file that is added there is added here."""
    if not CORPUS.exists():
        pytest.skip("the corpus is not here")
    here = {str(p.relative_to(CORPUS))[: -len(".toml")] for p in CORPUS.rglob("*.toml")}
    assert here == set(CE) == set(SARUS)


FINE = 'image = "me/x@sha256:ab"\nentrypoint = false\n'
HOOK = '[annotations]\ncom.hooks.aws_ofi_nccl.enabled = "true"\n'
MPS = '[annotations]\ncom.hooks.nvidia_cuda_mps.enabled = "true"'
VARIANT = HOOK + "com.hooks.aws_ofi_nccl.variant = "
AT = {name: {"site": site} for name, site in KNOWN_SITES.items()}


def exists(path: str) -> bool:
    """A machine that has /tmp and nothing else."""
    return path == "/tmp"


HERE = {"variables": {"HOME": "/root", "A": "/tmp"}, "exists": exists}

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
    ("missing-source", 'mounts = ["/absent:/a"]', 'mounts = ["/tmp:/a"]', HERE),
    ("missing-source", 'mounts = ["${A}/absent:/a"]', 'mounts = ["${A}:/a"]', HERE),
    ("missing-source", 'mounts = ["/absent"]', 'mounts = ["tmpfs:/absent"]', HERE),
    ("missing-image", 'image = "/absent.sqsh"', 'image = "absent/x"', HERE),
    ("tilde", 'image = "~/x.sqsh"', 'image = "${HOME}/x.sqsh"', {}),
    ("tilde", 'mounts = ["~/x:/x"]', 'mounts = ["/x~:/x"]', {}),
    ("tilde", 'workdir = "~/x"', 'workdir = "/x"', {}),
    ("workdir-relative", 'workdir = "w"', 'workdir = "${SCRATCH}/w"', {}),
    ("undefined-variable", 'workdir = "${MY_DIR}"', 'workdir = "${MY_DIR:-}"', {}),
    ("undefined-variable", 'workdir = "${MY_DIR}"', 'workdir = "${SCRATCH}"', {}),
    ("undefined-variable", 'workdir = "${MY_DIR}"', 'workdir = "$${MY_DIR}"', {}),
    ("undefined-variable", 'workdir = "${OUT}"', 'workdir = "${IN}"', {"manifest": AMD64}),
    ("undefined-variable", 'workdir = "${SCRATCH}"', 'workdir = "${A}"', HERE),
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
    ("base-not-here", 'base_environment = "absent"', "", {}),
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
        assert finding.mend
        assert finding.message().startswith(f"x.toml:{finding.line}:{finding.column}: ")
    near = options | ({"site": KNOWN_SITES["eiger"]} if bad == good else {})
    assert code not in codes(good, **near)


def test_every_rule_is_among_the_cases():
    """A code that is written anywhere in the rules is triggered above, or in a test of its own."""
    import re

    from fcx.edf import check as first

    folder = Path(first.__file__).parent
    sources = "".join((folder / f"{n}.py").read_text() for n in ("check", "rules", "hooks"))
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
    ("text", "mend"),
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
def test_each_finding_says_how_to_mend_it(text, mend):
    """With the nearest known name, or the value as it should be."""
    assert any(mend in finding.mend for finding in check(text))


def test_a_value_of_a_wrong_type_does_not_hide_the_rest():
    """Other findings of the file are told as well, at their right places."""
    text = 'image = 3\nmounts = [\n  3,\n  "/capstor",\n]\n[env]\nA = "$B"\nC = []\n'
    assert told(text, dialect="sarus") == [
        "1 wrong-type", "3 wrong-type", "4 single-path-mount", "8 wrong-type",
    ]  # fmt: skip
    assert "7 unbraced-variable" in told(text, dialect="ce")


def test_bases_are_looked_at_where_they_are_here():
    """What a base says counts: no image is missed, and its entrypoint is said."""
    bases = {"b": Edf.parse('image = "x"\nentrypoint = false\n[env]\nPYTHONNOUSERSITE = "1"')}
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


def test_a_file_of_5000_lines_is_checked_in_under_a_second():
    """Reading, finding places and all rules; processor time, as other tests run beside this."""
    text = large()
    assert text.count("\n") == 5_000
    seconds = []
    for _ in range(3):
        start = time.process_time()
        found = check(text)
        seconds.append(time.process_time() - start)
    assert sum(f.code == "unbraced-variable" for f in found) == 2_295
    assert sum(f.code == "unknown-annotation" for f in found) == 200
    assert min(seconds) < 1
