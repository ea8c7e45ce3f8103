"""dill with what it leaves out, between two processes too."""

from __future__ import annotations

import enum
import pickle
import subprocess
import sys
import textwrap
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

    def test_enums_of_modules_travel_by_name(self):
        """They are there on both sides."""
        assert pickling.loads(pickling.dumps(enum.Flag)) is enum.Flag
