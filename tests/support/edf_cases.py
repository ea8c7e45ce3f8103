"""Texts that each rule of `fcx edf check` has something to say of, and what nearly is one."""

from __future__ import annotations

from pathlib import Path

from fcx.config import KNOWN_SITES, Site
from fcx.edf.check import check
from fcx.edf.document import Edf
from fcx.edf.findings import Finding
from fcx.edf.lookup import finder
from fcx.edf.read import parse
from fcx.errors import EdfError
from fcx.parity.manifest import Manifest
from fcx.parity.snapshot import Interpreter
from fcx.records import replace

PYTHON = Interpreter(
    "cpython", "3.11.7", "cpython-311", "a70d0d0a", "/opt/py/bin/python3", "/opt/py", "/opt/py", 5
)
AMD64 = Manifest("img", "amd64", PYTHON, "0.4.1", {}, env={"PATH": "/opt/py/bin:/bin", "IN": "1"})


def singles(text: str, **options) -> list[Finding]:
    """What is told of a text, and what each of it stands for."""
    options.setdefault("lookup", finder({"HOME": "/nonexistent"}, "/nonexistent"))
    return [single for f in check(text, "x.toml", **options) for single in f.singles()]


DIGEST = "@sha256:" + "ab" * 32
FINE = f'image = "me/x{DIGEST}"\nentrypoint = false\n'
HOOK = '[annotations]\ncom.hooks.aws_ofi_nccl.enabled = "true"\n'
MPS = '[annotations]\ncom.hooks.nvidia_cuda_mps.enabled = "true"'
VARIANT = HOOK + "com.hooks.aws_ofi_nccl.variant = "
AT = {name: {"site": site} for name, site in KNOWN_SITES.items()}


def exists(path: str) -> bool:
    """A machine that has /tmp and nothing else."""
    return path == "/tmp"


SARUS_ALONE = {"dialect": "sarus"}
ON_CLUSTER = {"variables": {"HOME": "/root", "A": "/tmp"}, "exists": exists}

OWN = parse(f'image = "me/own{DIGEST}"\n', "/d/edf/x-generated.toml")
TAKEN = 'base_environment = "x-generated"\n'


def own(name: str) -> Edf:
    """A machine that has this EDF of fcx's own, and no other."""
    if Path(name).stem == "x-generated":
        return OWN
    raise EdfError(f"there is no EDF {name!r}")


PAIR = {"generated": OWN, "lookup": own}
OF_IMAGE = {"manifest": replace(AMD64, env={"PYTHONPATH": "/mods"})}
MPI = {"manifest": replace(AMD64, distributions={"mpi4py": "4.1"}), "site": KNOWN_SITES["eiger"]}
CUDA13 = {"manifest": replace(AMD64, distributions={"torch": "2.10.0+cu130"})}
OWN_STACK = 'image = "ghcr.io/eth-cscs/alps-extended-images/ngc-pytorch:26.02-py3-alps6"\n'
OF_BUILD = {"manifest": replace(AMD64, build_id="b" * 64)}

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
    ("hook-variant", VARIANT + '"cuda12"', VARIANT + '"cuda13"', CUDA13),
    ("hook-variant", VARIANT + '"rocm6"', VARIANT + '"cuda-dl"', CUDA13),
    ("hook-variant", VARIANT + '"cuda12"\ncom.hooks.netstack.source = "host"',
     VARIANT + '"cuda12"', CUDA13 | AT["daint"]),
    ("hook-without-variant", HOOK, VARIANT + '"cuda12"', {}),
    ("hook-without-variant", HOOK + 'com.hooks.netstack.source = "host"', HOOK, AT["daint"]),
    ("hook-without-variant", HOOK, HOOK + 'com.hooks.netstack.source = "artifact:1"', {}),
    ("hooks-at-odds", HOOK + 'com.hooks.cxi.enabled = "false"', HOOK, {}),
    ("hooks-at-odds", OWN_STACK + HOOK, HOOK, {}),
    ("hooks-at-odds", OWN_STACK + '[annotations]\ncom.hooks.cxi.enabled = "true"',
     OWN_STACK + '[annotations]\ncom.hooks.cxi.enabled = "false"', {}),
    ("slow-network", FINE, FINE + '[annotations]\ncom.hooks.cxi.enabled = "true"', MPI),
    ("slow-network", FINE + '[annotations]\ncom.hooks.cxi.enabled = "false"', OWN_STACK, MPI),
    ("slow-network", FINE, FINE + VARIANT + '"cuda13"', CUDA13 | AT["bristen"]),
    ("hook-off", '[annotations]\ncom.hooks.aws_ofi_nccl.variant = "cuda12"',
     VARIANT + '"cuda12"', {}),
    ("hook-needs-writable", "writable = false\n" + MPS, "writable = true\n" + MPS, {}),
    ("ssh-key", '[annotations]\ncom.hooks.ssh.enabled = "true"',
     '[annotations]\ncom.hooks.ssh.enabled = "false"', {}),
    ("single-path-mount", 'mounts = ["/capstor"]', 'mounts = ["/capstor:/capstor"]', SARUS_ALONE),
    ("single-path-mount", 'mounts = ["${A:-/x:y}"]', 'mounts = ["tmpfs:/t"]', SARUS_ALONE),
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
    ("entrypoint-unsaid", 'image = "x"', 'image = "x"\nentrypoint = true', SARUS_ALONE),
    ("no-image", 'workdir = "/w"', 'image = "x"', {}),
    ("moving-tag", 'image = "a/b:1.0"', f'image = "a/b{DIGEST}"', {}),
    ("moving-tag", 'image = "a/b"', 'image = "a/b:fcx-0123456789ab"', {}),
    ("moving-tag", 'image = "a/b:nightly-0123456"', 'image = "/a/b.sqsh"', {}),
    ("uppercase-repository", 'image = "r.io#Me/X:1"', 'image = "R.io#me/x:V1"', {}),
    ("uppercase-repository", 'image = "Me/X:1"', 'image = "${MY}/x:1"', {}),
    ("registry-separator", 'image = "r.io#a/b:1"', 'image = "r.io/a/b:1"', SARUS_ALONE),
    ("registry-separator", 'image = "me@r.io/a/b:1"', 'image = "r.io/a/b:1"', SARUS_ALONE),
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
    # What is no image for the cluster, or only looks like one.
    ("no-image", 'image = ""', f'image = "me/x{DIGEST}"', {}),
    ("no-image", 'image = ""\nbase_environment = "x"', 'base_environment = "x"', {}),
    ("no-image", 'workdir = "/w"', 'base_environment = "x"', SARUS_ALONE),
    ("image-format", 'image = "/store/x.sif"', 'image = "/store/sif.sqsh"', {}),
    ("image-format", 'image = "x.simg"', 'image = "me/simg"', {}),
    ("image-format", 'image = "/store/x.tar"', 'image = "/store/x.tar.sqsh"', {}),
    ("image-format", 'image = "${STORE}/x.tar.gz"', 'image = "${STORE}/x.squashfs"', {}),
    ("image-folder", 'image = "/store/images/"', 'image = "/store/images/x.sqsh"', {}),
    ("image-folder", 'image = "/store/images"', 'image = "/store/images/${NAME}"', {}),
    ("image-folder", 'image = "/tmp"', 'image = "/tmp/x.sqsh"', ON_CLUSTER),
    ("half-digest", 'image = "me/x@sha256:abc"', f'image = "me/x{DIGEST}"', {}),
    ("half-digest", 'image = "me/x:1@sha256"', f'image = "me/x:1{DIGEST}"', {}),
    ("half-digest", f'image = "me/x{DIGEST}ab"', 'image = "me@r.io#x:1"', {}),
    ("half-digest", f'image = "me/x{DIGEST.upper()}"', 'image = "me/x@sha256:${SUM}"', {}),
    ("half-digest", 'image = "r.io#me/x@0123456789ab"', 'image = "me@team/x:1"', {}),
    ("local-image", 'image = "climate:latest"', 'image = "debian:12"', {}),
    ("local-image", 'image = "fcx-image:0123456789ab"', 'image = "team/fcx-image:0123456789ab"', {}),
    ("local-image", 'image = "localhost/climate:1"', 'image = "local.host/climate:1"', {}),
    ("local-image", 'image = "127.0.0.1:5000/a/b:1"', 'image = "10.1.0.1:5000/a/b:1"', {}),
    ("local-image", 'image = "team/img:0123456789ab"', 'image = "team/img:0123456789ac"',
     {"manifest": replace(AMD64, tag="team/img:0123456789ab")}),
    ("image-variable", 'image = "r.io/me/x:${TAG}"', 'image = "r.io/me/x:1"', SARUS_ALONE),
    # What stands in the wrong table.
    ("variable-in-annotations", '[annotations]\nNCCL_DEBUG = "INFO"', '[env]\nNCCL_DEBUG = "1"', {}),
    ("variable-in-annotations", "[annotations]\nOMP_NUM_THREADS = 4",
     '[annotations]\norg.title = "NCCL_DEBUG"', {}),
    ("variable-in-annotations", '[annotations.com.hooks.ssh]\nHF_HOME = "/x"',
     '[annotations.com.hooks.ssh]\nport = "22"', {}),
    ("key-in-table", "[annotations.com.hooks.ssh]\nwritable = true", "writable = true", {}),
    ("annotation-outside", 'com.hooks.cxi.enabled = "true"',
     '[annotations]\ncom.hooks.cxi.enabled = "true"', {}),
    ("annotation-outside", '[com.hooks.ssh]\nenabled = "false"',
     '[annotations.com.hooks.ssh]\nenabled = "false"', {}),
    ("annotation-outside", 'hooks.cxi.enabled = "true"',
     'annotations.com.hooks.cxi.enabled = "true"', {}),
    ("unknown-key", '[environment]\nA = "1"', '[env]\nA = "1"', {}),
    ("unknown-key", '[annotation]\na = "1"', '[annotations]\na = "1"', {}),
    # What was meant to be replaced.
    ("placeholder", 'workdir = "/users/{{user}}"', 'workdir = "/users/${user}"', {}),
    ("placeholder", 'workdir = "/users/{{ user }}/x"', '[env]\nA = "{\'a\': 1}"', {}),
    ("placeholder", 'workdir = "/users/YOUR_USERNAME"', 'workdir = "/users/yourk"', {}),
    ("placeholder", '[env]\nHF_TOKEN = "your-token-here"', '[env]\nA = "yours"', {}),
    ("placeholder", 'mounts = ["/users/{user}/x:/x"]', 'mounts = ["/users/${USER}/x:/x"]', {}),
    ("placeholder", '[env]\nA = "CHANGE_ME"', '[env]\nA = "changes"', {}),
    ("placeholder", 'image = "/PATH/TO/x.sqsh"', 'image = "/path/too/x.sqsh"', {}),
    ("placeholder", 'workdir = "/users/USERNAME"', '[env]\nA = "MY_USERS"', {}),
    ("placeholder", 'image = "@ROOT@/x.sqsh"', 'image = "/roots/x.sqsh"', {}),
    ("placeholder", 'workdir = "/scratch/XXX/y"', 'workdir = "/scratch/XX/y"', {}),
    # Mounts.
    ("mount-flag", 'mounts = ["/a:/b:readonly"]', 'mounts = ["/a:/b:ro"]', {}),
    ("mount-flag", 'mounts = ["/a:/b:ro+privat"]', 'mounts = ["/a:/b:ro+rprivate"]', {}),
    ("mount-flag", 'mounts = ["/a:/b:Z"]', 'mounts = ["tmpfs:/b:size=1G"]', {}),
    ("mount-flag", 'mounts = ["/a.sqsh:/b:sqsh+ro"]', 'mounts = ["/a.sqsh:/b:sqsh"]', {}),
    ("mount-flag", 'mounts = ["/a:/b:x-create=auto"]', 'mounts = ["/a:/b:Z"]', SARUS_ALONE),
    ("mount-flags", 'mounts = ["/a:/b:ro+z"]', 'mounts = ["/a:/b:ro,z"]', SARUS_ALONE),
    ("mount-target", 'mounts = ["/data:ro"]', 'mounts = ["/data:/data:ro"]', {}),
    ("mount-twice", 'mounts = ["/a:/x", "/b:/x"]', 'mounts = ["/a:/x", "/a:/x"]', {}),
    ("mount-twice", 'mounts = ["/a:/x", "/b:/x/"]', 'mounts = ["/a:/x", "/b:/x/y"]', {}),
    ("mount-twice", 'mounts = ["/x", "tmpfs:/x"]', 'mounts = ["umount:/x", "/b:/x"]', {}),
    ("mount-colons", 'mounts = ["${A:-/x}:/y"]', 'mounts = ["${A-/x}:/y"]', SARUS_ALONE),
    ("mount-colons", 'mounts = ["${A:1}:/y"]', 'mounts = ["${A}:/y"]', SARUS_ALONE),
    ("mount-colons", 'mounts = ["/x:${A:+/y}:ro"]', 'mounts = ["/x:${A+/y}:ro"]', SARUS_ALONE),
    ("mount-colons", 'mounts = ["/x:/y:"]', 'mounts = ["/x:/y:ro"]', SARUS_ALONE),
    ("mount-source", 'mounts = ["tmpfs:/t"]', 'mounts = ["/tmpfs:/t"]', SARUS_ALONE),
    ("mount-source", 'mounts = ["umount:/t"]', 'mounts = ["./umount:/t"]', SARUS_ALONE),
    ("mount-sqsh", 'mounts = ["/a.sqsh:/t:sqsh"]', 'mounts = ["/a:/t:ro"]', SARUS_ALONE),
    ("shadows-python", 'mounts = ["/x:/opt/sim"]\n[env]\nPATH = "/opt/sim/bin:/bin"',
     'mounts = ["/x:/opt/simulator"]\n[env]\nPATH = "/opt/sim/bin:/bin"', {}),
    ("shadows-python", 'mounts = ["/x:/srv/.venv"]', 'mounts = ["/x:/srv/venvs"]', {}),
    ("shadows-python", 'mounts = ["/x:/opt/miniforge3"]', 'mounts = ["/x:/opt/forge/data"]', {}),
    ("shadows-python", 'mounts = ["/x:/mods"]', 'mounts = ["/x:/mod"]',
     {"manifest": replace(AMD64, env={"PYTHONPATH": "/mods"})}),
    ("shadows-python", 'mounts = ["/x:/etc"]', 'mounts = ["/etc/slurm"]',
     {"manifest": replace(AMD64, build_id="b" * 64)}),
    # Bases.
    ("base-relative", 'base_environment = "common.toml"', 'base_environment = "common"', {}),
    ("base-relative", 'base_environment = ["a", "dir/b"]',
     'base_environment = ["a", "./dir/b.toml"]', {}),
    ("tilde", 'base_environment = "~/b.toml"', 'base_environment = "${HOME}/b.toml"', {}),
    # What comes before the image's own.
    ("ahead-of-image", '[env]\nPYTHONPATH = "/capstor/mods"', '[env]\nPYTHONPATH = ""', {}),
    ("ahead-of-image", '[env]\nLD_PRELOAD = "/x/lib.so"', '[env]\nLD_PRELOADED = "/x/lib.so"', {}),
    ("ahead-of-image", '[env]\nPYTHONHOME = "/x"', '[env]\nPYTHON_HOME = "/x"', {}),
    ("ahead-of-image", '[env]\nPYTHONPATH = "/mods:/x"', '[env]\nPYTHONPATH = "/mods"', OF_IMAGE),
    ("image-path-unset", '[env]\nPYTHONPATH = ""', '[env]\nPYTHONHOME = ""', OF_IMAGE),
    # What the Bash of the Sarus suite makes of values.
    ("refused-character", "[env]\nA = 'say \"x\"'", "[env]\nA = 'say \\\"x\\\"'", SARUS_ALONE),
    ("refused-character", '[env]\nA = "a;b"', '[env]\nA = "a:b"', SARUS_ALONE),
    ("refused-character", 'workdir = "/x;y"', 'image = "me/x;y"', SARUS_ALONE),
    ("command-substitution", '[env]\nA = "`id`"', '[env]\nA = "id"', SARUS_ALONE),
    ("command-substitution", 'workdir = "$(pwd)"', 'workdir = "${PWD}"', SARUS_ALONE),
    ("dollar", '[env]\nA = "5$$"', '[env]\nA = "5\\\\$"', SARUS_ALONE),
    ("odd-variable", '[env]\nA = "${HOME"', '[env]\nA = "${HOME#/}"', SARUS_ALONE),
    ("unbraced-variable", 'workdir = "$SCRATCH"', 'workdir = "${SCRATCH}"', {"dialect": "ce"}),
    ("undefined-variable", 'workdir = "$MINE"', 'workdir = "${MINE:-x}"', SARUS_ALONE),
    ("hook-absent", '[annotations]\ncom.hooks.ssh.enabled = "false"',
     '[annotations]\ncom.hooks.cxi.enabled = "false"', SARUS_ALONE),
    ("hook-absent", '[annotations.com.hooks.netstack]\nsource = "host"',
     '[annotations]\ncom.sarus.netstack = "host"', SARUS_ALONE),
    ("base-absent", 'base_environment = "absent"', "", {}),
    ("base-absent", 'base_environment = "./x-generated.toml"', FINE, {}),
    # A user's file beside that of fcx's own.
    ("generated-unused", FINE, TAKEN, PAIR),
    ("generated-unused", '[env]\nA = "1"', TAKEN + '[env]\nA = "1"', PAIR),
    ("generated-unused", 'base_environment = "x"\n' + FINE, TAKEN, PAIR),
    ("generated-unused", 'base_environment = "absent"\n' + FINE,
     'base_environment = ["absent", "./edf/x-generated.toml"]', PAIR),
    ("image-over-generated", TAKEN + 'image = "/x.sqsh"\n', TAKEN + "entrypoint = true\n", PAIR),
    ("image-over-generated", f'{TAKEN}image = "me/own{DIGEST}"\n', FINE, PAIR),
    ("edf-stale", f"#: build id:  {'c' * 64}\n{FINE}", f"#: build id:  {'b' * 64}\n{FINE}", OF_BUILD),
    ("edf-stale", f"#: Written whole by `fcx edf write`\n#: build id:  none\n{FINE}",
     f"#: Written whole by hand\n#: build id:  none\n{FINE}", OF_BUILD),
    ("edf-stale", f"# build id:  {'c' * 64}\n{FINE}", FINE, OF_BUILD),
    ("local-image", f"#: build id:  {'c' * 64}\nimage = 'team/img:{'c' * 16}'",
     f"#: build id:  {'d' * 64}\nimage = 'team/img:{'c' * 12}'", {}),
    ("byte-order-mark", "\ufeff" + FINE, FINE, {}),
]  # fmt: skip
