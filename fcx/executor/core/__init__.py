"""What decides in a run: events in, actions out; no await, no clock, no network, no disk.

::

    events ─> machine.Core.handle(event, now) ─> actions, each with an id that its answer names
                 │
                 ├─ requests   what is under way, and what is tried again when
                 ├─ tasks      every task that has no outcome yet, and what a loss costs it
                 ├─ dependencies whose values tasks take, and those that wait for them
                 ├─ outgoing   which tasks leave, in which bundle, by which way
                 ├─ gate       whether payload may leave, and for which requirements
                 ├─ fleet      which pilots there are, and what Slurm says of them
                 ├─ logs       how far the agents' logs are read, and when to look again
                 ├─ outcomes   what their records mean for the tasks
                 ├─ doubts     of which pilots Slurm is asked, and what its answer means
                 ├─ waits      what people are told of pilots that wait
                 ├─ inquest    what the end of a pilot or an agent means
                 ├─ cuts       what it means that somebody ended a worker from outside
                 ├─ earlier    tasks of an earlier process, and which of them are asked for again
                 └─ ending     when the run is over, and what may be deleted

The same events give the same actions: ids are counted, jitter comes from a seed, and nothing is
iterated whose order is not fixed. ``driver.py`` performs; ``tests/simulation`` performs too, on a
cluster that does not exist.
"""

from .limits import Limits, Words
from .machine import Core

__all__ = ["Core", "Limits", "Words"]
