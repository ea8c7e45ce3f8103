"""The working directory: there, writable, with room, and nobody else's to put things into."""

from __future__ import annotations

import json
import posixpath
import stat

from ..errors import ConfigError, FcxError, NoSuchPath, RequestRefused
from ..executor.home import ROOM, Home
from ..executor.proposal import own_folder
from ..firecrest.answers import FileStat
from ..firecrest.failures import NO_ROOM
from ..spoken import size
from ..state.memory import Memory
from .case import Case
from .check import Found, fine, warning, wrong
from .server import SILENT

CLEAN = "fcx runs clean --all (removes what runs that are over have left); or a larger quota"


async def working_dir(case: Case) -> Found:
    """By three requests, and a small file that is written and removed. Raises ConfigError."""
    proposed = not case.working_dir
    if proposed:
        case.working_dir = await own_folder(case.client)
    found = await _looked_at(case)
    if proposed and found.usable:
        said = f"none is set; {case.working_dir} would do"
        return warning(said, _setting(case.working_dir), found.details)
    return found


async def _looked_at(case: Case) -> Found:
    path, where = case.working_dir, case.client.system
    try:
        known = await case.client.files.stat(path)
    except NoSuchPath:
        make = f"mkdir -p {path} on {where}, or {await _another(case)}"
        return wrong(f"{path} does not exist on {where}", make)
    except RequestRefused as error:
        return wrong(f"{path} cannot be looked at: {error}", await _another(case))
    if not stat.S_ISDIR(known.mode) and not stat.S_ISLNK(known.mode):
        return wrong(f"{path} is no directory", await _another(case))
    home = Home(case.client, case.credentials, path, Memory(SILENT))
    complaint = (await home.complaint()).strip()
    if complaint:
        full = any(words in complaint for words in NO_ROOM)
        return wrong(
            f"{path}, {_owned(case, known)}, {'is full' if full else 'cannot be written to'}: "
            f"{complaint}",
            CLEAN if full else await _another(case),
        )
    return await _of_runs(case, home) or _open_to_all(case, known) or _good(case, known)


async def _another(case: Case) -> str:
    """The setting for a directory that would do, where there is one."""
    try:
        return _setting(await own_folder(case.client))
    except FcxError:
        return _setting("/...")


def _setting(path: str) -> str:
    return f"working_dir = {json.dumps(path)} under [executor] in fcx.toml"


async def _of_runs(case: Case, home: Home) -> Found | None:
    """What is wrong with the folder of our runs, if there is one."""
    base = posixpath.join(case.working_dir, f".fcx-{case.identity.user}")
    try:
        await home.check(base)
    except NoSuchPath:
        return None
    except ConfigError as error:
        return wrong(str(error), f"rm -r {base} on {case.client.system}, once you know whose it is")
    return None


def _open_to_all(case: Case, known: FileStat) -> Found | None:
    if known.mode & stat.S_IWOTH and not known.mode & stat.S_ISVTX and stat.S_ISDIR(known.mode):
        said = f"anybody may remove what lies in {case.working_dir}"
        return warning(said, f"chmod o-w {case.working_dir} on {case.client.system}")
    return None


def _good(case: Case, known: FileStat) -> Found:
    tried = f"{size(ROOM)} were written there and removed"
    return fine(f"{case.working_dir}: {_owned(case, known)}, writable, {tried}")


def _owned(case: Case, known: FileStat) -> str:
    uid = case.identity.uid
    if uid is None or known.uid == uid:
        return "yours"
    return f"of user {known.uid}, not yours"
