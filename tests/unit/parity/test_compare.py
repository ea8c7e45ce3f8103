"""Verdicts, pure: each hazard under each policy, rules, fixes, texts, JSON, the cache."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version
from parity.sides import BUILD, RECIPE, laptop, manifest, snapshot

from fcx.config import ParitySettings
from fcx.errors import ConfigError, ManifestError
from fcx.parity.cache import Known, verdict_key
from fcx.parity.compare import POLICIES, RULES, before_queue, compare, difference
from fcx.parity.verdict import Difference, Verdict
from fcx.parity.versions import same, same_release
from fcx.payload.requirements import Import, Requirements
from fcx.records import replace

DISTRIBUTIONS = {"dill": "0.4.1", "numpy": "2.4.6", "pip": "24.0"}
BY_REFERENCE = Requirements(frozenset({"numpy"}), installed={"numpy": {"numpy": "2.4.6"}})
NOTHING = Requirements()

R, P = "refused", "passes"


def other(**changes: Any):
    """The remote side with changes; double underscores stand for the slashes of a path."""
    return {name.replace("__", "/"): value for name, value in changes.items()}


def with_numpy(version: str | None) -> dict[str, str]:
    """The distributions with another numpy, or without one."""
    others = {name: value for name, value in DISTRIBUTIONS.items() if name != "numpy"}
    return others if version is None else {**others, "numpy": version}


def python(version: str, magic: str = "") -> dict[str, Any]:
    """The changes that make another Python."""
    return {"python/version": version, "python/magic": magic}


# name, changes to the remote side, what the task refers to, the code it must be found under,
# the verdict under strict (caller inside the image) and minor. Under off everything passes.
MATRIX: list[tuple[str, dict[str, Any], Requirements, str, str, str]] = [
    ("nothing", {}, BY_REFERENCE, "", P, P),
    ("Python 3.10", python("3.10.13"), NOTHING, "python-minor", R, R),
    ("Python 3.12", python("3.12.1"), NOTHING, "python-minor", R, R),
    ("Python 3.13", python("3.13.0"), NOTHING, "python-minor", R, R),
    ("another patch", python("3.11.9"), NOTHING, "python-micro", R, P),
    ("other bytecode", {"python/magic": "ff0d0d0a"}, NOTHING, "python-bytecode", R, R),
    ("PyPy", {"python/implementation": "pypy"}, NOTHING, "python-implementation", R, R),
    ("dill 0.3.8", other(dill="0.3.8"), NOTHING, "dill", R, R),
    ("dill missing", other(dill=None), NOTHING, "dill-missing", R, R),
    ("a package missing", other(distributions=with_numpy(None)), NOTHING, "package-missing", R, P),
    (
        "a package by reference missing",
        {"distributions": with_numpy(None), "modules": {"names": [], "stdlib_missing": []}},
        BY_REFERENCE,
        "reference-missing",
        R,
        R,
    ),
    ("another minor", other(distributions=with_numpy("2.3.6")), NOTHING, "package-version", R, P),
    (
        "another minor by reference",
        other(distributions=with_numpy("2.3.6")),
        BY_REFERENCE,
        "reference-version",
        R,
        R,
    ),
    (
        "another patch by reference",
        other(distributions=with_numpy("2.4.1")),
        BY_REFERENCE,
        "package-version",
        R,
        P,
    ),
    (
        "a local version",
        other(distributions=with_numpy("2.4.6+cu121")),
        BY_REFERENCE,
        "package-version",
        R,
        P,
    ),
    (
        "a pre-release",
        other(distributions=with_numpy("2.4.6rc1")),
        BY_REFERENCE,
        "package-version",
        R,
        P,
    ),
    (
        "a module without a version",
        other(distributions=with_numpy(None)),
        BY_REFERENCE,
        "reference-unknown",
        R,
        R,
    ),
    (
        "a package only there",
        other(distributions={**DISTRIBUTIONS, "scipy": "1.17.1"}),
        BY_REFERENCE,
        "package-extra",
        R,
        P,
    ),
    (
        "user site",
        other(live__user_site="/users/ada/.local/lib/python3.11/site-packages"),
        BY_REFERENCE,
        "user-site",
        R,
        P,
    ),
    (
        "user site shadows a package by reference",
        other(live__user_site="/users/ada/.local/x", distributions=with_numpy("1.26.4")),
        BY_REFERENCE,
        "reference-version",
        R,
        R,
    ),
    (
        "PYTHONPATH leaks",
        other(live__leaking_env={"PYTHONPATH": "/apps/lib"}, live__foreign_sys_path=["/apps/lib"]),
        BY_REFERENCE,
        "pythonpath",
        R,
        P,
    ),
    (
        "a foreign entry of sys.path",
        other(live__foreign_sys_path=["/apps/lib"]),
        BY_REFERENCE,
        "foreign-path",
        R,
        P,
    ),
    (
        "LD_PRELOAD leaks",
        other(live__leaking_env={"LD_PRELOAD": "/apps/x.so"}),
        BY_REFERENCE,
        "variable",
        P,
        P,
    ),
    (
        "PATH gives another python",
        other(live__which_python3="/usr/bin/python3"),
        BY_REFERENCE,
        "other-python",
        P,
        P,
    ),
    (
        "another interpreter",
        other(python__executable="/usr/bin/python3", live__which_python3="/usr/bin/python3"),
        NOTHING,
        "interpreter",
        R,
        R,
    ),
    ("wrong build id", other(image__build_id="c" * 64), NOTHING, "build-id", R, R),
    ("no build id", other(image__build_id=None), NOTHING, "build-id", R, R),
    (
        "another architecture",
        other(arch__elf="aarch64", arch__machine="aarch64"),
        NOTHING,
        "architecture",
        R,
        R,
    ),
    ("emulated", other(arch__machine="aarch64"), NOTHING, "emulated", P, P),
    ("another encoding", other(encoding="ascii"), NOTHING, "encoding", P, P),
    ("another locale", other(locale="de_DE.UTF-8"), NOTHING, "locale", P, P),
    ("another time zone", other(timezone="CET/CEST"), NOTHING, "timezone", P, P),
    ("no HOME", other(live__home=None), NOTHING, "no-home", P, P),
]


IN_THE_IMAGE = ("python/version", "python/magic", "python/implementation", "dill", "distributions")


def image_of(changes: dict[str, Any]):
    """The manifest of the remote image; what a user's site-packages shadow is not in it."""
    if "live/user_site" in changes:
        return manifest()
    return manifest({path: changes[path] for path in IN_THE_IMAGE if path in changes})


@pytest.mark.parametrize(
    ("changes", "call", "code", "strict", "minor"),
    [row[1:] for row in MATRIX],
    ids=[row[0] for row in MATRIX],
)
def test_matrix(changes, call, code, strict, minor):
    """Each hazard is found under its own code and refused exactly where the table says so."""
    expected = {"strict": strict, "minor": minor, "off": P}
    for policy in POLICIES:
        verdict = compare(
            policy,
            manifest=image_of(changes),
            caller=snapshot(),
            remote=snapshot(changes),
            requirements=call,
        )
        assert (P if verdict.passed else R) == expected[policy], verdict.text()
        assert bool(verdict.mark) == (policy == "off")
        if code:
            assert code in {one.code for one in verdict.differences}
        else:
            assert verdict.differences == ()


def test_every_rule_is_tried():
    """No code stands in RULES that nothing here produces."""
    tried = {row[3] for row in MATRIX}
    others = {
        "image-python", "image-content", "image-overlaid", "image-missing", "python-missing",
        "tampered", "not-inside-image", "package-rule", "reference-shared", "import-missing",
        "assumed", "no-gpu-driver", "package-platform",
    }  # fmt: skip
    assert tried - {""} | others == set(RULES)


def test_each_refusal_has_a_mend():
    """Whatever is refused comes with a command or an instruction."""
    for name, changes, call, *_ in MATRIX:
        verdict = compare(
            "strict",
            manifest=manifest(),
            caller=snapshot(),
            remote=snapshot(changes),
            requirements=call,
        )
        assert all(one.fix for one in verdict.refusals), name


# --- the image -----------------------------------------------------------------------------


def codes(verdict: Verdict) -> dict[str, str]:
    """The severity of each code that was found."""
    return {one.code: one.severity for one in verdict.differences}


@pytest.mark.parametrize(("policy", "severity"), [("strict", "refuse"), ("minor", "warn")])
def test_packages_over_a_built_image(policy, severity):
    """The right build id with other packages: something lies over the image."""
    there = snapshot(distributions=with_numpy("1.26.4"))
    verdict = compare(policy, manifest=manifest(), remote=there)
    assert codes(verdict) == {"image-overlaid": severity}


@pytest.mark.parametrize("policy", ["strict", "minor"])
def test_adopted_image_is_known_by_its_content(policy):
    """Without a build id, an image whose packages changed is another image."""
    bare = {"image/build_id": None, "image/recipe_id": None}
    wanted = manifest(bare, origin="adopted")
    there = snapshot({**bare, "distributions": with_numpy("2.5.0")})
    assert compare(policy, manifest=wanted, remote=snapshot(bare)).passed
    verdict = compare(policy, manifest=wanted, remote=there)
    assert codes(verdict) == {"image-content": "refuse"}
    assert verdict.refusals[0].fix == ("fcx preflight --adopt fcx-image --edf edf/fcx-image.toml")


def test_the_image_has_another_python():
    """The manifest's Python at the manifest's path, and nothing else."""
    verdict = compare("minor", manifest=manifest(), remote=snapshot(python("3.11.9")))
    assert codes(verdict)["image-python"] == "refuse"


def test_an_interpreter_of_the_users_choice():
    """With `python=`, the manifest's interpreter is not asked for, but the chosen one is."""
    there = snapshot({"python/executable": "/opt/env/bin/python", "python/version": "3.11.9"})
    chosen = compare("minor", manifest=manifest(), remote=there, python="/opt/env/bin/python")
    assert "interpreter" not in codes(chosen)
    assert "image-python" not in codes(chosen)
    other = compare("minor", manifest=manifest(), remote=there, python="/opt/other/bin/python")
    assert codes(other)["interpreter"] == "refuse"


@pytest.mark.parametrize("found", ["f" * 64, None])
def test_a_file_that_was_tampered_with(found):
    """A digest that differs or is unknown is refused, under off reported."""
    hashes = {"EDF": ("e" * 64, found), "worker": ("d" * 64, "d" * 64)}
    for policy, passed in (("strict", False), ("minor", False), ("off", True)):
        verdict = compare(policy, manifest=manifest(), remote=snapshot(), hashes=hashes)
        assert verdict.passed is passed
        assert [one.what for one in verdict.differences] == ["EDF"]


def test_a_gpu_that_the_image_asks_for():
    """An image that wants NVIDIA's driver and a node without one: a warning."""
    asking = replace(manifest(), env={"NVIDIA_VISIBLE_DEVICES": "all"})
    assert codes(compare("minor", manifest=asking, remote=snapshot())) == {"no-gpu-driver": "warn"}
    with_driver = snapshot({"live/nvidia": "550.54.15"})
    assert compare("minor", manifest=asking, remote=with_driver).differences == ()


def test_variables_that_are_no_leak():
    """What the image, fcx, Slurm or the interpreter's own environment set is not reported."""
    env = {"LD_LIBRARY_PATH": "/usr/local/cuda/lib64"}
    wanted = replace(manifest(), env=env)
    there = snapshot(
        {
            "live/leaking_env": {
                **env,
                "PYTHONNOUSERSITE": "1",
                "OMP_NUM_THREADS": "8",
                "CONDA_PREFIX": "/usr/local",
                "CONDA_SHLVL": "1",
                "VIRTUAL_ENV": "/usr/local",
            }
        }
    )
    assert compare("strict", manifest=wanted, remote=there).differences == ()


# --- the caller ----------------------------------------------------------------------------


def test_strict_means_inside_the_image():
    """A caller outside is refused under strict alone, and told how to run inside."""
    strict = compare("strict", manifest=manifest(), caller=laptop(), remote=snapshot())
    assert codes(strict) == {"not-inside-image": "refuse"}
    assert strict.refusals[0].fix == "fcx image run YOUR_SCRIPT.py"
    assert compare("minor", manifest=manifest(), caller=laptop(), remote=snapshot()).passed


def test_unknown_is_not_equal():
    """Two sides that both lack a build id are not in the same image."""
    bare = {"image/build_id": None, "image/recipe_id": None}
    verdict = compare("strict", caller=laptop(), remote=snapshot(bare))
    assert "not-inside-image" in codes(verdict)


def test_inside_the_image_for_another_platform():
    """Platforms differ: the recipe id decides, and packages of one platform only are no bar."""
    arm = {"arch/elf": "aarch64", "arch/machine": "aarch64", "image/build_id": "c" * 64}
    there = snapshot({**arm, "distributions": {**DISTRIBUTIONS, "nvidia-nccl": "2.27"}})
    same_recipe = compare("strict", manifest=manifest(arm), caller=snapshot(), remote=there)
    assert "not-inside-image" not in codes(same_recipe)
    assert codes(same_recipe)["package-platform"] == "warn"
    other = compare("strict", caller=snapshot({"image/recipe_id": "9" * 64}), remote=there)
    assert codes(other)["not-inside-image"] == "refuse"
    assert RECIPE[:12] in other.text()


def test_no_caller_no_comparison():
    """An image alone can be compared with the remote side."""
    assert compare("strict", manifest=manifest(), remote=snapshot()).differences == ()


def test_a_manifest_can_be_the_remote_side():
    """Before there is a cluster, the interpreter is compared with the image's manifest."""
    image = manifest()
    assert compare("minor", caller=laptop(), remote=image).passed
    verdict = compare("minor", caller=laptop(python("3.12.1")), remote=image)
    assert codes(verdict)["python-minor"] == "refuse"


# --- rules of fcx.toml ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("specifier", "there", "passes"),
    [
        (">=2.1,<3", "2.3.6", True),
        ("", "1.0", True),
        ("", "not a version", False),
        (">=2.1,<3", "3.0", False),
        (">=2.1,<3", None, False),
        ("==2.4.*", "2.4.0rc1", True),
        ("~=2.4", "2.9+local", True),
    ],
)
@pytest.mark.parametrize("policy", ["strict", "minor"])
def test_a_rule_replaces_the_comparison(policy, specifier, there, passes):
    """A specifier decides alone, for the list as for a module by reference."""
    rules = ParitySettings(packages={"NumPy": specifier})
    place = snapshot(distributions=with_numpy(there))
    verdict = compare(
        policy, caller=snapshot(), remote=place, rules=rules, requirements=BY_REFERENCE
    )
    refused = {one.code for one in verdict.refusals} - {"reference-unknown"}
    assert refused == (set() if passes else {"package-rule"})
    if there:
        early = before_queue(BY_REFERENCE, place, policy, rules)
        assert early.passed is passes


def test_a_rule_may_widen_dill():
    """Equal dill is wanted, unless a rule says which versions will do."""
    rules = ParitySettings(packages={"dill": ">=0.3.6"})
    there = snapshot(dill="0.3.8", distributions={**DISTRIBUTIONS, "dill": "0.3.8"})
    assert compare("minor", caller=laptop(), remote=there, rules=rules).passed


def test_a_rule_that_is_none():
    """What is not a specifier is an error that shows how one is written."""
    rules = ParitySettings(packages={"numpy": "latest"})
    with pytest.raises(ConfigError, match=r"numpy = 'latest'.*PEP 440.*>=2.1"):
        compare("minor", remote=snapshot(), rules=rules)


def test_assume():
    """A module or a distribution that is assumed is never refused."""
    place = snapshot(distributions=with_numpy(None), modules={"names": [], "stdlib_missing": []})
    call = Requirements(
        frozenset({"cv2"}),
        (Import("site_lib", function="f"),),
        {"cv2": {"opencv-python": "4.10"}, "site_lib": {}},
    )
    rules = ParitySettings(assume=("opencv_python", "site_lib", "numpy"))
    assert before_queue(call, place, "strict", rules).differences == ()
    assert not before_queue(call, place, "minor").passed
    whole = compare("strict", caller=snapshot(), remote=place, rules=rules)
    assert codes(whole) == {"assumed": "info"}


def test_unknown_policy():
    """A misspelt policy is an error, not a lax one."""
    with pytest.raises(ConfigError, match="strict, minor, off"):
        compare("minnor", remote=snapshot())


# --- before the queue ----------------------------------------------------------------------

HERE = {"pandas": {"pandas": "3.1.1"}, "numpy": {"numpy": "2.4.6"}, "tkinter": {}, "json": {}}


def test_an_import_must_merely_exist():
    """Refused if absent, with the function, the file and the line; any version will do."""
    call = Requirements(
        imports=(Import("pandas.core", (), "clean", "tidy.py", 12),), installed=HERE
    )
    verdict = before_queue(call, snapshot(), "minor")
    assert [one.what for one in verdict.refusals] == ["import pandas in clean (tidy.py:12)"]
    assert "pandas==3.1.1" in verdict.refusals[0].fix
    other = with_numpy("1.0") | {"pandas": "1.0"}
    assert before_queue(call, snapshot(distributions=other), "strict").passed


@pytest.mark.parametrize(
    "one",
    [
        Import("pandas", pardon="guarded by except"),
        Import("pandas", pardon="beside a change of sys.path"),
        Import(".pandas", pardon="relative"),
        Import("not_here_either"),
        Import("json"),
        Import("numpy.linalg", ("norm",)),
    ],
    ids=lambda one: f"{one.module}-{one.pardon}",
)
def test_imports_that_are_never_refused(one):
    """Pardoned, relative, absent here, of the standard library, or simply there."""
    assert before_queue(Requirements(imports=(one,), installed=HERE), snapshot(), "strict").passed


def test_a_split_up_standard_library():
    """tkinter, absent from slim images, is missed like any other module."""
    for call in (
        Requirements(imports=(Import("tkinter"),), installed=HERE),
        Requirements(frozenset({"tkinter"}), installed=HERE),
    ):
        verdict = before_queue(call, snapshot(), "minor")
        assert not verdict.passed
        assert "containers/Dockerfile" in verdict.refusals[0].fix


def test_a_module_of_another_distribution():
    """Another distribution provides it: an import passes, a reference has no known version."""
    place = snapshot({"modules": {"names": ["cv2"], "stdlib_missing": []}})
    here = {"cv2": {"opencv-python": "4.10.0"}}
    imported = Requirements(imports=(Import("cv2"),), installed=here)
    referred = Requirements(frozenset({"cv2.dnn"}), installed=here)
    assert before_queue(imported, place, "minor").passed
    verdict = before_queue(referred, place, "minor")
    assert codes(verdict) == {"reference-unknown": "refuse"}
    assert 'assume = ["cv2"]' in verdict.refusals[0].fix


def test_a_namespace_of_several_distributions():
    """One of several providers differs: a warning, as it may not be the one in use."""
    here = {"google": {"google-auth": "2.1.0", "protobuf": "5.1.0"}}
    place = snapshot(distributions={**DISTRIBUTIONS, "google-auth": "1.0", "protobuf": "5.1.2"})
    call = Requirements(frozenset({"google.protobuf"}), installed=here)
    assert codes(before_queue(call, place, "minor")) == {"reference-shared": "warn"}


def test_unknown_remote_side():
    """Nothing known of the remote side: nothing refused."""
    call = Requirements(frozenset({"pandas"}), (Import("pandas"),), HERE)
    assert before_queue(call, None, "strict") == Verdict("strict")


def test_a_manifest_without_modules():
    """A manifest from before modules were listed: distributions decide, the rest is left open."""
    image = manifest({"modules": None})
    call = Requirements(
        imports=(Import("pandas"), Import("loose")), installed={**HERE, "loose": {}}
    )
    verdict = before_queue(call, image, "minor")
    assert [one.what.split()[1] for one in verdict.refusals] == ["pandas"]


def test_off_refuses_nothing():
    """Under off, a missing module is a warning."""
    call = Requirements(frozenset({"pandas"}), installed=HERE)
    verdict = before_queue(call, snapshot(), "off")
    assert verdict.passed
    assert verdict.mark == "parity off"
    assert codes(verdict) == {"reference-missing": "warn"}


# --- equal enough --------------------------------------------------------------------------


def equal_enough(seed: int) -> tuple[Any, Any, Requirements]:
    """A remote side and a task that differ from the caller's in what must not matter."""
    dice = random.Random(seed)
    shuffled = ["/usr/local/lib/python3.11", "/usr/local/lib", "/usr/local/lib/python3.11/site"]
    dice.shuffle(shuffled)
    suffix = dice.choice(["", "rc1", ".dev3", "+cpu", "+cu121.local", ".post2", "a1", ".9"])
    only_there = {f"extra-{n}": f"{dice.randrange(9)}.1" for n in range(dice.randrange(20))}
    only_here = {f"mine-{n}": f"{dice.randrange(9)}.2" for n in range(dice.randrange(20))}
    uid = dice.randrange(100_000)
    there = snapshot(
        {
            "python/version": dice.choice(["3.11.7", "3.11.0", "3.11.12", "3.11.7rc1"]),
            "distributions": {**DISTRIBUTIONS, **only_there, "numpy": f"2.4{suffix}"},
            "live/sys_path": shuffled,
            "live/uid": uid,
            "live/gid": uid,
            "live/user": dice.choice(["ada", "grace", None]),
            "live/home": dice.choice(["/users/ada", "/capstor/home/x"]),
            "live/cwd": dice.choice(["/", "/scratch/x"]),
            "live/hostname": f"nid{dice.randrange(9999):06}",
            "live/node": f"nid{dice.randrange(9999):06}",
            "live/partition": dice.choice(["normal", "debug", "low"]),
            "live/job_id": str(dice.randrange(10**6)),
            "live/cpus": dice.choice([1, 72, 288]),
            "live/nvidia": dice.choice([None, "550.54.15"]),
            "live/umask": dice.choice(["0022", "0077"]),
            "live/time": float(dice.randrange(2 * 10**9)),
            "live/leaking_env": dice.choice([{}, {"OMP_NUM_THREADS": "4"}]),
            "timezone": dice.choice(["UTC", "CET/CEST"]),
            "locale": dice.choice(["C.UTF-8", "en_US.UTF-8"]),
            "os": dice.choice(["SLES 15 SP5", "Debian GNU/Linux 12 (bookworm)"]),
            "libc": dice.choice(["glibc 2.31", "glibc 2.36"]),
        }
    )
    here = laptop({"distributions": {**DISTRIBUTIONS, **only_here}})
    pardons = ["guarded by except", "relative", "beside a change of sys.path"]
    imports = [Import("mine_0", pardon=dice.choice(pardons)), Import("absent_here")]
    imports += [Import("json"), Import("numpy")]
    dice.shuffle(imports)
    known = {**HERE, "numpy": {"numpy": "2.4.6"}, "mine_0": {"mine-0": "1"}}
    return here, there, Requirements(frozenset({"numpy.random"}), tuple(imports), known)


@pytest.mark.parametrize("seed", range(50))
def test_equal_enough_is_never_refused(seed):
    """Suffixes, packages absent on a side, guarded imports, hosts, uids, orders: no refusal."""
    here, there, call = equal_enough(seed)
    bare = compare("minor", caller=here, remote=there, requirements=call)
    assert bare.passed, bare.text(all_packages=True)
    assert before_queue(call, there, "minor").passed


# --- texts and records ---------------------------------------------------------------------


def test_text_is_a_table():
    """What, wanted, found, verdict in columns; the command that fixes it below the row."""
    verdict = compare("minor", manifest=manifest(), caller=laptop(), remote=snapshot(dill="0.3.8"))
    assert verdict.text().splitlines() == [
        "Parity under policy 'minor': REFUSED (1)",
        f"  image   fcx-image, Python 3.11.7, dill 0.4.1, amd64, build {BUILD[:12]}",
        f"  remote  Python 3.11.7, dill 0.3.8, amd64, node nid001, build {BUILD[:12]}",
        "  client  Python 3.11.7, dill 0.4.1, amd64",
        "",
        "what  wanted  found  verdict",
        "dill  0.4.1   0.3.8  refused",
        "    fix: /home/ada/.venv/bin/python -m pip install dill==0.3.8",
    ]


def test_packages_are_summed_up():
    """Packages that are merely noted take one row, unless all are asked for."""
    there = snapshot(distributions={"dill": "0.4.1"})
    verdict = compare("minor", caller=laptop(), remote=there)
    assert "2 packages differ" in verdict.text()
    assert "24.0" not in verdict.text()
    assert "24.0" in verdict.text(all_packages=True)


def test_refusals_stand_first():
    """The rows that forbid come before those that merely inform."""
    there = snapshot({"timezone": "CET", "dill": None})
    rows = compare("minor", manifest=manifest(), caller=laptop(), remote=there).text().splitlines()
    assert rows.index(next(r for r in rows if "dill " in r and "refused" in r)) < rows.index(
        next(row for row in rows if row.startswith("timezone"))
    )


@pytest.mark.parametrize(
    ("tool", "command"),
    [
        ("pip", "/home/ada/.venv/bin/python -m pip install numpy==2.3.6"),
        ("uv", "uv pip install --python /home/ada/.venv/bin/python numpy==2.3.6"),
        ("conda", "conda install --prefix /home/ada/.venv numpy=2.3.6"),
    ],
)
def test_fixes_in_the_callers_tool(tool, command):
    """The command is the one of the tool that made the caller's environment."""
    here = laptop({"live/tool": tool})
    there = snapshot(distributions=with_numpy("2.3.6"))
    verdict = compare("minor", caller=here, remote=there, requirements=BY_REFERENCE)
    assert [one.fix for one in verdict.refusals] == [command]


@pytest.mark.parametrize(
    ("tool", "command"),
    [
        ("pip", "python3.12 -m venv .venv-3.12 && .venv-3.12/bin/python -m pip install"),
        ("uv", "uv venv --python 3.12.1 .venv-3.12 && uv pip install --python .venv-3.12"),
        ("conda", "conda create --yes --prefix ./.venv-3.12 python=3.12.1 pip && "),
    ],
)
def test_another_python_on_a_bare_remote_side(tool, command):
    """Without an image of fcx's, the remote Python is made for the client."""
    bare = {"image/build_id": None, "image/recipe_id": None}
    there = snapshot({**bare, **python("3.12.1")})
    verdict = compare("minor", caller=laptop({"live/tool": tool}), remote=there)
    assert verdict.refusals[0].fix.startswith(command)
    assert "dill==0.4.1" in verdict.refusals[0].fix
    built = compare("minor", caller=laptop(), remote=snapshot(python("3.12.1")))
    assert built.refusals[0].fix == "fcx image build && fcx edf write"


versions = st.from_regex(r"\A[0-9]{1,3}(\.[0-9]{1,3}){0,3}((a|b|rc|\.post|\.dev)[0-9]{1,2})?\Z")


@settings(deadline=None)
@given(versions, versions)
def test_version_equality(one, other):
    """Reflexive, symmetric, blind to local parts for the release, sharp for the whole."""
    assert same(one, one)
    assert same(one, other) == same(other, one) == (Version(one) == Version(other))
    assert same_release(one, other) == same_release(other, one)
    assert same_release(one, f"{one}+cpu")
    assert not same(one, f"{one}+cpu")
    if same(one, other):
        assert same_release(one, other)
    assert not same(one, None)
    assert not same_release(None, None)


texts = st.text(max_size=40)


@settings(deadline=None)
@given(
    st.sampled_from(POLICIES),
    st.lists(
        st.tuples(st.sampled_from(sorted(RULES)), texts.filter(bool), texts, texts, texts),
        max_size=8,
    ),
    st.dictionaries(st.sampled_from(["image", "remote", "client"]), texts),
)
def test_json_round_trip(policy, rows, sides):
    """What to_json writes, from_json reads; the text can always be made."""
    found = [
        difference(policy, code, what, wanted=wanted, found=there, fix=fix)
        for code, what, wanted, there, fix in rows
    ]
    verdict = Verdict(policy, tuple(found), sides)
    again = Verdict.from_json(verdict.to_json())
    assert again == verdict
    assert again.passed == json.loads(verdict.to_json())["passed"]
    assert verdict.text(all_packages=True)
    if policy == "off":
        assert verdict.passed


@settings(deadline=None)
@given(st.text(max_size=60))
def test_a_damaged_verdict(text):
    """Whatever is not a verdict raises ManifestError and nothing else."""
    with pytest.raises(ManifestError):
        Verdict.from_json(text)


def test_a_verdict_of_an_older_fcx():
    """What is called a fix was called otherwise; a null is an empty text."""
    old = {"code": "dill", "what": "dill", "wanted": "1", "found": None, "severity": "warn"}
    record = {"schema": 1, "policy": "minor", "passed": True, "mark": "", "sides": {"there": "x"}}
    record["differences"] = [{**old, "mend": "pip install dill==1"}]
    verdict = Verdict.from_json(json.dumps(record))
    assert verdict.differences == (
        Difference("dill", "dill", "1", "", "warn", "pip install dill==1"),
    )
    assert "mend" not in json.loads(verdict.to_json())["differences"][0]
    assert json.loads(verdict.to_json())["differences"][0]["fix"] == "pip install dill==1"


def test_a_damaged_difference():
    """A severity that nobody knows is not taken for harmless."""
    record = json.loads(Verdict("minor", (Difference("dill", "dill", "1", "2", "warn"),)).to_json())
    record["differences"][0]["severity"] = "fine"
    with pytest.raises(ManifestError, match="refuse, warn or info"):
        Verdict.from_json(json.dumps(record))


# --- the cache -----------------------------------------------------------------------------

FACTS = {
    "system": "daint",
    "edf": "e" * 64,
    "interpreter": "/usr/local/bin/python3",
    "manifest": manifest(),
    "caller": laptop(),
}


def test_key_depends_on_what_it_must():
    """System, EDF, interpreter, image and caller: each changes the key."""
    key = verdict_key(**FACTS)
    assert len(key) == 32
    for change in (
        {"system": "santis"},
        {"edf": "f" * 64},
        {"interpreter": "/opt/python"},
        {"manifest": None},
        {"manifest": manifest({"image/build_id": "c" * 64})},
        {"caller": laptop({"dill": "0.3.8"})},
        {"caller": laptop(python("3.11.9"))},
        {"caller": laptop({"distributions": with_numpy("2.0")})},
    ):
        assert verdict_key(**{**FACTS, **change}) != key


def test_key_leaves_out_what_it_must():
    """Partition, host, user and time of the caller do not matter."""
    moved = laptop({"live/partition": "debug", "live/hostname": "x", "live/time": 1.0})
    assert verdict_key(**{**FACTS, "caller": moved}) == verdict_key(**FACTS)


def test_record_round_trip():
    """A record keeps the whole remote side, so that it can be judged again under another policy."""
    known = Known(verdict_key(**FACTS), 1000.0, snapshot(python("3.11.9")))
    again = Known.from_json(known.to_json())
    assert again == known
    assert compare("minor", caller=laptop(), remote=again.remote).passed
    assert not compare("strict", caller=laptop(), remote=again.remote).passed


def test_a_record_of_an_older_fcx():
    """The snapshot in it had another name."""
    known = Known("k", 1000.0, snapshot())
    record = json.loads(known.to_json())
    record["far"] = record.pop("remote")
    assert Known.from_json(json.dumps(record)) == known


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": 1}', '{"schema": 2}'])
def test_a_damaged_record(text):
    """A record that cannot be read raises ManifestError."""
    with pytest.raises(ManifestError):
        Known.from_json(text)


@pytest.mark.parametrize(
    ("now", "fresh", "spoken"),
    [
        (1000.0, True, "just now"),
        (990.0, True, "just now"),
        (900.0, False, "just now"),
        (1000.0 + 120, True, "2 minutes ago"),
        (1000.0 + 3600, True, "1 hour ago"),
        (1000.0 + 7 * 86400, True, "7 days ago"),
        (1000.0 + 7 * 86400 + 1, False, "7 days ago"),
    ],
)
def test_age(now, fresh, spoken):
    """Records age; one from the future beyond a clock's error is not believed."""
    known = Known("k", 1000.0, snapshot())
    assert known.is_fresh(now, ParitySettings().max_age_days) is fresh
    assert known.spoken_age(now) == spoken
