"""What holds for every EDF and for every text, however wild."""

from __future__ import annotations

import re
from datetime import date, datetime, time

import pytest
import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcx.edf.check import check
from fcx.edf.document import Edf
from fcx.edf.handover import handed_over, missing
from fcx.edf.index import Index
from fcx.edf.merge import merged
from fcx.edf.read import parse
from fcx.edf.render import render
from fcx.edf.run import run_edf
from fcx.edf.schema import KEYS
from fcx.edf.toml import tomllib
from fcx.edf.variables import expand
from fcx.errors import EdfError

quick = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
wild = settings(quick, max_examples=400)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
words = st.text("ab.:/${}-~ \"'#é\0", max_size=10)
strings = texts | words
maybe = st.none() | strings
switches = st.none() | st.booleans()
tables = st.dictionaries(strings, strings, max_size=4)
scalars = (
    strings
    | st.integers(-(2**70), 2**70)
    | st.booleans()
    | st.floats(allow_nan=False)
    | st.dates(date(1, 1, 1))
    | st.datetimes(datetime(1, 1, 1))  # noqa: DTZ001 - TOML has local ones
    | st.times(time(0))
)
values = st.recursive(
    scalars, lambda s: st.lists(s, max_size=3) | st.dictionaries(strings, s, max_size=3)
)
edfs = st.builds(
    Edf,
    base_environment=st.lists(strings.filter(bool), max_size=3).map(tuple),
    image=maybe,
    workdir=maybe,
    entrypoint=switches,
    writable=switches,
    mounts=st.lists(strings, max_size=4).map(tuple),
    devices=st.lists(strings, max_size=2).map(tuple),
    env=tables,
    annotations=tables,
    other=st.dictionaries(strings.filter(lambda k: k not in KEYS), values, max_size=2),
)


@quick
@given(edfs)
def test_render_then_read_is_the_identity(edf: Edf):
    """Whatever an EDF holds, its text holds; and it is ASCII, and TOML to others too."""
    text = render(edf)
    assert text.isascii()
    assert parse(text) == edf


def oracle(name: str, bases: dict[str, Edf]) -> Edf:
    """The documented rules, written a second time: bases in order, then the file itself."""
    edf = bases[name]
    layers = [oracle(base, bases) for base in edf.base_environment] + [edf]
    merged: dict = {"env": {}, "annotations": {}, "other": {}, "mounts": [], "devices": []}
    for layer in layers:
        for key in ("env", "annotations", "other"):
            merged[key].update(getattr(layer, key))
        for key in ("mounts", "devices"):
            merged[key] += [item for item in getattr(layer, key) if item not in merged[key]]
        for key in ("image", "workdir", "entrypoint", "writable"):
            if getattr(layer, key) is not None:
                merged[key] = getattr(layer, key)
    merged["mounts"] = tuple(dict.fromkeys(merged["mounts"]))
    merged["devices"] = tuple(dict.fromkeys(merged["devices"]))
    return Edf(**merged)


@quick
@given(st.lists(edfs, min_size=1, max_size=5), st.data())
def test_merging_follows_the_documented_rules(layers: list[Edf], data: st.DataObject):
    """Over any tree of bases without a circle, merged is what the rules say."""
    bases = {}
    for number, edf in enumerate(layers):
        below = st.lists(st.sampled_from([str(n) for n in range(number)] or [""]), max_size=3)
        chosen = tuple(filter(None, data.draw(below)))
        parts = edf.values() | {"base_environment": chosen}
        bases[str(number)] = Edf(**parts, other=edf.other)
    top = str(len(layers) - 1)
    assert merged(bases[top], bases.__getitem__) == oracle(top, bases)


@quick
@given(strings, st.dictionaries(st.sampled_from("ab"), strings))
def test_expanding_in_two_steps_is_expanding_once(text: str, variables: dict[str, str]):
    """What is known at the client and what only the cluster knows give the same in the end."""
    everything = {"a": "", "b": "2"} | variables
    try:
        whole = expand(text, everything, final=True)
    except EdfError as error:
        with pytest.raises(EdfError, match=re.escape(error.message)):
            expand(expand(text, variables), everything, final=True)
        return
    assert expand(expand(text, variables), everything, final=True) == whole


@quick
@given(edfs)
def test_what_travels_with_a_run_can_be_read_and_has_the_mount(edf: Edf):
    """Any EDF with an image can be sent, in ASCII, with the run's directory mounted."""
    plain = Edf(**edf.values() | {"base_environment": ()})
    if plain.image:
        run = run_edf(plain, "/w")
        assert run.text.isascii()
        assert parse(run.text).mounts[-1:] == ("/w:/w",) or "/w:/w" in plain.mounts
        assert run.name.isascii()
        assert "/" not in run.name


SEEDS = [
    'image = "r.io#a/b:1"\nmounts = ["/a", "/b:/c:ro"]\n[env]\nA = "1"\n[annotations]\na.b = "c"\n',
    'base_environment = "x"\nentrypoint = true\n[annotations.com.hooks.ssh]\nenabled = "true"\n',
    "a = {b = [1, {c = 'd'}], e = 2024-01-02 03:04:05}\n[[t]]\nx = 1\n[t.u]\ny = 2\n[[t]]\n",
    'x = """a\n"b""""\ny = \'\'\'c\'d\'\'\'\nz = 1_0.5e3 # end\n"q.r".\'s\' = -inf\n',
]
SCRAPS = ['"', "'", '"""', "'''", "[", "]", "[[", "{", "}", "=", ",", ".", "#", "\n", "\r\n", "\r"]
SCRAPS += [
    "\0",
    "\ud800",
    "\ufeff",
    "\\",
    "\\u00",
    "${A}",
    "$$",
    ":",
    "image",
    "[env]",
    "mounts = ",
]
SCRAPS += ["é", "true", "1e", "inf", "[" * 70, "a." * 70 + "a=1\n", "\t", "\x7f", "[annotations]"]
pieces = st.sampled_from([*SCRAPS, *SEEDS]) | st.text(max_size=6)


@st.composite
def mangled(draw: st.DrawFn) -> str:
    """A valid text with pieces put in, taken out and repeated."""
    text = draw(st.sampled_from(SEEDS) | st.lists(pieces, max_size=12).map("".join))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 6)))
        text = text[:start] + draw(st.just("") | pieces) + text[end:]
    return text


wild_texts = (
    mangled() | st.text(st.characters(), max_size=40) | st.text("[]{}\"'=.,#\n a1", max_size=40)
)


@wild
@given(wild_texts)
def test_any_text_is_an_edf_or_an_error_with_a_place_in_it(text: str):
    """No other exception, and a line and column that exist."""
    try:
        edf = parse(text)
    except EdfError as error:
        lines = text.replace("\r\n", "\n").split("\n")
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 2
    else:
        assert parse(render(edf)) == edf


@wild
@given(wild_texts)
def test_the_check_of_any_text_gives_findings_and_never_fails(text: str):
    """Its places are in the text, and it agrees with reading about what is broken."""
    findings = check(text)
    lines = text.split("\n")
    for finding in findings:
        assert 1 <= finding.line <= len(lines) + 1
        assert 1 <= finding.column <= max(map(len, lines)) + 2
        assert all((finding.code, finding.what, finding.why, finding.fix))
    try:
        parse(text)
    except EdfError:
        assert any(finding.severity == "error" for finding in findings)
    else:
        assert not any(f.code in ("invalid-toml", "table-twice", "wrong-type") for f in findings)


@wild
@given(wild_texts | edfs.map(render) | st.dictionaries(texts, values).map(tomlkit.dumps))
def test_the_index_knows_the_place_of_every_value(text: str):
    """Each value of the data has a place, and what stands there is that value."""
    try:
        data = tomllib.loads(text)
        parse(text)  # within the limits of nesting, and no surrogates
    except (ValueError, RecursionError, EdfError):
        return
    index = Index(text)

    def look(path, value):
        if path in index.values:
            start, end = index.values[path]
            assert repr(tomllib.loads(f"x = {text[start:end]}")["x"]) == repr(value)
        else:
            assert isinstance(value, (dict, list))  # made of headers or of dotted keys
        members = enumerate(value) if isinstance(value, list) else ()
        for key, item in value.items() if isinstance(value, dict) else members:
            look((*path, key), item)

    for key, value in data.items():
        look((key,), value)


COMMENTED = [
    "# top\n",
    'image = "old"  # theirs\n',
    'workdir = "/mine"  # kept\n',
    "entrypoint = true  # fcx\n",
    'mounts = ["/a", "/b:/c"]  # some\n',
    'mounts = [\n    # first\n    "/a",  # mine\n    "/old:/old",  # fcx\n]\n',
    "# about other\n",
    "perfmon = true  # theirs\n",
    '# about env\n[env]  # header\nA = "1"  # mine\nOLD = "2"  # fcx\nPATH = "/p"  # fcx\n',
    '# about ssh\n[annotations.com.hooks.ssh]\nenabled = "true"  # ssh\n',
    '# about notes\n[annotations]\ncom.x = "1"  # x\ncom.hooks.cxi.enabled = "no"  # fcx\n',
    '[annotations.com.hooks.cxi]\nenabled = "no"  # cxi\n',
    "# end\n",
]


@st.composite
def commented(draw: st.DrawFn) -> str:
    """Files as people keep them: any of the parts above, in an order that is TOML."""
    chosen = [part for part in COMMENTED if draw(st.booleans())]
    return draw(st.sampled_from(["", "\n"])).join(chosen)


@quick
@given(commented(), edfs)
def test_handing_over_keeps_what_is_the_users_and_leaves_what_is_not(text: str, added: Edf):
    """Comments, order and values of the user survive, and what is added stands among them."""
    try:
        before = parse(text)
    except EdfError:
        return  # both forms of mounts, or of the annotations of one hook
    parts = added.values() | {"base_environment": (), "devices": ()}
    parts["annotations"] = {"com.hooks.cxi.enabled": "true"} if len(added.env) % 2 else {}
    wanted = Edf(**parts)
    after = handed_over(text, wanted, "own", ["made for a test"], "x")
    theirs = [line for line in text.split("\n") if "#" in line and not line.endswith("# fcx")]
    kept = [line for line in theirs if not line.startswith(("image", "mounts"))]
    place = -1
    for line in kept:
        place = after.index(line, place + 1)
    result = parse(after)
    assert result.base_environment == ("own",)
    assert result.image == wanted.image
    assert missing(result, wanted) == []
    mine = "[annotations.com.hooks.cxi]" in text and "# cxi" in text
    ours = wanted.annotations.get("com.hooks.cxi.enabled")
    assert result.annotations.get("com.hooks.cxi.enabled") == ("no" if mine else ours)
    assert result.env == {**wanted.env, **({"A": "1"} if "A" in before.env else {})}
    assert ("/old:/old" in result.mounts) == ("/old:/old" in wanted.mounts)
