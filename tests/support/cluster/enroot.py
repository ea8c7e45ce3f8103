"""A stand-in for `enroot import --output FILE podman://IMAGE`, by podman's export and mksquashfs.

It lays the file out as enroot does, refuses a file that is there, as that does, and then ends with
`ENROOT_CODE`, for enroot may end with another code than 0 when all is well. enroot itself is not
run in any test.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from fcx.image.enroot import layout
from fcx.image.pack import OPTIONS, rewrite

PODMAN = ("podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs")


def podman(*words: str) -> str:
    """What a verb prints."""
    return subprocess.run([*PODMAN, *words], stdout=-1, text=True, check=True).stdout


def main(verb: str, option: str, output: str, source: str) -> None:
    """As enroot is called."""
    assert (verb, option) == ("import", "--output"), sys.argv
    if Path(output).exists():
        sys.exit(f"[ERROR] File already exists: {output}")
    image = source.removeprefix("podman://")
    (record,) = json.loads(podman("image", "inspect", image))
    container = podman("create", image).strip()
    try:
        squash = ["mksquashfs", "-", output, *OPTIONS, "-noI", "-noD", "-noF", "-noX"]
        with (
            subprocess.Popen([*PODMAN, "export", container], stdout=-1) as export,
            subprocess.Popen(squash, stdin=-1) as made,
        ):
            rewrite(export.stdout, made.stdin, layout(record), 0)
            made.stdin.close()
    finally:
        podman("rm", container)
    print(f"[INFO] {image}")
    sys.exit(made.returncode or int(os.environ.get("ENROOT_CODE", "0")))


if __name__ == "__main__":
    main(*sys.argv[1:])
