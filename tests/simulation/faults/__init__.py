"""Every fault, one function each: where it strikes, how likely, and what it does.

To add one, write a function here and say with ``@fault(where, low, high)`` at which of these
places it is asked, and between which bounds its likelihood there lies:

``request``  (api, client, request)          before its effect; an answer returned replaces it
``answer``   (api, client, request, answer)  after its effect; an answer returned replaces it
``slow``     (api, client, request)          seconds that the answer takes longer
``job``      (cluster, job)                  sbatch has just taken it
``begin``    (cluster, job)                  it has just got its nodes
``script``   (cluster, job)                  its script has the lock: seconds until agents begin
``agent``    (agent)                         an agent has just begun
``worker``   (agent)                         a worker starts; how it died replaces its hello
``look``     (agent)                         it looks into the inbox: True if it cannot
``claim``    (agent)                         it claims: True if nobody knows whose it is
``keep``     (agent)                         it keeps an outcome: True if there is no room
``flush``    (agent)                         it writes to its log: True if it cannot
``line``     (cluster)                       each record written: True if its line is damaged
``time``     (agent)                         it asks how much time is left: True if nobody says
``configure`` (agent)                        a worker reads its modules: True if it cannot
``errand``   (client, errand)                something done on this machine; an answer replaces it
``settle``   (client)                        the caller gets an outcome: True if it cannot load it
``callback`` (client)                        seconds that the caller takes for it
``hour``     (client)                        now and then while a client lives

What is ``staged`` is drawn into scenes only (`scenes.py`): the other worlds stay as they were.
A function that returns None (or False) has not struck. Nothing strikes after the scenario's calm.
"""

from __future__ import annotations

from . import agents, jobs, machine, requests
from .agents import HANGS, UNFIT
from .requests import passing
from .strike import FAULTS, Faults

__all__ = ["FAULTS", "HANGS", "KNOWN", "UNFIT", "Faults", "agents", "beside_requests", "jobs"]
__all__ += ["machine", "passing", "requests"]
WITH_REQUESTS = (
    "request",
    "answer",
    "slow",
    "errand",
    "hour",
    "line",
)  # what the client is told, and when


def beside_requests(struck: dict[str, int]) -> bool:
    """Whether only jobs and agents were struck: the client hears of it as soon as it asks."""
    return all(name in FAULTS and FAULTS[name].where not in WITH_REQUESTS for name in struck)


KNOWN = {name: found.likely for name, found in FAULTS.items() if not found.staged}
