"""What an EDF is based on: order, levels, circles."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcx.edf.document import Edf
from fcx.edf.lookup import finder
from fcx.edf.merge import merged
from fcx.edf.read import parse, read
from fcx.errors import EdfError


def merged_texts(top: str, **bases: str) -> Edf:
    """Merge texts."""
    parsed = {name: parse(text) for name, text in bases.items()}
    return merged(parse(top), parsed.__getitem__)


def test_bases_are_merged_in_order_and_then_the_file_itself():
    """Scalars are overwritten, tables merge key by key, arrays append without repeats."""
    edf = merged_texts(
        'base_environment = ["one", "two"]\nworkdir = "/top"\nmounts = ["/t", "/1:/1"]\n'
        '[env]\nT = "t"\nA = "top"',
        one='image = "one"\nworkdir = "/one"\nwritable = true\nmounts = ["/1", "/b"]\n'
        '[env]\nA = "one"\nB = "one"\n[annotations]\ncom.x = "1"\ncom.y = "1"',
        two='image = "two"\nwritable = false\nmounts = ["/2", "/b"]\n'
        '[env]\nB = "two"\n[annotations]\ncom.y = "2"\n',
    )
    assert (edf.image, edf.workdir, edf.writable) == ("two", "/top", False)
    assert edf.mounts == ("/1:/1", "/b:/b", "/2:/2", "/t:/t")
    assert edf.env == {"A": "top", "B": "two", "T": "t"}
    assert edf.annotations == {"com.x": "1", "com.y": "2"}
    assert edf.base_environment == ()


def test_an_empty_string_overwrites_too():
    """`image = ""` means no container, whatever the base says."""
    assert merged_texts('base_environment = "a"\nimage = ""', a='image = "x"').image == ""


def test_a_diamond_is_no_circle():
    """Two bases may share a third one."""
    edf = merged_texts(
        'base_environment = ["l", "r"]',
        l='base_environment = "z"\nimage = "l"',
        r='base_environment = "z"',
        z='image = "z"\nmounts = ["/z"]',
    )
    assert (edf.image, edf.mounts) == ("z", ("/z:/z",))


@pytest.mark.parametrize("levels", [10, 11])
def test_ten_levels_are_read_and_eleven_are_refused(levels):
    """The documented limit, the file itself counted."""
    chain = {f"e{n}": f'base_environment = "e{n + 1}"' for n in range(2, levels)}
    chain[f"e{levels}"] = 'image = "deep"'
    if levels == 10:
        assert merged_texts('base_environment = "e2"', **chain).image == "deep"
    else:
        with pytest.raises(EdfError, match="more than 10 levels"):
            merged_texts('base_environment = "e2"', **chain)


def test_levels_are_counted_along_each_way_to_a_base():
    """A base that was merged before still counts with all its levels when met deeper down."""
    chain = {f"e{n}": f'base_environment = "e{n + 1}"' for n in range(2, 8)}
    chain["e8"] = 'base_environment = "tail1"'
    chain |= {"tail1": 'base_environment = "tail2"', "tail2": 'base_environment = "tail3"'}
    chain["tail3"] = ""
    with pytest.raises(EdfError, match="more than 10 levels"):
        merged_texts('base_environment = ["tail1", "e2"]', **chain)


def test_many_bases_at_every_level_take_no_time():
    """Each base is read once: 30 bases on each of 9 levels would be 30^9 merges otherwise."""
    calls = []

    def lookup(name: str) -> Edf:
        calls.append(name)
        level = int(name.split(".", maxsplit=1)[0])
        bases = tuple(f"{level + 1}.{n}" for n in range(30)) if level < 10 else ()
        return Edf(base_environment=bases)

    merged(Edf(base_environment=("2.0", "2.1")), lookup)
    assert len(calls) <= 2 + 30 * 8


def test_a_circle_is_refused_with_the_way_round_and_the_place(tmp_path):
    """Files that are based on each other are told by name, at the line that says so."""
    for name, base in (("a", "./b.toml"), ("b", "./c.toml"), ("c", "./b.toml")):
        (tmp_path / f"{name}.toml").write_text(f'image = "x"\nbase_environment = "{base}"\n')
    with pytest.raises(EdfError) as caught:
        merged(read(tmp_path / "a.toml"), finder({}, tmp_path))
    assert "b.toml -> " in caught.value.message
    assert caught.value.message.count("b.toml") == 2
    assert (Path(caught.value.file).name, caught.value.line) == ("c.toml", 2)
