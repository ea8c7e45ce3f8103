"""Serialisation that both ends share: dill, with what dill leaves out.

On both sides this file also goes by the name ``_fcx_pickling``, so that pickles made on one find
``make_enum``, ``from_main`` and ``run_chunk`` on the other.

- Functions of ``__main__`` bring the helpers they call (``recurse``).
- Enums of ``__main__`` travel by value (dill's own attempt fails to load).
- A module travels as its name, never with its contents (dill would send those of the user's own),
  and with the submodules that the code at hand names: ``import a.b`` binds only ``a``.
- What comes back refers to a class of ``__main__`` by name (``home=False``): the caller gets
  instances of its own class, and an ``except`` clause for its own exception matches.
"""

import enum
import importlib
import io
import os
import pickle
import sys
import threading
import types

import dill
import dill.detect

sys.modules.setdefault("_fcx_pickling", sys.modules[__name__])

PROTOCOL = pickle.DEFAULT_PROTOCOL

# What needs no dill: exact types whose pickle is the same everywhere.
PLAIN = frozenset((type(None), bool, int, float, complex, str, bytes, bytearray))

# Entries of an Enum's namespace that EnumMeta makes itself.
ENUM_OWN = frozenset(
    "__module__ __qualname__ __dict__ __weakref__ __doc__ __new__ __new_member__ __members__ "
    "__init__ __reduce_ex__ __firstlineno__ __static_attributes__ __annotations__ "
    "_generate_next_value_ _member_names_ _member_map_ _value2member_map_ _hashable_values_ "
    "_unhashable_values_ _unhashable_values_map_ _member_type_ _value_repr_ _new_member_ "
    "_use_args_ _flag_mask_ _singles_mask_ _all_bits_ _inverted_ _boundary_ _missing_".split()
)
# Of those, what a user may have written and the members' creation needs.
ENUM_EARLY = ("__init__", "_missing_", "_generate_next_value_", "__doc__")


def make_enum(meta, name, bases, members, early, module, qualname):
    """An Enum class like the one that was pickled; its methods are set afterwards."""
    namespace = meta.__prepare__(name, bases)
    namespace["__module__"] = module
    namespace["__qualname__"] = qualname
    for key, value in early:
        namespace[key] = value
    for key, value in members:
        namespace[key] = value
    return meta(name, bases, namespace)


def set_members(cls, attributes):
    """Second half of make_enum: methods may refer to the class, so they come after it."""
    for key, value in attributes.items():
        type.__setattr__(cls, key, value)


def from_main(qualname):
    """The object that the caller's ``__main__`` has under this name."""
    found = sys.modules["__main__"]
    try:
        for part in qualname.split("."):
            found = getattr(found, part)
    except AttributeError:
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


for _helper in (make_enum, set_members, from_main, import_module, run_chunk):
    _helper.__module__ = "_fcx_pickling"  # where both ends have it: fcx is on one of them only


def _reduce_enum(cls):
    own = vars(cls)
    early = [(key, own[key]) for key in ENUM_EARLY if key in own and own[key] is not None]
    custom_new = own.get("__new_member__")
    if custom_new is not None and custom_new is not object.__new__:
        early.append(("__new__", custom_new))
    members = [(key, member._value_) for key, member in cls.__members__.items()]
    later = {
        key: value
        for key, value in own.items()
        if key not in ENUM_OWN and key not in cls.__members__
    }
    arguments = (type(cls), cls.__name__, cls.__bases__, members, early)
    return make_enum, arguments + (cls.__module__, cls.__qualname__), later, None, None, set_members


class Cycles:
    """While it lasts, dill follows functions that call each other (or themselves) only once.

    dill's own search for the globals that a function needs has no end for those.
    """

    lock = threading.Lock()
    globalvars_of_dill = dill.detect.globalvars

    @classmethod
    def leave(cls):
        """In a forked child: a thread may have been at it that the child has not."""
        cls.lock = threading.Lock()
        dill.detect.globalvars = cls.globalvars_of_dill

    def __enter__(self):
        self.lock.acquire()
        self.own = dill.detect.globalvars
        dill.detect.globalvars = self.globalvars
        self.under_way = set()

    def __exit__(self, *error):
        dill.detect.globalvars = self.own
        self.lock.release()

    def globalvars(self, func, recurse=True, builtin=False):
        """As dill.detect.globalvars; nothing for what is being looked at further out."""
        place = threading.get_ident(), id(func)
        if place in self.under_way:
            return {}
        self.under_way.add(place)
        try:
            return self.own(func, recurse, builtin)
        finally:
            self.under_way.discard(place)


if hasattr(os, "register_at_fork"):  # not before Python 3.7
    os.register_at_fork(after_in_child=Cycles.leave)


def _of_main(obj):
    return getattr(obj, "__module__", None) == "__main__"


class Pickler(dill.Pickler):
    """``home`` says on which end this is: True where ``__main__`` is the user's script."""

    def __init__(self, file, home, names):
        dill.Pickler.__init__(self, file, protocol=PROTOCOL, recurse=True)
        self._home = home
        self._names = names  # that code mentions
        self.modules = {}  # name -> submodules that travelled along

    def reducer_override(self, obj):
        """Modules by name; classes of ``__main__``: enums by value going out, all by name back."""
        if isinstance(obj, types.CodeType):
            self._names.update(obj.co_names)
            return NotImplemented
        if isinstance(obj, types.ModuleType) and _is_importable(obj):
            self.modules[obj.__name__] = below = submodules(obj.__name__, self._names)
            return import_module, (obj.__name__, below)
        if not isinstance(obj, type) or not _of_main(obj):
            return NotImplemented
        if not self._home and "<locals>" not in obj.__qualname__:
            return from_main, (obj.__qualname__,)
        if isinstance(obj, enum.EnumMeta) and obj.__members__:
            return _reduce_enum(obj)
        return NotImplemented


def dumps(obj, home=True):
    """Bytes of any object that dill can pickle; raises whatever the object's pickling raises."""
    if type(obj) in PLAIN:
        return pickle.dumps(obj, PROTOCOL)
    try:
        return _dumps(obj, home)
    except RecursionError:
        with Cycles():
            return _dumps(obj, home)


def _dumps(obj, home):
    names = set()
    while True:
        file = io.BytesIO()
        pickler = Pickler(file, home, names)
        pickler.dump(obj)
        if all(submodules(name, names) == below for name, below in pickler.modules.items()):
            return file.getvalue()  # else code that came after a module names more of it


def _is_importable(module):
    name = module.__name__
    return name != "__main__" and sys.modules.get(name) is module


def submodules(package, names):
    """The imported submodules of a package whose every part is among ``names``."""
    start = package + "."
    return [
        name
        for name in sorted(sys.modules)
        if name.startswith(start) and names.issuperset(name[len(start) :].split("."))
    ]


def loads(data):
    """The object; classes of the caller's ``__main__`` are looked up there."""
    return dill.loads(data, ignore=True)
