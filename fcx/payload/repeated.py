"""Tasks of one function: it is pickled once for all of them, for as long as it is as it was.

::

    pickle of the function, once ─ POP ─ GET function ─ pickle of the arguments ──> Parcel.data

The second part is what the pickler writes that goes on after the first, so that what the arguments
share with the function is shared on the other end, too. A few numbers have nothing to share: their
pickle stands there as it is.
"""

from __future__ import annotations

import pickle
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from .dump import Named, dump, is_own
from .scan import Scan
from .sharing import PROTOCOL, Parcel, Sharing, Sink

if TYPE_CHECKING:
    from .pickler import State
    from .unchanged import Proof

MOST = 32  # functions that are remembered, the latest ones
LONGEST_WAIT = 10  # times that waiting is doubled

NUMBERS = frozenset((type(None), bool, int, float))
TEXTS = frozenset((str, bytes))
SHORT = 1 << 12  # bytes of a text that is pickled with its frame
NO_KWARGS_CALL = pickle.EMPTY_DICT + pickle.TUPLE3 + pickle.STOP  # function and arguments precede


@dataclass(frozen=True)
class Kept:
    """A function as it was pickled."""

    stream: bytes  # leaves nothing on the unpickler's stack, and the function in its memo
    refer: bytes  # gets it from there
    state: State
    proof: Proof
    scan: Scan
    named: Named


class Pickled(NamedTuple):
    """A task as it was pickled; ``kept``: by what was known of its function."""

    parcel: Parcel
    kept: Kept | None = None
    plain: bool = False  # its arguments refer to nothing, and have no code


class _Past:
    """What is known of a function that was submitted before."""

    def __init__(self, function: Any) -> None:
        self.of = weakref.ref(function)
        self.kept: Kept | None = None
        self.failures = 0
        self.wait = 1  # submits until it is worth a try


class Repeated:
    """Pickles the tasks of one run; any thread may."""

    def __init__(self, sharing: Sharing) -> None:
        self.sharing = sharing
        self._lock = threading.Lock()
        self._past: dict[int, _Past] = {}

    def dump(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Pickled:
        """Pickle a task. Raises PayloadError, and what the references in it raise."""
        kept = self._known(fn)
        if kept is not None:
            if not kwargs and _share_nothing(args):
                rest = pickle.dumps(args, PROTOCOL)[:-1] + NO_KWARGS_CALL
                return Pickled(Parcel(kept.stream + kept.refer + rest), kept, True)
            found = self._follow(kept, fn, args, kwargs)
            if found is not None:
                return found
        return Pickled(dump(fn, args, kwargs, self.sharing))

    def _known(self, fn: Any) -> Kept | None:
        """The function as it was pickled, if it is as it was."""
        past = self._past.get(id(fn))
        if past is None or past.of() is not fn:
            self._remember(fn)
            return None
        if past.kept is not None and past.kept.proof.holds():
            past.failures, past.wait = 0, 1
            return past.kept
        past.kept = None
        past.wait -= 1
        if past.wait <= 0:
            past.failures = min(past.failures + 1, LONGEST_WAIT)
            past.wait = 1 << past.failures
            past.kept = self._keep(fn)
        return past.kept

    def _remember(self, fn: Any) -> None:
        """Most functions come once: no more is done for the first time."""
        try:
            past = _Past(fn)
        except TypeError:  # a class without room for references
            return
        with self._lock:
            while len(self._past) >= MOST:
                del self._past[next(iter(self._past))]
            self._past[id(fn)] = past

    def _keep(self, fn: Any) -> Kept | None:
        """Pickle a function; None where it cannot be told whether it changes."""
        from .pickler import State
        from .unchanged import Proof

        try:
            proof = Proof(fn, is_own)
            parcel, pickler = self.sharing.dumped(fn, is_own)
            scan = Scan(fn, parcel.data)
            scan.refuse_half()
            state = State(pickler)
        except Exception:  # noqa: BLE001 - whatever it is, each task is pickled as a whole
            return None
        refer = state.refer(fn)
        if parcel.supplies or scan.live or not refer or not proof.holds():
            return None
        stream = parcel.data[:-1] + pickle.POP
        return Kept(stream, refer, state, proof, scan, Named.of(fn))

    def _follow(self, kept: Kept, fn: Any, args: Any, kwargs: Any) -> Pickled | None:
        """None: not so, it is to be seen as a whole why."""
        from .pickler import Following

        sink = Sink(self.sharing)
        pickler = Following(kept.state, sink)
        try:
            pickler.dump((fn, args, dict(kwargs)))
        except Exception:  # noqa: BLE001 - what is wrong is told when it is pickled as a whole
            return None
        if not (pickler.plain or kept.state.whole(pickler)):
            return None
        rest = sink.parcel()
        return Pickled(Parcel(kept.stream + rest.data, rest.supplies), kept, pickler.plain)


def _share_nothing(args: tuple[Any, ...]) -> bool:
    """Whether nothing in these is referred to twice: numbers, and one short text at most."""
    texts = 0
    for each in args:
        kind = type(each)
        if kind not in NUMBERS:
            if texts or kind not in TEXTS or len(each) > SHORT:
                return False
            texts = 1
    return True
