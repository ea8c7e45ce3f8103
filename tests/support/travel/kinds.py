"""Kinds of things that people write: each a source that defines ``thing``, and ``use``, which tells of it.

``use`` gives what is plain, so that both ends can be held against each other. ``refused`` has the words with
which one that cannot travel is refused.
"""

from __future__ import annotations

import sys
import textwrap
from typing import NamedTuple


class Kind(NamedTuple):
    """One of them."""

    source: str
    refused: str = ""


KINDS: dict[str, Kind] = {}


def kind(name: str, source: str, refused: str = "") -> None:
    KINDS[name] = Kind(textwrap.dedent(source), refused)


kind(
    "function",
    """
    import math
    FACTOR = 3
    def helper(x): return x * FACTOR
    def thing(x, shift=math.pi, *rest, scale=2): "Doc."; return helper(x) * scale + shift
    def use(thing): return thing(1), thing.__doc__, thing.__name__, thing.__kwdefaults__
""",
)
kind(
    "lambda",
    """
    STEP = 2
    thing = lambda x: x + STEP
    def use(thing): return thing(3)
""",
)
kind(
    "closure",
    """
    def make():
        count = 0
        def up():
            nonlocal count
            count += 1
            return count
        def read(): return count
        return up, read
    thing = make()
    def use(thing):
        up, read = thing
        before = read()
        up()
        return read() - before
""",
)
kind(
    "mutual recursion",
    """
    def even(n): return n == 0 or odd(n - 1)
    def odd(n): return n != 0 and even(n - 1)
    thing = even
    def use(thing): return thing(8), thing(7)
""",
)
kind(
    "class",
    """
    class Point:
        count = 0
        def __init__(self, x): self.x = x
        @property
        def double(self): return 2 * self.x
        @classmethod
        def named(cls, x): return cls(x)
        @staticmethod
        def plain(x): return x
        def __eq__(self, other): return isinstance(other, Point) and self.x == other.x
        __hash__ = None
    thing = Point(4)
    def use(thing): return (thing == Point(4), thing.double, type(thing).named(2).x,
                            thing.plain(5), isinstance(thing, Point))
""",
)
kind(
    "local class",
    """
    def make():
        class Inner:
            def __init__(self, x): self.x = x
            def copy(self): return Inner(self.x + 1)
        return Inner
    Local = make()
    thing = Local(1)
    def use(thing): return thing.copy().x, isinstance(thing, Local), type(thing).__qualname__
""",
)
kind(
    "super",
    """
    class Base:
        def who(self): return "base"
    class Derived(Base):
        def who(self): return "derived " + super().who()
    thing = Derived()
    def use(thing): return thing.who(), isinstance(thing, Base), [c.__name__ for c in type(thing).__mro__]
""",
)
kind(
    "dataclass",
    """
    import dataclasses
    @dataclasses.dataclass(order=True)
    class Row:
        a: int
        b: list = dataclasses.field(default_factory=list)
        c: str = "x"
    thing = Row(1)
    def use(thing): return (repr(thing), dataclasses.asdict(thing), dataclasses.replace(thing, a=2).a,
                            [f.name for f in dataclasses.fields(thing)], thing == Row(1))
""",
)
kind(
    "frozen dataclass with slots",
    """
    import dataclasses
    @dataclasses.dataclass(frozen=True, slots=True)
    class Cell:
        a: int
        b: float = 0.5
    thing = Cell(1)
    def use(thing): return repr(thing), hash(thing) == hash(Cell(1)), Cell.__slots__
""",
)
kind(
    "local dataclass",
    """
    import dataclasses
    def make():
        @dataclasses.dataclass
        class Row:
            a: int
            b: dataclasses.InitVar[int] = 3
        return Row(1)
    thing = make()
    def use(thing): return repr(thing), [f.name for f in dataclasses.fields(thing)]
""",
)
kind(
    "enum",
    """
    import enum
    class Colour(enum.Enum):
        RED = 1
        BLUE = 2
        CRIMSON = 1
        def dark(self): return self.name + "!"
        @classmethod
        def first(cls): return next(iter(cls))
    thing = Colour.BLUE
    def use(thing): return thing is Colour.BLUE, thing.dark(), Colour(1).name, len(Colour), thing.first().name
""",
)
kind(
    "enum of values with init",
    """
    import enum
    class Planet(enum.Enum):
        EARTH = (5.9, 6.4)
        MARS = (0.6, 3.4)
        def __init__(self, mass, radius): self.mass, self.radius = mass, radius
        @property
        def density(self): return self.mass / self.radius**3
    thing = Planet.MARS
    def use(thing): return thing.mass, thing.density, thing is Planet.MARS
""",
)
kind(
    "enum made in a function",
    """
    import enum
    def make():
        class Access(enum.Flag):
            R = enum.auto()
            W = enum.auto()
            def told(self): return self.value * 10
        return Access
    Access = make()
    thing = Access.R | Access.W
    def use(thing): return thing.told(), Access.R in thing, isinstance(thing, Access), thing == Access(3)
""",
)
kind(
    "int enum",
    """
    import enum
    class Level(enum.IntEnum):
        LOW = 1
        HIGH = 5
    thing = [Level.HIGH, Level.LOW]
    def use(thing): return sorted(thing)[0] is Level.LOW, thing[0] + 1, thing[0].name
""",
)
kind(
    "namedtuple",
    """
    import collections
    Pair = collections.namedtuple("Pair", "a b", defaults=[2])
    thing = Pair(1)
    def use(thing): return thing.a, thing._asdict(), thing._replace(b=5).b, isinstance(thing, Pair)
""",
)
kind(
    "local namedtuple",
    """
    import collections
    def make():
        return collections.namedtuple("Hidden", "a b")(1, 2)
    thing = make()
    def use(thing): return thing.a, thing.b, type(thing).__name__, tuple(thing), thing._fields
""",
)
kind(
    "NamedTuple with methods",
    """
    from typing import NamedTuple
    class Vector(NamedTuple):
        x: float
        y: float = 0.0
        def norm(self): return (self.x**2 + self.y**2) ** 0.5
        @property
        def flat(self): return self.y == 0
    thing = Vector(3.0, 4.0)
    def use(thing): return thing.norm(), thing.flat, thing == Vector(3, 4), Vector._field_defaults
""",
)
kind(
    "type variable",
    """
    from typing import Generic, TypeVar, Callable
    T = TypeVar("T", bound="Box")
    U = TypeVar("U", int, float)
    def thing(x: T, y: U, *more: T) -> T: return x
    def use(thing): return (thing(1, 2), thing.__annotations__["x"] is T, thing.__annotations__["y"].__constraints__,
                            T.__name__)
""",
)
kind(
    "generic class",
    """
    from typing import Generic, TypeVar, get_args
    V = TypeVar("V")
    class Box(Generic[V]):
        def __init__(self, item: V) -> None: self.item = item
        def get(self) -> V: return self.item
    class IntBox(Box[int]): ...
    thing = [Box[str]("x"), IntBox(3)]
    def use(thing): return (thing[0].get(), thing[1].get(), isinstance(thing[1], Box),
                            Box[int].__args__, [str(v) for v in Box.__parameters__])
""",
)
kind(
    "ParamSpec",
    """
    from typing import Callable, TypeVar
    import functools
    try:
        from typing import ParamSpec
    except ImportError:
        from typing_extensions import ParamSpec
    P, R = ParamSpec("P"), TypeVar("R")
    def loud(fn: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(fn)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R: return fn(*args, **kwargs) * 2
        return wrapper
    @loud
    def thing(x: int) -> int: "Doc."; return x
    def use(thing): return thing(4), thing.__doc__, thing.__wrapped__(4), thing.__name__
""",
)
kind(
    "NewType",
    """
    from typing import NewType
    Metres = NewType("Metres", float)
    def thing(x: Metres) -> Metres: return Metres(x + 1)
    def use(thing): return thing(1.0), thing.__annotations__["x"].__supertype__ is float
""",
)
kind(
    "protocol",
    """
    from typing import Protocol, runtime_checkable
    @runtime_checkable
    class Sized(Protocol):
        def size(self) -> int: ...
    class Bag:
        def size(self): return 3
    thing = Bag()
    def use(thing): return isinstance(thing, Sized), isinstance(3, Sized), thing.size()
""",
)
kind(
    "abstract class",
    """
    import abc
    class Shape(abc.ABC):
        @abc.abstractmethod
        def area(self): ...
        @property
        @abc.abstractmethod
        def name(self): ...
    class Square(Shape):
        def area(self): return 4
        name = "square"
    Shape.register(int)
    thing = Square()
    def use(thing):
        try:
            Shape()
        except TypeError:
            abstract = True
        else:
            abstract = False
        return thing.area(), thing.name, isinstance(thing, Shape), isinstance(3, Shape), abstract
""",
)
kind(
    "TypedDict",
    """
    from typing import TypedDict
    class Options(TypedDict, total=False):
        a: int
    thing = Options(a=1)
    def use(thing): return thing, Options.__total__, list(Options.__annotations__), Options(a=2)
""",
)
kind(
    "globals of a nested class",
    """
    import math
    LIMIT = 7
    def thing():
        class Inner:
            scale = math.tau
            limit: "int" = LIMIT
            def area(self, r=math.pi): return r * LIMIT
            class Deeper:
                e = math.e
        return Inner().area(), Inner.scale, Inner.limit, Inner.Deeper.e
    def use(thing): return thing()
""",
)
kind(
    "what is nested names what it stands in",
    """
    import functools, math
    class Outermost:
        SHIFT = 3
        class Within:
            start = math.pi
            def add(self, x=math.e, other: "Outermost" = None): return x + Outermost.SHIFT
            class Deepest:
                def begin(self): return Outermost.Within.start, Outermost.Within().add(1)
        @classmethod
        def made(cls): return cls()
        @functools.cached_property
        def once(self): return Outermost.SHIFT * 3
        @functools.singledispatchmethod
        def told(self, x): return "any"
        @told.register
        def _(self, x: int): return "int"
    thing = Outermost()
    def use(thing):
        return (Outermost.Within().add(), Outermost.Within.Deepest().begin(), thing.made().once,
                thing.told(1), thing.told("x"))
""",
)
kind(
    "partial and cache",
    """
    import functools
    def power(x, n): return x**n
    @functools.lru_cache(maxsize=8)
    def cached(x): return power(x, 3)
    thing = functools.partial(power, n=2), cached
    def use(thing): return thing[0](5), thing[1](2), thing[1].cache_parameters()
""",
)
kind(
    "single dispatch",
    """
    import functools
    @functools.singledispatch
    def thing(x): return "any"
    @thing.register
    def _(x: int): return "int"
    def use(thing): return thing(1), thing("x")
""",
)
kind(
    "generator function",
    """
    def thing(n):
        for i in range(n):
            yield i * i
    def use(thing): return list(thing(4))
""",
)
kind(
    "coroutine function",
    """
    import asyncio
    async def thing(x):
        await asyncio.sleep(0)
        return x + 1
    def use(thing): return asyncio.run(thing(1))
""",
)
kind(
    "exception",
    """
    class Clumsy(Exception):
        def __init__(self, code, text):
            super().__init__(f"{code}: {text}")
            self.code = code
    thing = Clumsy(3, "x")
    thing.__notes__ = ["mind"]
    thing.__cause__ = KeyError("k")
    def use(thing): return thing.args, thing.code, thing.__notes__, repr(thing.__cause__), isinstance(thing, Clumsy)
""",
)
kind(
    "module made by hand",
    """
    import types
    thing = types.ModuleType("by_hand")
    exec("X = 3\\ndef double(y): return 2 * y * X", vars(thing))
    def use(thing): return thing.X, thing.double(2), thing.__name__
""",
)
kind(
    "metaclass",
    """
    class Meta(type):
        def __new__(meta, name, bases, space, tag="none"):
            made = super().__new__(meta, name, bases, space)
            made.tags = [tag, *sorted(k for k in space if k.startswith("item"))]
            return made
        def __call__(cls, *args):
            made = super().__call__(*args)
            made.called = True
            return made
    class Made(metaclass=Meta, tag="given"):
        item_a = 1
        def item_b(self): return 2
    thing = Made()
    def use(thing): return type(thing).tags, thing.called, type(type(thing)).__name__, thing.item_b()
""",
)
kind(
    "init_subclass",
    """
    class Plugin:
        registry = {}
        def __init_subclass__(cls, *, key, **kwargs):
            super().__init_subclass__(**kwargs)
            cls.key = key
            Plugin.registry[key] = cls
    class One(Plugin, key="one"):
        def run(self): return self.key
    thing = One()
    def use(thing): return thing.run(), sorted(Plugin.registry), Plugin.registry["one"] is One
""",
)
kind(
    "slots",
    """
    class Slim:
        __slots__ = ("a", "__b")
        def __init__(self): self.a, self.__b = 1, 2
        def sum(self): return self.a + self.__b
    thing = Slim()
    def use(thing): return thing.sum(), hasattr(thing, "__dict__")
""",
)
kind(
    "bound method",
    """
    class Model:
        def __init__(self): self.weights = [1, 2]
        def predict(self, x): return sum(self.weights) * x
        @classmethod
        def make(cls): return cls().weights
    thing = [Model().predict, Model.make]
    def use(thing): return thing[0](2), thing[1]()
""",
)
kind(
    "descriptor",
    """
    class Positive:
        def __set_name__(self, owner, name): self.name = name
        def __get__(self, instance, owner=None): return vars(instance)[self.name] if instance else self
        def __set__(self, instance, value): vars(instance)[self.name] = abs(value)
    class Account:
        money = Positive()
        def __init__(self, money): self.money = money
    thing = Account(-5)
    def use(thing):
        thing.money = -7
        return thing.money, type(thing).money.name
""",
)
kind(
    "singleton of its class",
    """
    class Registry:
        def __init__(self, name): self.name = name
        def default(self): return Registry.DEFAULT
    Registry.DEFAULT = Registry("it")
    Registry.ALL = [Registry.DEFAULT]
    thing = Registry.DEFAULT
    def use(thing): return thing.default().name, Registry.ALL[0] is Registry.DEFAULT, isinstance(thing, Registry)
""",
)
kind(
    "shared globals",
    """
    TOTAL = []
    def add(x):
        TOTAL.append(x)
        return len(TOTAL)
    def read(): return list(TOTAL)
    thing = add, read
    def use(thing):
        before = len(thing[1]())
        thing[0]("x")
        return len(thing[1]()) - before
""",
)
kind(
    "deep list",
    """
    thing = []
    for _ in range(150):
        thing = [thing]
    def use(thing):
        depth = 0
        while thing:
            thing, depth = thing[0], depth + 1
        return depth
""",
)
kind(
    "deep objects",
    """
    class Node:
        def __init__(self, below): self.below = below
    thing = None
    for _ in range(150):
        thing = Node(thing)
    def use(thing):
        depth = 0
        while thing is not None:
            assert isinstance(thing, Node)
            thing, depth = thing.below, depth + 1
        return depth
""",
)
kind(
    "property objects and views",
    """
    import types
    class Held:
        pass
    thing = [types.MappingProxyType({"a": 1}), {"b": 2}.keys(), {"c": 3}.items(), type(None), types.FunctionType]
    def use(thing): return (dict(thing[0]), sorted(thing[1]), sorted(thing[2]), thing[3].__name__,
                            thing[4] is types.FunctionType)
""",
)
kind(
    "weird names",
    """
    def thing(): return 1
    thing.__qualname__ = "elsewhere.thing"
    thing.extra = {"a": [1]}
    def use(thing): return thing(), thing.extra
""",
)
kind(
    "logger and lock",
    """
    import logging, threading
    class Job:
        def __init__(self):
            self.log, self.lock, self.again = logging.getLogger("job"), threading.Lock(), threading.RLock()
        def run(self):
            with self.lock, self.again, self.again:
                return self.log.name
    thing = Job()
    def use(thing): return thing.run()
""",
)
kind(
    "standard output as a default",
    """
    import sys
    def thing(out=sys.stdout): return out is sys.stdout or out is sys.__stdout__
    def use(thing): return thing()
""",
)
kind(
    "memoryview",
    """
    thing = memoryview(b"x")
    def use(thing): return bytes(thing)
""",
    refused="cannot (be pickled|pickle 'memoryview'|pickle memoryview)",
)
kind(
    "generator",
    """
    thing = (x for x in range(3))
    def use(thing): return isinstance(thing, type(x for x in ()))
""",
    refused="cannot (be pickled|pickle 'generator')",
)
if sys.version_info >= (3, 11):
    kind(
        "exception group",
        """
        class Odd(Exception):
            def __init__(self, a, b): super().__init__(a)
        thing = ExceptionGroup("several", [Odd(1, 2), ValueError(3)])
        def use(thing): return thing.message, [repr(e.args) for e in thing.exceptions], isinstance(thing.exceptions[0], Odd)
    """,
    )
if sys.version_info >= (3, 12):
    kind(
        "type parameters",
        """
        type Tree = list[Tree] | int
        class Stack[T]:
            def __init__(self): self.items: list[T] = []
            def push(self, x: T) -> None: self.items.append(x)
        def first[T: (int, str)](xs: list[T]) -> T: return xs[0]
        thing = [Stack[int](), first, Tree]
        def use(thing): return (thing[0].push(1), thing[1]([5]), thing[1].__type_params__[0].__name__,
                                thing[2].__name__, Stack.__type_params__[0].__name__, thing[2].__value__.__args__[1])
    """,
    )
