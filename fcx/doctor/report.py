"""The results as data, and as a text for an issue: without secrets, and without who you are."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from .case import Case
from .check import Result, State

CLIENT_ID, SECRET, ACCOUNT = "FIRECREST_CLIENT_ID", "FIRECREST_CLIENT_SECRET", "FIRECREST_ACCOUNT"
WORST = (State.WRONG, State.WARNING, State.FINE)


def worst(results: Iterable[Result]) -> State:
    """What all come to; what was not tried says nothing that its root does not."""
    states = {result.state for result in results}
    return next((state for state in WORST if state in states), State.FINE)


def to_data(results: Sequence[Result]) -> dict[str, Any]:
    """For --json."""
    return {
        "state": worst(results).value,
        "checks": [
            {
                "name": one.name,
                "state": one.state.value,
                "said": one.found.said,
                "fix": one.found.fix,
                "details": list(one.found.details),
                "root": one.root,
            }
            for one in results
        ],
    }


def lines(result: Result, *, details: bool) -> list[str]:
    """As a person reads it; the fix and the details are indented."""
    found = result.found
    shown = [f"{result.state.value:<9}  {result.name}: {found.said}"]
    shown += [f"           {line}" for line in found.details] if details else []
    shown += [f"           fix: {found.fix}"] if found.fix else []
    return shown


def text(results: Sequence[Result]) -> str:
    """What an issue may say: everything, as a block of code."""
    told = [line for result in results for line in lines(result, details=True)]
    return "\n".join(["`fcx doctor --report`", "", "```", *told, "```"])


def clean(result: Result, hidden: Mapping[str, str]) -> Result:
    """The same with other words for what is hidden, and nothing that a terminal would obey."""
    found = result.found
    return replace(
        result,
        found=replace(
            found,
            said=_clean(found.said, hidden),
            fix=_clean(found.fix, hidden),
            details=tuple(_clean(line, hidden) for line in found.details),
        ),
    )


def secrets() -> dict[str, str]:
    """What is never shown, whoever looks: the secret."""
    return {_set(SECRET): "<secret>"}


def private(case: Case) -> dict[str, str]:
    """What is nobody else's matter: the client id, the account, and names of users."""
    identity = case.server.identity
    home: dict[str, str] = {}
    with suppress(RuntimeError):
        home[str(Path.home())] = "~"
    names: list[str] = [identity.user] if identity else []
    with suppress(OSError, KeyError):  # a user without a name
        names.append(getpass.getuser())
    accounts = [_set(ACCOUNT)]
    accounts += [case.options.account] if case.options else []
    accounts += identity.accounts if identity else ()
    return {
        **secrets(),
        _set(CLIENT_ID): "<client id>",
        **home,
        **dict.fromkeys(accounts, "<account>"),
        **dict.fromkeys(names, "<user>"),
    }


def _set(name: str) -> str:
    """A variable, also where others are missing, without the quotes that do not belong to it."""
    return os.environ.get(name, "").strip("\"' ")


def _clean(said: str, hidden: Mapping[str, str]) -> str:
    """Whole words only: an account may be called as a part of another word."""
    for secret in sorted(filter(None, hidden), key=len, reverse=True):
        said = re.sub(rf"(?<![^\W_]){re.escape(secret)}(?![^\W_])", hidden[secret], said)
    return "".join(one if one.isprintable() else "?" for one in " ".join(said.splitlines()))
