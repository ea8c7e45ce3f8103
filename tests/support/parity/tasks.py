"""Sources of tasks; each defines ``f``."""

from __future__ import annotations


def body(*statements: str) -> str:
    """A task that does this when it runs."""
    return "def f():\n" + "".join(f"    {statement}\n" for statement in statements)


NOTHING = body("return 1")
IN_BODY = body("import tiny")
GUARDED = body("try:", "    import tiny", "except ImportError:", "    tiny = None")
BY_REFERENCE = "import tiny\ndef f():\n    return tiny.VERSION\n"
FOR_TYPES = f"from typing import TYPE_CHECKING\n{body('if TYPE_CHECKING:', '    import tiny')}"
OWN_PACKAGE = "from mine.work import g\ndef f():\n    return g()\n"
WORK = "from . import helper\nfrom .helper import h\ndef g():\n    return h()\n"
