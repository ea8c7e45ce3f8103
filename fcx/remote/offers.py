"""What lies in the inbox and may be claimed, as far as this agent knows."""

from itertools import groupby
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, Iterable, List, Optional, Tuple

    from ..protocol.bundle import Head, Portion

    Fits = Callable[[Iterable[str], float], bool]


class Choice(NamedTuple):
    """A portion to claim."""

    bundle: str
    portion: int


class Offer:
    """Portions of a bundle, by their numbers: those from ``first`` on have not been tried."""

    def __init__(self, name: str, mine: bool, portions: "List[Tuple[int, Portion]]") -> None:
        self.name, self.mine, self.portions = name, mine, portions
        self.first = 0

    def order(self) -> "Tuple[bool, str, int]":
        """Those of this pilot first, then by name."""
        return not self.mine, self.name, self.portions[0][0]

    def lacks(self) -> "Tuple[str, ...]":
        """Tasks whose values they take."""
        return self.portions[0][1].takes


class Offers:
    """Bundles with portions that have not been tried, and those that wait for values."""

    def __init__(self, pilot: str, shape: "Optional[str]" = None) -> None:
        self.names = pilot, shape
        self.offers: "List[Offer]" = []
        self.waiting: "List[Offer]" = []  # until what they take is there
        self.values: "Dict[str, bool]" = {}  # that are there
        self.longest: "Dict[str, float]" = {}  # runs in seconds, by function
        self.asked: "Optional[Choice]" = None  # a claim that is not answered yet
        self.held = False  # a claim was not answered at all: wait for the next look

    def add(self, head: "Head") -> bool:
        """A bundle that is new; whether it is for this pilot."""
        for function, seconds in head.seen.items():
            self.ran(function, seconds)
        mine = head.pilot in self.names
        if mine:
            own = head.pilot == self.names[0]
            for _, part in groupby(enumerate(head.portions), lambda each: each[1].takes):
                self.waiting.append(Offer(head.name, own, list(part)))
            self.found(())
        return mine

    def awaited(self) -> "Tuple[str, ...]":
        """Tasks whose values are not there yet."""
        names = {name for offer in self.waiting for name in offer.lacks()}
        return tuple(sorted(names.difference(self.values)))

    def found(self, names: "Iterable[str]") -> None:
        """Their values are there now: what takes nothing else may be claimed."""
        self.values.update(dict.fromkeys(names, True))
        ready = [offer for offer in self.waiting if all(map(self.values.get, offer.lacks()))]
        self.waiting = [offer for offer in self.waiting if offer not in ready]
        self.offers = sorted(self.offers + ready, key=Offer.order)

    def ran(self, function: str, seconds: float) -> None:
        """Remember the longest run of a function."""
        self.longest[function] = max(seconds, self.longest.get(function, 0.0))

    def need(self, functions: "Iterable[str]", walltime: float) -> float:
        """Seconds that a task of these functions may take."""
        return max([walltime] + [self.longest.get(name, 0.0) for name in functions])

    def choose(self, fits: "Fits") -> "Tuple[Optional[Choice], bool]":
        """The next portion to claim, and whether one was left alone because it does not fit."""
        refused = False
        for offer in [] if self.held else self.offers:
            number, portion = offer.portions[offer.first]
            if offer.mine or fits(portion.functions, portion.walltime):
                return Choice(offer.name, number), refused
            refused = True
        return None, refused

    def answered(self) -> None:
        """Whose the portion is that was asked for is known: go on behind it."""
        asked, self.asked = self.asked, None
        for offer in self.offers:
            if asked == (offer.name, offer.portions[offer.first][0]):
                offer.first += 1
        self.offers = [offer for offer in self.offers if offer.first < len(offer.portions)]

    def unanswered(self) -> None:
        """It is not known: ask again after the next look."""
        self.asked = None
        self.held = True
