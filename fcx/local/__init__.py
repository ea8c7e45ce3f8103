"""A FirecREST-v2-compatible server for one machine: real HTTP, real processes, no account.

`with cluster() as env:` serves it to tests, `fcx local up` in the foreground. It is no scheduler
to rely on: it runs scripts of the user who started it, on this machine, for development and tests.
"""

from .child import cluster
from .handle import Environment

__all__ = ["Environment", "cluster"]
