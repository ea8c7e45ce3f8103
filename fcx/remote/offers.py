"""What lies in the inbox and may be claimed, as far as this agent knows."""

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
    """A bundle whose portions from ``first`` on have not been tried."""

    def __init__(self, name: str, mine: bool, portions: "Tuple[Portion, ...]") -> None:
        self.name, self.mine, self.portions = name, mine, portions
        self.first = 0


class Offers:
    """Bundles with portions that have not been tried: those of this pilot first, then by name."""

    def __init__(self, pilot: str, shape: "Optional[str]" = None) -> None:
        self.names = pilot, shape
        self.offers: "List[Offer]" = []
        self.longest: "Dict[str, float]" = {}  # runs in seconds, by function
        self.asked: "Optional[Choice]" = None  # a claim that is not answered yet
        self.held = False  # a claim was not answered at all: wait for the next look

    def add(self, head: "Head") -> bool:
        """A bundle that is new; whether it is for this pilot."""
        for function, seconds in head.seen.items():
            self.ran(function, seconds)
        mine = head.pilot in self.names
        if head.portions and mine:
            self.offers.append(Offer(head.name, head.pilot == self.names[0], head.portions))
            self.offers.sort(key=lambda offer: (not offer.mine, offer.name))
        return mine

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
            portion = offer.portions[offer.first]
            if offer.mine or fits(portion.functions, portion.walltime):
                return Choice(offer.name, offer.first), refused
            refused = True
        return None, refused

    def answered(self) -> None:
        """Whose the portion is that was asked for is known: go on behind it."""
        asked, self.asked = self.asked, None
        for offer in self.offers:
            if asked is not None and offer.name == asked.bundle:
                offer.first += 1
        self.offers = [offer for offer in self.offers if offer.first < len(offer.portions)]

    def unanswered(self) -> None:
        """It is not known: ask again after the next look."""
        self.asked = None
        self.held = True
