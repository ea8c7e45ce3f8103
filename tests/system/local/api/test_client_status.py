"""pyfirecrest's v2 clients: status, and which of their methods are tried at all."""

from __future__ import annotations

import inspect
from pathlib import Path

from firecrest.v2 import AsyncFirecrest, Firecrest

pytest_plugins = ["conformance.fixtures"]


def test_every_method_of_the_client_is_called_here():
    """A method that pyfirecrest gains must be tested here too."""
    here = Path(__file__).parent
    ours = "".join(path.read_text(encoding="utf-8") for path in here.glob("test_client_*.py"))
    own_affairs = {
        "close_session",
        "create_new_session",
        "is_session_closed",
        "log",
        "set_api_version",
        "set_maximum_s3_connections",
    }
    for kind in (Firecrest, AsyncFirecrest):
        public = {name for name, _ in inspect.getmembers(kind) if name[0].islower()}
        missing = {name for name in public - own_affairs if f"client.{name}" not in ours}
        assert not missing, f"{kind.__name__}: no test calls {sorted(missing)}"


def test_the_version_comes_from_the_header(client):
    """The development build of 2.x is taken for 2, as that of a real server is."""
    assert client.server_version() == "2"


def test_systems_name_the_system_and_its_file_systems(client, server):
    """The system's entry tells where jobs may write and how big a direct transfer may be."""
    entry = next(s for s in client.systems() if s["name"] == server.system)
    assert entry["scheduler"]["type"] == "slurm"
    assert entry["ssh"]["timeout"]["commandExecution"] == 5
    defaults = [fs for fs in entry["fileSystems"] if fs["defaultWorkDir"]]
    assert len(defaults) == 1
    assert any(server.home.startswith(fs["path"].rstrip("/") + "/") for fs in entry["fileSystems"])
    assert entry["dataOperation"]["max_ops_file_size"] == 5 * 1024 * 1024


def test_nodes_have_states_and_cpus(client, server):
    """Each node says what it has and what of it is idle."""
    nodes = client.nodes(server.system)
    assert nodes
    every = server.ask("GET", "/status/{system}/partitions", params={"show_hidden": True}).json()
    for node in nodes:
        assert node["cpus"] >= 1
        assert node["state"]
        assert set(node["partitions"]) <= {p["name"] for p in every["partitions"]}


def test_partitions_count_their_nodes(client, server):
    """Each partition is up and has nodes and processors."""
    partitions = client.partitions(server.system)
    assert partitions
    for partition in partitions:
        assert partition["partition"] in ("UP", ["UP"])
        assert partition["totalNodes"] >= 1
        assert partition["cpus"] >= 1


def test_reservations_are_a_list(client, server):
    """There are none, and the answer says so."""
    assert client.reservations(server.system) == []


def test_userinfo_names_user_groups_and_accounts(client, server):
    """The account that jobs are charged to is among the user's own."""
    info = client.userinfo(server.system)
    assert info["user"]["name"]
    assert info["user"]["id"].isdigit()
    assert info["group"] in info["groups"]
    accounts = {account["name"]: account["default"] for account in info["accounts"]}
    assert server.account in accounts
    assert sum(accounts.values()) == 1


def test_liveness_needs_no_token(server):
    """A load balancer asks without credentials."""
    answer = server.http.request("GET", "/status/liveness/", auth=None)
    assert answer.status_code == 200
    assert set(answer.json()) == {"healthcheckRuns", "lastUpdate"}


def test_every_answer_carries_the_servers_mark(server):
    """Version and time stand in headers of each answer."""
    headers = server.ask("GET", "/status/systems").headers
    assert headers["f7t-appversion"] == "2.x.x"
    assert headers["f7t-timestamp"]


def test_the_system_name_may_be_in_any_case(client, server):
    """Paths are folded to lower case before they are matched."""
    assert client.nodes(server.system.upper())
