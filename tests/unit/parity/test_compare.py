"""Verdicts, pure: each hazard under each policy, and what must not matter under any."""

from __future__ import annotations

import random
from typing import Any

import pytest
from parity.facts import BY_REFERENCE, DISTRIBUTIONS, HERE, NOTHING, python, with_numpy
from parity.sides import laptop, manifest, snapshot

from fcx.config import POLICIES
from fcx.parity.compare import before_queue, compare
from fcx.parity.rules import RULES
from fcx.payload.requirements import Import, Requirements

R, P = "refused", "passes"


def other(**changes: Any):
    """The remote side with changes; double underscores stand for the slashes of a path."""
    return {name.replace("__", "/"): value for name, value in changes.items()}


# name, changes to the remote side, what the task refers to, the code it must be found under,
# the verdict under strict (caller inside the image) and minor. Under off everything passes.
MATRIX: list[tuple[str, dict[str, Any], Requirements, str, str, str]] = [
    ("nothing", {}, BY_REFERENCE, "", P, P),
    ("Python 3.10", python("3.10.13"), NOTHING, "python-minor", R, R),
    ("Python 3.12", python("3.12.1"), NOTHING, "python-minor", R, R),
    ("Python 3.13", python("3.13.0"), NOTHING, "python-minor", R, R),
    ("another patch", python("3.11.9"), NOTHING, "python-micro", R, P),
    ("without the lock of threads", {"python/abi": "t"}, NOTHING, "python-abi", R, P),
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
        "a module of another place than its package",
        {"modules": {"names": ["numpy"], "stdlib_missing": [], "shadowed": {"numpy": "/apps"}}},
        BY_REFERENCE,
        "reference-shadowed",
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
        "a project that is installed as it stands",
        other(live__foreign_sys_path=["/users/ada/my lib/src"], editable=["/users/ada/my%20lib"]),
        BY_REFERENCE,
        "editable",
        P,
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
        "image-python", "image-content", "image-overlaid", "image-changed", "image-stale", "edf-stale",
            "manifest-unsealed",
        "tampered", "not-inside-image", "package-rule", "reference-shared", "import-missing",
        "import-version", "import-unknown", "import-shared", "import-shadowed",
        "assumed", "no-gpu-driver", "package-platform",
        "ranks-missing", "ranks-differ", "mpi-broken", "mpi-launch", "mpi-default",
    }  # fmt: skip
    assert tried - {""} | others == set(RULES)


def test_each_refusal_has_a_fix():
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


def test_what_is_called_python3_by_the_job_is_no_other_python():
    """The one in PATH may be a program that starts it; another that was named is another."""
    there = snapshot({"live/which_python3": "/home/ada/.pyenv/shims/python3"})
    for chosen, told in (("", False), ("python3", False), ("/usr/local/bin/python3", True)):
        found = compare("minor", remote=there, caller=laptop(), python=chosen)
        assert ("other-python" in {one.code for one in found.differences}) is told
    with_image = compare("minor", remote=there, manifest=manifest())
    assert "other-python" in {one.code for one in with_image.differences}


def test_a_project_that_both_sides_have_as_it_stands_is_no_difference():
    """It is the very same folder."""
    both = {"editable": ["/users/ada/my%20lib"]}
    there = snapshot({**both, "live/foreign_sys_path": ["/users/ada/my lib/src"]})
    assert compare("strict", remote=there, caller=laptop(both)).differences[1:] == ()
    alone = compare("minor", remote=there, caller=laptop()).differences
    assert [(one.code, one.what) for one in alone] == [("editable", "project of `pip install -e`")]
