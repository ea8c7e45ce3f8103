"""Whether an engine runs programs of another processor, and what to do where it does not.

The engine is asked by the only question that each answers, wherever it is: a program of twelve
bytes for that processor is started in it. The kernel's list of handlers says why it did not run.
"""

from __future__ import annotations

import io
import re
import struct
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import EngineError
from .advice import remedy
from .container import container
from .engine import engine_errors

HANDLERS = Path("/proc/sys/fs/binfmt_misc")
NOT_RUN = ("exec format error", "no such file or directory")
"""What an engine says without a handler, and of one whose interpreter the container lacks."""

PROGRAMS = {  # docker's word -> the ELF header's machine, and the code of exit(0)
    "arm64": (183, struct.pack("<3I", 0xD2800BA8, 0xD2800000, 0xD4000001)),
    "amd64": (62, bytes.fromhex("b83c00000031ff0f05")),
}


@dataclass(frozen=True)
class Handler:
    """An entry of the kernel's list: which files it is for, and how it starts them."""

    name: str
    enabled: bool
    flags: str
    offset: int
    magic: bytes
    mask: bytes

    @classmethod
    def from_text(cls, name: str, text: str) -> Handler | None:
        """As the kernel shows it; None for one that goes by the name of a file."""
        first, _, rest = text.partition("\n")
        said = dict(line.replace(":", " ").partition(" ")[::2] for line in rest.splitlines())
        if "magic" not in said:
            return None
        magic = bytes.fromhex(said["magic"].strip())
        mask = bytes.fromhex(said["mask"].strip()) if "mask" in said else b"\xff" * len(magic)
        flags, offset = said.get("flags", "").strip(), int(said.get("offset", "0"))
        return cls(name, first.strip() == "enabled", flags, offset, magic, mask)

    def takes(self, file: bytes) -> bool:
        """Whether a file that begins so is for it."""
        part = file[self.offset : self.offset + len(self.magic)]
        return len(part) == len(self.magic) and all(
            one & mask == wanted & mask
            for one, wanted, mask in zip(part, self.magic, self.mask, strict=True)
        )


def require_emulation(client: Any, platform: str) -> None:
    """Raise EngineError where steps for this platform could not run; nothing is built by then."""
    architecture = platform.partition("/")[2]
    if architecture not in PROGRAMS or runs(client, architecture):
        return  # of a processor without a program here, the build itself will tell
    own = client.where.startswith("unix://") and HANDLERS.parent.is_dir()
    raise EngineError(
        f"The image is to be for {platform}, and this engine runs nothing for that processor: "
        f"{why_not(architecture, HANDLERS) if own else 'it was tried'}. {remedy(architecture)}"
    )


def runs(client: Any, architecture: str) -> bool:
    """Whether a program for this processor, one of PROGRAMS, runs in the engine."""
    with _trial(client, architecture) as image_id:
        options = {"command": ["/exit"], "network_mode": "none"}
        with container(client, image_id, **options) as made:
            try:
                with engine_errors("Starting a program for another processor"):
                    made.start()
                    return int(made.wait()["StatusCode"]) == 0
            except EngineError as error:
                if any(words in str(error).lower() for words in NOT_RUN):
                    return False
                raise


def why_not(architecture: str, handlers: Path) -> str:
    """What the kernel's list has to say of it."""
    for handler in known_handlers(handlers):
        if handler.takes(program(architecture)):
            if not handler.enabled:
                return f"the handler {handler.name} is switched off in {handlers}"
            if "F" not in handler.flags:
                return (
                    f"the handler {handler.name} is registered without the flag F, so that its "
                    "interpreter would have to be in the container"
                )
            return f"the handler {handler.name}, though registered in {handlers}, does not start it"
    return f"no handler for it is registered in {handlers}"


def known_handlers(folder: Path) -> Iterator[Handler]:
    """Those of the kernel's list; none where it is not mounted."""
    for path in sorted(folder.glob("*")):
        with suppress(OSError, ValueError):
            found = Handler.from_text(path.name, path.read_text())
            if found:
                yield found


def program(architecture: str) -> bytes:
    """A static program that ends with 0 at once: one ELF header, one segment, some bytes."""
    machine, code = PROGRAMS[architecture]
    base, size = 0x400000, 64 + 56 + len(code)
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    head = struct.pack(
        "<16sHHIQQQIHHHHHH", ident, 2, machine, 1, base + 120, 64, 0, 0, 64, 56, 1, 64, 0, 0
    )
    return head + struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x10000) + code


@contextmanager
def _trial(client: Any, architecture: str) -> Iterator[str]:
    """An image of that program alone, which is gone afterwards."""
    stream, data = io.BytesIO(), program(architecture)
    with tarfile.open(fileobj=stream, mode="w") as archive:
        info = tarfile.TarInfo("exit")
        info.size, info.mode = len(data), 0o755
        archive.addfile(info, io.BytesIO(data))
    with engine_errors("Trying a program for another processor"):
        said = str(client.api.import_image_from_data(stream.getvalue()))
    ids = re.findall("[0-9a-f]{64}", said)
    if not ids:
        raise EngineError(f"The engine imports no image: {said.strip()[-200:]}")
    try:
        yield f"sha256:{ids[-1]}"
    finally:
        with suppress(EngineError), engine_errors("Removing an image"):
            client.images.remove(f"sha256:{ids[-1]}", force=True)
