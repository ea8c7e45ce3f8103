"""Which tests each worker of CI begins with."""

from __future__ import annotations

from dataclasses import dataclass

from longest_first import in_order


@dataclass(frozen=True)
class Mark:
    """One of ``pytest.mark.lasts``."""

    args: tuple[float, ...]


@dataclass(frozen=True)
class Item:
    """As much of a test as its order asks for."""

    nodeid: str
    seconds: float = 0.0

    def get_closest_marker(self, _name: str) -> Mark | None:
        """What the test says of itself."""
        return Mark((self.seconds,)) if self.seconds else None


QUICK = [Item(f"{module}.py::test_{number}") for module in "abc" for number in range(20)]
LONG = [
    Item("x.py::test_short", 10.0),
    Item("y.py::test_quick_beside_it"),
    Item("y.py::test_long", 300.0),
    Item("z.py::test_one", 60.0),
    Item("z.py::test_two", 60.0),
]


def shares(items: list[Item], workers: int) -> list[list[Item]]:
    """The queues with which workers begin, as xdist deals them out."""
    ordered, made = in_order(items, workers), []
    for number in range(workers):
        size = len(ordered) // (workers - number)
        made.append(ordered[:size])
        ordered = ordered[size:]
    return made


def test_each_worker_begins_with_what_lasts():
    """The longest module alone, the others together, each with all of its tests."""
    first, second = shares([*QUICK, *LONG], 2)
    assert first[:2] == LONG[1:3]
    assert second[:3] == [*LONG[3:], LONG[0]]


def test_nothing_is_lost_and_the_rest_keeps_its_order():
    """However many workers there are, and also where one module is larger than a share."""
    for workers in range(1, 9):
        ordered = in_order([*LONG, *QUICK], workers)
        assert sorted(ordered, key=lambda item: item.nodeid) == sorted(
            [*LONG, *QUICK], key=lambda item: item.nodeid
        )
        assert [item for item in ordered if item in QUICK] == QUICK
