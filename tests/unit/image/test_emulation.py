"""The kernel's list of handlers as it is read, and the program that is tried."""

from __future__ import annotations

import os
import platform
import re
import stat
import subprocess
from pathlib import Path

import pytest

from fcx.image.emulation import PROGRAMS, Handler, known_handlers, program, why_not
from fcx.parity.snapshot import docker_architecture

ARM = """\
{first}
interpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P
flags: {flags}
offset 0
magic 7f454c460201010000000000000000000200b700
mask ffffffffffffff00fffffffffffffffffeffffff
"""


@pytest.mark.parametrize(
    ("first", "flags", "words"),
    [
        ("enabled", "POF", "though registered in .*, does not start it"),
        ("enabled", "POC", "without the flag F"),
        ("disabled", "POF", "is switched off"),
    ],
)
def test_why_a_program_does_not_run(tmp_path: Path, first: str, flags: str, words: str):
    """By what the kernel has of its kind; others are passed over, whatever they look like."""
    (tmp_path / "qemu-aarch64").write_text(ARM.format(first=first, flags=flags))
    (tmp_path / "by-name").write_text("enabled\ninterpreter /bin/x\nflags: \nextension .jar\n")
    (tmp_path / "odd").write_text("enabled\nmagic zz\n")
    (tmp_path / "status").write_text("enabled\n")
    assert re.search(words, why_not("arm64", tmp_path))
    assert [one.name for one in known_handlers(tmp_path)] == ["qemu-aarch64"]
    assert "no handler for it is registered" in why_not("amd64", tmp_path)


def test_none_is_known_where_the_list_is_not_mounted(tmp_path: Path):
    """Then none is registered."""
    assert "no handler for it is registered" in why_not("arm64", tmp_path / "nowhere")


def test_a_handler_takes_what_its_mask_says():
    """Bits outside of the mask may be anything; a file that is too short is none of its."""
    handler = Handler.from_text("x", ARM.format(first="enabled", flags="F"))
    assert handler
    file = bytearray(program("arm64"))
    assert handler.takes(bytes(file))
    file[16] = 3  # a position-independent one
    assert handler.takes(bytes(file))
    file[18] = 62
    assert not handler.takes(bytes(file))
    assert not handler.takes(b"\x7fELF")


def test_the_program_of_this_processor_ends_with_zero(tmp_path: Path):
    """As the kernel has it, not as we think that one looks."""
    own = docker_architecture(platform.machine())
    if own not in PROGRAMS:
        pytest.skip(f"no program for {own}")
    path = tmp_path / "exit"
    path.write_bytes(program(own))
    os.chmod(path, stat.S_IRWXU)
    assert subprocess.run([path], check=False).returncode == 0
