"""Reading, merging, expanding and rendering EDFs, and the EDF that travels with a run."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from fcx.edf.document import Edf, expand, finder, run_edf, run_edf_over
from fcx.edf.schema import Image
from fcx.errors import EdfError, UsageError

WHOLE = """\
# a comment
base_environment = ["a", "./b.toml"]
image = "nvcr.io#nvidia/pytorch:24.05-py3"
workdir = "/w"
entrypoint = false
writable = true
mounts = [
    "/capstor",                      # one path
    "/a:/b:ro+private",
    "${X:-/x:y}:/z",
    "tmpfs:/t",
]
devices = ["nvidia.com/gpu=all"]
perfmon = true

[env]
A = "1"
EMPTY = ""

[annotations]
com.hooks.cxi.enabled = "true"
"com.hooks.ssh.port" = "1"

[annotations.com.hooks.aws_ofi_nccl]
enabled = "true"
"""


def test_everything_that_an_edf_can_say_is_read():
    """Scalars, arrays, tables, dotted and quoted and nested annotations, and unknown keys."""
    edf = Edf.parse(WHOLE)
    assert edf.base_environment == ("a", "./b.toml")
    assert (edf.image, edf.workdir) == ("nvcr.io#nvidia/pytorch:24.05-py3", "/w")
    assert (edf.entrypoint, edf.writable) == (False, True)
    whole = ("/capstor:/capstor", "/a:/b:ro+private", "${X:-/x:y}:/z", "tmpfs:/t")
    assert edf.mounts == whole
    assert edf.devices == ("nvidia.com/gpu=all",)
    assert edf.env == {"A": "1", "EMPTY": ""}
    assert edf.annotations == {
        "com.hooks.cxi.enabled": "true",
        "com.hooks.ssh.port": "1",
        "com.hooks.aws_ofi_nccl.enabled": "true",
    }
    assert edf.other == {"perfmon": True}


def test_what_is_not_said_is_none_and_not_a_default():
    """An absent key must not overwrite that of a base, so it has no value."""
    edf = Edf.parse("")
    assert edf == Edf()
    assert (edf.image, edf.entrypoint, edf.writable, edf.workdir) == (None, None, None, None)


def test_one_base_environment_may_be_a_string_and_an_empty_one_is_none():
    """Both forms are documented; the default is the empty string."""
    assert Edf.parse('base_environment = "common"').base_environment == ("common",)
    assert Edf.parse('base_environment = ""').base_environment == ()


def test_numbers_and_booleans_of_env_are_read_as_their_text():
    """People write them; what they mean is clear."""
    edf = Edf.parse("[env]\nA = 1\nB = true\nC = 1.5\nD = 2024-01-02\n")
    assert edf.env == {"A": "1", "B": "true", "C": "1.5", "D": "2024-01-02"}


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("image = 3", 1, 9, "image must be a string, not a number"),
        ('\n\nmounts = "/a"', 3, 10, "mounts must be an array of strings, not a string"),
        ('mounts = [\n  "/a",\n  3,\n]', 3, 3, "mounts must be an array of strings"),
        ('writable = "true"', 1, 12, "writable must be true or false, not a string"),
        ("[env]\nA = [1]", 2, 5, "[env] A must be a string, not an array"),
        ("env = 1", 1, 7, "env must be a table of strings"),
        ('[[env]]\nA = "1"', 1, 1, "env must be a table of strings, not an array"),
        ('[env]\nA.B = "1"', 2, 1, "[env] A must be a string, not a table"),
        ('[annotations]\na.b = "1"\n"a.b" = "2"', 3, 9, "[annotations] a.b is given twice"),
        ("base_environment = [1]", 1, 21, "base_environment must be"),
        ("mounts = [...]", 1, 11, "not valid TOML"),
        ('image = "x', 1, 11, "not valid TOML"),
        ("image", 1, 6, "not valid TOML"),
        ("[a]\n[a]", 2, 3, "[a] is declared twice"),
        ("a = 1\x00", 1, 6, "not valid TOML"),
        ("x = '\ud800'", 1, 6, "surrogate"),
        ("x = " + "[" * 300 + "]" * 300, 1, 69, "64 levels"),
        ("x = " + "[" * 50_000 + "]" * 50_000, 1, 69, "64 levels"),
        (".".join("a" * 5_000) + " = 1", 1, 1, "64 levels"),
        ("x = 1" + "0" * 9_999, 1, None, "digits"),
    ],
    ids=range(20),
)
def test_what_cannot_be_read_is_an_error_with_its_place(text, line, column, words):
    """File, line and column, and what is wrong there."""
    with pytest.raises(EdfError) as caught:
        Edf.parse(text, file="my.toml")
    error = caught.value
    assert words in str(error)
    assert (error.file, error.line) == ("my.toml", line)
    assert column in (error.column, None)
    assert str(error).startswith(f"my.toml:{error.line}:{error.column}: ")


def test_files_with_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path):
    """Editors write them; a mark in front of the first key is no part of the key."""
    (tmp_path / "x.toml").write_bytes(b"\xef\xbb\xbfimage = 'x'\r\nmounts = ['/a']\r\n")
    edf = Edf.read(tmp_path / "x.toml")
    assert (edf.image, edf.mounts) == ("x", ("/a:/a",))


def test_bytes_that_are_not_utf8_are_an_error_with_their_place(tmp_path):
    """Latin-1 files exist; the byte's own line and column are told."""
    (tmp_path / "x.toml").write_bytes(b'image = "x"\n# caf\xe9\n')
    with pytest.raises(EdfError, match=r"x\.toml:2:6: byte 0xe9 is not UTF-8"):
        Edf.read(tmp_path / "x.toml")


@pytest.mark.parametrize("name", ["absent.toml", ".", "a\0b"])
def test_a_file_that_cannot_be_read_is_an_edf_error(tmp_path, name):
    """No OSError or ValueError gets out."""
    with pytest.raises(EdfError, match="cannot be read"):
        Edf.read(f"{tmp_path}/{name}")


def test_rendering_is_ascii_one_value_a_line_and_means_the_same():
    """Any reader, however simple, can take what travels; nothing is lost."""
    edf = Edf.parse(WHOLE + 'note.x = "caf\u00e9 \U0001f600 \\u0000 \\" \\\\"\n')
    text = edf.render(header="made by\nfcx caf\u00e9")
    assert text.isascii()
    assert text.startswith("# made by\n# fcx caf?\n")
    assert '    "/capstor:/capstor",\n' in text
    assert '\ncom.hooks.cxi.enabled = "true"\n' in text
    assert Edf.parse(text) == edf


def test_an_annotation_that_is_both_value_and_parent_survives_rendering():
    """`a = 1` and `"a.b" = 2` cannot both be dotted; the second is quoted whole."""
    edf = Edf(annotations={"a": "1", "a.b": "2", "a.b.c": "3", "": "4", "x y.z": "5"})
    assert Edf.parse(edf.render()) == edf


def test_an_edf_can_be_pickled_and_compared_without_its_origin():
    """Executors may travel; where an EDF was read from makes no difference to what it says."""
    edf = Edf.parse(WHOLE, file="a.toml")
    assert pickle.loads(pickle.dumps(edf)) == edf == Edf.parse("\n" + WHOLE, file="b.toml")


def merged(top: str, **bases: str) -> Edf:
    """Merge texts."""
    parsed = {name: Edf.parse(text) for name, text in bases.items()}
    return Edf.parse(top).merged(parsed.__getitem__)


def test_bases_are_merged_in_order_and_then_the_file_itself():
    """Scalars are overwritten, tables merge key by key, arrays append without repeats."""
    edf = merged(
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
    assert merged('base_environment = "a"\nimage = ""', a='image = "x"').image == ""


def test_a_diamond_is_no_circle():
    """Two bases may share a third one."""
    edf = merged(
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
        assert merged('base_environment = "e2"', **chain).image == "deep"
    else:
        with pytest.raises(EdfError, match="more than 10 levels"):
            merged('base_environment = "e2"', **chain)


def test_levels_are_counted_along_each_way_to_a_base():
    """A base that was merged before still counts with all its levels when met deeper down."""
    chain = {f"e{n}": f'base_environment = "e{n + 1}"' for n in range(2, 8)}
    chain["e8"] = 'base_environment = "tail1"'
    chain |= {"tail1": 'base_environment = "tail2"', "tail2": 'base_environment = "tail3"'}
    chain["tail3"] = ""
    with pytest.raises(EdfError, match="more than 10 levels"):
        merged('base_environment = ["tail1", "e2"]', **chain)


def test_many_bases_at_every_level_take_no_time():
    """Each base is read once: 30 bases on each of 9 levels would be 30^9 merges otherwise."""
    calls = []

    def lookup(name: str) -> Edf:
        calls.append(name)
        level = int(name.split(".", maxsplit=1)[0])
        bases = tuple(f"{level + 1}.{n}" for n in range(30)) if level < 10 else ()
        return Edf(base_environment=bases)

    Edf(base_environment=("2.0", "2.1")).merged(lookup)
    assert len(calls) <= 2 + 30 * 8


def test_a_circle_is_refused_with_the_way_round_and_the_place(tmp_path):
    """Files that are based on each other are told by name, at the line that says so."""
    for name, base in (("a", "./b.toml"), ("b", "./c.toml"), ("c", "./b.toml")):
        (tmp_path / f"{name}.toml").write_text(f'image = "x"\nbase_environment = "{base}"\n')
    with pytest.raises(EdfError) as caught:
        Edf.read(tmp_path / "a.toml").merged(finder({}, tmp_path))
    assert "b.toml -> " in caught.value.message
    assert caught.value.message.count("b.toml") == 2
    assert (Path(caught.value.file).name, caught.value.line) == ("c.toml", 2)


def test_a_name_is_found_as_srun_finds_it(tmp_path):
    """Bare names in EDF_PATH in order, else in ~/.edf; paths from the caller's folder."""
    for folder in ("one", "two", "home/.edf", "cwd/sub"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("two/x.toml", "one/y.toml", "two/y.toml", "home/.edf/h.toml", "cwd/sub/p.toml"):
        (tmp_path / file).write_text(f'image = "{file}"')
    home, path = str(tmp_path / "home"), f"{tmp_path}/one:{tmp_path}/two"
    find = finder({"HOME": home, "EDF_PATH": path, "SUB": "sub"}, tmp_path / "cwd")
    assert find("x").image == "two/x.toml"
    assert find("y").image == "one/y.toml"
    assert find("./sub/p.toml").image == find("${SUB}/p.toml").image == "cwd/sub/p.toml"
    assert find(f"{tmp_path}/two/x.toml").image == "two/x.toml"
    assert finder({"HOME": home}, tmp_path)("h").image == "home/.edf/h.toml"
    with pytest.raises(EdfError, match=r"no EDF 'h' here; looked for .*one/h.toml"):
        find("h")


@pytest.mark.parametrize(
    ("text", "final", "partial"),
    [
        ("${A}/x", "1/x", "1/x"),
        ("$${A}", "${A}", "$${A}"),
        ("$$${A}", "$1", "$$1"),
        ("${A:-d}${U:-d}${E:-d}", "1dd", "1${U:-d}${E:-d}"),
        ("${E}|${U:-}", "|", "|${U:-}"),
        ("$A ${A-x} $(A) $ 5$", "$A ${A-x} $(A) $ 5$", "$A ${A-x} $(A) $ 5$"),
        ("${D}", "a$b", "a$$b"),
        ("plain", "plain", "plain"),
    ],
)
def test_variables_are_expanded_as_documented(text, final, partial):
    """Braces, defaults and `$$`; a partial expansion still means the same to the engine."""
    variables = {"A": "1", "E": "", "D": "a$b"}
    assert expand(text, variables, final=True) == final
    assert expand(text, variables) == partial
    assert expand(partial, variables, final=True) == final


def test_an_undefined_variable_stays_or_is_an_error():
    """The far side may have it; where the expansion is final, nobody has."""
    assert expand("${NOT_THERE}/x", {}) == "${NOT_THERE}/x"
    with pytest.raises(EdfError, match=r"\$\{NOT_THERE\} is not defined"):
        expand("${NOT_THERE}/x", {}, final=True)


def test_expansion_reaches_every_value_and_tells_what_is_missing():
    """All parameters are expanded; those that are undefined can be listed."""
    edf = Edf(
        ("${A}",), "${A}", "${A}", mounts=("${A}:${B}",), devices=("${A}",),
        env={"X": "${A}${C:-}"}, annotations={"a.b": "${A}"},
    )  # fmt: skip
    done = edf.expanded({"A": "v"})
    assert (done.base_environment, done.image, done.workdir) == (("v",), "v", "v")
    assert (done.mounts, done.devices) == (("v:${B}",), ("v",))
    assert (done.env, done.annotations) == ({"X": "v${C:-}"}, {"a.b": "v"})
    assert edf.undefined({}) == ["A", "B"]
    assert done.undefined({}) == ["B"]


def test_the_edf_of_a_run_is_merged_and_mounts_the_working_directory(tmp_path):
    """What travels needs no other file; variables stay for the far side."""
    (tmp_path / "base.toml").write_text('image = "${SCRATCH}/x.sqsh"\nmounts = ["/capstor"]\n')
    top = tmp_path / "my env.toml"
    top.write_text(f'base_environment = "{tmp_path}/base.toml"\n[env]\nA = "caf\u00e9"\n')
    run = run_edf(top, "/w/dir")
    edf = Edf.parse(run.text)
    assert edf.image == "${SCRATCH}/x.sqsh"
    assert edf.mounts == ("/capstor:/capstor", "/w/dir:/w/dir")
    assert edf.base_environment == ()
    assert run.text.isascii()
    assert run.name.startswith("my-env-")
    assert run.name.endswith(".toml")
    assert run_edf(str(top), "/w/dir") == run == run_edf(Edf.read(top), "/w/dir")


def test_the_name_of_a_runs_edf_follows_its_content():
    """Another content, another name; the same content, the same name."""
    one, two = Edf(image="a"), Edf(image="b")
    assert run_edf(one, "/w").name == run_edf(Edf.parse('image = "a"'), "/w").name
    assert run_edf(one, "/w").name != run_edf(two, "/w").name
    assert run_edf(one, "/w").name != run_edf(one, "/v").name


def test_a_working_directory_that_is_mounted_already_is_mounted_once():
    """An identical mount is not repeated."""
    edf = Edf.parse('image = "a"\nmounts = ["/w"]')
    assert Edf.parse(run_edf(edf, "/w/").text).mounts == ("/w:/w",)


def test_an_edf_without_an_image_is_not_run():
    """It would run outside any container, and parity with it."""
    with pytest.raises(EdfError, match="names no image"):
        run_edf(Edf(mounts=("/a",)), "/w")


def test_a_base_that_is_not_here_is_told_with_the_line_that_names_it(tmp_path):
    """An EDF of a laptop may be based on one of the cluster; that one has to be copied."""
    (tmp_path / "x.toml").write_text('image = "i"\nbase_environment = ["/not/here.toml"]\n')
    with pytest.raises(EdfError, match=r"x\.toml:2:21: there is no EDF '/not/here\.toml' here"):
        run_edf(tmp_path / "x.toml", "/w")


@pytest.mark.parametrize("place", ["relative", "/a:b", ""])
def test_a_working_directory_that_cannot_be_mounted_is_refused(place):
    """A colon would split the mount, a relative path would be taken from elsewhere."""
    with pytest.raises(UsageError, match="cannot be mounted"):
        run_edf(Edf(image="x"), place)


def test_dollar_signs_in_a_working_directory_are_literal():
    """A folder named `$x` is not a variable of the far side."""
    edf = Edf.parse(run_edf(Edf(image="x"), "/w/${x}").text)
    assert edf.mounts == ("/w/$${x}:/w/$${x}",)
    assert edf.expanded({}, final=True).mounts == ("/w/${x}:/w/${x}",)


@pytest.mark.parametrize(
    ("reference", "base"),
    [
        ("pytorch", "pytorch"),
        ("/abs/x.toml", "/abs/x.toml"),
        ("./x.toml", "/w/d/x.toml"),
        ("../x.toml", "/w/d/../x.toml"),
        ("sub/x.toml", "/w/d/sub/x.toml"),
        ("x.toml", "/w/d/x.toml"),
        ("~/x.toml", "${HOME}/x.toml"),
        ("$SCRATCH/x.toml", "${SCRATCH}/x.toml"),
        ("${SCRATCH}/x.toml", "${SCRATCH}/x.toml"),
        ("/a b/'x'.toml", "/a b/'x'.toml"),
    ],
)
def test_a_runs_edf_over_a_far_one_adds_only_its_mount(reference, base):
    """`srun --environment=X` alone: based on X, relative paths from the job's directory."""
    run = run_edf_over(reference, "/w/d")
    assert Edf.parse(run.text) == Edf(base_environment=(base,), mounts=("/w/d:/w/d",))


@pytest.mark.parametrize("reference", ["", "$(pwd)/x.toml", "`pwd`/x.toml"])
def test_a_far_edf_that_is_no_name_or_path_is_refused(reference):
    """No engine runs a command to find an EDF."""
    with pytest.raises(UsageError, match="no name or path"):
        run_edf_over(reference, "/w")


@pytest.mark.parametrize(
    ("text", "ce", "sarus"),
    [
        ("ubuntu:24.04", "ubuntu:24.04", "ubuntu:24.04"),
        ("library/ubuntu", "library/ubuntu", "library/ubuntu"),
        ("nvcr.io#nvidia/p:1", "nvcr.io#nvidia/p:1", "nvcr.io/nvidia/p:1"),
        ("nvcr.io/nvidia/p:1", "nvcr.io#nvidia/p:1", "nvcr.io/nvidia/p:1"),
        ("localhost:5000/a/b:1", "localhost:5000#a/b:1", "localhost:5000/a/b:1"),
        ("me@r.io#a/b:1@sha256:ab", "me@r.io#a/b:1@sha256:ab", "me@r.io/a/b:1@sha256:ab"),
        ("r.io/a@sha256:ab", "r.io#a@sha256:ab", "r.io/a@sha256:ab"),
        ("/x/y.sqsh", "/x/y.sqsh", "/x/y.sqsh"),
        ("${SCRATCH}/y.sqsh", "${SCRATCH}/y.sqsh", "${SCRATCH}/y.sqsh"),
    ],
)
def test_image_references_are_spelt_for_either_engine(text, ce, sarus):
    """`registry#image` for the CE, `registry/image` for Sarus; paths as they are."""
    assert Image.parse(text).spelt("ce") == ce
    assert Image.parse(text).spelt("sarus") == sarus
