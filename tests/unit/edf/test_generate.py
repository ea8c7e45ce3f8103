"""The EDF generated of an image: what it says, and what it refuses."""

from __future__ import annotations

import pytest
from sample import DIGEST, MANIFEST, PATH, python

from fcx.config import KNOWN_SITES, Site
from fcx.edf.check import check
from fcx.edf.generate import LEAKING, generate, header, reach, refuse_architecture
from fcx.edf.render import render
from fcx.errors import ParityError, UsageError
from fcx.parity.manifest import Shipped, Sqsh
from fcx.records import replace

DAINT = KNOWN_SITES["daint"]
FAR, FAR2 = Shipped("/far/x.sqsh", "0", 1), Shipped("/other/x.sqsh", "0", 1)


def test_a_generated_edf_says_everything_that_parity_needs():
    """Image by digest, entrypoint, mounts as pairs, and an [env] that keeps the host out."""
    edf = generate(MANIFEST, DAINT, "/scratch/me/work")
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
        text = render(generate(MANIFEST, site, "/w"), "\n".join(header(MANIFEST, site, "1", "x")))
        assert check(text, dialect=site.engine, site=site, manifest=MANIFEST) == []


@pytest.mark.parametrize("name", LEAKING)
def test_what_the_image_sets_is_left_to_the_image(name):
    """Some images need their own PYTHONPATH; the image's value goes before the host's anyway."""
    manifest = replace(MANIFEST, env={"PATH": PATH, name: "/opt/own"})
    assert name not in generate(manifest, DAINT).env


@pytest.mark.parametrize(("version", "has"), [("3.10.13", False), ("3.11.0", True), ("4.0", True)])
def test_safe_path_is_set_where_the_images_python_has_it(version, has):
    """PYTHONSAFEPATH came with 3.11."""
    edf = generate(replace(MANIFEST, python=python(version)), DAINT)
    assert ("PYTHONSAFEPATH" in edf.env) == has


def test_the_path_of_the_image_is_taken_absolute_and_literal():
    """Relative entries go, dollar signs are escaped; without any, the system's is written."""
    odd = replace(MANIFEST, env={"PATH": "bin:/a$b:.:/c:"})
    assert generate(odd, DAINT).env["PATH"] == "/a$$b:/c"
    sarus = generate(odd, DAINT, dialect="sarus").env["PATH"]
    assert sarus == r"/a\$b:/c"  # its Bash puts the number of a process for $$
    none = replace(MANIFEST, env={})
    assert generate(none, DAINT).env["PATH"].startswith("/usr/local/sbin:")


def test_without_a_working_directory_the_scratch_is_mounted():
    """The run's own directory is mounted by each run anyway."""
    edf = generate(MANIFEST, DAINT)
    assert edf.mounts == ("${SCRATCH}:${SCRATCH}",)
    assert edf.workdir == "${SCRATCH}"
    assert generate(MANIFEST, Site("x", scratch="/s")).mounts == ("/s:/s",)


def test_of_a_site_that_nobody_described_no_folder_is_assumed():
    """A variable that is not there would keep the container from starting."""
    edf = generate(MANIFEST, Site("fcx-local"))
    assert (edf.workdir, edf.mounts) == (None, ())
    assert "${" not in render(edf)


@pytest.mark.parametrize(
    ("changes", "options", "image"),
    [
        ({}, {}, DIGEST),
        ({}, {"dialect": "sarus"}, DIGEST.replace("#", "/")),
        ({}, {"sqsh": "/far/x.sqsh"}, "/far/x.sqsh"),
        ({"repo_digest": "", "sqsh": Sqsh("/near/x.sqsh", "0")}, {}, "/near/x.sqsh"),
        ({"shipped": {"daint": FAR, "eiger": FAR2}}, {}, "/far/x.sqsh"),
        ({"shipped": {"eiger": FAR2}}, {}, DIGEST),
        ({"shipped": {"daint": FAR}}, {"dialect": "sarus"}, DIGEST.replace("#", "/")),
        ({"repo_digest": ""}, {}, "img:bbbbbbbbbbbb"),
        ({"repo_digest": "", "tag": ""}, {}, "img:bbbbbbbbbbbb"),
    ],
)
def test_the_image_is_named_by_what_is_surest(changes, options, image):
    """What was asked for, what was shipped there, the registry's digest, the packed file, the tag."""
    edf = generate(replace(MANIFEST, **changes), DAINT, "/w", **options)
    assert edf.image == image


def test_an_image_that_only_this_machine_has_is_told():
    """The EDF is written, but the cluster could not find the image: push, pack or copy."""
    assert reach(MANIFEST) == ""
    local = replace(MANIFEST, repo_digest="")
    assert "fcx image push" in reach(local)
    assert "--sqsh" in reach(replace(local, sqsh=Sqsh("/near/x.sqsh", "0")))
    assert reach(local, "/far/x.sqsh") == ""


def test_an_image_file_is_refused_for_sarus():
    """It takes references only."""
    with pytest.raises(UsageError, match="fcx image push"):
        generate(MANIFEST, DAINT, sqsh="/x.sqsh", dialect="sarus")


@pytest.mark.parametrize("name", KNOWN_SITES)
def test_an_image_of_another_architecture_is_refused(name):
    """Wanted, found, and the command that builds the right one; exit code 3."""
    site = KNOWN_SITES[name]
    if site.architecture == "arm64":
        refuse_architecture(MANIFEST, site)
        return
    with pytest.raises(ParityError, match="wanted amd64, found arm64.*--platform linux/amd64") as e:
        generate(MANIFEST, site)
    assert e.value.exit_code == 3


def test_an_unknown_architecture_is_not_refused():
    """Nothing is known of a site that no one described."""
    refuse_architecture(MANIFEST, Site("mine"))
    refuse_architecture(replace(MANIFEST, architecture=""), DAINT)
