"""Whether the Container Engine can log in to the registry of an EDF's image.

It reads ``~/.config/enroot/.credentials`` on the cluster, in the style of a netrc, and no login of
Docker's or Podman's. Which registries want one is asked of them, as anybody: those that answer with
401 or 403. One that this machine does not reach says nothing. Of the file only the names of hosts
are looked at; no line of it is kept or shown.
"""

from __future__ import annotations

import asyncio
import posixpath
import stat

from ..edf.reference import HUB, Reference
from ..errors import EngineError, NoSuchPath, RequestRefused
from ..firecrest.answers import FileStat
from ..firecrest.client import Client
from ..image.registry import Repository

FILE = ".config/enroot/.credentials"
SHOWN = f"~/{FILE}"
PATIENCE = 8.0  # seconds that a registry has for an answer
MOST = 64 << 10  # bytes of the file that are looked at
TRIED = 6  # places in which it is looked for
NGC = "nvcr.io"
KEYS = ("machine", "login", "password", "account")  # a word of the user's follows


async def complaints(client: Client, image: str) -> list[str]:
    """What is to be said of the login for an image, in a line each; nothing for a public one."""
    hosts = await asyncio.to_thread(asking, image)
    if not hosts:
        return []
    found = await _find(client)
    if found is None:
        said = (
            f"{hosts[0]} wants a login for {image}, and {client.system} shows no {SHOWN}: without "
            f"it the Container Engine cannot pull the image. {_write(hosts)}"
        )
        return [said]
    path, about, content = found
    told = []
    if not stat.S_ISLNK(about.mode) and about.mode & (stat.S_IRWXG | stat.S_IRWXO):
        told.append(
            f"{path} on {client.system} has passwords, and others may read it (mode "
            f"{stat.S_IMODE(about.mode):04o}). Fix there: `chmod 600 {SHOWN}`"
        )
    known = machines(content)
    lacking = [host for host in hosts if not known & {host.lower(), _bare(host).lower(), "default"}]
    if lacking:
        told.append(
            f"{path} on {client.system} has no login for {' and '.join(lacking)}, without which "
            f"the Container Engine cannot pull {image}. {_write(lacking)}"
        )
    return told


def asking(image: str) -> tuple[str, ...]:
    """The hosts that want a login for an image, as far as this machine can tell."""
    parsed = Reference.parse(image)
    team = "/" in parsed.repository
    if parsed.path or not parsed.repository or not (parsed.registry or team) or "$" in image:
        return ()
    tag = f"sha256:{parsed.digest}" if parsed.digest else parsed.tag or "latest"
    try:
        there = Repository(parsed.registry or HUB[0], parsed.repository, patience=PATIENCE)
        return there.wants_login(tag)
    except EngineError:
        return ()


def machines(content: bytes) -> set[str]:
    """The hosts that a netrc has a password for, and ``default`` where it has one for all others.

    As curl reads it, for which enroot prepares the file. A password may be a command line, as
    enroot allows: what follows its first word says nothing, up to the next ``machine``.
    """
    found = set()
    host = key = ""
    for line in content.decode("utf-8", "replace").splitlines():
        words = line.split()
        if words[:1] in (["machine"], ["default"]):
            key = ""
        for word in words:
            said = word.strip('"')
            if word.startswith("#") and key != "password":
                key = ""
                break
            if key == "machine":
                host = said.lower()
            elif key == "password" and host and said:
                found.add(host)
            elif not key and word == "default":
                host = word
            key = word if not key and word in KEYS else ""
    return found


def _bare(host: str) -> str:
    """Without a port, which a netrc cannot say."""
    return host.rpartition(":")[0] or host


def _write(hosts: tuple[str, ...] | list[str]) -> str:
    """The lines that are to be in the file, and how they get there."""
    lines = " and ".join(
        f"`machine {_bare(host)} login {_user(hosts)} password TOKEN`" for host in hosts
    )
    return (
        f"On a login node, with an editor (a command line is kept in the shell's history): put "
        f"{lines} into {SHOWN}, then `chmod 600 {SHOWN}`"
    )


def _user(hosts: tuple[str, ...] | list[str]) -> str:
    """NGC takes one name for everybody, beside a key."""
    return "$oauthtoken" if any("nvidia" in host or host == NGC for host in hosts) else "NAME"


async def _find(client: Client) -> tuple[str, FileStat, bytes] | None:
    """The file: in a folder of the user's in one of the file systems, or right below one.

    A folder or a link to nowhere in its place is none.
    """
    user = await client.user()
    homes = [
        home for root in await client.home_folders() for home in (posixpath.join(root, user), root)
    ]
    for home in homes[:TRIED]:
        path = posixpath.join(home, FILE)
        try:
            about = await client.files.stat(path)
            content = await client.files.read_end(path, MOST) if about.size else b""
        except (NoSuchPath, RequestRefused):
            continue
        return path, about, content
    return None
