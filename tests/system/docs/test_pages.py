"""Every script and every command of the documents does what its page says."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import uenv
from cluster.bases import base_image, interpreters, own_image
from cluster.emulation import arm_image
from cluster.engine import Engine
from cluster.foreign import bring_dill, missing_foreign
from cluster.registry import log_in, serving
from cluster.slurm import SlurmCluster
from documents.pages import Page, read
from documents.reader import Reader
from parity.images import OWN
from places import REPOSITORY

from fcx.local import Environment, cluster

DOCS = REPOSITORY / "docs"
PAGES = [page for path in sorted(DOCS.glob("*.md")) for page in read(path) if page.tells]
UENV = "prgenv-gnu/24.11:v1"

pytestmark = pytest.mark.slow


def each(needs: str) -> pytest.MarkDecorator:
    """The pages whose reader needs no more than that."""
    pages = [page for page in PAGES if page.needs == needs]
    return pytest.mark.parametrize("page", pages, ids=lambda page: page.path.stem)


@pytest.fixture(scope="module")
def account() -> Iterator[Environment]:
    """A cluster that has an account for the reader."""
    with cluster() as env:
        yield env


@each("")
def test_a_reader_gets_what_the_page_says(page: Page, account: Environment, tmp_path: Path):
    """In the order of the page, as somebody would who begins there."""
    Reader(tmp_path, account).follow(page)


@pytest.mark.docker
@each("engine")
def test_a_reader_with_an_engine_does(page: Page, engine: Engine, tmp_path: Path):
    """The image is the one that `fcx init` lays out."""
    if OWN not in interpreters():
        pytest.skip(f"no Python {OWN} here that could be put into an image")
    if not shutil.which("bwrap") or not shutil.which("mksquashfs"):
        pytest.skip("packed images need bubblewrap and squashfs-tools")
    home = tmp_path / "home"
    home.mkdir()
    with own_image(engine, OWN), cluster(filesystems=[str(home), str(tmp_path)]) as site:
        Reader(tmp_path, {**site, **engine.env}).follow(page)


@pytest.mark.docker
@each("registry")
def test_a_reader_with_a_registry_does(page: Page, engine: Engine, tmp_path: Path):
    """It wants a login. The images run nothing while they are built: nobody has to emulate that."""
    lack = missing_foreign() or ("" if OWN in interpreters() else f"no Python {OWN} for an image")
    if lack:
        pytest.skip(lack)
    library = f"/usr/local/lib/python{OWN.rpartition('.')[0]}/site-packages/"
    bases = tmp_path / "bases"
    bring_dill(bases / "dill")
    (bases / "Dockerfile").write_text(
        f"FROM {arm_image(engine)} AS base-arm64\n"
        f"FROM {base_image(engine, OWN)} AS base-amd64\nCOPY dill/ {library}\n"
        "FROM base-${TARGETARCH}\n"
    )
    with serving(tmp_path / "registry", private=True) as address:
        login = log_in(tmp_path / "login", address)
        env = {**engine.env, **login, "BASES": str(bases)}
        Reader(tmp_path, env, registry=address).follow(page)


@pytest.mark.slurm
@each("Slurm")
def test_a_reader_with_a_scheduler_does(page: Page, slurm_firecrest: Environment, tmp_path: Path):
    """Behind the API is a real Slurm of two nodes; what a page takes of MPI is Debian's."""
    if not shutil.which("mpiexec"):
        pytest.skip("no mpiexec here: apt-get install mpich")
    Reader(tmp_path, slurm_firecrest).follow(page)


@pytest.mark.slurm
@each("uenv")
def test_a_reader_of_a_site_with_uenvs_does(
    page: Page, environment_slurm: SlurmCluster, slurm_firecrest: Environment, tmp_path: Path
):
    """Behind the API is a Slurm whose srun has --uenv."""
    uenv.make(environment_slurm.root, UENV, sys.executable)
    Reader(tmp_path, slurm_firecrest).follow(page)
