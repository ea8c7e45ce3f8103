"""The build context: what is sent, what is ignored, and when it counts as the same."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from fcx.errors import UsageError
from fcx.image.context import Context
from fcx.image.ignore import Pattern, Rules


def fill(folder: Path, files: dict[str, str]) -> Path:
    """Lay files into a folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def names(context: Context) -> set[str]:
    """The names of what would be sent, folders left out."""
    return {entry.name for entry in context.entries if entry.kind != "folder"}


def archived(context: Context) -> dict[str, tarfile.TarInfo]:
    """What the engine would find in the archive."""
    stream = io.BytesIO()
    context.write_tar(stream)
    with tarfile.open(fileobj=stream) as archive:
        return {member.name: member for member in archive}


TREE = (
    "a.txt b.md dir/a.txt dir/b.md dir/sub/a.txt dir/sub/deep/c.log .hidden .git/config README.md "
    "Upper.TXT foo/bar/baz foobar x[1].txt data/keep.txt data/drop.txt"
).split()


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        ("", set(TREE)),
        ("*.txt", set(TREE) - {"a.txt", "x[1].txt"}),
        ("**/*.txt", {n for n in TREE if not n.endswith(".txt")}),
        ("dir", {n for n in TREE if not n.startswith("dir/")}),
        ("/dir/", {n for n in TREE if not n.startswith("dir/")}),
        ("dir/*", {n for n in TREE if not n.startswith("dir/")}),
        ("*/a.txt", set(TREE) - {"dir/a.txt"}),
        ("*/*/a.txt", set(TREE) - {"dir/sub/a.txt"}),
        ("dir/**/c.log", set(TREE) - {"dir/sub/deep/c.log"}),
        ("d**t", set(TREE)),
        ("f**", {n for n in TREE if not n.startswith("f")}),
        ("**r", {n for n in TREE if not n.startswith(("dir/", "foobar", "foo/bar"))}),
        ("**/deep", set(TREE) - {"dir/sub/deep/c.log"}),
        ("foo", set(TREE) - {"foo/bar/baz"}),
        ("fo?", set(TREE) - {"foo/bar/baz"}),
        ("*", set()),
        ("**", set()),
        ("*\n!a.txt", {"a.txt"}),
        ("data\n!data/keep.txt", set(TREE) - {"data/drop.txt"}),
        ("*\n!dir/sub", {"dir/sub/a.txt", "dir/sub/deep/c.log"}),
        ("*.md\n!README.md", set(TREE) - {"b.md"}),
        ("!README.md\n*.md", set(TREE) - {"b.md", "README.md"}),
        ("# *.txt\n\n  b.md  \n", set(TREE) - {"b.md"}),
        ("./dir/../b.md", set(TREE) - {"b.md"}),
        ("[ab].*", set(TREE) - {"a.txt", "b.md"}),
        ("[^a].md", set(TREE) - {"b.md"}),
        ("x\\[1\\].txt", set(TREE) - {"x[1].txt"}),
        ("UPPER.txt", set(TREE)),
        (".", set(TREE)),
        ("/", set(TREE)),
        ("//", set(TREE)),
        ("..", set(TREE)),
        ("dir/..", set(TREE)),
        ("!.", set(TREE)),
        ("*\n!.", set()),
        ("*\n!..", set()),
        ("*\n!**", set(TREE)),
        ("**/", set()),
        ("*\n!**/", set(TREE)),
        ("*/", set()),
        (".*", set(TREE) - {".hidden", ".git/config"}),
    ],
)
def test_dockerignore(tmp_path: Path, lines: str, kept: set[str]):
    """Patterns leave out what Docker's own client leaves out."""
    fill(tmp_path, dict.fromkeys(TREE, "x") | ({".dockerignore": lines} if lines else {}))
    assert names(Context.from_folder(tmp_path, {})) == kept


@pytest.mark.parametrize("line", ["!", "! ", "!/", "!//", "!/..", "! /", "a[", "[]", "a[b"])
def test_patterns_that_are_none(line: str):
    """A broken pattern is refused, as Docker refuses it."""
    with pytest.raises(UsageError, match="dockerignore"):
        Pattern.from_line(line)


def test_byte_order_mark_and_line_ends(tmp_path: Path):
    """A file written on another system means the same."""
    fill(tmp_path, {"a": "", "b": ""})
    (tmp_path / ".dockerignore").write_bytes(b"\xef\xbb\xbfa\r\n")
    assert names(Context.from_folder(tmp_path, {})) == {"b"}


def test_a_dockerfile_s_own_ignore_file_goes_first(tmp_path: Path):
    """As BuildKit's client has it; another Dockerfile's says nothing."""
    fill(tmp_path, {"a": "", "b": "", ".dockerignore": "a\n", "gpu.Dockerfile.dockerignore": "b\n"})
    of = {
        name: names(Context.from_folder(tmp_path, {}, dockerfile=tmp_path / name))
        for name in ("Dockerfile", "gpu.Dockerfile")
    }
    assert of["Dockerfile"] == {"b", "gpu.Dockerfile.dockerignore"}
    assert of["gpu.Dockerfile"] == {"a", "gpu.Dockerfile.dockerignore"}


def test_newlines_in_names_do_not_fool_patterns():
    """A name with a line break is matched as a whole."""
    pattern = Pattern.from_line("a*")
    assert pattern
    assert Rules([pattern]).ignores("a\nb")
    assert not Rules([pattern]).ignores("x\na")


def test_hostile_names_travel_unchanged(tmp_path: Path):
    """Spaces, quotes, line breaks and bytes that are no text reach the engine as they are."""
    hostile = ["a b", "q'uo\"te", "new\nline", "back\\slash", "$HOME", "`id`", "-rf", "é", "\udcff"]
    hostile += ["x" * 200]
    for name in hostile:
        (tmp_path / name).write_text(name.encode("utf-8", "surrogateescape").hex())
    assert set(archived(Context.from_folder(tmp_path, {}))) == set(hostile)


def test_links_are_sent_and_never_followed(tmp_path: Path):
    """A link out of the context stays a link, and the user is told."""
    outside = fill(tmp_path / "outside", {"secret": "s3cret"})
    inside = fill(tmp_path / "inside", {"a": "x"})
    (inside / "file").symlink_to(outside / "secret")
    (inside / "folder").symlink_to(outside)
    (inside / "loop").symlink_to("loop")
    (inside / "fine").symlink_to("a")
    context = Context.from_folder(inside, {})
    found = archived(context)
    assert {name for name, member in found.items() if member.issym()} == {
        "file",
        "folder",
        "loop",
        "fine",
    }
    assert not any("secret" in name.split("/") for name in found)
    assert len(context.warnings) == 2
    assert "link out of the build context" in context.warnings[0]


def test_pipes_and_sockets_are_left_out(tmp_path: Path):
    """What cannot be sent does not block the build."""
    os.mkfifo(tmp_path / "pipe")
    fill(tmp_path, {"a": "x"})
    context = Context.from_folder(tmp_path, {})
    assert names(context) == {"a"}
    assert context.digest()


def test_an_ignored_file_is_not_read(tmp_path: Path):
    """A gigabyte that is ignored costs nothing: the file is not even opened."""
    fill(tmp_path, {"a": "x", ".dockerignore": "big\n"})
    with (tmp_path / "big").open("wb") as stream:
        stream.truncate(1 << 30)
    before = (tmp_path / "big").stat().st_atime_ns
    os.utime(tmp_path / "big", ns=(0, 0))
    context = Context.from_folder(tmp_path, {})
    context.digest()
    context.write_tar(io.BytesIO())
    assert (tmp_path / "big").stat().st_atime_ns == 0 != before
    assert names(context) == {"a"}


def test_empty_context(tmp_path: Path):
    """Nothing at all is a context too."""
    context = Context.from_folder(tmp_path, {"image.json": b"{}"})
    assert set(archived(context)) == {".fcx/image.json"}


def test_a_context_that_is_none(tmp_path: Path):
    """A folder that is not there, or a file, is refused with what to do."""
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(UsageError, match="fcx init"):
            Context.from_folder(place, {})


def digest(folder: Path, **options) -> str:
    """The digest of a folder as a context."""
    return Context.from_folder(folder, {}, **options).digest()


def test_the_same_source_has_the_same_digest(tmp_path: Path):
    """Times, owners, what an umask takes away and the order of making do not matter."""
    one = fill(tmp_path / "one", {"a": "1", "b/c": "2"})
    two = fill(tmp_path / "two", {"b/c": "2", "a": "1"})
    os.utime(two / "a", (1, 1))
    (two / "tool").write_text("")
    (two / "tool").chmod(0o755)
    before = os.umask(0o077)
    try:
        three = fill(tmp_path / "three", {"a": "1", "b/c": "2", "tool": ""})
        (three / "tool").chmod(0o700)
        private = Context.from_folder(three, {})
    finally:
        os.umask(before)
    (two / "b").chmod(0o777 & ~before)
    assert private.digest() == digest(two)
    assert {oct(member.mode) for member in archived(private).values()} == {"0o644", "0o755"}
    (two / "tool").unlink()
    assert digest(one) == digest(two)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o664, 0o666, 0o700, 0o4755])
def test_a_mode_that_somebody_chose_is_sent(tmp_path: Path, mode: int):
    """As docker sends it; and it counts."""
    before = os.umask(0o022)
    try:
        fill(tmp_path, {"a": "1", "b/c": "2"})
        plain = digest(tmp_path)
        (tmp_path / "a").chmod(mode)
        (tmp_path / "b").chmod(0o1777)
        context = Context.from_folder(tmp_path, {})
    finally:
        os.umask(before)
    found = archived(context)
    assert [oct(found[name].mode) for name in ("a", "b", "b/c")] == [oct(mode), "0o1777", "0o644"]
    assert context.digest() != plain


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "a").write_text("2"),
        lambda root: (root / "a").rename(root / "d"),
        lambda root: (root / "a").chmod(0o755),
        lambda root: (root / "new").mkdir(),
        lambda root: (root / "new").write_text(""),
        lambda root: (root / "new").symlink_to("a"),
    ],
)
def test_a_change_changes_the_digest(tmp_path: Path, change):
    """Contents, names, kinds and the executable bit count."""
    root = fill(tmp_path, {"a": "1", "b/c": "2"})
    before = digest(root)
    change(root)
    assert digest(root) != before


def test_boundaries_count(tmp_path: Path):
    """Bytes that move from a name to a content make another source."""
    one, two = fill(tmp_path / "1", {"ab": "c"}), fill(tmp_path / "2", {"a": "bc"})
    assert digest(one) != digest(two)


def test_what_fcx_writes_is_no_source(tmp_path: Path):
    """A manifest written into the context's own folder does not make it another."""
    root = fill(tmp_path, {"a": "1", "edf/x.manifest.json": "1"})
    before = digest(root, without=root / "edf")
    fill(root, {"edf/x.manifest.json": "2", "edf/y.toml": ""})
    assert digest(root, without=root / "edf") == before


def test_the_reserved_folder_is_fcx_s(tmp_path: Path):
    """A .fcx that a user left lying there does not reach the engine."""
    root = fill(tmp_path, {"a": "1", ".fcx/image.json": "forged"})
    context = Context.from_folder(root, {"dist/w.whl": b"w"}).with_files({"image.json": b"{}"})
    assert names(context) == {"a", ".fcx/image.json"}
    assert archived(context)[".fcx/image.json"].size == 2


def test_folders_of_runs_are_no_source(tmp_path: Path):
    """Where a project is a working directory, too; unless its .dockerignore says otherwise."""
    root = fill(tmp_path, {"a": "1", ".fcx-me/run/inbox/1": "", "runs/.fcx-me/run/key": "k"})
    assert names(Context.from_folder(root, {})) == {"a"}
    fill(root, {".dockerignore": "!**/.fcx-me\na\n"})
    assert "runs/.fcx-me/run/key" in names(Context.from_folder(root, {}))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(tmp_path: Path):
    """A file that may not be read is named, with what to do."""
    fill(tmp_path, {"a": "x"})
    (tmp_path / "a").chmod(0)
    with pytest.raises(UsageError, match="cannot be read"):
        digest(tmp_path)
