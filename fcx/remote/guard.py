"""Whether this place is what the client's guard asks for: before anything is unpickled."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, Optional

    from .events import Hello

    Finding = List[Any]


def compare(guard: "Mapping[str, Any]", found: "Mapping[str, Any]") -> "List[Finding]":
    """What differs between the guard and this place, as [[what, wanted, found], ...]."""
    return [
        [what, wanted, found.get(what)]
        for what, wanted in sorted(guard.items())
        if wanted is not None and not agrees(wanted, found.get(what))
    ]


def agrees(wanted: "Any", found: "Any") -> bool:
    """Equal, or for a wanted version that ends with a dot: a prefix (``3.11.``)."""
    if isinstance(wanted, str) and wanted.endswith("."):
        return isinstance(found, str) and found.startswith(wanted)
    return bool(wanted == found)


class Gate:
    """What is asked of this place, and the first worker's hello, which answers half of it."""

    def __init__(self, guard: "Optional[Dict[str, Any]]") -> None:
        self.guard = guard
        self.hello: "Optional[Hello]" = None

    def broken(self) -> bool:
        """Whether workers cannot start here."""
        return self.hello is not None and bool(self.hello.error)

    def wants_distributions(self) -> bool:
        """Whether the guard asks for them: to list them takes time."""
        return (self.guard or {}).get("distributions") is not None

    def later(self, hello: "Hello") -> "List[Finding]":
        """What differs at a worker that started when others had passed."""
        wanted = (self.guard or {}).get("dill")
        return compare({"dill": wanted}, {"dill": hello.dill})

    def findings(self, place: "Mapping[str, Any]") -> "List[Finding]":
        """What differs here from what is asked."""
        assert self.hello is not None
        guard = self.guard or {}
        python = "%s %s" % (place.get("implementation"), self.hello.python)
        findings = compare(guard, dict(place, python=python, dill=self.hello.dill))
        if self.hello.error:
            findings.append(["dill", guard.get("dill"), self.hello.error])
        return findings
