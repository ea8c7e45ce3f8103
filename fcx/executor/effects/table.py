"""How effects are looked up: by the kind of action."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ..core.events import AnyEvent

Table = dict[type, Callable[[Any], Awaitable[AnyEvent]]]
"""What performs each kind of action; it answers with an event, or raises."""
