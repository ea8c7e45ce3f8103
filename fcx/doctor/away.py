"""The image where the EDF says that the cluster has it."""

from __future__ import annotations

import posixpath

from ..edf.reference import Reference
from ..edf.run import RunEdf
from ..errors import NoSuchPath, RequestRefused
from ..ship.compare import difference
from .case import Case
from .check import Found, fine, parted, warning, wrong


async def away(case: Case) -> Found:
    """A file is looked at; what lies in a registry is the engine's to fetch."""
    edf, manifest = case.container.edf, case.container.manifest
    if edf is None:
        return fine("no container is asked for")
    shipped = manifest.shipped.values() if manifest else ()
    known = next((one for one in shipped if one.path == edf.image), None)
    if known is not None and manifest is not None:
        different = await difference(case.client.files, known, manifest)
        said = f"{known.path} is the build of the manifest"
        return wrong(*parted(different)) if different else fine(said)
    return await _file(case, edf)


async def _file(case: Case, edf: RunEdf) -> Found:
    path = Reference.parse(edf.image).path
    if not path or not posixpath.isabs(path):
        return fine(f"{edf.image}: no file that could be looked at from here")
    try:
        await case.client.files.stat(path)
    except NoSuchPath:
        fix = f"fcx image ship, or correct image in {edf.source}"
        return wrong(f"{path}, the image of {edf.source}, is not on {case.client.system}", fix)
    except RequestRefused as error:
        return warning(f"{path} cannot be looked at: {error}", f"correct image in {edf.source}")
    return fine(f"{path} is there")
