"""All that can occur, so that the table can say what never did."""

from __future__ import annotations

from types import ModuleType
from typing import get_args

from fcx.executor.core import actions as act
from fcx.executor.core import ending
from fcx.executor.core import events as ev
from fcx.remote import actions as do
from fcx.remote import core as agent
from fcx.remote import events as on

from .faults import FAULTS
from .scenario import HOWS
from .session import PHASES

AGENT_STATES = (
    agent.STARTING,
    agent.ANNOUNCING,
    agent.WAITING,
    agent.JUDGING,
    agent.SERVING,
    agent.LEAVING,
    agent.CLOSING,
    agent.ENDED,
)
CLIENTS = ("client_beside", "client_elsewhere", "caller_leaves")
NOT_EVENTS = ("TaskInfo", "How", "NamedTuple")  # of fcx.remote.events


def _actions() -> list[str]:
    kinds = [act.Note, act.Errand, act.Request]
    return [kind.__name__ for base in kinds for kind in base.__subclasses__()]


def _tuples(module: ModuleType) -> list[str]:
    found = [name for name, value in vars(module).items() if hasattr(value, "_fields")]
    return [name for name in found if name not in NOT_EVENTS]


EVERYTHING: list[tuple[str, str]] = [
    *(
        ("fault", name)
        for name in [*FAULTS, "client_dies", "client_attaches", "driver_breaks", *CLIENTS]
    ),
    *(("event", kind.__name__) for kind in get_args(ev.AnyEvent)),
    *(("action", name) for name in _actions()),
    *(("record", kind.__name__) for kind in get_args(ev.AnyRecord)),
    *(("phase", name) for name in PHASES),
    *(("stage", name) for name in ending.STAGES),
    *(("task", how) for how in HOWS),
    *(("agent state", name) for name in AGENT_STATES),
    *(("agent event", name) for name in _tuples(on)),
    *(("agent action", name) for name in _tuples(do)),
]
