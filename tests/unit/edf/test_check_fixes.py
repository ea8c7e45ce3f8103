"""Each fix that `fcx edf check` gives is followed to the letter, and its finding is gone then."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from edf_cases import CASES, FINE, ON_CLUSTER, SARUS_ALONE, singles
from edf_cases import DIGEST as WHOLE
from sample import DIGEST, MANIFEST
from typer.testing import CliRunner

from fcx.cli.root import app
from fcx.config import KNOWN_SITES
from fcx.edf.findings import Finding
from fcx.edf.index import Index
from fcx.edf.toml import Path as Place
from fcx.edf.toml import quoted
from fcx.records import replace

STRING = r'"(?:[^"\\]|\\.)*"'
VALUE = rf"(?:{STRING}|true|false|\[[^\]]*\])"


class Text:
    """A text with a finding in it, and the edits that a reader of its fix can make."""

    def __init__(self, text: str, finding: Finding) -> None:
        self.text, self.index = text, Index(text)
        lines = text.split("\n")
        self.offset = sum(len(line) + 1 for line in lines[: finding.line - 1]) + finding.column - 1

    def key(self) -> Place:
        """The path of the line at the finding: the last key that begins at or before it."""
        starts = {path: start for path, start in self.index.keys.items() if path in self.spans()}
        before = [path for path, start in starts.items() if start <= self.offset]
        return max(before, key=lambda path: (starts[path], len(path)))

    def spans(self) -> dict[Place, tuple[int, int]]:
        """Of the values that have a key, not of items."""
        return {path: span for path, span in self.index.values.items() if path in self.index.keys}

    def line(self) -> tuple[int, int]:
        """Start and end of the key and value at the finding."""
        path = self.key()
        return self.index.keys[path], self.index.values[path][1]

    def value(self) -> tuple[int, int]:
        """Start and end of the string at the finding, an array's item too."""
        within = [(a, b) for a, b in self.index.values.values() if a <= self.offset < b]
        key = self.key()
        return min(within, key=lambda span: span[1] - span[0]) if within else self.index.values[key]

    def put(self, span: tuple[int, int], new: str) -> str:
        """The text with a part replaced."""
        return self.text[: span[0]] + new + self.text[span[1] :]

    def without(self) -> str:
        """The text without the item, or the line, at the finding."""
        start, end = self.value()
        if any(
            span == (start, end)
            for path, span in self.index.values.items()
            if path[-1] == 0 or isinstance(path[-1], int)
        ):
            rest = self.text[end:].lstrip(" ")
            return self.text[:start] + (rest.removeprefix(","))
        return self.put(self.line(), "")


def below(text: str, table: str, line: str) -> str:
    """The text with a line in a table, in place of the one that has its key."""
    head, name = f"[{table}]", line.partition(" = ")[0]
    if head not in text.split("\n"):
        return f"{text}\n{head}\n{line}\n"
    before, _, after = text.partition(head + "\n") if head + "\n" in text else (text, "", "")
    body, bracket, rest = after.partition("\n[")
    own = "\n".join(one for one in body.split("\n") if one.partition(" = ")[0] != name)
    return f"{before.removesuffix(head)}{head}\n{line}\n{own}{bracket}{rest}"


def above(text: str, line: str) -> str:
    """The text with a top-level line, in place of the one that has its key."""
    top, bracket, rest = text.partition("[") if text.startswith("[") else text.partition("\n[")
    name = line.partition(" = ")[0]
    kept = "\n".join(one for one in top.split("\n") if one.partition(" = ")[0] != name)
    return f"{line}\n{kept}{bracket}{rest}"


def renamed(text: Text, name: str) -> str:
    """Another word at the finding: its key, or what a string holds."""
    if text.text[text.offset] == "[":
        return text.put((text.offset, text.text.index("]", text.offset) + 1), f"[{name}]")
    key = text.key()
    start = text.index.keys[key]
    if start != text.offset:
        return text.put(text.value(), quoted(name))
    end = text.index.values[key][0]
    return text.put((start, end), f"{name} = ")


def moved(text: Text, table: str) -> str:
    """The line at the finding, in another table."""
    start, end = text.line()
    return below(text.put((start, end), ""), table, text.text[start:end])


def headed(text: Text, header: str) -> str:
    """The nearest table's header written anew."""
    start = text.text.rfind("[", 0, text.offset + 1)
    start = (
        text.text.rfind("\n[", 0, text.offset) + 1
        if text.text[start - 1 : start] not in ("", "\n")
        else start
    )
    return text.put((start, text.text.index("]", start) + 1), f"[{header}]")


def up(text: Text) -> str:
    """The line at the finding, above the first table."""
    start, end = text.line()
    return above(
        text.put((start, end), ""),
        text.text[start:end].split(".")[-1]
        if "com." in text.text[start:end]
        else text.text[start:end],
    )


def assigned(text: Text, line: str) -> str:
    """The line at the finding written anew."""
    return text.put(text.line(), line)


FORMS: list[tuple[str, Callable[..., str]]] = [
    (rf"in \S+, write (\w+ = {VALUE}) above the first \[table\]", lambda text, line: text.text),
    (rf"(?<!, )write ([\w.\"-]+ = {VALUE}) below \[([^\]]+)\]", lambda t, line, table: below(t.text, table, line)),
    (rf"(?<!, )write ([\w.]+ = {VALUE}) above the first \[table\]", lambda t, line: above(t.text, line)),
    (r"write \[([^\]]+)\] as the table's header", headed),
    (r"write (\S+) in place of the key", renamed),
    (r"did you mean (\S+)\?", renamed),
    (r"move it below \[(\w+)\]", moved),
    (r"(move the line up, above the first \[table\])", lambda t, _: up(t)),
    (r"write (\S.*?) in place of (\S+?)(?=, or|, lest|$| for| if)",
     lambda t, new, old: t.text[: t.offset] + t.text[t.offset :].replace(quoted(old)[1:-1], quoted(new)[1:-1], 1)),
    (rf"write ([\w.\"'-]+ = {VALUE})(?! above| below)", assigned),
    (rf"(?:write|, or) ({STRING})", lambda t, new: t.put(t.value(), new)),
    (r"^(take it out)|, or (?:take it out)$", lambda t, _: t.without()),
    (r"(put the value in quotes)", lambda t, _: t.put(t.value(), f'"{t.text[slice(*t.value())]}"')),
]  # fmt: skip


def followed(text: str, finding: Finding) -> Iterator[str]:
    """The text after each of the ways that a fix names word by word."""
    spent = finding.fix
    for form, edit in FORMS:
        for match in re.finditer(form, spent):
            yield edit(Text(text, finding), *match.groups())
        spent = re.sub(form, "", spent)


# Code, what its fix says in words, a text, that text after a reader did so, options of both.
BY_HAND = [
    ("invalid-toml", "take the comma", '[env]\nA = "1",', '[env]\nA = "1"', {}),
    ("table-twice", "keep one form", "[a.b]\nc = 1\n[a.b]\nd = 1", "[a.b]\nc = 1\nd = 1", {}),
    ("wrong-type", "write it as a table", "env = 1", '[env]\nname = "value"', {}),
    ("annotation-value", "path of that file",
     '[annotations]\ncom.hooks.ssh.authorize_ssh_key = "ssh-rsa AAA"',
     '[annotations]\ncom.hooks.ssh.authorize_ssh_key = "/users/me/key.pub"', {}),
    ("mount-form", "one colon", 'mounts = [":/b"]', 'mounts = ["/a:/b"]', {}),
    ("mount-relative", "absolute path", 'mounts = ["x:/b"]', 'mounts = ["/x:/b"]', {}),
    ("mount-target", "absolute path", 'mounts = ["/x:b"]', 'mounts = ["/x:/b"]', {}),
    ("missing-image", "correct it", 'image = "/absent.sqsh"', 'image = "/tmp"', ON_CLUSTER),
    ("workdir-relative", "from /", 'workdir = "w"', 'workdir = "/w"', {}),
    ("undefined-variable", "the path out", 'workdir = "${MINE}"', 'workdir = "/mine"', {}),
    ("command-substitution", "its result", '[env]\nA = "$(id -u)"', '[env]\nA = "1000"', {}),
    ("command-substitution", "name that", '[env]\nA = "`id`"', '[env]\nA = "${NAME}"', SARUS_ALONE),
    ("refused-character", "${NAME}", '[env]\nA = "a;b"', '[env]\nA = "${NAME}"', SARUS_ALONE),
    ("no-image", 'add image = "..."', 'workdir = "/w"', 'image = "me/x:1"\nworkdir = "/w"', {}),
    ("no-image", "path of a .sqsh", 'image = ""', 'image = "/x.sqsh"', {}),
    ("moving-tag", "name a digest", 'image = "me/x:1"', f'image = "me/x{WHOLE}"', {}),
    ("image-relative", "absolute path", 'image = "x.sqsh"', 'image = "/x.sqsh"', {}),
    ("image-variable", "without variables", 'image = "me/${X}:1"', 'image = "me/x:1"', SARUS_ALONE),
    ("scratch-image", "store", 'image = "${SCRATCH}/x.sqsh"', 'image = "${STORE}/x.sqsh"', {}),
    ("sqsh-image", "registry/name@digest", 'image = "/x.sqsh"', f'image = "r.io/me/x{WHOLE}"',
     SARUS_ALONE),
    ("placeholder", "your own value", 'workdir = "/<you>"', 'workdir = "/me"', {}),
    ("architecture", "name an image for amd64", 'image = "a/b:1-arm64"', 'image = "a/b:1"',
     {"site": KNOWN_SITES["eiger"]}),
    ("mount-sqsh", "mount the folder", 'mounts = ["/a.sqsh:/a:sqsh"]', 'mounts = ["/a:/a"]',
     SARUS_ALONE),
    ("byte-order-mark", "without a byte order mark", "\ufeff" + FINE, FINE, {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "words", "bad", "good", "options"), BY_HAND, ids=lambda v: str(v)[:40]
)
def test_a_fix_in_words_takes_its_finding_away(code, words, bad, good, options):
    """Where a fix leaves a value to the reader, one that does what it says."""
    (fix,) = {f.fix for f in singles(bad, **options) if f.code == code}
    assert words in fix
    assert code not in {f.code for f in singles(good, **options)}


IN_WORDS = {(code, words) for code, words, *_ in BY_HAND}
BY_COMMAND = ("fcx image push", "fcx image build", "mkdir -p", "fcx edf write", "fcx edf render")
ABSENT = "check it on the cluster"


@pytest.mark.parametrize(("code", "bad", "good", "options"), CASES, ids=lambda v: str(v)[:40])
def test_a_fix_that_is_followed_takes_its_finding_away(code, bad, good, options):
    """Each way that it names word by word; the others are among those in words, or a command."""
    for finding in [f for f in singles(bad, **options) if f.code == code]:
        texts = list(followed(bad, finding))
        in_words = any(
            code == c and words in finding.fix.replace("arm64", "amd64") for c, words in IN_WORDS
        )
        assert texts or in_words or any(map(finding.fix.__contains__, (*BY_COMMAND, ABSENT))), (
            finding
        )
        for text in texts:
            left = singles(text, **options)
            assert not {f.code for f in left} & {"invalid-toml", "table-twice"}, text
            assert (code, finding.what) not in {(f.code, f.what) for f in left}, text


def test_the_folder_that_a_mount_lacks_is_made_by_its_command(tmp_path):
    """`mkdir -p`, as it stands in the fix."""
    text = f'mounts = ["{tmp_path}/a/b:/b"]'
    on_cluster = {
        "variables": {},
        "exists": lambda path: subprocess.call(["test", "-e", path]) == 0,
    }
    (finding,) = [f for f in singles(text, **on_cluster) if f.code == "missing-source"]
    subprocess.run(re.findall("`(.+?)`", finding.fix)[0], shell=True, check=True)
    assert "missing-source" not in {f.code for f in singles(text, **on_cluster)}


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("local-image", 'image = "img:bbbbbbbbbbbb"'),
        ("half-digest", 'image = "r.io/team/img@sha256:abc"'),
        ("moving-tag", 'image = "registry.example/team/img:1"'),
        ("no-image", 'image = ""'),
    ],
)
def test_of_an_image_that_was_pushed_the_digest_is_the_fix(code, text):
    """The manifest knows it; before the push, the fix is the push."""
    pushed = {"manifest": MANIFEST, "dialect": "ce"}
    (finding,) = [f for f in singles(text, **pushed) if f.code == code]
    assert finding.fix == f'write image = "{DIGEST}"'
    assert {f.code for f in singles(*followed(text, finding), **pushed)} == set()
    local = {"manifest": replace(MANIFEST, repo_digest="")}
    (finding,) = [f for f in singles(text, **local) if f.code == code]
    assert "fcx " in finding.fix or "registry" in finding.fix


def test_what_was_pushed_to_this_machine_is_to_be_pushed_elsewhere():
    """The line that is there already is no fix."""
    digest = f"localhost:5000/team/img@sha256:{'d' * 64}"
    pushed = {"manifest": replace(MANIFEST, repo_digest=digest), "dialect": "sarus"}
    (finding,) = [f for f in singles(f'image = "{digest}"', **pushed) if f.code == "local-image"]
    assert finding.fix.startswith("push it to a registry that the cluster reaches: `fcx image push")


IN_USE = sorted(Path(__file__).with_name("data").glob("in-use/*.toml"))


@pytest.mark.parametrize(
    "path", [p for p in IN_USE if "INVALID" not in p.name], ids=lambda p: p.stem
)
def test_an_edf_of_the_ce_runs_on_sarus_once_its_fixes_are_followed(path):
    """One after the other, until none is left; an image file is pushed by whoever has it."""
    text = re.sub(r'(?m)^image = "[^"]*\.sqsh>?"', f'image = "r.io/me/x{WHOLE}"', path.read_text())
    for _ in range(40):
        errors = [f for f in singles(text, dialect="sarus") if f.severity == "error"]
        if not errors:
            return
        text = next(followed(text, errors[0]))
    pytest.fail(f"{errors}")


def test_the_commands_in_fixes_are_commands_of_fcx():
    """Their verbs and options exist."""
    fixes = {f.fix for _, bad, _, options in CASES for f in singles(bad, **options)}
    commands = {words for fix in fixes for words in re.findall("`fcx (.+?)`", fix)}
    assert commands >= {"edf write", "image push REGISTRY/NAME", "image pack"}
    for words in commands:
        verbs = [word for word in words.split()[:2] if word.islower()]
        shown = CliRunner().invoke(app, [*verbs, "--help"])
        assert shown.exit_code == 0, words
        assert all(word in shown.output for word in words.split() if word.startswith("--")), words


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[annotations]\ncom.hooks.cxi.enabled = true", 'com.hooks.cxi.enabled = "true"'),
        ("[annotations.com.hooks.cxi]\nenabled=true", 'enabled = "true"'),
        ('annotations.com.hooks."cxi".enabled = true', 'annotations.com.hooks."cxi".enabled = "true"'),
        ("[env]\nA = 1", 'A = "1"'),
    ],
)  # fmt: skip
def test_what_is_to_be_a_string_is_written_with_its_key_as_it_stands(text, line):
    """Not with the last part of it; and the reason is that of its table."""
    (finding,) = [f for f in singles(text, dialect="ce") if f.code == "not-a-string"]
    assert finding.fix == f"write {line}"
    assert ("[env]" in finding.why) == ("[env]" in text)
    assert ("a hook" in finding.why) == ("annotations" in text)
