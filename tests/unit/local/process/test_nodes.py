"""Which nodes a job gets, and how Slurm writes them down."""

from __future__ import annotations

import pytest

from fcx.local.process.nodes import Need, Node, Pool, node_list, repeated, spread
from fcx.local.process.spec import Size
from fcx.local.programs.scontrol import host_names


@pytest.mark.parametrize(
    ("asked", "need"),
    [
        ({}, Need(1, 8, whole=True)),
        ({"nodes": 3}, Need(3, 8, whole=True)),
        ({"ntasks": 2}, Need(1, 2, whole=False)),
        ({"ntasks": 20}, Need(3, 7, whole=False)),
        ({"ntasks": 4, "nodes": 2, "cpus_per_task": 3}, Need(2, 6, whole=False)),
        ({"cpus_per_task": 4}, Need(1, 4, whole=False)),
        ({"ntasks": 2, "exclusive": True}, Need(1, 8, whole=True)),
        ({"cpus_per_task": 64}, Need(1, 64, whole=False)),
    ],
)
def test_a_job_has_its_nodes_whole_unless_it_asks_for_less(asked, need):
    """Tasks and CPUs that are named make it share."""
    assert Pool(2, 8).need(Size(**asked)) == need


def test_nodes_are_held_until_they_are_given_back():
    """Whole ones need an empty node, shared ones room on it."""
    pool = Pool(2, 8)
    assert [node.name for node in pool.take("1", Need(1, 8, whole=True)) or []] == ["fcx-node-1"]
    assert [node.name for node in pool.take("2", Need(1, 5, whole=False)) or []] == ["fcx-node-2"]
    assert pool.take("3", Need(1, 8, whole=True)) is None
    assert pool.take("4", Need(1, 4, whole=False)) is None
    assert [node.state for node in pool.nodes] == ["ALLOCATED", "MIXED"]
    pool.give_back("2")
    assert pool.take("4", Need(1, 4, whole=False)) == [pool.nodes[1]]
    assert not pool.possible(Need(3, 1, whole=True))
    assert not pool.possible(Need(1, 9, whole=False))


@pytest.mark.parametrize("numbers", [[], [0], [0, 1], [0, 1, 2, 4, 6, 7]])
def test_node_lists_can_be_read_back(numbers):
    """The short form and `scontrol show hostnames` are inverse."""
    nodes = [Node(number, 1) for number in numbers]
    assert host_names(node_list(nodes)) == [node.name for node in nodes]


def test_the_short_forms():
    """Spans in brackets, counts with their repetition."""
    assert node_list([Node(n, 1) for n in (0, 1, 2, 4)]) == "fcx-node-[1-3,5]"
    assert repeated([2, 2, 2, 1]) == "2(x3),1"
    assert spread(5, 3) == [2, 2, 1]
