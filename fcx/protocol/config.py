"""What a pilot's agents are told: JSON in ``pilots/<pilot>.json``, or in the job script."""

import json
from typing import NamedTuple

from .names import PROTOCOL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Tuple

    Guard = Dict[str, Any]


MOST_WORKERS = 1 << 16  # of one node


class Config(NamedTuple):
    """Typed, checked once; its keys never show in a repr."""

    pilot: str
    workers: "Tuple[int, ...]"  # of each node; the last number counts for all further nodes
    idle_timeout: float
    gate_timeout: float
    pilot_key: bytes
    inbox_key: bytes
    max_tasks_per_child: "Optional[int]" = None
    guard: "Optional[Guard]" = None  # None: probe, and wait for the first bundle's
    probe: bool = False  # tell the environment although there is a guard
    look: "Optional[str]" = None  # a program that finds what is in the image
    edf: "Optional[str]" = None  # path of the EDF
    shape: "Optional[str]" = None  # whose bundles its agents take; None: of no shape of their own

    def __repr__(self) -> str:
        return "Config(%r)" % (self.pilot,)

    def encode(self) -> bytes:
        """As ASCII JSON."""
        known = self._asdict()
        known.update(v=PROTOCOL, pilot_key=self.pilot_key.hex(), inbox_key=self.inbox_key.hex())
        return json.dumps(known, sort_keys=True).encode("ascii") + b"\n"

    @classmethod
    def decode(cls, text: bytes) -> "Config":
        """From JSON. Raises ValueError, which says what is wrong with it."""
        try:
            known = json.loads(text.decode("ascii"))
            if not isinstance(known, dict) or known.pop("v", None) != PROTOCOL:
                raise ValueError("of another protocol than %d" % PROTOCOL)
            known["workers"] = tuple(known["workers"])
            for name in "pilot_key", "inbox_key":
                known[name] = bytes.fromhex(known[name])
            config = cls(**known)
        except (TypeError, KeyError, ValueError, RecursionError) as error:
            raise ValueError("not the configuration of a pilot: %s" % error) from None
        config._check()
        return config

    def _check(self) -> None:
        """Whether each value is of its type: it is used much later."""
        most, times = self.max_tasks_per_child, (self.idle_timeout, self.gate_timeout)
        fine = (
            self.workers
            and all(type(count) is int and 0 <= count <= MOST_WORKERS for count in self.workers)
            and (most is None or (type(most) is int and most > 0))
            and all(type(time) in (int, float) and time >= 0 for time in times)
            and isinstance(self.pilot, str)
            and isinstance(self.edf, (str, type(None)))
            and isinstance(self.look, (str, type(None)))
            and isinstance(self.shape, (str, type(None)))
            and isinstance(self.guard, (dict, type(None)))
        )
        if not fine:
            raise ValueError("not the configuration of a pilot: a value is of another type")

    def workers_on(self, node: int) -> int:
        """How many workers this node of the pilot has."""
        return self.workers[min(node, len(self.workers) - 1)]
