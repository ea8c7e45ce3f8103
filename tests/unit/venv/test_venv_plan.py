"""What has to change in an environment, and what is never asked of an index."""

from __future__ import annotations

import json

import pytest
from parity.sides import laptop, manifest, snapshot

from fcx.parity.manifest import Manifest
from fcx.records import replace
from fcx.venv.journal import Journal, Lack
from fcx.venv.plan import Change, pins, planned

COMMIT = "0" * 40
GIT = {
    "url": "https://example.org/own.git",
    "vcs_info": {"vcs": "git", "commit_id": COMMIT, "requested_revision": "main"},
}


def image(distributions: dict[str, str], origins: dict[str, object] | None = None) -> Manifest:
    """The manifest of an image that has these."""
    texts = {name: json.dumps(origin) for name, origin in (origins or {}).items()}
    changes = {"distributions": {"dill": "0.4.1", **distributions}, "origins": texts}
    return manifest(changes, origin="built")


def client(distributions: dict[str, str], **origins: object):
    """A client's environment that has these."""
    texts = {name: json.dumps(origin) for name, origin in origins.items()}
    return laptop({"distributions": {"dill": "0.4.1", **distributions}, "origins": texts})


def test_what_is_missing_or_of_another_release_is_put_in():
    """And nothing else: spellings of one version are one, what is beside the image's stays."""
    wanted = image({"numpy": "2.4.6", "pandas": "3.0", "tqdm": "4.67.1", "firecrest-fcx": "9"})
    found = client({"numpy": "2.3.0", "pandas": "3.0.0", "jupyterlab": "4.4", "firecrest-fcx": "1"})
    plan = planned(wanted, found, {})
    assert plan.install == (Change("numpy", "2.4.6", "2.3.0"), Change("tqdm", "4.67.1"))
    assert [change.requirement for change in plan.install] == ["numpy==2.4.6", "tqdm==4.67.1"]
    assert (plan.remove, plan.extra, plan.lacks) == ((), ("jupyterlab",), ())
    pruned = planned(wanted, found, {}, frozenset({"rich"}))
    assert (pruned.remove, pruned.extra) == (("jupyterlab",), ())
    assert planned(wanted, found, {}, frozenset({"jupyterlab"})).remove == ()


def test_a_dill_without_metadata_is_wanted_too():
    """An image may have it from a folder; what counts is the release."""
    plan = planned(manifest({"distributions": {}}), client({"dill": "0.3.9"}), {})
    assert plan.install == (Change("dill", "0.4.1", "0.3.9"),)


def test_a_repository_is_asked_for_the_very_commit():
    """Two of one version may come from two commits."""
    wanted = image({"own": "1.0"}, {"own": GIT})
    url = f"git+https://example.org/own.git@{COMMIT}"
    assert planned(wanted, None, {}).install[-1].requirement == f"own @ {url}"
    assert planned(wanted, client({"own": "1.0"}, own=GIT), {}).install == ()
    other = {**GIT, "vcs_info": {**GIT["vcs_info"], "commit_id": "1" * 40}}
    for found in (client({"own": "1.0"}), client({"own": "1.0"}, own=other)):
        assert [change.name for change in planned(wanted, found, {}).install] == ["own"]


@pytest.mark.parametrize(
    "origin",
    [
        {"url": "file:///opt/own", "dir_info": {"editable": True}},
        {"url": "file:///opt/own-1.0.whl", "archive_info": {}},
        {"url": "git+file:///srv/own.git"},
        {"url": "https://example.org/own.whl\n--index-url=http://elsewhere.example"},
        {"url": "--index-url=http://elsewhere.example"},
        {"vcs_info": {}},
        [],
        3,
    ],
)
def test_what_only_the_image_has_is_not_looked_for_by_its_name(origin):
    """On an index that name may be a stranger's; nor does a line for pip hold anything else."""
    plan = planned(image({"own": "1.0"}, {"own": origin}), None, {})
    assert [change.name for change in plan.install] == ["dill"]
    assert [name for name, _ in plan.lacks] == ["own"]
    there = planned(image({"own": "1.0"}, {"own": origin}), client({"own": "1.0"}), {})
    assert (there.lacks, there.install) == ((), ())


@pytest.mark.parametrize(
    ("name", "version"),
    [("-r /etc/passwd", "1"), ("own\nother", "1"), ("own", "1 --hash=x"), ("own", "1.0-x\n"), ("", "1")],
)
def test_what_is_no_name_or_version_is_never_a_line_for_pip(name, version):
    """A manifest may have been found on a machine of somebody else's."""
    wanted = replace(image({}), distributions={name: version})
    plan = planned(wanted, None, {})
    assert [change.name for change in plan.install] == ["dill"]
    assert plan.lacks
    assert pins(wanted, {}) == ["dill==0.4.1"]


def test_what_could_not_be_had_is_not_asked_for_again():
    """Until the image has another release of it."""
    known = {"numpy": Lack("2.4.6", "not for this processor")}
    plan = planned(image({"numpy": "2.4.6"}), client({}), known)
    assert (plan.install, dict(plan.lacks)) == ((), known)
    assert len(planned(image({"numpy": "2.4.7"}), client({}), known).install) == 1
    assert pins(image({"numpy": "2.4.6"}), known) == ["dill==0.4.1"]


def test_the_builders_part_of_a_version_can_be_done_without():
    """The release is what parity compares."""
    assert Change("torch", "2.3.0+cu121").public == Change("torch", "2.3.0")
    assert Change("torch", "2.3.0").public is None


def test_a_journal_comes_back_and_a_damaged_one_says_nothing(tmp_path):
    """An environment whose journal cannot be read is not ours."""
    written = Journal(True, "a" * 64, ("numpy",), {"own": Lack("1", "no")}).write(tmp_path)
    assert Journal.read(tmp_path) == written
    for text in ("", "[]", '{"made": "yes"}', "\0"):
        (tmp_path / "fcx.json").write_text(text)
        assert Journal.read(tmp_path) == Journal()
    assert Journal.read(tmp_path / "nowhere") == Journal()


def test_the_probe_tells_where_distributions_come_from():
    """A snapshot of an older fcx has none."""
    assert snapshot().origins == {}
    assert image({"own": "1.0"}, {"own": GIT}).origins == {
        "own": f"git+https://example.org/own.git@{COMMIT}"
    }
