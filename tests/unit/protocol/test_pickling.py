"""dill with what it leaves out, between two processes too."""

from __future__ import annotations

import enum
import functools
import pickle
import subprocess
import sys
import tempfile
import textwrap
import types
import weakref
from pathlib import Path

import pytest

from fcx.protocol import pickling

REMOTE = Path(pickling.__file__).parent


def there(tmp_path, script, *, timeout=60):
    """Run a script that uses the worker's own functions, as a process of the far side."""
    path = tmp_path / "there.py"
    path.write_text(textwrap.dedent(script))
    command = [sys.executable, str(path), str(REMOTE), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class TestPickling:
    """dill with what it leaves out; between two processes in test_executor_promises.py."""

    def test_functions_that_call_each_other(self):
        """Self-reference in a closure and mutual recursion, which dill alone cannot follow."""

        def fibonacci(n):
            return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

        assert pickling.loads(pickling.dumps(fibonacci))(10) == 55

    @pytest.mark.parametrize("value", [None, True, 3, 2.5, 1j, "ü", b"\0", bytearray(b"x")])
    def test_plain_values_are_plain_pickles(self, value):
        """Which any Python can read."""
        assert pickle.loads(pickling.dumps(value)) == value

    def test_a_module_of_the_same_name_on_both_ends(self):
        """Pickles made there find their helpers here."""
        assert sys.modules["_fcx_pickling"] is pickling

    def test_enums_of_main_travel_by_value_and_come_back_as_themselves(self, tmp_path):
        """Members, aliases, methods, own __init__, flags."""
        out = there(
            tmp_path,
            """
            import sys, subprocess, enum
            sys.path.insert(0, sys.argv[1])
            import pickling

            class Planet(enum.Enum):
                EARTH = (5.9, 6.4)
                MARS = (0.6, 3.4)
                TERRA = (5.9, 6.4)
                def __init__(self, mass, radius):
                    self.mass, self.radius = mass, radius
                @property
                def density(self):
                    return self.mass / self.radius**3
                @classmethod
                def heaviest(cls):
                    return max(cls, key=lambda p: p.mass)

            class Access(enum.Flag):
                R = enum.auto()
                W = enum.auto()

            def use(planet):
                assert planet.mass == 0.6 and Planet.TERRA is Planet.EARTH
                return Planet.heaviest(), Access.R | Access.W, planet

            data = pickling.dumps((use, (Planet.MARS,), {}))
            worker = '''
            import sys
            sys.path.insert(0, sys.argv[1])
            sys.modules["_fcx_pickling"] = __import__("pickling")
            import pickling, types
            sys.modules["__main__"] = types.ModuleType("__main__")
            fn, args, kwargs = pickling.loads(sys.stdin.buffer.read())
            sys.stdout.buffer.write(pickling.dumps(fn(*args, **kwargs), home=False))
            '''
            import textwrap
            done = subprocess.run([sys.executable, "-c", textwrap.dedent(worker), sys.argv[1]],
                                  input=data, stdout=subprocess.PIPE, check=True)
            back = pickling.loads(done.stdout)
            assert back == (Planet.EARTH, Access.R | Access.W, Planet.MARS), back
            assert back[0] is Planet.EARTH
            print("same")
            """,
        )
        assert out == "same\n"

    def test_an_initializers_globals_are_there_for_each_task(self, tmp_path):
        """What one task sets is not there for the next; what the caller's script has does not replace them."""
        script = """
            import sys, textwrap, subprocess, pickle
            sys.path.insert(0, sys.argv[1])
            import pickling

            model, count = None, 0

            def prepare():
                global model
                model = {"used": 0}

            def work():
                global count, seen
                model["used"] += 1
                count += 1
                import pickle
                import __main__
                fresh, seen = not hasattr(__main__, "seen"), True
                return model["used"], count, fresh, pickle.loads(pickle.dumps(work)) is work

            worker = '''
            import sys, pickle
            sys.path.insert(0, sys.argv[1])
            sys.modules["_fcx_pickling"] = __import__("pickling")
            import pickling
            first, task = pickle.load(sys.stdin.buffer)
            main = pickling.Main()
            fn, args = pickling.loads(first)
            before = dict(vars(main))
            fn(*args)
            main.keep(before)
            for _ in range(2):
                pickling.Main(main)
                fn, args, kwargs = pickling.loads(task)
                print(fn(*args, **kwargs))
            '''
            data = pickle.dumps((pickling.dumps((prepare, ())), pickling.dumps((work, (), {}))))
            command = [sys.executable, "-c", textwrap.dedent(worker), sys.argv[1]]
            subprocess.run(command, input=data, check=True)
            """
        assert there(tmp_path, script) == "(1, 1, True, True)\n(2, 1, True, True)\n"

    def test_what_is_pickled_is_let_go(self):
        """At once, not when Python next looks for what refers to itself: it may be large."""

        class Large:
            pass

        large = Large()
        gone = weakref.ref(large)
        pickling.dumps((abs, large))
        del large
        assert gone() is None

    def test_classes_are_themselves_again(self):
        """In the process that they come from; another one's are brought up to date by what comes later."""

        class Local:
            at = 1

        assert pickling.loads(pickling.dumps(Local)) is Local
        code = (
            "import sys, pickle; sys.path.insert(0, sys.argv[1])\n"
            "sys.modules['_fcx_pickling'] = pickling = __import__('pickling')\n"
            "first, second = (pickling.loads(each) for each in pickle.load(sys.stdin.buffer))\n"
            "print(first is second, first.at)\n"
            "sys.stdout.flush(); sys.stdout.buffer.write(pickling.dumps(first(), home=False))"
        )
        pickles = [pickling.dumps(Local)]
        Local.at = 2
        pickles.append(pickling.dumps(Local))
        done = subprocess.run(
            [sys.executable, "-c", code, str(REMOTE)],
            input=pickle.dumps(pickles),
            stdout=subprocess.PIPE,
            check=True,
        )
        told, _, back = done.stdout.partition(b"\n")
        assert told == b"True 2"
        Local.at = 3
        assert type(pickling.loads(back)) is Local
        assert Local.at == 3

    def test_an_exception_whose_cause_cannot_travel(self):
        """As an argument or a result, too: without its cause rather than not at all."""
        error = ValueError("x", 1)
        error.__cause__ = KeyError("why")
        assert repr(pickling.loads(pickling.dumps([error]))[0].__cause__) == "KeyError('why')"
        error.__cause__ = KeyError(memoryview(b""))
        (back,) = pickling.loads(pickling.dumps([error]))
        assert (back.args, back.__cause__) == (("x", 1), None)
        with pytest.raises(TypeError):
            pickling.dumps([error, memoryview(b"")])

    def test_what_a_subclass_of_an_array_adds(self):
        """numpy alone forgets it."""
        import numpy as np

        class Measured(np.ndarray):
            pass

        array = np.arange(3).view(Measured)
        array.unit = "m"
        back = pickling.loads(pickling.dumps(array))
        assert (type(back), back.unit, back.tolist()) == (Measured, "m", [0, 1, 2])

    def test_a_memmap_travels_as_an_array(self, tmp_path):
        """As with pickle: part of one, one of a class of the user's own, and on both ways."""
        import numpy as np

        class Own(np.memmap):
            pass

        for kind in (np.memmap, Own):
            array = kind(tmp_path / "data", dtype=np.int16, mode="w+", shape=(20,))
            array[:] = range(20)
            for part in (array, array[:10], array.reshape(4, 5).T):
                for home in (True, False):
                    (back,) = pickling.loads(pickling.dumps([part], home=home))
                    assert (type(back), back.tolist()) == (kind, part.tolist())

    def test_methods_and_proxies_of_odd_kinds(self):
        """A method whose function has no name; what says that it is a class, or an exception."""

        class Proxy:
            def __init__(self, of):
                self.of = of

            @property
            def __class__(self):
                return type(self.of)

            def __reduce__(self):
                return Proxy, (self.of,)

        method = types.MethodType(functools.partial(lambda self, x: (self, x)), 3)
        assert pickling.loads(pickling.dumps(method))(4) == (3, 4)
        for of in (int, ValueError("x")):
            assert type(pickling.loads(pickling.dumps(Proxy(of)))) is Proxy

    def test_as_deep_as_pickle_takes(self):
        """No level of ours costs more than one of the standard library's."""

        def depth(dumps):
            nested, count = [], 0
            while count < 20_000:
                try:
                    dumps(nested)
                except RecursionError:
                    break
                nested, count = [[[[[nested]]]]], count + 5
            return count

        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(600)
        try:
            assert depth(pickling.dumps) >= depth(pickle.dumps) - 5
        finally:
            sys.setrecursionlimit(limit)

    def test_enums_of_modules_travel_by_name(self):
        """They are there on both sides."""
        assert pickling.loads(pickling.dumps(enum.Flag)) is enum.Flag


def test_a_file_without_a_name_stays():
    """Its number would be taken for one of the other process's: whose connection would be closed."""
    with tempfile.TemporaryFile("w+") as file, pytest.raises(pickle.PicklingError, match="number"):
        pickling.dumps(file)
