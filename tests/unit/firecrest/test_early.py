"""What the constructor begins beside the caller holds up nobody who leaves."""

from __future__ import annotations

import threading

from executors.script import run_script

from fcx.firecrest.early import InPlace

NEVER_FOUND = """
    import socket, threading
    from fcx import FirecrestExecutor

    asked = threading.Event()
    def look_up(*args, **kwargs):
        asked.set()
        threading.Event().wait()
    socket.getaddrinfo = look_up
    executor = FirecrestExecutor("/work", python="python3")
    asked.wait()
"""


def test_a_name_that_is_not_found_holds_up_no_script(tmp_path):
    """Python waits for the threads of a pool; the resolver may take half a minute."""
    env = {
        "FIRECREST_CLIENT_ID": "me",
        "FIRECREST_CLIENT_SECRET": "secret",
        "AUTH_TOKEN_URL": "http://token.example/token",
        "FIRECREST_URL": "http://api.example",
        "FIRECREST_SYSTEM": "nowhere",
        "FIRECREST_ACCOUNT": "none",
        "FCX_STATE_DIR": str(tmp_path),
    }
    done = run_script(tmp_path, NEVER_FOUND, env)
    assert (done.stdout, done.stderr) == ("", "")


def test_in_place():
    """What it is given is done by the caller, errors included."""
    pool = InPlace()
    assert pool.submit(threading.get_ident).result() == threading.get_ident()
    assert isinstance(pool.submit(int, "x").exception(), ValueError)
