"""What a pilot's agents are told: JSON in ``pilots/<pilot>.json``, or in the job script."""

import json
from typing import NamedTuple

from .names import PROTOCOL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Tuple

    Guard = Dict[str, Any]


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
    edf: "Optional[str]" = None  # path of the EDF

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
        known = json.loads(text.decode("ascii"))
        if not isinstance(known, dict) or known.pop("v", None) != PROTOCOL:
            raise ValueError("not the configuration of a pilot of protocol %d" % PROTOCOL)
        try:
            known["workers"] = tuple(int(count) for count in known["workers"])
            for name in "pilot_key", "inbox_key":
                known[name] = bytes.fromhex(known[name])
            return cls(**known)
        except (TypeError, KeyError) as error:
            raise ValueError("not the configuration of a pilot: %s" % error) from None

    def workers_on(self, node: int) -> int:
        """How many workers this node of the pilot has."""
        return self.workers[min(node, len(self.workers) - 1)]
