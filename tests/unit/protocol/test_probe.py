"""The probe tells the truth about each Python, on whatever is missing there."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from cluster.bases import interpreters

from fcx.parity.snapshot import Snapshot
from fcx.protocol import probe

PROBE = Path(probe.__file__)
PYTHONS = {"this": Path(sys.executable)} | {
    version: prefix / "bin/python3" for version, prefix in interpreters().items()
}
QUESTION = """
import importlib.util as u, json, pickle, platform, sys
print(json.dumps({
    "implementation": platform.python_implementation().lower(),
    "version": platform.python_version(), "cache_tag": sys.implementation.cache_tag,
    "magic": u.MAGIC_NUMBER.hex(), "pickle_protocol": pickle.HIGHEST_PROTOCOL,
    "prefix": sys.prefix, "base_prefix": sys.base_prefix,
}))
"""


def ask(*command: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> dict:
    """What a program prints as JSON."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        command, env={**clean, **(env or {})}, cwd=cwd, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return json.loads(done.stdout)


def probed(env: dict[str, str] | None = None, cwd: Path | None = None) -> dict:
    """What the probe says of this interpreter."""
    return ask(sys.executable, str(PROBE), env=env, cwd=cwd)


def distribution(folder: Path, name: str, version: str) -> None:
    """Lay a distribution's metadata into a folder."""
    home = folder / f"{name}-{version}.dist-info"
    home.mkdir(parents=True)
    (home / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nName: not-this\n"
    )


@pytest.mark.parametrize("python", PYTHONS.values(), ids=PYTHONS)
def test_truth_about_each_interpreter(python: Path):
    """Every Python from 3.6 answers, and says what it says of itself by other ways."""
    found = ask(str(python), str(PROBE))
    wanted = ask(str(python), "-c", QUESTION)
    assert {key: found["python"][key] for key in wanted} == wanted
    assert found["python"]["executable"] == str(python)
    assert Snapshot.from_probe(found).python.version == wanted["version"]


@pytest.mark.parametrize("python", PYTHONS.values(), ids=PYTHONS)
def test_distributions_are_those_that_pip_lists(python: Path):
    """The hand-written reader finds what pip finds."""
    listed = ask(str(python), "-m", "pip", "list", "--format=json", "--disable-pip-version-check")
    names = {item["name"].lower().replace("_", "-").replace(".", "-") for item in listed}
    found = ask(str(python), str(PROBE))["distributions"]
    assert set(found) == names
    assert {item["version"] for item in listed} == set(found.values())


def test_as_a_module_it_says_the_same():
    """The agent imports it; the answer is the same but for the clock and the cwd."""
    code = f"import sys; sys.path.insert(0, {str(PROBE.parent)!r}); import json, probe; "
    code += "print(json.dumps(probe.snapshot()))"
    module, program = ask(sys.executable, "-c", code), probed()
    for section in ("python", "dill", "distributions", "arch", "libc", "os", "image"):
        assert module[section] == program[section]
    assert str(PROBE.parent) not in module["live"]["sys_path"] + program["live"]["sys_path"]


def test_output_appears_whole(tmp_path: Path):
    """--output writes one JSON object and leaves no partial file behind."""
    target = tmp_path / "a b\n'.json"
    subprocess.run([sys.executable, str(PROBE), "--output", str(target)], check=True)
    assert json.loads(target.read_text())["schema"] == 1
    assert list(tmp_path.iterdir()) == [target]


def test_unknown_arguments_are_refused():
    """A wrong call says how to call it."""
    command = [sys.executable, str(PROBE), "-x"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "usage" in done.stderr


def test_leaking_variables_and_their_secrets(tmp_path: Path):
    """What changes Python's behaviour is reported; a secret's value is not."""
    env = {"PYTHONPATH": str(tmp_path), "LD_LIBRARY_PATH": "/x", "CONDA_TOKEN": "s3cret"}
    env |= {"PYTHON_VERSION": "3.9", "OMP_NUM_THREADS": "2", "PYTHONHASHSEED": ""}
    found = probed(env)
    assert "s3cret" not in json.dumps(found)
    assert found["live"]["leaking_env"] == {
        "CONDA_TOKEN": "(withheld)",
        "LD_LIBRARY_PATH": "/x",
        "OMP_NUM_THREADS": "2",
        "PYTHONPATH": str(tmp_path),
    }
    assert str(tmp_path) in found["live"]["foreign_sys_path"]


def test_user_site_shadows(tmp_path: Path):
    """A package in the user's site is found there, and the place is called foreign."""
    python = next((p for v, p in PYTHONS.items() if v != "this"), None)
    if python is None:
        pytest.skip("no interpreter outside a virtual environment")
    env = {"PYTHONUSERBASE": str(tmp_path)}
    code = "import site; print(__import__('json').dumps(site.getusersitepackages()))"
    place = Path(ask(str(python), "-c", code, env=env))
    distribution(place, "Some_Thing", "1.2+local")
    found = ask(str(python), str(PROBE), env=env)
    assert found["distributions"]["some-thing"] == "1.2+local"
    assert found["live"]["user_site"] == str(place)
    assert str(place) in found["live"]["foreign_sys_path"]


def test_the_first_on_the_path_wins(tmp_path: Path):
    """Of two versions, the one that an import would take is told."""
    for order, version in (("one", "1.0"), ("two", "2.0")):
        distribution(tmp_path / order, "twin", version)
    env = {"PYTHONPATH": f"{tmp_path}/one:{tmp_path}/two"}
    assert probed(env)["distributions"]["twin"] == "1.0"


def test_metadata_of_eggs_zips_and_folders(tmp_path: Path):
    """Old and zipped forms of metadata are read too; broken ones are passed over."""
    (tmp_path / "old-1.egg-info").write_text("Name: old\nVersion: 1\n")
    (tmp_path / "dir-2.egg-info").mkdir()
    (tmp_path / "dir-2.egg-info/PKG-INFO").write_text("Name: dir\nVersion: 2\n")
    (tmp_path / "broken-3.dist-info").mkdir()
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("zipped-4.dist-info/METADATA", "Name: zipped\nVersion: 4\n")
    (tmp_path / "torn.zip").write_bytes(b"PK\x03\x04 no more")
    env = {"PYTHONPATH": f"{tmp_path}:{tmp_path}/z.zip:{tmp_path}/torn.zip:{tmp_path}/nowhere"}
    found = probed(env)["distributions"]
    assert {key: found[key] for key in ("old", "dir", "zipped")} == {
        "old": "1",
        "dir": "2",
        "zipped": "4",
    }
    assert "broken" not in found


def test_a_dill_that_shadows_is_the_one_that_is_told(tmp_path: Path):
    """A dill.py in front of the installed one is what would be imported."""
    (tmp_path / "dill.py").write_text("__version__ = '0.0.1'\n")
    assert probed({"PYTHONPATH": str(tmp_path)})["dill"] == "0.0.1"
    (tmp_path / "dill.py").write_text("raise RuntimeError\n")
    assert probed({"PYTHONPATH": str(tmp_path)})["dill"] is None


def test_no_dill_no_site_no_home(tmp_path: Path):
    """Without site-packages, home and PATH it still answers."""
    command = ["env", "-i", sys.executable, "-S", "-E", str(PROBE)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert found["dill"] is None
    assert found["distributions"] == {}
    assert found["live"]["home"] is None


def test_a_folder_that_is_gone(tmp_path: Path):
    """A cwd that was deleted is no reason to fail."""
    gone = tmp_path / "gone"
    gone.mkdir()
    code = f"import os; os.rmdir(os.getcwd()); os.execv({sys.executable!r}, "
    code += f"[{sys.executable!r}, {str(PROBE)!r}])"
    done = subprocess.run([sys.executable, "-c", code], cwd=gone, capture_output=True, check=True)
    assert json.loads(done.stdout)["live"]["cwd"] is None


def test_which_python3_follows_path(tmp_path: Path):
    """The python3 that PATH gives is told, relative entries and unusable files included."""
    for folder, mode in (("no", 0o644), ("yes", 0o755)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "python3").write_text("#!/bin/sh\n")
        (tmp_path / folder / "python3").chmod(mode)
    found = probed({"PATH": f"{tmp_path}/no:yes"}, cwd=tmp_path)
    assert found["live"]["which_python3"] == f"{tmp_path}/yes/python3"


def test_slurm_place_umask_and_time_zone():
    """What Slurm and the shell have set is passed on."""
    script = f"umask 027; exec {sys.executable} {PROBE}"
    env = {"SLURMD_NODENAME": "n1", "SLURM_JOB_PARTITION": "debug", "SLURM_JOB_ID": "7"}
    found = ask("sh", "-c", script, env={**env, "TZ": "AAA-1BBB"})
    live = found["live"]
    assert (live["node"], live["partition"], live["job_id"]) == ("n1", "debug", "7")
    assert live["umask"] == "0027"
    assert found["timezone"] == "AAA/BBB"


@pytest.mark.parametrize(
    ("config", "has_uv", "has_pip", "tool"),
    [
        ("home = /x\nuv = 0.5.1\n", True, True, "uv"),
        ("home = /x\nuv = 0.5.1\n", False, True, "pip"),  # whoever made it had uv elsewhere
        ("home = /x\nuv = 0.5.1\n", False, False, "uv"),
        ("home = /x\n", True, True, "pip"),
    ],
)
def test_the_tool_that_made_the_environment(tmp_path, monkeypatch, config, has_uv, has_pip, tool):
    """The tool uv signs its environments; conda keeps a folder in them."""
    (tmp_path / "pyvenv.cfg").write_text(config)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    if has_uv:
        (tmp_path / "uv").write_text("")
        (tmp_path / "uv").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    if has_pip:
        (tmp_path / "pip").mkdir()
    assert probe.installer() == tool
    (tmp_path / "conda-meta").mkdir()
    assert probe.installer() == "conda"


def test_to_look_for_the_tool_changes_nothing():
    """A finder that setuptools puts in takes distutils out of memory for whoever looks for pip."""
    code = """if 1:
        import sys
        class Finder:
            def find_spec(self, name, path=None, target=None):
                print(name)
        from fcx.protocol import probe
        sys.meta_path.insert(0, Finder())
        probe.installer()
    """
    told = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    assert told.stdout == b""


@pytest.mark.parametrize(
    ("order", "number", "name"),
    [
        ("little", 62, "x86_64"),
        ("little", 183, "aarch64"),
        ("big", 21, "ppc64"),
        ("little", 21, "ppc64le"),
        ("little", 999, "elf-999"),
    ],
)
def test_processor_by_the_elf_header(tmp_path: Path, monkeypatch, order, number, name):
    """The file of the interpreter says what it was compiled for."""
    header = b"\x7fELF\x02" + (b"\x02" if order == "big" else b"\x01") + bytes(12)
    (tmp_path / "python").write_bytes(header + number.to_bytes(2, order) + bytes(40))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert probe.elf_machine() == name
    (tmp_path / "python").write_bytes(b"#!/bin/sh\n")
    assert probe.elf_machine() is None


def test_ids_of_the_image(tmp_path: Path, monkeypatch):
    """The ids are those in the image's record; a torn record has none."""
    record = tmp_path / "image.json"
    monkeypatch.setattr(probe, "IMAGE_RECORD", str(record))
    assert probe.image_ids() == {"recipe_id": None, "build_id": None}
    record.write_text('{"recipe_id": "r", "build_id": "b", "more": 1}')
    assert probe.image_ids() == {"recipe_id": "r", "build_id": "b"}
    record.write_text('{"recipe_id": ')
    assert probe.image_ids() == {"recipe_id": None, "build_id": None}


def put(folder: Path, name: str, version: str, files: dict[str, str], **metadata: str) -> None:
    """Install a distribution as pip does: its files, and the list of them."""
    distribution(folder, name, version)
    info = folder / f"{name}-{version}.dist-info"
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    rows = [f"{path},sha256=x,{len(text)}" for path, text in files.items()]
    (info / "RECORD").write_text("\n".join([*rows, f"{info.name}/RECORD,,"]) + "\n")
    for path, text in metadata.items():
        (info / path).write_text(text)


def seen(folder: Path) -> dict:
    """What the probe finds with one more entry of sys.path."""
    return probed({"PYTHONPATH": str(folder)})


class TestLeftovers:
    """Several metadata of one distribution: whose files are there counts."""

    @pytest.mark.parametrize("real", ["1.9.0", "1.26.4", "2.1.0"])
    def test_the_one_whose_files_are_there(self, tmp_path: Path, real: str):
        """Whatever the order of their names."""
        site = tmp_path / "site-packages"
        texts = {"1.26.4": "x", "2.1.0": "xx", "1.9.0": "xxx"}
        for version, text in texts.items():
            put(site, "tiny", version, {"tiny/__init__.py": text})
        (site / "tiny/__init__.py").write_text(texts[real])
        assert seen(site)["distributions"]["tiny"] == real

    def test_without_a_list_of_files(self, tmp_path: Path):
        """A leftover without one is none that pip would believe."""
        site = tmp_path / "site-packages"
        distribution(site, "tiny", "1.26.4")
        put(site, "tiny", "2.1.0", {"tiny/__init__.py": ""})
        distribution(site, "~iny", "3.0")
        (site / "~iny-3.0.dist-info" / "METADATA").write_text("Name: other\nVersion: 3.0\n")
        found = seen(site)["distributions"]
        assert found["tiny"] == "2.1.0"
        assert "other" not in found


def test_providers_and_namespaces(tmp_path: Path):
    """Who has a module of another name, and what namespace packages hold."""
    site = tmp_path / "site-packages"
    put(site, "opencv_python_headless", "4.10", {"cv2/__init__.py": "", "cv2/data/x.txt": "x"})
    put(site, "google-auth", "2.1", {"google/auth/__init__.py": "", "google/auth/x.py": ""})
    put(site, "storage", "3.0", {"google/cloud/storage/__init__.py": ""})
    distribution(site, "PyYAML", "6.0")
    (site / "PyYAML-6.0.dist-info" / "top_level.txt").write_text("_yaml\nyaml\n")
    (site / "gone").mkdir()
    (site / "gone" / "data.txt").write_text("what pip could not remove")
    modules = seen(site)["modules"]
    assert modules["providers"]["cv2"] == ["opencv-python-headless"]
    assert modules["providers"]["google"] == ["google-auth", "storage"]
    assert modules["providers"]["yaml"] == ["pyyaml"]
    assert {"cv2", "google", "google.auth", "google.cloud.storage"} <= set(modules["names"])
    assert not {"gone", "cv2.data", "google.auth.x"} & set(modules["names"])


def test_projects_that_are_installed_as_they_stand(tmp_path: Path):
    """Told by their folders, as pip and uv write them; a copy of a folder is none."""
    site, url = tmp_path / "site-packages", (tmp_path / "my lib").as_uri()
    pip = json.dumps({"dir_info": {"editable": True}, "url": url})
    uv = json.dumps({"url": "file:///b", "dir_info": {"editable": True}})
    for name, text in (("a", pip), ("b", uv), ("c", '{"url": "file:///c", "dir_info": {}}')):
        put(site, name, "1.0", {f"{name}.py": ""}, **{"direct_url.json": text})
    found = seen(site)["editable"]
    assert f"{tmp_path}/my%20lib" in found
    assert "/b" in found
    assert "/c" not in found


def test_a_python_that_was_built_without_parts(tmp_path: Path):
    """The modules are there, what they stand on is not: both are told apart."""
    dynload = next(Path(entry) for entry in sys.path if entry.endswith("lib-dynload"))
    for file in dynload.iterdir():
        if not file.name.startswith(("_lzma.", "_sqlite3.")):
            (tmp_path / file.name).symlink_to(file)
    code = f"import runpy, sys; sys.path[sys.path.index({str(dynload)!r})] = {str(tmp_path)!r}; "
    code += f"sys.argv = ['probe']; runpy.run_path({str(PROBE)!r}, run_name='__main__')"
    missing = set(ask(sys.executable, "-c", code)["modules"]["stdlib_missing"])
    assert {"_lzma", "_sqlite3"} <= missing
    assert not {"lzma", "sqlite3", "_bz2"} & missing


def test_the_librarys_own_tests_which_its_list_leaves_out():
    """Slim images have none; where they are, a task may refer to them."""
    there = importlib.util.find_spec("test") is not None
    assert ("test" in probed({})["modules"]["stdlib_missing"]) is not there


def test_what_no_tool_can_take_out(tmp_path: Path):
    """What has no list of files, as conda and the system leave it; nothing of pip's."""
    for name in ("a", "b"):
        distribution(tmp_path, name, "1")
    (tmp_path / "b-1.dist-info/RECORD").write_text("")
    assert {"a", "b"} & set(probed({"PYTHONPATH": str(tmp_path)})["unlisted"]) == {"a"}


def test_metadata_before_it_that_were_left_behind(tmp_path: Path):
    """What lies on the path before it, and has no file any more, says nothing."""
    for number, folder in enumerate(("first", "second")):
        distribution(tmp_path / folder, "pkg", f"{number}.0")
        record = tmp_path / folder / f"pkg-{number}.0.dist-info/RECORD"
        record.write_text(f"pkg/__init__.py,,0\npkg-{number}.0.dist-info/METADATA,,50\n")
    (tmp_path / "second/pkg").mkdir()
    (tmp_path / "second/pkg/__init__.py").write_text("")
    env = {"PYTHONPATH": f"{tmp_path}/first:{tmp_path}/second"}
    assert probed(env)["distributions"]["pkg"] == "1.0"
    (tmp_path / "first/pkg").mkdir()
    (tmp_path / "first/pkg/__init__.py").write_text("")
    assert probed(env)["distributions"]["pkg"] == "0.0"


def test_a_project_that_is_gone(tmp_path: Path):
    """Its metadata and its finder are there still."""
    for name in ("here%20it%20is", "gone"):
        text = json.dumps({"url": f"file://{tmp_path}/{name}", "dir_info": {"editable": True}})
        distribution(tmp_path / "site", name[:4], "1.0")
        (tmp_path / f"site/{name[:4]}-1.0.dist-info/direct_url.json").write_text(text)
    (tmp_path / "here it is").mkdir()
    assert probed({"PYTHONPATH": f"{tmp_path}/site"})["absent"] == ["gone"]


def test_what_is_imported_past_its_distribution(tmp_path: Path):
    """Modules of nobody's before a package or the library; bare folders and packages hide none."""
    first, second = tmp_path / "first", tmp_path / "site-packages"
    for name in ("hidden", "known"):
        distribution(second, name, "1.0")
        (second / f"{name}.py").write_text("")
    distribution(first, "known", "2.0")
    (second / "apart").mkdir()
    (second / "apart/__init__.py").write_text("")
    distribution(second, "apart", "1.0")
    (first / "apart").mkdir()
    for name in ("hidden", "known", "colorsys", "alone"):
        (first / f"{name}.py").write_text("")
    found = probed({"PYTHONPATH": f"{first}:{second}"})["modules"]
    assert found["shadowed"] == {"hidden": str(first), "colorsys": str(first)}


def test_a_module_that_was_compiled_for_another_python(tmp_path: Path):
    """It cannot be imported, whatever its name."""
    ours = importlib.machinery.EXTENSION_SUFFIXES
    for name in (f"ours{ours[0]}", "theirs.cpython-36m-x86_64-linux-gnu.so", "any.so"):
        (tmp_path / name).write_bytes(b"")
    found = set(probed({"PYTHONPATH": str(tmp_path)})["modules"]["names"])
    assert found & {"ours", "theirs", "any"} == {"ours", "any"}
