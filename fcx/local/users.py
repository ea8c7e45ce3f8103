"""Names of the user who runs the server, and of groups."""

from __future__ import annotations

import functools
import grp
import os
import pwd


@functools.lru_cache(maxsize=1)
def user_name() -> str:
    """The name of the user who runs the server (the number where it has no name)."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


@functools.lru_cache(maxsize=256)
def group_name(gid: int | None = None) -> str:
    """The name of a group, the caller's own by default (the number where it has no name)."""
    number = os.getgid() if gid is None else gid
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
