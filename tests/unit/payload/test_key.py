"""Keys: the same call has the same key in another process, another call another one."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from fcx.payload.key import OWN, Keys, NoKey, check_key, takes

ROOT = Path(__file__).parents[3]

SCRIPT = """
import collections, dataclasses, datetime, decimal, enum, functools, os.path, pathlib, re, uuid
from fcx.payload.key import Keys

class Colour(enum.Enum):
    RED = 1
    BLUE = "b"

@dataclasses.dataclass
class Point:
    x: int
    tags: set = dataclasses.field(default_factory=set)
    def norm(self):
        return helper(self.x)

class Slotted:
    __slots__ = ("a",)
    def __init__(self, a):
        self.a = a

TABLE = {"b": {3, 1, 2}, "a": frozenset("xyz")}

def helper(x):
    return x + len(TABLE)

def work(x, *more, **named):
    known = x in {"a", "b", "c"}
    def inner(z):
        return z + helper(z)
    try:
        return inner(known)
    except ValueError:
        return os.path.join("a", "b")

def even(n):
    return n == 0 or odd(n - 1)

def odd(n):
    return n != 0 and even(n - 1)

@functools.lru_cache
def cached(x):
    return helper(x)

cyclic = [1]
cyclic.append(cyclic)
same = "ab"
CALLS = [
    (work, (1,), {}),
    (work, ({"q", "w", "e"}, frozenset({1, "x"})), {"z": 1, "a": {"k": {5, 6}}}),
    (even, (3,), {}),
    (cached, (1,), {}),
    (Point(1, {"u", "v"}).norm, (), {}),
    (work, (Colour.RED, Point(1), Slotted(3)), {}),
    (functools.partial(work, 1), (datetime.datetime(2020, 1, 1), pathlib.Path("/x")), {}),
    (work, (decimal.Decimal("1.2"), uuid.UUID(int=3), re.compile("a")), {}),
    (work, (cyclic,), {}),
    (work, ([same, "".join(["a", "b"])],), {}),
    (work, ([same, same],), {}),
    (lambda: TABLE, (), {}),
    (work, (collections.OrderedDict(a=1), collections.deque([1]), range(3), 1.5, 2j, b"x"), {}),
]
keys = Keys("build")
print("\\n".join(keys.of(*call) for call in CALLS))
"""


def printed(program: str, hash_seed: str = "0") -> list[str]:
    """What a program prints in an interpreter of its own."""
    env = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def cell(number: int, source: str) -> str:
    """A program that runs the source as a notebook's kernel does."""
    return (
        "import sys\n"
        f"code = compile({source!r}, '<ipython-input-{number}-5f2c>', 'exec')\n"
        "exec(code, sys.modules['__main__'].__dict__)\n"
    )


@pytest.fixture(scope="module")
def keys():
    """Of the script as it stands."""
    return printed(SCRIPT)


def key(source: str, call: str = "work, (), {}") -> str:
    """The key of one call in a little script."""
    program = f"{textwrap.dedent(source)}\nfrom fcx.payload.key import Keys\n"
    return printed(f"{program}print(Keys().of({call}))")[0]


class TestAnotherProcess:
    """Nothing but what the call means."""

    @pytest.mark.parametrize("hash_seed", ["1", "2", "4294967295"])
    def test_orders_sets_otherwise(self, keys, hash_seed):
        """The seed of hashes decides in which order a set is walked."""
        assert printed(SCRIPT, hash_seed) == keys

    def test_runs_it_in_a_notebook(self, keys):
        """The names of cells are other at each start of a kernel."""
        assert printed(cell(3, SCRIPT)) == printed(cell(12, SCRIPT), "7") == keys

    def test_has_a_comment_more(self, keys):
        """Lines move."""
        moved = SCRIPT.replace("def helper", "# what follows adds\n\ndef helper")
        assert printed(moved) == keys

    def test_imports_what_the_function_imports_too(self):
        """Python compiles a call of a module's function otherwise then."""
        source = "def work(n):\n    import time\n    for i in range(n):\n        time.sleep(i)\n"
        assert key(source, "work, (1,), {}") == key("import time\n" + source, "work, (1,), {}")

    def test_equal_and_same_strings_are_one(self, keys):
        """They differ in a pickle; the second is the same call once more."""
        first, second = keys[9], keys[10]
        assert first.partition(".")[0] == second.partition(".")[0]
        assert (first[-2:], second[-2:]) == (".1", ".2")


class TestAnotherCall:
    """What changes the outcome changes the key."""

    @pytest.mark.parametrize(
        "other",
        [
            "def work(): return helper() + 2\ndef helper(): return N\nN = 1",
            "def work(): return helper() + 1\ndef helper(): return N + 1\nN = 1",
            "def work(): return helper() + 1\ndef helper(): return N\nN = 2",
            "def work(x=1): return helper() + 1\ndef helper(): return N\nN = 1",
        ],
        ids=["own code", "code that it calls", "global", "default"],
    )
    def test_by_code(self, other):
        """By value, all the way down."""
        assert key(other) != key("def work(): return helper() + 1\ndef helper(): return N\nN = 1")

    def test_by_closure(self):
        """What a function has caught."""
        source = "def make(n):\n    def inner(): return n\n    return inner\n"
        assert key(source, "make(1), (), {}") != key(source, "make(2), (), {}")
        assert key(source, "make({1, 2}), (), {}") == key(source, "make({2, 1}), (), {}")

    def test_by_a_method_of_its_class(self):
        """Classes of the script are taken by value."""
        source = "class A:\n    def f(self): return {}\n    def g(self): return self.f()\n"
        call = "A().g, (), {}"
        assert key(source.format(1), call) != key(source.format(2), call)

    @pytest.mark.parametrize("pair", [("1", "2"), ("1", "1.0"), ("'1'", "1"), ("[1]", "(1,)")])
    def test_by_arguments(self, pair):
        """By value and by type."""
        source = "def work(x): return x"
        first, second = (key(source, f"work, ({value},), {{}}") for value in pair)
        assert first != second

    def test_by_the_image(self):
        """Another build may compute otherwise."""
        assert Keys("a").of(len, ((),), {}) != Keys("b").of(len, ((),), {})


class TestModulesOfOnesOwn:
    """They travel along, so they count by what of them is used."""

    def write(self, folder: Path, text: str) -> str:
        """A module, and the key of a call that uses it."""
        (folder / "mine.py").write_text(text)
        source = f"import sys; sys.path.insert(0, {str(folder)!r})\nimport mine\n"
        return key(source + "def work(): return mine.step(1)")

    def test_used_code_counts(self, tmp_path: Path):
        """A comment does not, nor what is not used."""
        first = self.write(tmp_path, "def step(x): return x + 1\n")
        assert self.write(tmp_path, "# adds\ndef step(x): return x + 1\ndef other(): 0\n") == first
        assert self.write(tmp_path, "def step(x): return x + 22\n") != first

    def test_an_import_in_the_function(self, tmp_path: Path):
        """All that stands in the module counts then, whether or not it is loaded."""
        found = []
        for text in ("N = 1\n", "# one\nN = 1\n", "N = 2\n"):
            (tmp_path / "late.py").write_text(text)
            source = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
            found.append(key(source + "def work():\n    import late\n    return late.N"))
        assert found[0] == found[1] != found[2]


class TestArrays:
    """By dtype, shape and bytes."""

    def test_equal_ones_have_one_key(self):
        """However they lie in memory."""
        numpy = pytest.importorskip("numpy")
        keys = Keys()
        array = numpy.arange(6).reshape(2, 3)
        calls = [array, array.copy(), numpy.asfortranarray(array)]
        found = [keys.of(len, (each,), {}).partition(".")[0] for each in calls]
        assert len(set(found)) == 1
        others = [array.astype("f8"), array.reshape(3, 2), array + 1, array.tolist()]
        assert found[0] not in {keys.of(len, (each,), {}).partition(".")[0] for each in others}

    def test_of_objects(self):
        """By what they hold."""
        numpy = pytest.importorskip("numpy")
        keys = Keys()
        first, second = (numpy.array(["a", None, {1, 2}], dtype=object) for _ in range(2))
        assert keys.of(len, (first,), {})[:-2] == keys.of(len, (second,), {})[:-2]


class TestNone:
    """What no other process could make has no key."""

    @pytest.mark.parametrize("value", [threading.Lock(), (n for n in ()), sys.stderr])
    def test_says_what(self, value):
        """The type is named."""
        with pytest.raises(NoKey, match=type(value).__name__):
            Keys().of(len, (value,), {})

    def test_too_deep(self):
        """A list of a hundred thousand lists."""
        deep: list[object] = []
        for _ in range(100_000):
            deep = [deep]
        with pytest.raises(NoKey, match="deep"):
            Keys().of(len, (deep,), {})


class TestGiven:
    """Keys of the caller's."""

    @pytest.mark.parametrize("value", ["", "~mine", "x" * 201, "a\nb"])
    def test_that_cannot_be(self, value):
        """Said at once."""
        with pytest.raises(ValueError, match="key="):
            check_key(value)

    def test_are_strings(self):
        """A number would be another key after JSON."""
        with pytest.raises(TypeError, match="a string, not 3"):
            check_key(3)

    def test_belong_to_the_function_if_it_takes_one(self):
        """Nothing of the user's is taken away."""
        assert takes(sorted, "key")
        assert takes(max, "key")  # it has no signature to look at
        assert not takes(max, "walltime")
        assert takes(lambda **more: more, "key")
        assert not takes(lambda x: x, "key")

    def test_none_looks_like_ours(self):
        """Which begin with a sign of their own."""
        assert Keys().of(len, ("",), {}).startswith(OWN)
