"""Serialisation that both ends share: pickle, with what it leaves out, and dill for odd types.

On both sides this file also goes by the name ``_fcx_pickling``, so that pickles made on one find
the functions that make things on the other.

- What a module has under its name travels as that name; all else, and what ``__main__`` has, by
  value: functions with the globals that they name, classes with all that stands in them. Of what
  a function shares with others, cells and globals are still shared on the other end.
- A module travels as its name, with the submodules that the code at hand names: ``import a.b``
  binds only ``a``. One that was made by hand travels with its contents.
- A class that was sent is known again when it comes back, or once more (``Known``).
- What comes back refers to a class of ``__main__`` by name (``home=False``): the caller gets
  instances of its own class, and an ``except`` clause for its own exception matches.
"""

import _abc
import _thread
import abc
import builtins
import dis
import enum
import importlib
import io
import marshal
import os
import pickle
import sys
import tempfile
import types
import typing
import weakref

import dill
from dill._dill import _create_array, _load_type, _typemap

sys.modules.setdefault("_fcx_pickling", sys.modules[__name__])

PROTOCOL = pickle.DEFAULT_PROTOCOL
MAINS = ("__main__", "__mp_main__")
MADE_BY_C = 1 << 9  # of a class's flags: not set for those that C defines, once for all
LOCAL = "<locals>"

# What needs no care: exact types whose pickle is the same everywhere.
PLAIN = frozenset((type(None), bool, int, float, complex, str, bytes, bytearray))
# What dill has ways of its own for, and pickle good ones.
STANDARD = range, slice, type(...), type(NotImplemented), type(typing.List[int])
# What has a name and is no class, and what that is made with.
VARIABLES = "TypeVar", "ParamSpec", "TypeVarTuple", "NewType", "TypeAliasType"
OPTIONS = ["bound", "covariant", "contravariant", "infer_variance", "default"]
NO_DEFAULT = getattr(typing, "NoDefault", None)
ANNOTATIONS = "__annotate__" if sys.version_info >= (3, 14) else "__annotations__"
NAMELESS = (
    "an open file without a name is known by a number, which elsewhere is that of another file, "
    "or of a connection"
)
# Of a module's or a script's globals, what Python itself puts there.
UNTOLD = frozenset(("__builtins__", "__loader__", "__spec__", "__cached__"))
# Entries of a class's namespace that making it makes.
OWN = frozenset(("_abc_impl", "__abstractmethods__", "__dict__", "__weakref__"))
OF_SLOTS = types.MemberDescriptorType, types.GetSetDescriptorType
# Types of what never holds an instance of the class that it stands in.
SAFE = PLAIN | {types.FunctionType, property, classmethod, staticmethod}
# Of an Enum's namespace, what a user may have written and the members' creation needs.
ENUM_EARLY = ("__init__", "_missing_", "_generate_next_value_", "__doc__")


class _Usual(enum.Flag):
    """Shows what EnumMeta puts into a namespace."""

    ONE = 1


# What makes a ``__main__`` anew: where our programs are, what is in it.
SCRIPT = (
    "import sys\nsys.path.insert(0, %r)\nimport _fcx.protocol.pickling as _fcx_\ndel sys.path[0]\n"
    "own = vars(_fcx_.Main())\nown.update((name, _fcx_.loads(data)) for name, data in %r)\n"
    "globals().update(own)\n"
)


class Main(types.ModuleType):
    """What functions find as ``__main__`` on the other end; ``base`` is what a new one begins with.

    ``kept``: the names that an initializer has set, which no task brings anew.
    """

    kept = frozenset()
    scripts = {}  # noqa: RUF012 - of the process, which they last as long as: text -> file

    def __init__(self, base=None):
        types.ModuleType.__init__(self, "__main__")
        if base is not None:
            vars(self).update(vars(base))
        self.__builtins__ = builtins
        sys.modules["__main__"] = self

    @property
    def __file__(self):
        """A script that makes it anew: a process that multiprocessing starts afresh runs it."""
        told = []
        for name, value in vars(self).items():
            try:
                told.append((name, dumps(value)))
            except Exception:  # noqa: S110 - nobody else can have it
                pass
        text = SCRIPT % (__file__.rsplit("/", 3)[0], told)
        file = self.scripts.get(text)
        if file is None:
            file = self.scripts[text] = tempfile.NamedTemporaryFile("w", suffix=".py")
            file.write(text)
            file.flush()
        return file.name

    def keep(self, before):
        """Note what is not as it was."""
        own = vars(self)
        Main.kept = frozenset(name for name in own if before.get(name, own) is not own[name])


class Known:
    """Classes that were sent or made here, by the names that they have on both ends."""

    def __init__(self):
        self.classes = weakref.WeakValueDictionary()  # name -> class
        self.names = {}  # id of a class -> name; a dead class's id may be another's
        self.start = os.urandom(4).hex()

    def here(self):
        """What begins the names that were given in this process."""
        return "%s.%d." % (self.start, os.getpid())

    def name(self, known):
        """A class's name."""
        name = self.names.get(id(known))
        if name is None or self.classes.get(name) is not known:
            name = self.here() + os.urandom(4).hex()
            self.add(known, name)
        return name

    def get(self, name):
        """The class of that name, or None."""
        return self.classes.get(name)

    def add(self, known, name):
        """Give a class this name."""
        self.names[id(known)], self.classes[name] = name, known


KNOWN = Known()  # one, because classes outlive a pickle


# -- what makes things on the other end: pickles name these ---------------------------------


def make_space(name, package):
    """What functions of a module have as globals, where the module itself is not to be had."""
    main = sys.modules["__main__"]
    space = {"__builtins__": builtins}
    if name in MAINS and isinstance(main, Main):
        space = vars(main)
    space.update(__name__=name, __package__=package)
    return space


def set_space(space, found):
    """Fill it; what an initializer has set stays."""
    main = sys.modules["__main__"]
    kept = Main.kept if isinstance(main, Main) and space is vars(main) else ()
    space.update((name, value) for name, value in found.items() if name not in kept)


def make_function(code, space, name, closure):
    """A function, without what it may share with others."""
    return types.FunctionType(code, space, name, None, closure)


def set_function(function, state):
    """The rest of it."""
    found, own, attributes = state
    set_space(function.__globals__, found)
    vars(function).update(own)
    for name, value in attributes.items():
        setattr(function, name, value)


def make_cell(*content):
    """What a closure is made of."""
    return types.CellType(*content)


def set_cell(cell, content):
    """What is in it."""
    (cell.cell_contents,) = content


class _Quiet:
    """A first base that keeps a class's creation from its other bases."""

    def __init_subclass__(cls, **_keywords):
        """Do nothing."""


def make_class(meta, name, bases, _begin, space, ident, _end):
    """A class, or the one that is known as this, brought up to date."""
    made = KNOWN.get(ident)
    if made is None:
        made = _new_class(meta, name, bases, space)
        KNOWN.add(made, ident)
    set_class(made, (space, ()))
    return made


def _new_class(meta, name, bases, space):
    """A class, even if its metaclass or its bases want to be told more of it."""
    try:
        whole = meta.__prepare__(name, bases)
        whole.update(space)
        return meta(name, bases, whole)
    except Exception:
        made = type.__new__(meta, name, (_Quiet,) + bases, dict(space))
        made.__bases__ = bases
        return made


def make_enum(meta, name, bases, space, ident, members, _end):
    """An Enum class like the one that was pickled; its methods are set afterwards."""
    made = KNOWN.get(ident)
    if made is None:
        whole = meta.__prepare__(name, bases)
        for key, value in list(space.items()) + members:
            whole[key] = value
        made = meta(name, bases, whole)
        KNOWN.add(made, ident)
    return made


def set_class(cls, state):
    """What may refer to the class, and so comes after it; this process's own stay as they are."""
    attributes, later = state
    if not KNOWN.name(cls).startswith(KNOWN.here()):
        for key, value in attributes.items():
            if key not in ("__slots__", "__qualname__") and vars(cls).get(key) is not value:
                type.__setattr__(cls, key, value)
    for setter, made, rest in later:
        setter(made, rest)


def make_module(name):
    """A module that was made by hand."""
    module = types.ModuleType(name)
    module.__builtins__ = builtins
    return module


def set_module(module, found):
    """What is in it."""
    vars(module).update(found)


def make_variable(kind, name, values, options, ident):
    """A TypeVar or its like."""
    made = KNOWN.get(ident)
    if made is None:
        made = kind(name, *values, **options)
        KNOWN.add(made, ident)
    return made


def make_alias(told, module, value):
    """What ``type name = ...`` makes of a list's item, which may come later: it may name it."""
    space = {"__name__": module, "value": value}
    exec("type %s = value[0]" % told, space)  # noqa: S102 - a syntax of Python 3.12
    return space.popitem()[1]


def _made_by_c(cls):
    """The nearest of a class's bases that C defines."""
    return next(base for base in cls.__mro__ if not base.__flags__ & MADE_BY_C)


def make_error(cls, args):
    """An exception, without a call of its ``__init__``, which may want other arguments."""
    base = _made_by_c(cls)
    error = base.__new__(cls, *args)
    base.__init__(error, *args)
    return error


def set_error(error, state):
    """What an exception has besides; pickle alone leaves out why it was raised."""
    own, cause, context, hidden, *members = state
    if own is not None:
        error.__setstate__(own)
    for cls, name, value in members:
        vars(cls)[name].__set__(error, value)
    error.__cause__, error.__context__, error.__suppress_context__ = cause, context, hidden


def from_main(qualname):
    """The object that the caller's ``__main__`` has under this name."""
    found = _look_up(sys.modules["__main__"], qualname)
    if found is None:
        raise AttributeError("__main__ has no %r, which the result refers to" % qualname)
    return found


def import_module(name, below):
    """A module, after those of its submodules that exist on this side."""
    module = importlib.import_module(name)
    for each in below:
        try:
            importlib.import_module(each)
        except ImportError:
            pass  # the code may do without: it says so itself if not
    return module


def run_chunk(fn, chunk):
    """What ``map`` with a chunksize runs as one task."""
    return [fn(*args) for args in chunk]


for _helper in list(vars().values()):  # both ends have them there: fcx is on one of them only
    if getattr(_helper, "__module__", None) == __name__:
        _helper.__module__ = "_fcx_pickling"


# -- what code names ------------------------------------------------------------------------

NAMES_GLOBAL = frozenset(
    dis.opmap[name]
    for name in (
        "LOAD_GLOBAL LOAD_NAME STORE_GLOBAL DELETE_GLOBAL LOAD_FROM_DICT_OR_GLOBALS".split()
    )
    if name in dis.opmap
)
SHIFTED = dis.opmap["LOAD_GLOBAL"] if sys.version_info >= (3, 11) else -1


class _Mentions(dict):
    """Code -> (the globals that it and code in it name, all names in it); each looked at once."""

    def __missing__(self, code):
        named, every = set(), set(code.co_names)
        extended, units = 0, iter(code.co_code)
        for op, low in zip(units, units):
            argument = low | extended
            extended = argument << 8 if op == dis.EXTENDED_ARG else 0
            if op in NAMES_GLOBAL:
                named.add(code.co_names[argument >> (op == SHIFTED)])
        for inner in code.co_consts:
            if isinstance(inner, types.CodeType):
                more, others = self[inner]
                named |= more
                every |= others
        if len(self) > 4096:
            self.clear()
        self[code] = named, every
        return self[code]


MENTIONS = _Mentions()


# -- what is in a pickle --------------------------------------------------------------------


def _found_in(name, qualname):
    """What a module that can be imported has under a name."""
    found = sys.modules.get(name)
    return _look_up(found, qualname) if _is_importable(name, found) else None


def _look_up(found, qualname):
    """What is at the end of a dotted name, or None."""
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found


def _is_importable(name, module):
    """Whether it is what an import gives: not one that was made by hand."""
    top = sys.modules.get(str(name).partition(".")[0])
    by_hand = getattr(top, "__spec__", None) is None and getattr(top, "__file__", None) is None
    return top is not None and sys.modules.get(name) is module and not by_hand


def submodules(package, names):
    """The imported submodules of a package whose every part is among ``names``."""
    start = package + "."
    return [
        name
        for name in sorted(sys.modules)
        if name.startswith(start) and names.issuperset(name[len(start) :].split("."))
    ]


def _attributes_of(fn):
    """Those of a function that are not what its code makes them."""
    code, found = fn.__code__, {}
    usual = {
        "__module__": fn.__globals__.get("__name__"),
        "__qualname__": getattr(code, "co_qualname", fn.__name__),
        "__doc__": code.co_consts[0] if code.co_consts else None,
        "__defaults__": None,
        "__kwdefaults__": None,
        ANNOTATIONS: None,
        "__type_params__": None,
    }
    for name, value in usual.items():
        given = getattr(fn, name, None)
        if given and given != value:
            found[name] = given
    return found


def _attributes_of_enum(cls):
    """What an Enum's creation needs, its members, and the rest."""
    own = vars(cls)
    early = {key: own[key] for key in ENUM_EARLY if own.get(key) is not None}
    early.update(__module__=cls.__module__, __qualname__=cls.__qualname__)
    custom_new = own.get("__new_member__")
    if custom_new is not None and custom_new is not object.__new__:
        early["__new__"] = custom_new
    members = [(key, member._value_) for key, member in cls.__members__.items()]
    rest = {
        key: value
        for key, value in own.items()
        if key not in early and key not in cls.__members__ and not _is_usual(key, value)
    }
    return early, members, rest


def _is_usual(key, value):
    """Whether an Enum has it of itself."""
    return key in OWN or (key in vars(_Usual) and getattr(value, "__module__", "enum") == "enum")


def _members_of(error):
    """What an exception has in slots, of its classes or of C's: where, name, value.

    Not ``AttributeError.obj``, which pickle leaves out, too: it may be any object at all.
    """
    for cls in type(error).__mro__:
        for name, member in vars(cls).items():
            if isinstance(member, OF_SLOTS[0]) and member != getattr(AttributeError, "obj", None):
                try:
                    value = member.__get__(error)
                    if value is not None or cls.__flags__ & MADE_BY_C:  # C's None may be unset
                        member.__set__(error, value)  # what args alone decide cannot be set
                        yield cls, name, value
                except AttributeError:
                    pass


class _Space:
    """Stands for the globals of functions: one object on this end, and so one on the other.

    ``whole``: they are there, or come along, all of them.
    """

    def __init__(self, made, whole=True):
        self.made, self.whole = made, whole


class _Begin:
    """Stands before the namespace of a class: functions in it are told of by name at first."""

    def __init__(self, later):
        self.later = later


class _End:
    """Stands after it, for the class itself."""

    def __init__(self, cls):
        self.cls = cls


class _Captured(dill.Pickler):
    """Finds out what dill would write of one object."""

    made = NotImplemented

    def save_reduce(self, *made, **_keywords):
        """Note what it is made of."""
        self.made = made


class Pickler(pickle.Pickler):
    """``home`` says on which end this is: True where ``__main__`` is the user's script.

    ``own`` says of a module whether its functions take their globals along, by value; unless it
    is given, all do that go out, and none that come back.
    """

    def __init__(self, file, home, names, own, chains=True, *options):
        newest = PROTOCOL if home else -1  # only the client reads what comes back
        pickle.Pickler.__init__(self, file, *options or (newest,))
        self._home, self._chains = home, chains
        self._own = own or (lambda _name: home)
        self._names = names  # that code mentions
        self._spaces = {}  # id of globals -> what stands for them
        self._later = [None]  # where it is noted what is to come once a class is made
        self._begun, self._ended = set(), set()  # ids of classes
        self.chained = False  # whether an exception has a cause, which may not be fit to travel
        self.modules = {}  # name -> submodules that travelled along

    def reducer_override(self, obj):
        """What makes the object on the other end; NotImplemented where pickle knows best."""
        kind = type(obj)
        way = self.ways.get(kind)
        if way is not None:
            return way(self, obj)
        if issubclass(kind, type):  # not isinstance: a proxy says that it is what it stands for
            return self._class(obj)
        if issubclass(kind, types.ModuleType):
            return self._module(obj)
        if issubclass(kind, BaseException):
            return self._error(obj)
        if kind.__name__ in VARIABLES and kind.__module__ in ("typing", "typing_extensions"):
            named = self._named(obj)
            return named if named is not None else self._variable(obj, kind)
        return self._odd(obj, kind)

    def _named(self, obj):
        """How to get at it by name; None where it has none on the other end."""
        name = getattr(obj, "__qualname__", obj.__name__)
        module = getattr(obj, "__module__", None)
        if module in MAINS:
            there = not self._home and _look_up(sys.modules["__main__"], name) is obj
            return (from_main, (name,)) if there else None
        if LOCAL not in name and _found_in(module, name) is obj:
            return NotImplemented
        return self._misnamed(obj, module, name) if isinstance(obj, type) else None

    def _misnamed(self, cls, home, name):
        """Of a class that is not where it says; one of a function may have a name in its module."""
        if not cls.__flags__ & MADE_BY_C:
            return (_load_type, (_typemap[cls],)) if cls in _typemap else NotImplemented
        for other, module in list(sys.modules.items()):
            own = getattr(module, "__dict__", {})
            names = list(own) if other == home else (name,)
            found = [each for each in names if own.get(each) is cls]
            if found and other == module.__name__ not in MAINS and _is_importable(other, module):
                return getattr, (module, found[0])
        return None

    def _odd(self, obj, kind):
        """What pickle has no way for, perhaps."""
        if obj is sys.stdout or obj is sys.stderr:
            return getattr, (sys, "stdout" if obj is sys.stdout else "stderr")
        if kind.__module__ == "dataclasses":  # its marks are told by what they are
            for name, value in vars(sys.modules["dataclasses"]).items():
                if value is obj:
                    return getattr, (sys.modules["dataclasses"], name)
        numpy = sys.modules.get("numpy")
        if numpy and getattr(obj, "__dict__", None) and issubclass(kind, numpy.ndarray):
            # which forgets what a subclass adds, as it should of a memmap: that is an open file
            if kind.__reduce__ is numpy.ndarray.__reduce__ and not issubclass(kind, numpy.memmap):
                return _create_array, obj.__reduce__() + (vars(obj),)
        if kind in STANDARD or kind not in dill.Pickler.dispatch:
            return NotImplemented
        if issubclass(kind, io.IOBase) and isinstance(getattr(obj, "name", ""), int):
            raise pickle.PicklingError(NAMELESS)
        return self._captured(obj, kind)

    def _captured(self, obj, kind):
        captured = _Captured(io.BytesIO(), recurse=True)
        dill.Pickler.dispatch[kind](captured, obj)
        return captured.made

    def _module(self, module):
        name = module.__name__
        if name == "__main__" or _is_importable(name, module):
            self.modules[name] = below = submodules(name, self._names)
            return import_module, (name, below)
        found = {key: value for key, value in vars(module).items() if key not in UNTOLD}
        self._spaces[id(vars(module))] = _Space((vars, (module,)))
        return make_module, (name,), found, None, None, set_module

    # -- code -------------------------------------------------------------------------------

    def _code(self, code):
        self._names.update(MENTIONS[code][1])
        try:
            return marshal.loads, (marshal.dumps(code, 2),)  # 2: the same bytes each time
        except ValueError:
            return marshal.loads, (marshal.dumps(code),)

    def _cell(self, cell):
        try:
            content = (cell.cell_contents,)
        except ValueError:
            return make_cell, ()
        return self._with_state(cell, make_cell, (), content, set_cell)

    def _method(self, method):
        name = getattr(method, "__name__", "")
        if getattr(method.__self__, name, None) == method:
            return getattr, (method.__self__, name)
        return self._captured(method, types.MethodType)

    def _function(self, fn):
        named = self._named(fn) if self._home or fn.__module__ not in MAINS else None
        if named is not None:
            return named
        space, own, found = self._space(fn.__globals__), fn.__globals__, {}
        if not space.whole:
            names, every = MENTIONS[fn.__code__]
            names = set(every if "__main__" in every else names)
            if own.get(fn.__name__) is fn:
                names.add(fn.__name__)
            found = {name: own[name] for name in sorted(names - UNTOLD) if name in own}
        made = fn.__code__, space, fn.__name__, fn.__closure__
        return self._with_state(
            fn, make_function, made, (found, vars(fn), _attributes_of(fn)), set_function
        )

    def _space(self, own):
        """The globals of a function: a module's own, or something that stands for them."""
        if id(own) not in self._spaces:
            name = own.get("__name__")
            module = sys.modules.get(name)
            space = _Space((make_space, (name, own.get("__package__"))), whole=False)
            if module is not None and name not in MAINS and vars(module) is own:
                if _is_importable(name, module) and not self._own(name):
                    space = _Space((vars, (module,)))
            self._spaces[id(own)] = space
        return self._spaces[id(own)]

    def _with_state(self, obj, maker, made, state, setter):
        """Made now; what it may share with others comes at once, or once the class is made."""
        if self._later[-1] is None:
            return maker, made, state, None, None, setter
        self._later[-1].append((setter, obj, state))
        return maker, made

    # -- classes ----------------------------------------------------------------------------

    def _class(self, cls):
        named = self._named(cls)
        if named is not None:
            return named
        again = id(cls) in self._begun
        self._begun.add(id(cls))
        self._later.append(None)
        made = type(cls), cls.__name__, cls.__bases__
        if isinstance(cls, enum.EnumMeta) and cls.__members__:
            early, members, rest = _attributes_of_enum(cls)
            made += early, KNOWN.name(cls), members, _End(cls)
            return make_enum, made, (rest, []), None, None, set_class
        later, rest = [], {}
        early = {
            name: value
            for name, value in vars(cls).items()
            if name not in OWN and not isinstance(value, OF_SLOTS)
        }
        if again:  # it holds what is made of it
            rest = {
                k: v for k, v in early.items() if not k.startswith("__") and type(v) not in SAFE
            }
            early = {k: v for k, v in early.items() if k not in rest}
        early["__qualname__"] = cls.__qualname__
        if self._home and vars(sys.modules["__main__"]).get(cls.__name__) is cls:
            space = self._space(vars(sys.modules["__main__"]))
            later.append((set_space, space, {cls.__name__: cls}))
        if "_abc_impl" in vars(cls):
            rest["__abstractmethods__"] = cls.__abstractmethods__
            registered = [ref() for ref in _abc._get_dump(cls)[0]]  # noqa: SLF001 - no other way
            later += [(abc.ABCMeta.register, cls, each) for each in registered if each]
        made += _Begin(later), early, KNOWN.name(cls), _End(cls)
        return make_class, made, (rest, later), None, None, set_class

    def _begin(self, begin):
        self._later[-1] = begin.later
        return bool, ()

    def _end(self, end):
        """What is in a class may have led to it again: then C's pickle leaves out its state."""
        later = self._later.pop()
        if id(end.cls) in self._ended and later:
            return set_class, (end.cls, ({}, later))
        self._ended.add(id(end.cls))
        return bool, ()

    # -- the rest ---------------------------------------------------------------------------

    def _variable(self, obj, kind):
        """A TypeVar or its like."""
        name, values, options = obj.__name__, getattr(obj, "__constraints__", ()), {}
        if kind.__name__ == "TypeAliasType":
            return self._alias(obj)
        if id(obj) in self._spaces:
            return self._spaces[id(obj)]
        if kind.__name__ == "NewType":
            values = (obj.__supertype__,)
        for option in OPTIONS:
            given = getattr(obj, "__%s__" % option, None)
            if given and given is not NO_DEFAULT:
                options[option] = given
        made = kind, name, values, options, KNOWN.name(obj)
        return make_variable, made, (None, {"__module__": obj.__module__})

    def _alias(self, alias):
        """Made of its own syntax, as only that lets it refer to itself."""
        names, stars = [], {"TypeVarTuple": "*", "ParamSpec": "**"}
        value = self._spaces.setdefault(id(alias), [alias.__value__])  # kept while it is in itself
        own = _Space((getattr, (alias, "__type_params__")))
        for each in alias.__type_params__:
            self._spaces[id(each)] = tuple.__getitem__, (own, len(names))
            names.append(stars.get(type(each).__name__, "") + each.__name__)
        told = alias.__name__ + ("[%s]" % ",".join(names) if names else "")
        return make_alias, (told, alias.__module__, value)

    def _error(self, error):
        """Without its ``__init__``, unless its class says how; and why it was raised."""
        kind, base = type(error), _made_by_c(type(error))
        made = error.__reduce_ex__(PROTOCOL)
        if isinstance(made, str):
            return NotImplemented
        maker, args, own = (made + (None,))[:3]
        members = ()
        if kind.__reduce__ is base.__reduce__ and kind.__reduce_ex__ is base.__reduce_ex__:
            maker, args = make_error, (kind, args)
            members = _members_of(error)
        state = own, error.__cause__, error.__context__, error.__suppress_context__
        self.chained = self.chained or state[1:3] != (None, None)
        if not self._chains:
            state = own, None, None, True
        return maker, args, (*state, *members), None, None, set_error

    ways = types.MappingProxyType(
        {
            types.FunctionType: _function,
            types.CodeType: _code,
            types.CellType: _cell,
            types.MethodType: _method,
            _thread.RLock: lambda _self, _lock: (
                _thread.RLock,
                (),
            ),  # dill's would be held for ever
            _Space: lambda _self, space: space.made,
            _Begin: _begin,
            _End: _end,
        }
    )


def dumps(obj, home=True, own=None, make=Pickler):
    """Bytes of any object that can be pickled; raises whatever the object's pickling raises."""
    if type(obj) in PLAIN:
        return pickle.dumps(obj, PROTOCOL)
    names, chains = set(), True
    while True:
        file = io.BytesIO()
        pickler = make(file, home, names, own, chains)
        try:
            pickler.dump(obj)
        except Exception:
            if not (chains and pickler.chained):
                raise
            chains = False  # it is told by the traceback alone, then
            continue
        if all(submodules(name, names) == below for name, below in pickler.modules.items()):
            return file.getvalue()  # else code that came after a module names more of it


def loads(data):
    """The object; classes of the caller's ``__main__`` are looked up there."""
    return pickle.loads(data)
