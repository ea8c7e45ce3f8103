"""Moves a large file between the staging area and the cluster's file system, inside a job.

`stager fetch URL TARGET PART_SIZE` waits until the object is whole, then writes it in parts to
TARGET. `stager push SOURCE PART_SIZE URL` sends SOURCE in parts and completes the object. URL
is the object's address with its signature; `{query}` in it takes what S3 adds to one.
"""

# ruff: noqa: T201  # what a program prints is its answer

from __future__ import annotations

import os
import sys
import time
import urllib.error
import urllib.request
from http.client import HTTPResponse
from xml.sax.saxutils import escape

PATIENCE = 24 * 3600.0
LONGEST_PAUSE = 2.0
BLOCK = 1 << 20


def main() -> None:
    """Do what the first argument says."""
    verb, *arguments = sys.argv[1:]
    try:
        {"fetch": fetch, "push": push}[verb](*arguments)
    except (OSError, urllib.error.URLError) as error:
        print(f"{now()} Unable to transfer the file: {error}", file=sys.stderr)
        sys.exit(1)


def now() -> str:
    """The time as the job's log has it."""
    return time.strftime("%a %b %d %H:%M:%S UTC %Y", time.gmtime())


def ask(method: str, url: str, query: str = "", body: bytes | None = None) -> HTTPResponse:
    """One request to the staging area; HTTPError above 399."""
    request = urllib.request.Request(url.replace("{query}", query), data=body, method=method)
    answer: HTTPResponse = urllib.request.urlopen(request, timeout=300)
    return answer


def fetch(url: str, target: str, part_size: str) -> None:
    """Wait for the object, write it to `target`, and remove it from the staging area."""
    if os.path.isdir(target):
        print(
            f"{now()} targetPath must point to a file path: {target} is a directory.",
            file=sys.stderr,
        )
        sys.exit(3)
    print(f"{now()} Waiting till file to transfer is available...", flush=True)
    _wait(url)
    print(f"{now()} Downloading file to: {target} ...", flush=True)
    with ask("GET", url) as answer, open(target, "wb") as out:
        while block := answer.read(min(int(part_size), BLOCK)):
            out.write(block)
    ask("DELETE", url).close()
    print(f"{now()} File was successfully downloaded ({os.path.getsize(target)} bytes)")


def _wait(url: str) -> None:
    pause, deadline = 0.05, time.monotonic() + PATIENCE
    while True:
        try:
            ask("HEAD", url).close()
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 404 or time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 1.5)


def push(source: str, part_size: str, url: str) -> None:
    """Send a file in parts and complete the object."""
    tags = []
    with open(source, "rb") as file:
        number = 1
        while (part := file.read(int(part_size))) or number == 1:
            with ask("PUT", url, f"&partNumber={number}", part) as answer:
                tags.append((number, answer.headers["ETag"]))
            number += 1
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(tag)}</ETag></Part>"
        for number, tag in tags
    )
    body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
    ask("POST", url, "", body).close()
    print(f"{now()} Multipart file upload successfully completed")
