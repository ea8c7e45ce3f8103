"""What this machine has learnt of clusters: JSON values by name, with the time they were stored."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from .database import PATIENCE, Database


class Facts:
    """Facts that several processes share; old ones are told by their age. Raises StateError."""

    def __init__(self, folder: Path | None = None, patience: float = PATIENCE) -> None:
        self._database = Database(folder, patience)

    def get(self, key: str, max_age: float) -> Any:
        """What was stored under a key, None where it is older than ``max_age`` seconds."""
        found = self.get_with_age(key)
        return found[0] if found and found[1] <= max_age else None

    def get_with_age(self, key: str) -> tuple[Any, float] | None:
        """What was stored under a key, and how many seconds ago."""
        rows = self._database.rows("SELECT value, stored FROM facts WHERE key = ?", (key,))
        try:
            return (json.loads(rows[0][0]), max(0.0, time.time() - rows[0][1])) if rows else None
        except (ValueError, TypeError):
            return None  # damaged: as good as none

    def keys(self, beginning: str) -> list[str]:
        """Those that begin so, however old their facts are."""
        rows = self._database.rows(
            "SELECT key FROM facts WHERE substr(key, 1, ?) = ? ORDER BY key",
            (len(beginning), beginning),
        )
        return [str(row[0]) for row in rows]

    def store(self, key: str, value: Any) -> None:
        """Remember a JSON value."""
        row = (key, json.dumps(value), time.time())
        self._database.change(("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", [row]))

    def forget(self, key: str) -> None:
        """Remember it no longer."""
        self._database.change(("DELETE FROM facts WHERE key = ?", [(key,)]))
