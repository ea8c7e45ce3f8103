"""What functions of the user's own modules import in their bodies counts, wherever they are packed."""

from __future__ import annotations

import importlib

import pytest
from pickled import by_value, dump

from fcx.payload.needs import RequirementsCache

OWN = {
    "own/__init__.py": "",
    "own/tools.py": """
        from own.deep import below
        from own import unused
        def plain():
            import wave
        def chained():
            return plain()
        def relative():
            from .deep import below as renamed
            return renamed()
        def through():
            return below()
        def other():
            import sched
        class Kind:
            def method(self):
                def inner():
                    import nntplib
                return inner
        """,
    "own/deep.py": """
        def below():
            import chunk
        """,
    "own/unused.py": """
        def never():
            import sndhdr
        """,
}


def tops(fn) -> set[str]:
    """The top-level modules that a task of a function imports, of the ones that are not packed."""
    needs = RequirementsCache().needs(fn, dump(fn))
    return {one.top for one in needs.requirements.imports if not one.pardon}


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("from own.tools import plain; plain()", {"wave"}),
        ("from own.tools import plain as p; p()", {"wave"}),
        ("import own.tools; own.tools.plain()", {"wave"}),
        ("from own import tools; tools.plain()", {"wave"}),
        ("import own.tools as t; t.chained()", {"wave"}),
        ("from own.tools import relative; relative()", {"chunk"}),
        ("from own.tools import through; through()", {"chunk"}),
        ("from own.tools import Kind; Kind().method()", {"nntplib"}),
        ("import own.deep", set()),
    ],
)
def test_an_own_module_that_is_imported_in_the_body(project, body, wanted):
    """Whatever way leads to a function; functions that nothing names do not count."""
    project(OWN)
    assert tops(by_value(f"def f():\n    {body}")) == wanted


def test_an_own_module_that_is_loaded(project):
    """Its functions travel by reference; what they reach is found alike."""
    project(OWN)
    tools = importlib.import_module("own.tools")
    assert tops(tools.chained) == {"wave"}
    assert tops(tools.relative) == {"chunk"}


def test_modules_that_import_one_another(project):
    """They are looked at until nothing new is named in any, however long that chain is."""
    far = range(400)
    body = "from own import step{1}\ndef go{0}():\n    return step{1}.go{1}()\n"
    steps = {f"own/step{n}.py": body.format(n, n + 1) for n in far}
    last = f"own/step{len(far)}.py"
    project({**OWN, **steps, last: "from own import step0\ndef go400():\n    import wave\n"})
    assert tops(by_value("def f():\n    from own import step0; step0.go0()")) == {"wave"}
    both = "from own import {1}\nclass Kind:\n    other = {1}\ndef go():\n    import {2}\n"
    project({"own/a.py": both.format("", "b", "wave"), "own/b.py": both.format("", "a", "chunk")})
    body = "from own.a import go, b, Kind\n    go(), Kind(), b.go(), b.a"
    assert tops(by_value(f"def f():\n    {body}")) == {"wave", "chunk"}


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    import wave",
        "def f():\n    import wave as w",
        "def f():\n    from wave import open as o",
        "def f():\n    def g():\n        def h():\n            import wave",
        "def g():\n    import wave\ndef f():\n    return (lambda: g())()",
        "def g():\n    import wave\ndef f():\n    return [g() for _ in range(3)]",
        "def g():\n    import wave\ndef f():\n    return {each for each in map(g, ())}",
        "class f:\n    def method(self):\n        import wave",
        "class f:\n    @staticmethod\n    def method():\n        import wave",
        "class f:\n    @property\n    def method(self):\n        import wave",
        "async def f():\n    import wave",
        "def f():\n    import wave\n    yield 1",
    ],
)
def test_wherever_an_import_stands(source):
    """In nested functions, methods, lambdas, comprehensions."""
    assert "wave" in tops(by_value(source))
