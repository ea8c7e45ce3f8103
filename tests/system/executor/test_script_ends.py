"""A script that ends while its tasks run: they are waited for, as by the standard executors."""

from __future__ import annotations

import pytest
from executors.script import run_script

pytestmark = pytest.mark.slow

PLAIN = """
    import os, time
    from fcx import FirecrestExecutor
    executor = FirecrestExecutor(os.environ["WORKING_DIR"], ["--time=00:05:00"], max_workers=2)
    def work(x):
        time.sleep(1)
        return x
    def told(future):
        print("came", future.result(), flush=True)
    for x in range(3):
        executor.submit(work, x).add_done_callback(told)
"""

NO_LATE_THREADS = """
    import threading
    from fcx.firecrest import loop
    loop.NO_LATE_THREADS = True  # as known of 3.12.0 and 3.12.1
"""

REFUSED = """
    def refuse():
        def start(thread):
            raise RuntimeError("can't create new thread at interpreter shutdown")
        threading.Thread.start = start
    threading._register_atexit(refuse)  # what is registered last is called first
"""


@pytest.mark.parametrize(
    "script", [PLAIN, NO_LATE_THREADS + PLAIN + REFUSED], ids=["any", "3.12.1"]
)
def test_a_script_without_with(site, tmp_path, script):
    """Also where Python starts no thread any more once a script is at its end."""
    done = run_script(tmp_path, script, site)
    assert sorted(done.stdout.splitlines()) == ["came 0", "came 1", "came 2"]
