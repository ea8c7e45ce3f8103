"""What exceptions have besides their arguments and their attributes."""

from __future__ import annotations

import io
import sys
import urllib.error

import pytest

from fcx.protocol import pickling


class Slotted(Exception):
    """With a private slot, and one that is not set."""

    __slots__ = ("__hidden", "q", "unset")

    def __init__(self, q, more):
        self.q, self.__hidden = q, more

    def hidden(self):
        return self.__hidden


class Shadowing(Slotted):
    """With a slot that hides its base's."""

    __slots__ = ("q",)

    def __init__(self):
        super().__init__(None, "h")
        self.q = 5
        Slotted.q.__set__(self, 6)


class Missing(FileNotFoundError):
    """With an ``__init__`` of its own."""

    def __init__(self, name):
        super().__init__(2, "gone", name)


def back(error, *, home):
    (made,) = pickling.loads(pickling.dumps([error], home=home))
    assert type(made) is type(error)
    return made


@pytest.mark.parametrize("home", [True, False])
class TestTravel:
    """There and back."""

    def test_slots_of_all_classes(self, home):
        """Private ones, one that hides another, and those that are not set."""
        made = back(Slotted(1, 2), home=home)
        assert (made.args, made.q, made.hidden()) == ((1, 2), 1, 2)
        assert not hasattr(made, "unset")
        assert back(Slotted(None, 2), home=home).q is None
        made = back(Shadowing(), home=home)
        assert (made.q, Slotted.q.__get__(made), made.hidden()) == (5, 6, "h")

    def test_slots_that_lead_back(self, home):
        """To the exception itself."""
        error = Slotted(1, 2)
        error.q = [error]
        made = back(error, home=home)
        assert made.q[0] is made

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="groups came with Python 3.11")
    def test_slots_within_groups(self, home):
        """And what groups have of their own stays as it is."""
        made = back(ExceptionGroup("g", [Slotted(1, 2), Missing("f")]), home=home)  # noqa: F821 - of 3.11
        assert (made.message, made.exceptions[0].q, made.exceptions[1].filename) == ("g", 1, "f")

    @pytest.mark.parametrize(
        ("error", "names"),
        [
            (NameError("x", name="n"), "name"),
            (AttributeError("x", name="n", obj=3), "name"),
            (ImportError("m", name="n", path="p"), "name path"),
            (OSError(2, "n", "f", None, "g"), "errno filename filename2"),
            (OSError(2, "n"), "errno filename"),
            (BlockingIOError(11, "n", 4), "errno filename characters_written"),
            (Missing("f"), "errno filename"),
            (SyntaxError("m", ("f", 1, 2, "t", 3, 4)), "lineno offset text end_lineno filename"),
            (StopIteration(4), "value"),
            (SystemExit("told"), "code"),
            (UnicodeDecodeError("utf-8", b"ab", 0, 1, "r"), "object start end reason"),
            (urllib.error.HTTPError("u", 404, "m", {}, io.BytesIO()), "filename code msg"),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_what_built_in_ones_have(self, error, names, home):
        """As it was made, and as it was set afterwards."""
        for _ in range(2):
            made = back(error, home=home)
            assert [getattr(made, one) for one in names.split()] == [
                getattr(error, one) for one in names.split()
            ]
            assert str(made) == str(error)
            if names in {"value", "code"}:
                setattr(error, names, "set")

    def test_what_an_attribute_was_missing_from(self, home):
        """It may be anything, and stays where it is, as with pickle."""
        assert back(AttributeError("x", name="n", obj=memoryview(b"")), home=home).obj is None


def test_a_slot_that_cannot_travel():
    """It is not left out without a word."""
    with pytest.raises(TypeError, match="memoryview"):
        pickling.dumps(Slotted(memoryview(b""), 1))
