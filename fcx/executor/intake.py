"""A call becomes a task: pickled in the caller's thread, what it needs found out, and judged.

``interface.py`` loads this when an executor is made, so that importing the class costs little.
"""

from __future__ import annotations

import copy
import itertools
import reprlib
import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ..parity.cache import Known
from ..parity.gate import Gate, Question
from ..parity.manifest import Manifest
from ..parity.verdict import Verdict
from ..payload import dump as payload
from ..payload import shared
from ..payload.canonical import NoCanonicalForm, References
from ..payload.contents import Contents
from ..payload.dump import Named
from ..payload.key import Keys, NoKey, check_key, content_of, takes
from ..payload.needs import Needs, RequirementsCache
from ..payload.origin import Origin, Origins
from ..payload.repeated import Kept, Repeated
from ..payload.requirements import Requirements
from ..payload.scan import Scan
from ..payload.shared import SharedObject
from ..payload.sharing import Parcel, Sharing
from . import reporting, walltime
from .core.events import TaskInfo
from .future import FirecrestFuture
from .handing import Handing, TakenFailed, end_as
from .kits import Kit
from .mailbox import NOTHING, NewTask
from .preflight import preflight
from .run import Run
from .settings import SHAPE, RunSettings
from .shapes import reshape

TOLD = 100 * 10**6  # bytes of an object from which it is said that it was put


class Kind(Struct, frozen=True):
    """What a call has in common with others of its function."""

    needs: Needs
    name: str  # its function's, for people
    function: str = ""  # tells functions apart whose running times are remembered
    code: str = ""  # digest of what it does
    archive: str = ""  # the name of its modules, which travel with it
    supplies: tuple[tuple[str, int], ...] = ()  # that, and its bytes
    requirements: int = 0  # the run's number for them


NO_NEEDS = Needs(Requirements())


class Made(Struct, frozen=True):
    """What a call is made of; ``failed``: what it takes has failed, so that it cannot run."""

    kind: Kind
    data: bytes = b""
    parcel: Parcel = NOTHING  # what it shares with others
    plain: Kept | None = None  # its function, where nothing else but plain values is in it
    failed: FirecrestFuture[Any] | None = None


class Draft(Struct, frozen=True):
    """A task that is about to be submitted."""

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    made: Made
    key: str
    walltime: float | None  # seconds
    named: bool = False  # the key is the caller's

    @property
    def needs(self) -> Needs:
        """Modules, to be judged and sent."""
        return self.made.kind.needs


class Intake:
    """What stands between an interface and its run.

    ``again``: the run goes on with tasks of an earlier process, so its own have other ids.
    The modules of the initializer, if there is one, are judged and sent with each task's own.
    """

    def __init__(
        self, run: Run, gate: Gate, include: Sequence[Any] = (), *, again: bool, keyed: bool
    ) -> None:
        self.run = run
        self._kit = run.context.kits[0]
        self._walltime: float | None = None  # of its tasks, where submit says no other
        self._needs = RequirementsCache(tuple(include), first=self.settings.initializer)
        self._prefix = f"u{int(time.time()):08x}{secrets.token_hex(2)}-" if again else "t"
        self._numbers = itertools.count(1)
        contents = Contents()
        self._repeated = Repeated(Sharing(contents, Handing(run, contents).references))
        self._keys = keys_of(gate.question.manifest) if keyed else None
        self._named: dict[str, FirecrestFuture[Any]] = {}  # by keys that the caller gave
        self._calls: dict[str, bytes | None] = {}  # what those keys were given to
        self._origins = Origins()
        self._kind: tuple[Kept | None, Kind] = (None, Kind(NO_NEEDS, ""))  # of the last plain call
        self._said: dict[str, None] = {}  # functions without a key, keys of several calls

    def reshaped(self, given: Mapping[str, object]) -> Intake:
        """Another for the same run, whose tasks go to pilots that differ in what is given.

        Or that have another ``walltime``. Raises OptionError for what cannot be.
        """
        seconds = walltime.checked(given.get("walltime"))
        shape = {name: given[name] for name in SHAPE if given.get(name) is not None}
        other = copy.copy(self)
        other.serve(self._kit_of(shape) if shape else self._kit, seconds or self._walltime)
        return other

    def serve(self, kit: Kit, seconds: float | None) -> None:
        """Tasks go to its pilots from now on, and may take so long."""
        before, manifest = self.question.manifest, kit.gate.question.manifest
        self._kit, self._walltime = kit, seconds
        if self._keys is not None and manifest != before:
            self._keys = keys_of(manifest)

    def _kit_of(self, given: Mapping[str, object]) -> Kit:
        kits, rules = self.run.context.kits, self.question.rules
        settings, question = reshape(self.settings, kits[0].settings, rules, given)
        for finding in question.outdated:
            settings.logger.warning(finding)
        return kits.take(settings, question)

    @property
    def settings(self) -> RunSettings:
        """What its pilots are made with."""
        return self._kit.settings

    @property
    def broken(self) -> BaseException | None:
        """Why it takes no more tasks."""
        return self.run.broken_for(self._kit.shape)

    @property
    def question(self) -> Question:
        """What its verdict is about."""
        return self._kit.gate.question

    def preflight(self, *, fresh: bool) -> Verdict:
        """The verdict on the remote side; a fresh one holds for what is submitted from now on."""
        answer = preflight(self.settings, self.question, fresh=fresh)
        if fresh and answer.remote is not None:
            self._kit.gate.renew(Known(self.question.key, time.time(), answer.remote))
        return answer.verdict

    def prepare(
        self,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        key: Any = None,
    ) -> Draft:
        """The pickle of a call, what that needs, its key and its walltime.

        ``key``, or an argument of that name which the function does not take, is the caller's, and
        so is ``walltime``. Raises PayloadError for what cannot be pickled.
        """
        if not callable(fn):
            raise TypeError(
                f"{reprlib.repr(fn)} is not callable. Give the function, and its arguments after "
                "it: submit(f, x), not submit(f(x))."
            )
        ours: Mapping[str, Any] = NONE_OF_OURS
        if kwargs:
            kwargs, ours = _without(OURS if key is None else OURS[1:], fn, kwargs)
        named = key is not None or "key" in ours
        key = check_key(ours["key"] if key is None else key) if named else None
        seconds = walltime.checked(ours.get("walltime"))
        seconds = self._walltime if seconds is None else seconds
        seconds = walltime.of_function(fn) if seconds is None else seconds
        made = self._made(fn, args, kwargs)
        key = key if named else self._key(fn, args, kwargs)
        return Draft(fn, args, kwargs, made, key, seconds, named)

    def _made(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Made:
        try:
            parcel, kept, plain = self._repeated.dump(fn, args, kwargs)
        except TakenFailed as taken:
            return Made(Kind(NO_NEEDS, payload.name_of(fn)), failed=taken.future)
        if kept is None:
            needs = self._needs.needs(fn, parcel.data, parcel.looked)
            return Made(self._kind_of(needs, Named.of(fn)), parcel.payload(), parcel)
        if plain and not parcel.supplies:
            return Made(self._plain(kept), parcel.data, NOTHING, kept)
        scan = kept.scan if plain else Scan(fn, parcel.data)
        needs = self._needs.of(scan, parcel.looked)
        return Made(self._kind_of(needs, kept.named), parcel.payload(), parcel)

    def _plain(self, kept: Kept) -> Kind:
        """Of a call of that function with plain arguments: that of the last one, mostly."""
        known, kind = self._kind
        if known is kept and not kind.needs.shipped:
            return kind  # no file of it can have been edited since
        needs = self._needs.of(kept.scan)
        if known is not kept or kind.needs is not needs:
            kind = self._kind_of(needs, kept.named)
            self._kind = kept, kind
        return kind

    def _kind_of(self, needs: Needs, named: Named) -> Kind:
        suffix = ".x.zip" if needs.extract else ".zip"
        archive = needs.archive_name.removesuffix(".zip") + suffix if needs.archive else ""
        return Kind(
            needs,
            sys.intern(named.name),  # of a million tasks, most have the same
            sys.intern(named.key),
            named.code,
            archive,
            ((archive, len(needs.archive)),) if archive else (),
            self.run.context.requirements.number(needs.requirements),
        )

    def put(self, value: Any) -> SharedObject:
        """Keep an object for tasks that are submitted. Raises PayloadError."""
        made = shared.put(value, self._repeated.sharing)
        if made.size >= TOLD:
            self.settings.logger.info(
                f"{made!r} was put: it is uploaded once, before the first task that takes it"
            )
        return made

    def _key(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> str:
        """The usual key; what has none is said once, and runs at each start."""
        if self._keys is None:
            return ""
        try:
            return self._keys.of(fn, args, kwargs)
        except NoKey as error:
            name = payload.name_of(fn)
            if name not in self._said:
                self._said[name] = None
                self.run.context.settings.logger.warning(
                    f"{name} has no key of its own ({error}): it runs anew at each start of this "
                    "run, unless submit(..., key=) names it."
                )
            return ""

    def expect(self, futures: Mapping[str, FirecrestFuture[Any]]) -> None:
        """Futures that are asked for by these keys."""
        self._named.update(futures)

    def judge(self, needs: Needs) -> None:
        """Begin the run, which recalls what is known of the remote side, and judge by that.

        Raises ParityError for what the remote side is known to lack.
        """
        self.run.begin(self._kit)
        self._kit.gate.refuse_task(needs.requirements)

    def submit(self, draft: Draft) -> FirecrestFuture[Any]:
        """Hand a task to the run, unless it has one of that key already."""
        known = self._named.get(draft.key) if draft.key else None
        if known is not None:
            self._compare(draft)
            return known
        task = f"{self._prefix}{next(self._numbers):07d}"
        name = draft.made.kind.name
        future: FirecrestFuture[Any] = FirecrestFuture(task, self.run, name, draft.key)
        while not self._sent(draft, future):
            draft = replace(draft, made=self._made(draft.fn, draft.args, draft.kwargs))
        if draft.named:
            self._named[draft.key] = future
            self._calls[draft.key] = content(draft)
        return future

    def _sent(self, draft: Draft, future: FirecrestFuture[Any]) -> bool:
        """Whether it is the run's now, or cannot run; not: what it takes has ended meanwhile."""
        made = draft.made
        if made.failed is not None:
            end_as(future, made.failed)
            return True
        reporting.comes_from(future, self._origin(draft))
        kind = made.kind
        archives = ((kind.archive, kind.needs.archive),) if kind.archive else ()
        info = self._info(draft, future)
        return self.run.submit(NewTask(info, made.data, future, archives, made.parcel, kind.code))

    def _origin(self, draft: Draft) -> Origin:
        """The same for tasks of one kind."""
        if draft.made.plain is not None:
            return self._origins.of_plain(draft.fn, draft.made.plain, draft.needs)
        values = (*draft.args, *draft.kwargs.values())
        return self._origins.of(draft.fn, values, draft.needs, draft.made.parcel.origins)

    def _compare(self, draft: Draft) -> None:
        """Say once that a key was given to another call before: one of them gets no outcome."""
        before = self._calls.get(draft.key)
        if before is None or draft.key in self._said:
            return
        if content(draft) not in {before, None}:
            self._said[draft.key] = None
            name = payload.name_of(draft.fn)
            self.settings.logger.warning(
                f"key={draft.key!r} was given to another call before, so that {name} is not "
                "run for this one: both get the first one's outcome. Give each a key of its own."
            )

    def _info(self, draft: Draft, future: FirecrestFuture[Any]) -> TaskInfo:
        """What decisions need of a task."""
        kind, parcel = draft.made.kind, draft.made.parcel
        supplies = kind.supplies
        if parcel.supplies:
            supplies += tuple((content.name, content.size) for content in parcel.contents)
        return TaskInfo(
            future.task_id,
            future.name,
            len(draft.made.data),
            kind.function,
            draft.walltime,
            supplies,
            kind.requirements,
            draft.key,
            shape=self._kit.shape,
            takes=parcel.takes,
        )


OURS = ("key", "walltime")  # arguments of ``submit``, where the function does not take them
NONE_OF_OURS: Mapping[str, Any] = MappingProxyType({})


def _without(
    names: Sequence[str], fn: Callable[..., Any], kwargs: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The function's own keyword arguments, and those of these names that it does not take."""
    ours = {name: kwargs[name] for name in names if name in kwargs and not takes(fn, name)}
    return {name: value for name, value in kwargs.items() if name not in ours}, ours


def content(draft: Draft) -> bytes | None:
    """Tells a call from others in this process, however it was pickled; None where nothing does."""
    try:
        return content_of(draft.fn, draft.args, draft.kwargs, WITHIN)
    except NoKey:
        return None


def keys_of(manifest: Manifest | None) -> Keys:
    """Keys of tasks that run in an image, or in none that is known."""
    names: References = {SharedObject: digest_of, FirecrestFuture: key_of}
    return Keys((manifest.build_id if manifest else "") or "", names)


def key_of(future: FirecrestFuture[Any]) -> str:
    """By which a task that takes its value is known. Raises NoCanonicalForm where it has no key."""
    if not future.key:
        raise NoCanonicalForm(f"a future without a key, of {future.name}")
    return future.key


def digest_of(reference: SharedObject) -> str:
    """By which a task that takes it is known."""
    return reference.digest


def id_of(future: FirecrestFuture[Any]) -> str:
    """By which the run knows its task."""
    return future.task_id


WITHIN: References = {SharedObject: digest_of, FirecrestFuture: id_of}
