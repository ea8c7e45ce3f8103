"""Image files unpacked into folders, once for all who use them."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess

from .edf import Problem


def tree(store: str, image: str) -> str:
    """The image's files as a folder: itself, or unpacked once into the store."""
    if os.path.isdir(image):
        return image
    try:
        status = os.stat(image)
    except OSError as error:
        raise Problem(f"there is no image {image}: {error.strerror}") from None
    facts = f"{os.path.realpath(image)}\0{status.st_size}\0{status.st_mtime_ns}"
    folder = os.path.join(store, hashlib.sha256(facts.encode()).hexdigest()[:24])
    os.makedirs(store, mode=0o700, exist_ok=True)
    with open(f"{folder}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(folder):
            _unpack(image, folder)
    return folder


def _unpack(image: str, folder: str) -> None:
    """Unpack beside the store's name, then rename: a tree is there whole or not at all."""
    part = f"{folder}.part"
    shutil.rmtree(part, ignore_errors=True)
    words = ["unsquashfs", "-quiet", "-no-progress", "-no-xattrs", "-dest", part, image]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError as error:
        message = f"{image} cannot be unpacked: unsquashfs: {error.strerror}"
        raise Problem(f"{message}; install squashfs-tools") from None
    if done.returncode not in {0, 2}:  # 2: device files, which only root can make
        raise Problem(f"{image} cannot be unpacked: {done.stderr.strip()}")
    os.rename(part, folder)


def environment(folder: str) -> dict[str, str]:
    """The image's environment as enroot keeps it: a line NAME=VALUE each."""
    try:
        path = os.path.join(folder, "etc/environment")
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.rstrip("\n") for line in file]
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    return {name: value for name, equals, value in pairs if equals and name.isidentifier()}
