"""From files and texts to EDFs, and errors with their places."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcx.edf.document import Edf
from fcx.edf.read import parse, read
from fcx.errors import EdfError

WHOLE = Path(__file__).with_name("data") / "whole.toml"


def test_everything_that_an_edf_can_say_is_read():
    """Scalars, arrays, tables, dotted and quoted and nested annotations, and unknown keys."""
    edf = read(WHOLE)
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
    edf = parse("")
    assert edf == Edf()
    assert (edf.image, edf.entrypoint, edf.writable, edf.workdir) == (None, None, None, None)


def test_one_base_environment_may_be_a_string_and_an_empty_one_is_none():
    """Both forms are documented; the default is the empty string."""
    assert parse('base_environment = "common"').base_environment == ("common",)
    assert parse('base_environment = ""').base_environment == ()


def test_numbers_and_booleans_of_env_are_read_as_their_text():
    """People write them; what they mean is clear."""
    edf = parse("[env]\nA = 1\nB = true\nC = 1.5\nD = 2024-01-02\n")
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
        parse(text, file="my.toml")
    error = caught.value
    assert words in str(error)
    assert (error.file, error.line) == ("my.toml", line)
    assert column in (error.column, None)
    assert str(error).startswith(f"my.toml:{error.line}:{error.column}: ")


def test_files_with_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path):
    """Editors write them; a mark in front of the first key is no part of the key."""
    (tmp_path / "x.toml").write_bytes(b"\xef\xbb\xbfimage = 'x'\r\nmounts = ['/a']\r\n")
    edf = read(tmp_path / "x.toml")
    assert (edf.image, edf.mounts) == ("x", ("/a:/a",))


def test_bytes_that_are_not_utf8_are_an_error_with_their_place(tmp_path):
    """Latin-1 files exist; the byte's own line and column are told."""
    (tmp_path / "x.toml").write_bytes(b'image = "x"\n# caf\xe9\n')
    with pytest.raises(EdfError, match=r"x\.toml:2:6: byte 0xe9 is not UTF-8"):
        read(tmp_path / "x.toml")


@pytest.mark.parametrize("name", ["absent.toml", ".", "a\0b"])
def test_a_file_that_cannot_be_read_is_an_edf_error(tmp_path, name):
    """No OSError or ValueError gets out."""
    with pytest.raises(EdfError, match="cannot be read"):
        read(f"{tmp_path}/{name}")
