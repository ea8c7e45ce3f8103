"""The kind of a request: what faults are set and requests are counted by."""

from __future__ import annotations

import pytest

from fcx.local.api.kinds import kind_of


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/auth/token", "token"),
        ("GET", "/status/systems", "systems"),
        ("GET", "/status/x/nodes", "nodes"),
        ("POST", "/compute/x/jobs", "submit"),
        ("GET", "/compute/x/jobs", "jobs"),
        ("GET", "/compute/x/jobs/1", "job"),
        ("DELETE", "/compute/x/jobs/1", "cancel"),
        ("GET", "/compute/x/jobs/1/metadata", "metadata"),
        ("PUT", "/compute/x/jobs/1/attach", "attach"),
        ("GET", "/filesystem/x/ops/ls", "ls"),
        ("POST", "/filesystem/x/transfer/cp", "transfer.cp"),
        ("PUT", "/stage/k/n", "stage.put"),
        ("GET", "/nothing", "other"),
    ],
)
def test_requests_are_counted_by_kind(method, path, kind):
    """The operation's name."""
    assert kind_of(method, path) == kind
