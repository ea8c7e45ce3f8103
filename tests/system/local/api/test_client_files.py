"""pyfirecrest's v2 clients: files and directories."""

from __future__ import annotations

import hashlib
import os
import stat
import time

import pytest
from conformance.refusals import refusal
from conformance.servers import script

pytest_plugins = ["conformance.fixtures"]

SPEECH = b"".join(b"line %02d\n" % number for number in range(1, 31))
"""A text of 30 lines, 8 bytes each."""
FAILED = "Remote process failed with exit status:"
FILE_KEYS = {
    "name",
    "type",
    "linkTarget",
    "user",
    "group",
    "permissions",
    "lastModified",
    "size",
}


def test_mkdir_answers_with_the_directory(client, server, place):
    """The answer describes what was made; the mode is 0755 whatever the umask."""
    made = client.mkdir(server.system, f"{place}/d")
    assert set(made) == FILE_KEYS
    assert (made["name"], made["type"]) == (f"{place}/d", "d")
    assert made["permissions"] == "rwxr-xr-x"
    assert refusal(client.mkdir, server.system, f"{place}/d") == (
        400,
        f"{FAILED}1 and error message:mkdir: cannot create directory '{place}/d': File exists",
    )


def test_mkdir_makes_parents_only_when_asked(client, server, place):
    """Without create_parents a missing parent is 404; with it, an existing directory is fine."""
    status, message = refusal(client.mkdir, server.system, f"{place}/a/b")
    assert status == 404
    assert "No such file or directory" in message
    first = client.mkdir(server.system, f"{place}/a/b", create_parents=True)
    again = client.mkdir(server.system, f"{place}/a/b", create_parents=True)
    assert first["name"] == again["name"] == f"{place}/a/b"


def test_list_files_shows_names_sizes_and_links(client, server, tree):
    """Names are relative, sizes are text, links tell where they lead."""
    files = {file["name"]: file for file in client.list_files(server.system, tree)}
    assert list(files) == ["link", "sub", "top.txt"]
    assert all(set(file) == FILE_KEYS for file in files.values())
    assert files["top.txt"]["size"] == "5"
    assert [files[name]["type"] for name in files] == ["l", "d", "-"]
    assert files["link"]["linkTarget"] == f"{tree}/top.txt"
    assert files["top.txt"]["linkTarget"] is None
    time.strptime(files["top.txt"]["lastModified"], "%Y-%m-%dT%H:%M:%S")


def test_list_files_with_each_option(client, server, tree):
    """Hidden, recursive, numeric and dereferenced listings differ as those of ls do."""
    list_files = client.list_files
    hidden = [file["name"] for file in list_files(server.system, tree, show_hidden=True)]
    assert hidden == [".hidden", "link", "sub", "top.txt"]
    deep = [file["name"] for file in list_files(server.system, tree, recursive=True)]
    assert deep == ["link", "sub", "top.txt", "sub/inner.txt"]
    numeric = list_files(server.system, tree, numeric_uid=True)
    info = client.userinfo(server.system)
    assert {file["user"] for file in numeric} == {info["user"]["id"]}
    assert all(file["group"].isdigit() for file in numeric)
    followed = {f["name"]: f for f in list_files(server.system, tree, dereference=True)}
    assert (followed["link"]["type"], followed["link"]["size"]) == ("-", "5")


def test_list_files_of_a_file_gives_its_whole_path(client, server, tree):
    """As ls does, where it is asked for a file."""
    (only,) = client.list_files(server.system, f"{tree}/top.txt")
    assert only["name"] == f"{tree}/top.txt"


def test_list_files_of_an_empty_directory_is_empty(client, server, place):
    """No entries, no error."""
    assert client.list_files(server.system, place) == []


def test_head_counts_lines_and_bytes(client, server, place):
    """Ten lines by default; the positions in the answer are those that were asked for."""
    path = server.put(f"{place}/f", SPEECH)
    assert client.head(server.system, path) == {
        "content": SPEECH[:80].decode(),
        "contentType": "lines",
        "startPosition": 0,
        "endPosition": 10,
    }
    lines = client.head(server.system, path, num_lines=2)
    assert (lines["content"], lines["endPosition"]) == ("line 01\nline 02\n", 2)
    some = client.head(server.system, path, num_bytes=4)
    assert (some["content"], some["contentType"], some["endPosition"]) == ("line", "bytes", 4)
    but_last = client.head(server.system, path, num_lines=1, exclude_trailing=True)
    assert (but_last["content"], but_last["endPosition"]) == (SPEECH[:-8].decode(), -1)
    but_bytes = client.head(server.system, path, num_bytes=8, exclude_trailing=True)
    assert (but_bytes["content"], but_bytes["endPosition"]) == (SPEECH[:-8].decode(), -8)


def test_tail_counts_lines_and_bytes(client, server, place):
    """`exclude_beginning` starts at that byte or line, counted from one."""
    path = server.put(f"{place}/f", SPEECH)
    assert client.tail(server.system, path) == {
        "content": SPEECH[-80:].decode(),
        "contentType": "lines",
        "startPosition": 10,
        "endPosition": -1,
    }
    lines = client.tail(server.system, path, num_lines=2)
    assert (lines["content"], lines["startPosition"]) == ("line 29\nline 30\n", -2)
    some = client.tail(server.system, path, num_bytes=3)
    assert (some["content"], some["contentType"], some["startPosition"]) == ("30\n", "bytes", -3)
    from_line = client.tail(server.system, path, num_lines=29, exclude_beginning=True)
    assert (from_line["content"], from_line["startPosition"]) == ("line 29\nline 30\n", 29)
    from_byte = client.tail(server.system, path, num_bytes=233, exclude_beginning=True)
    assert (from_byte["content"], from_byte["startPosition"]) == ("line 30\n", 233)
    past_end = client.tail(server.system, path, num_bytes=9999, exclude_beginning=True)
    assert past_end["content"] == ""


def test_view_gives_the_text_and_replaces_what_is_no_text(client, server, place):
    """The text calls decode UTF-8, and put U+FFFD where that can't be."""
    assert client.view(server.system, server.put(f"{place}/f", SPEECH)) == SPEECH.decode()
    assert client.view(server.system, server.put(f"{place}/u", "é\n".encode())) == "é\n"
    broken = client.view(server.system, server.put(f"{place}/b", b"a\xff\xfeb"))
    assert broken == "a\ufffd\ufffdb"


def test_checksum_is_sha256(client, server, place):
    """Of the bytes, whatever they are."""
    data = os.urandom(10_000)
    assert client.checksum(server.system, server.put(f"{place}/f", data)) == {
        "algorithm": "SHA256",
        "checksum": hashlib.sha256(data).hexdigest(),
    }


def test_file_type_is_what_file_says(client, server, place):
    """Text, directory, and a script that names its interpreter."""
    assert client.file_type(server.system, server.put(f"{place}/t", b"hello\n")) == "ASCII text"
    assert client.file_type(server.system, place) == "directory"
    path = server.put(f"{place}/s", script("echo hi").encode())
    assert "shell script" in client.file_type(server.system, path)


def test_stat_tells_mode_size_and_times(client, server, place):
    """Those of the link, or with dereference those of the file behind it."""
    path = server.put(f"{place}/f", b"12345")
    client.symlink(server.system, path, f"{place}/ln")
    of_file = client.stat(server.system, path)
    assert stat.S_ISREG(of_file["mode"])
    assert of_file["size"] == 5
    assert set(of_file) == {
        "mode", "ino", "dev", "nlink", "uid", "gid", "size", "atime", "ctime", "mtime",
    }  # fmt: skip
    assert str(of_file["uid"]) == client.userinfo(server.system)["user"]["id"]
    assert abs(of_file["mtime"] - time.time()) < 3600
    assert stat.S_ISLNK(client.stat(server.system, f"{place}/ln")["mode"])
    followed = client.stat(server.system, f"{place}/ln", dereference=True)
    assert followed["ino"] == of_file["ino"]


def test_chmod_takes_octal_modes(client, server, place):
    """The answer describes the file with its new permissions."""
    path = server.put(f"{place}/f", b"x")
    changed = client.chmod(server.system, path, "600")
    assert set(changed) == FILE_KEYS
    assert (changed["name"], changed["permissions"]) == (path, "rw-------")
    assert stat.S_IMODE(client.stat(server.system, path)["mode"]) == 0o600
    assert refusal(client.chmod, server.system, path, "9z9")[0] in (400, 500)


def test_chown_to_oneself_is_allowed(client, server, place):
    """To own user and group; to an unknown user it is refused."""
    info = client.userinfo(server.system)
    path = server.put(f"{place}/f", b"x")
    changed = client.chown(server.system, path, info["user"]["name"], info["group"]["name"])
    assert (changed["user"], changed["group"]) == (info["user"]["name"], info["group"]["name"])
    stranger = "nobody-of-that-name"
    assert refusal(client.chown, server.system, path, stranger, "") == (
        500,
        f"{FAILED}1 and error message:chown: invalid spec: '{stranger}:'",
    )


def test_symlink_answers_with_the_link(client, server, place):
    """Here pyfirecrest hands the whole answer on, `output` and all."""
    path = server.put(f"{place}/f", b"x")
    made = client.symlink(server.system, path, f"{place}/ln")["output"]
    assert (made["type"], made["linkTarget"]) == ("l", path)
    assert made["permissions"] == "rwxrwxrwx"
    status, message = refusal(client.symlink, server.system, path, f"{place}/ln")
    assert (status, "File exists" in message) == (400, True)


def test_rm_takes_files_and_whole_directories(client, server, tree):
    """What is gone is not found any more."""
    assert client.rm(server.system, f"{tree}/top.txt") is None
    assert refusal(client.stat, server.system, f"{tree}/top.txt")[0] == 404
    assert client.rm(server.system, tree) is None
    status, message = refusal(client.rm, server.system, tree)
    assert status == 404
    assert message.endswith(f"rm: cannot remove '{tree}': No such file or directory")


@pytest.mark.parametrize(
    "call",
    ["view", "stat", "head", "tail", "checksum", "list_files"],
)
def test_reading_what_is_not_there_is_404(client, server, place, call):
    """Whichever call asks for it."""
    status, message = refusal(getattr(client, call), server.system, f"{place}/nope")
    assert status == 404
    assert "No such file or directory" in message


def test_paths_outside_the_file_systems_are_refused(client, server):
    """Also by way of `..`, and relative ones."""
    for path in ("/etc/passwd", f"{server.home}/../../../../../../etc/passwd"):
        status, message = refusal(client.view, server.system, path)
        assert status == 400
        assert message == (
            "The provided path (/etc/passwd) does not match any of the defined filesystem paths "
            f"for the requested system ({server.system})."
        )
    assert refusal(client.view, server.system, "d1") == (
        400,
        "The provided path (d1) is not an absolute path.",
    )
