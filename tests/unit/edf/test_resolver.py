"""The stand-in's own reading of EDFs beside fcx.edf's: written apart, they must agree."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from cluster import edf_resolve
from hypothesis import given
from hypothesis import strategies as st

from fcx.edf.lookup import finder
from fcx.edf.merge import merged
from fcx.edf.read import read
from fcx.edf.variables import expanded
from fcx.errors import EdfError

words = st.text("abcXYZ019_-. =:é\"\\'#[]", max_size=12)
texts = st.lists(
    st.one_of(words, st.sampled_from(["${HOME}", "${NONE:-x}", "$$", "${USER:-}", "$PATH", "{"])),
    max_size=4,
).map("".join)
names = st.text("ABCXYZ_019", min_size=1, max_size=6)
paths = st.text("abc/._", max_size=10).map(lambda tail: "/" + tail)
mounts = st.builds(
    lambda parts, flags: ":".join([*parts, *flags]),
    st.lists(paths, min_size=2, max_size=2),
    st.sampled_from([[], ["ro"], ["ro+private"]]),
)
edfs = st.fixed_dictionaries(
    {},
    optional={
        "image": paths,
        "workdir": texts,
        "writable": st.booleans(),
        "entrypoint": st.booleans(),
        "mounts": st.lists(mounts, max_size=4),
        "env": st.dictionaries(names, texts, max_size=5),
        "annotations": st.dictionaries(names, words, max_size=3),
    },
)


def toml(data: dict[str, Any], base: list[str]) -> str:
    """A TOML text of an EDF: JSON's strings, numbers and arrays are TOML's as well."""
    tables = {key: value for key, value in data.items() if isinstance(value, dict)}
    lines = [f"base_environment = {json.dumps(base)}"]
    lines += [f"{k} = {json.dumps(v)}" for k, v in data.items() if k not in tables]
    for table, pairs in tables.items():
        lines += [f"[{table}]", *(f"{key} = {json.dumps(value)}" for key, value in pairs.items())]
    return "\n".join(lines) + "\n"


@given(st.lists(edfs, min_size=1, max_size=3), st.booleans())
def test_both_readings_agree(layers: list[dict[str, Any]], nested: bool) -> None:
    """Merged and expanded, from up to three files, bases side by side or one on the other."""
    with tempfile.TemporaryDirectory() as folder:
        written: list[str] = []
        for number, layer in enumerate(layers):
            path = Path(folder) / f"{number}.toml"
            last = number == len(layers) - 1
            path.write_text(toml(layer, written[-1:] if nested else written if last else []))
            written.append(str(path))
        theirs = edf_resolve.load(written[-1], ())
        ours = expanded(merged(read(written[-1]), finder()), os.environ, final=True)

    def grown(value: str) -> str:
        return edf_resolve.expand(value, os.environ.get, "here")

    for key in ("image", "workdir"):
        assert getattr(ours, key) == (grown(theirs[key]) if key in theirs else None)
    for key in ("writable", "entrypoint"):
        assert getattr(ours, key) == theirs.get(key)
    assert list(ours.mounts) == [grown(mount) for mount in theirs.get("mounts", [])]
    assert dict(ours.env) == {k: grown(v) for k, v in theirs.get("env", {}).items()}


@pytest.mark.parametrize(
    "text",
    [
        "image = ", "image = 3\n", 'mounts = "x"\n', "env = 1\n", 'base_environment = "nowhere"\n',
        'base_environment = "./x.toml"\n', "[env]\nA = 1\n[env]\nB = 2\n", "writable = 'yes'\n",
    ],
)  # fmt: skip
def test_both_refuse_the_same(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one of them calls broken, the other does too."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(edf_resolve.Refused):
        edf_resolve.load("./x.toml", ())
    with pytest.raises(EdfError):
        merged(read("./x.toml"), finder())
