"""A real registry on loopback, Debian's, for as long as a `with` block lasts."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cluster.engine import which

USER, PASSWORD = "ada", "s3cret-word"
HTPASSWD = f"{USER}:$2y$05$abcdefghijklmnopqrstuuEpHRRKIlpAGo.iP7Bpa.htQEJMAAnRe\n"
"""The password's bcrypt, as registries want it."""


@contextmanager
def serving(folder: Path, *, private: bool = False) -> Iterator[str]:
    """Its host and port; ``private``: for USER alone."""
    program = which("docker-registry")
    if program is None:
        pytest.skip("no docker-registry here: apt-get install docker-registry")
    folder.mkdir()
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    text = f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
    text += f"http: {{addr: '{address}'}}\n"
    if private:
        (folder / "htpasswd").write_text(HTPASSWD)
        text += f"auth: {{htpasswd: {{realm: here, path: {folder}/htpasswd}}}}\n"
    (folder / "registry.yml").write_text(text)
    with (folder / "log").open("w") as log:
        command = [program, "serve", str(folder / "registry.yml")]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait(address)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def log_in(folder: Path, address: str) -> dict[str, str]:
    """The variables with which docker's clients have the login, as `docker login` writes it."""
    folder.mkdir(exist_ok=True)
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {address: {"auth": auth}}}))
    return {"DOCKER_CONFIG": str(folder)}


def _wait(address: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://{address}/v2/", timeout=5).close()
        except urllib.error.HTTPError as error:
            error.close()
            return  # it wants to know who asks
        except OSError:
            time.sleep(0.05)
        else:
            return
