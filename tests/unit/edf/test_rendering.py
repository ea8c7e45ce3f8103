"""From EDFs to text, data and pickles that mean the same."""

from __future__ import annotations

import pickle
from pathlib import Path

from fcx.edf.document import Edf
from fcx.edf.read import parse
from fcx.edf.render import render, to_data
from fcx.edf.schema import KEYS

WHOLE = (Path(__file__).with_name("data") / "whole.toml").read_text()


def test_rendering_is_ascii_one_value_a_line_and_means_the_same():
    """Any reader, however simple, can take what travels; nothing is lost."""
    edf = parse(WHOLE + 'note.x = "caf\u00e9 \U0001f600 \\u0000 \\" \\\\"\n')
    text = render(edf, header="made by\nfcx caf\u00e9")
    assert text.isascii()
    assert text.startswith("# made by\n# fcx caf?\n")
    assert '    "/capstor:/capstor",\n' in text
    assert '\ncom.hooks.cxi.enabled = "true"\n' in text
    assert parse(text) == edf


def test_an_annotation_that_is_both_value_and_parent_survives_rendering():
    """`a = 1` and `"a.b" = 2` cannot both be dotted; the second is quoted whole."""
    edf = Edf(annotations={"a": "1", "a.b": "2", "a.b.c": "3", "": "4", "x y.z": "5"})
    assert parse(render(edf)) == edf


def test_an_edf_can_be_pickled_and_compared_without_its_origin():
    """Executors may travel; where an EDF was read from makes no difference to what it says."""
    edf = parse(WHOLE, file="a.toml")
    assert pickle.loads(pickle.dumps(edf)) == edf == parse("\n" + WHOLE, file="b.toml")


def test_values_has_every_key_that_an_edf_may_have():
    """In the order in which they are documented."""
    assert list(Edf().values()) == list(KEYS)


def test_data_is_what_the_text_says():
    """Without the keys that say nothing, with those that fcx does not know."""
    edf = parse('image = "x"\nmounts = ["/a"]\nperfmon = true\n[env]\nA = "1"\n')
    wanted = {"image": "x", "mounts": ["/a:/a"], "env": {"A": "1"}, "perfmon": True}
    assert to_data(edf) == wanted
