"""What one task refers to and imports is judged before it stands in any queue."""

from __future__ import annotations

import sys
import types

import pytest
from parity.facts import DISTRIBUTIONS, HERE, codes
from parity.sides import laptop, manifest, snapshot

from fcx.parity.compare import before_queue
from fcx.parity.verdict import Verdict
from fcx.payload.requirements import GUARDED, INSTEAD, OPTIONAL, Import, Relied, Requirements
from fcx.records import replace


def test_an_import_in_a_function():
    """Refused if absent or of another release, with the function, the file and the line."""
    call = Requirements(
        imports=(Import("pandas.core", (), "clean", "tidy.py", 12),), installed=HERE
    )
    verdict = before_queue(call, snapshot(), "minor")
    assert [one.what for one in verdict.refusals] == ["import pandas in clean (tidy.py:12)"]
    assert "pandas==3.1.1" in verdict.refusals[0].fix
    near, other = ({**DISTRIBUTIONS, "pandas": version} for version in ("3.1.9", "3.0.1"))
    assert before_queue(call, snapshot(distributions=near), "minor").passed
    assert not before_queue(call, snapshot(distributions=near), "strict").passed
    verdict = before_queue(call, snapshot(distributions=other), "minor")
    assert codes(verdict) == {"import-version": "refuse"}
    assert verdict.refusals[0].what == "pandas (imported in clean (tidy.py:12))"
    assert verdict.refusals[0].fix.endswith("-m pip install pandas==3.0.1")


@pytest.mark.parametrize("pardon", OPTIONAL)
def test_an_import_that_may_fail(pardon):
    """Absent, its function does without it; of another release, it is used like any other."""
    call = Requirements(imports=(Import("pandas", pardon=pardon),), installed=HERE)
    assert before_queue(call, snapshot(), "minor").differences == ()
    other = snapshot(distributions={**DISTRIBUTIONS, "pandas": "3.0.1"})
    assert codes(before_queue(call, other, "minor")) == {"import-version": "refuse"}
    both = Requirements(imports=(*call.imports, Import("pandas")), installed=HERE)
    assert codes(before_queue(both, snapshot(), "minor")) == {"import-missing": "refuse"}


@pytest.mark.parametrize("pardon", ["only when something else fails, or for type checkers"])
def test_an_import_that_does_not_run(pardon):
    """What is for type checkers, or for another platform, is not compared."""
    call = Requirements(imports=(Import("pandas", pardon=pardon),), installed=HERE)
    other = snapshot(distributions={**DISTRIBUTIONS, "pandas": "3.0.1"})
    assert before_queue(call, other, "minor").differences == ()


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


def test_what_is_imported_instead():
    """Where the client lacks what is tried first, the other is in use: its release counts."""
    tried = Import("cupy", function="f", pardon=GUARDED)
    instead = Import("pandas", function="f", pardon=INSTEAD)
    other = snapshot(distributions={**DISTRIBUTIONS, "pandas": "3.0.1"})
    for known, found in ((HERE, {"import-version": "refuse"}), ({**HERE, "cupy": {}}, {})):
        call = Requirements(imports=(tried, instead), installed=known)
        assert codes(before_queue(call, other, "minor")) == found


@pytest.mark.parametrize("module", ["numpy.linalg", "json"])
@pytest.mark.parametrize("kind", ["reference", "import"])
def test_a_module_of_another_place_than_its_package(kind, module):
    """Its version is nobody's knowledge; what keeps it out of the way depends on who put it there."""
    top = module.partition(".")[0]
    live = {"live/leaking_env": {"PYTHONPATH": "/apps::/lib/"}, "live/user_site": "/home/site"}
    live["live/cwd"] = "/work"
    call = Requirements(installed=HERE, **asking(kind, module))
    for place, fix in (
        ("/lib", 'set PYTHONPATH = ""'),
        ("/home/site", 'set PYTHONNOUSERSITE = "1"'),
        ("/work", 'set PYTHONPATH = ""'),
        ("/x", f"remove the module {top} from /x"),
    ):
        modules = {**listed("numpy"), "shadowed": {top: place}}
        (one,) = before_queue(call, snapshot({**live, "modules": modules}), "minor").refusals
        assert (one.code, one.found) == (f"{kind}-shadowed", f"{top} of {place}")
        assert fix in one.fix


def test_a_split_up_standard_library():
    """tkinter, absent from slim images, is missed like any other module."""
    for call in (
        Requirements(imports=(Import("tkinter"),), installed=HERE),
        Requirements(frozenset({"tkinter"}), installed=HERE),
    ):
        verdict = before_queue(call, snapshot(), "minor")
        assert not verdict.passed
        assert "containers/Dockerfile" in verdict.refusals[0].fix


@pytest.mark.parametrize(
    ("versions", "missing", "found"),
    [
        ({}, [], {}),
        ({}, ["test"], {"reference-missing": "refuse"}),
        ({"badly-packed": "1.0"}, [], {"reference-missing": "refuse"}),
    ],
)
def test_the_librarys_own_tests_unless_a_distribution_has_a_test(versions, missing, found):
    """Python's list of its modules leaves ``test`` out, and slim images have none."""
    place = snapshot(modules=listed(missing=missing))
    call = Requirements(frozenset({"test.support"}), installed={"test": versions})
    assert codes(before_queue(call, place, "minor")) == found


def test_a_module_of_another_distribution():
    """Another distribution provides it: an import passes, a reference has no known version."""
    place = snapshot({"modules": {"names": ["cv2"], "stdlib_missing": []}})
    here = {"cv2": {"opencv-python": "4.10.0"}}
    imported = Requirements(imports=(Import("cv2"),), installed=here)
    referred = Requirements(frozenset({"cv2.dnn"}), installed=here)
    assert codes(before_queue(imported, place, "minor")) == {"import-unknown": "warn"}
    verdict = before_queue(referred, place, "minor")
    assert codes(verdict) == {"reference-unknown": "refuse"}
    assert 'assume = ["cv2"]' in verdict.refusals[0].fix


def listed(*names, missing=(), **providers):
    """The modules of a side whose probe knows namespaces and providers."""
    known = {name: list(who) for name, who in providers.items()}
    return {"names": list(names), "stdlib_missing": list(missing), "providers": known}


CV2 = {"opencv-python": "4.10.0"}


@pytest.mark.parametrize("kind", ["reference", "import"])
@pytest.mark.parametrize(
    ("here", "remote", "found"),
    [
        (CV2, {"opencv-python-headless": "4.10.2"}, None),
        (CV2, {"opencv-python-headless": "4.9.0"}, "version"),
        ({}, {"opencv-python": "4.10.0"}, None),
        ({}, {"opencv-python": "4.8.0"}, "version"),
    ],
)
def test_a_module_of_a_sibling(kind, here, remote, found):
    """What provides the module is compared, however it is called; or known to one side alone."""
    place = snapshot(modules=listed("cv2", cv2=remote), distributions={**DISTRIBUTIONS, **remote})
    client = snapshot(distributions={**DISTRIBUTIONS, **CV2})
    known = {"cv2": here}
    call = Requirements(installed=known, **asking(kind, "cv2"))
    verdict = before_queue(call, place, "minor", caller=client)
    assert codes(verdict) == ({f"{kind}-{found}": "refuse"} if found else {})


def asking(kind, module):
    """What has a task ask for a module, by reference or in a function."""
    if kind == "reference":
        return {"references": frozenset({module})}
    return {"imports": (Import(module, (), "f", "x.py", 1),)}


SHARED = {
    "google": {"google-auth": "2.1.0", "protobuf": "5.1.0"},
    "google.protobuf": {"protobuf": "5.1.0"},
    "airflow": {"apache-airflow": "2.9.0", "apache-airflow-providers-ftp": "3.1.0"},
    "airflow.providers.ftp": {"apache-airflow-providers-ftp": "3.1.0"},
}


@pytest.mark.parametrize("kind", ["reference", "import"])
@pytest.mark.parametrize(
    ("module", "names", "found"),
    [
        ("google.protobuf", ["google", "google.auth"], "missing"),
        ("google.protobuf.message", ["google", "google.auth", "google.protobuf"], None),
        ("google.auth", ["google", "google.auth"], None),
        ("airflow.providers.ftp", ["airflow"], "missing"),
        ("airflow.models", ["airflow"], None),
    ],
)
def test_a_part_of_a_package_that_several_share(kind, module, names, found):
    """Each distribution is asked for by what the task uses of it."""
    versions = {"google-auth": "2.1.0", "apache-airflow": "2.9.0"}
    if "google.protobuf" in names:
        versions["protobuf"] = "5.1.0"
    place = snapshot(modules=listed(*names), distributions={**DISTRIBUTIONS, **versions})
    call = Requirements(installed=SHARED, **asking(kind, module))
    verdict = before_queue(call, place, "minor")
    assert codes(verdict) == ({f"{kind}-{found}": "refuse"} if found else {})
    if found:
        assert "==" in verdict.refusals[0].fix


@pytest.mark.parametrize("kind", ["reference", "import"])
def test_metadata_without_the_module(kind):
    """What is installed by its metadata alone is missing, and the fix puts its files back."""
    place = snapshot(
        {"image/build_id": None}, modules=listed("dill", "pip"), distributions=DISTRIBUTIONS
    )
    verdict = before_queue(
        Requirements(installed=HERE, **asking(kind, "numpy")), place, "minor", caller=snapshot()
    )
    (one,) = verdict.refusals
    assert one.code == f"{kind}-missing"
    assert one.found == "numpy 2.4.6 without it"
    assert "--force-reinstall --no-deps numpy==2.4.6" in one.fix
    finder = snapshot(modules=listed("dill", "__editable___numpy_2_4_6_finder"))
    gone = replace(finder, absent=("numpy",))
    need = Requirements(installed=HERE, **asking(kind, "numpy"))
    refused = before_queue(need, gone, "minor", caller=snapshot()).refusals
    assert [one.code for one in refused] == [f"{kind}-missing"]
    assert before_queue(
        Requirements(installed=HERE, **asking(kind, "numpy")), finder, "minor", caller=snapshot()
    ).passed


def test_a_module_that_no_folder_lists():
    """`distutils` is setuptools' doing on both sides; without it, its distribution is named."""
    call = Requirements(frozenset({"distutils_of_setuptools"}), installed={
        "distutils_of_setuptools": {"setuptools": "80.1"}
    })  # fmt: skip
    there = {**DISTRIBUTIONS, "setuptools": "80.1"}
    place = snapshot(modules=listed("setuptools"), distributions=there)
    assert before_queue(call, place, "minor", caller=snapshot()).passed
    verdict = before_queue(call, snapshot(modules=listed()), "minor", caller=snapshot())
    assert "setuptools==80.1" in verdict.refusals[0].fix


def test_a_file_that_nobody_has_published():
    """No `pip install` of a module's name, which may be somebody else's: it is sent along."""
    call = Requirements(imports=(Import("loose"),), installed={"loose": {}})
    verdict = before_queue(call, snapshot(), "minor")
    assert 'include=["loose"]' in verdict.refusals[0].fix
    assert "pip install" not in verdict.refusals[0].fix


@pytest.mark.parametrize(
    ("module", "missing"),
    [
        ("lzma", "_lzma"),
        ("sqlite3.dbapi2", "_sqlite3"),
        ("bz2", "_bz2"),
        ("ctypes.util", "_ctypes"),
        ("curses", "_curses"),
        ("tkinter", "_tkinter"),
        ("turtle", "_tkinter"),
        ("dbm.gnu", "_gdbm"),
        ("xml.etree.ElementTree", "pyexpat"),
    ],
)
@pytest.mark.parametrize("kind", ["reference", "import"])
def test_a_python_that_was_built_without_a_part(kind, module, missing):
    """The module is there, what it stands on is not; other parts of the library are."""
    place = snapshot(modules=listed(missing=[missing]))
    known = {module.partition(".")[0]: {}, "json": {}, "dbm": {}, "xml": {}}
    verdict = before_queue(Requirements(installed=known, **asking(kind, module)), place, "minor")
    assert codes(verdict) == {f"{kind}-missing": "refuse"}
    assert verdict.refusals[0].found == f"Python without {missing}"
    assert f"has the module {missing}, or a Python built with it" in verdict.refusals[0].fix
    for fine in ("json", "dbm.dumb", "xml.dom"):
        call = Requirements(installed=known, **asking(kind, fine))
        assert before_queue(call, place, "minor").passed


def test_a_namespace_of_several_distributions():
    """One of several providers differs: a warning, as it may not be the one in use."""
    here = {"google": {"google-auth": "2.1.0", "protobuf": "5.1.0"}}
    place = snapshot(distributions={**DISTRIBUTIONS, "google-auth": "1.0", "protobuf": "5.1.2"})
    call = Requirements(frozenset({"google.protobuf"}), installed=here)
    assert codes(before_queue(call, place, "minor")) == {"reference-shared": "warn"}
    inside = Requirements(imports=(Import("google.protobuf"),), installed=here)
    assert codes(before_queue(inside, place, "minor")) == {"import-shared": "warn"}


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


@pytest.mark.parametrize(("found", "passes"), [("1.2.9", True), ("2.0.0", False), (None, True)])
def test_what_was_absent_and_came_is_held_against_the_client(found, passes):
    """To a task of an earlier process, which did without it then."""
    mine = laptop()
    caller = laptop({"distributions": {**mine.distributions, "tiny": "1.2.0"}})
    place = snapshot()
    if found:
        place = place.with_releases({"tiny": found})
    verdict = before_queue(Relied({"tiny": (None,)}), place, "minor", caller=caller)
    assert verdict.passed is passes


def test_a_module_that_was_made_in_memory(monkeypatch):
    """No distribution has it, and nothing can be sent: the remedy says what can be done."""
    monkeypatch.setitem(sys.modules, "by_hand", types.ModuleType("by_hand"))
    call = Requirements(imports=(Import("by_hand"),), installed={"by_hand": {}})
    fix = before_queue(call, snapshot(), "minor").refusals[0].fix
    assert "by_hand was made in memory and has no file" in fix
    assert "install" not in fix
