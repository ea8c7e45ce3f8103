"""The inbox: files may be late, halved or unwritten, and two agents never claim the same."""

from __future__ import annotations

import random

import pytest

from fcx.protocol import keys, layout, packing
from fcx.protocol.bundle import CHUNK, Item
from fcx.remote import inbox
from fcx.remote.offers import Offers

KEY = keys.inbox_key(b"k" * 32)


def items(count, size=10):
    return [Item(f"t{i:07d}", 0, f"f{i % 3}", bytes([i % 256]) * size, None) for i in range(count)]


def sent(name, tasks, slots=1, pilot=None, key=KEY, **more):
    sizes = [1] * len(tasks) if pilot else packing.portion_sizes(len(tasks), slots)
    return packing.encode(name, tasks, sizes, {}, pilot, key=key, **more)


def put(folder, made, without=()):
    for name, data in made.files:
        if name not in without:
            (folder / "inbox" / name).write_bytes(data)


@pytest.fixture
def run(tmp_path):
    for name in layout.FOLDERS:
        (tmp_path / name).mkdir()
    return tmp_path


def test_a_bundle_of_another_shape_is_not_even_read(run):
    """Its chunks may never arrive here; what is for all agents of ours is another matter."""
    put(run, sent("b000001", items(1), pilot="shape-1"))
    put(run, sent("b000002", items(1)))
    ours = inbox.Inbox(str(run), "1.0.0", "p", KEY, "shape-1")
    ours.look()
    assert {name: bool(b.head.portions) for name, b in ours.bundles.items()} == {
        "b000001": True,
        "b000002": False,
    }


class Agent:
    """An inbox, and what the core makes of it."""

    def __init__(self, run, me="1.0.0", pilot="p"):
        self.inbox = inbox.Inbox(str(run), me, pilot, KEY)
        self.offers = Offers(pilot)

    def look(self):
        heads, cancelled, closed = self.inbox.look()
        for head in heads:
            self.offers.add(head)
        return cancelled, closed

    def claim(self, fits=lambda functions, walltime: True):
        """The tasks of the next portion that is to be had, None where there is none."""
        while True:
            self.offers.asked, refused = self.offers.choose(fits)
            if self.offers.asked is None:
                return None, refused
            tasks = self.inbox.claim(*self.offers.asked)
            self.offers.answered()
            if tasks is not None:
                return tasks, refused


def claim_all(run, me="1.0.0", pilot="p", fits=lambda functions, walltime: True):
    agent = Agent(run, me, pilot)
    agent.look()
    found = []
    while (tasks := agent.claim(fits)[0]) is not None:
        found.append(tasks)
    return found


class TestBundles:
    """From the client to the agent, through files that may be late."""

    @pytest.mark.parametrize("count", [1, 2, 100, 5000])
    def test_arrive_as_they_were(self, run, count):
        """Every task once, with its meta data."""
        given = items(count)
        put(run, sent("b000001", given, slots=4))
        assert sorted(task for portion in claim_all(run) for task in portion) == sorted(given)

    def test_of_several_chunks(self, run):
        """A payload larger than one upload, of bytes that do not compress."""
        data = random.Random(1).randbytes(2 * CHUNK + 17)
        put(run, sent("b000001", [Item("t1", 0, "f", data)]))
        ((task,),) = claim_all(run)
        assert task.payload == data

    @pytest.mark.parametrize("missing", ["b000001.1", "b000001.2"])
    def test_without_a_chunk_are_not_there_yet(self, run, missing):
        """They count once the last one has come."""
        made = sent("b000001", [Item("t1", 0, "f", random.Random(1).randbytes(2 * CHUNK + 17))])
        put(run, made, without=[missing])
        assert claim_all(run) == []
        put(run, made)
        assert len(claim_all(run)) == 1

    @pytest.mark.parametrize("name", ["b000001", "b000001.1"])
    @pytest.mark.parametrize("cut", [0, 1, 40, 200, -1])
    def test_half_written_are_not_there_yet(self, run, name, cut):
        """Uploads are not atomic."""
        made = sent("b000001", [Item("t1", 0, "f", random.Random(2).randbytes(CHUNK + 5000))])
        put(run, made)
        whole = (run / "inbox" / name).read_bytes()
        (run / "inbox" / name).write_bytes(whole[:cut])
        assert claim_all(run) == []
        (run / "inbox" / name).write_bytes(whole)
        assert len(claim_all(run)) == 1

    def test_unflushed_regions_are_not_believed(self, run):
        """The right size, but NULs where data should be."""
        put(run, sent("b000001", [Item("t1", 0, "f", random.Random(3).randbytes(CHUNK + 5000))]))
        path = run / "inbox" / "b000001.1"
        path.write_bytes(b"\0" * path.stat().st_size)
        assert claim_all(run) == []

    def test_of_another_key_or_name_are_none(self, run):
        """Forging one, or sending one twice, would run code."""
        put(run, sent("b000001", items(1), key=b"x" * 32))
        made = sent("b000002", items(1))
        (run / "inbox" / "b000003").write_bytes(made.files[0][1])
        assert claim_all(run) == []

    def test_two_agents_never_claim_the_same(self, run):
        """A claim is a link, and has one owner."""
        put(run, sent("b000001", items(50), slots=4))
        agents = [Agent(run, f"{n}.0.0", f"p{n}") for n in range(2)]
        for agent in agents:
            agent.look()
        found = []
        while True:
            claimed = [agent.claim()[0] for agent in agents]
            found += [task.task for tasks in claimed if tasks for task in tasks]
            if claimed == [None, None]:
                break
        assert sorted(found) == [item.task for item in items(50)]
        owners = {path.readlink().name for path in (run / "claims").iterdir()}
        assert owners == {"0.0.0", "1.0.0"}

    def test_a_repeated_link_is_still_ones_own(self, run):
        """NFS repeats a request whose answer was lost."""
        put(run, sent("b000001", items(1)))
        (run / "claims" / "b000001.0").symlink_to("1.0.0")
        assert len(claim_all(run, "1.0.0")) == 1

    def test_of_a_pilot_are_for_that_pilot_and_first(self, run):
        """A call that is owed a whole time limit does not run elsewhere."""
        put(run, sent("b000001", items(3)))
        put(run, sent("b000002", [Item("owed", 1, "f", b"")], pilot="fresh"))
        assert "owed" not in str(claim_all(run, "1.0.0", "other", lambda f, w: False))
        first = claim_all(run, "2.0.0", "fresh")[0]
        assert first[0].task == "owed"

    def test_of_another_pilot_are_not_read(self, run):
        """Their bytes are none of ours; that they came is told, for their guard is the go."""
        put(run, sent("b000002", [Item("owed", 1, "f", b"")], pilot="fresh"))
        agent = Agent(run, pilot="other")
        heads, _, _ = agent.inbox.look()
        assert [head.pilot for head in heads] == ["fresh"]
        assert agent.inbox.bundles["b000002"].chunks == {}

    def test_what_does_not_fit_is_left(self, run):
        """A portion whose function has run longer than what time is left stays unclaimed."""
        put(run, sent("b000001", items(4), seen={"f0": 100.0}))
        agent = Agent(run)
        agent.look()
        assert agent.offers.need(["f0"], 0.0) == 100.0
        tasks, refused = agent.claim(lambda functions, walltime: False)
        assert (tasks, refused) == (None, True)
        assert list((run / "claims").iterdir()) == []

    def test_bytes_go_once_no_portion_is_left(self, run):
        """Whoever has claimed them."""
        put(run, sent("b000001", items(3)))
        (run / "claims" / "b000001.2").symlink_to("9.0.0")
        agent = Agent(run)
        agent.look()
        while agent.claim()[0]:
            pass
        assert agent.inbox.bundles["b000001"].chunks == {}
        assert agent.inbox.bundles["b000001"].head.portions == ()


class TestOrders:
    """What the agents shall leave."""

    def test_count_once_and_whole(self, run):
        """Half an order is none."""
        text = packing.encode_order({"cancel": ["t1"]}, KEY)
        (run / "inbox" / "o000001").write_bytes(text[:-1])
        agent = Agent(run)
        assert agent.look() == ([], False)
        (run / "inbox" / "o000001").write_bytes(text)
        assert agent.look() == (["t1"], False)
        assert agent.look() == ([], False)

    def test_of_another_key_are_none(self, run):
        """Nobody else gives orders."""
        (run / "inbox" / "o000001").write_bytes(packing.encode_order({"cancel": ["t1"]}, b"x" * 32))
        assert Agent(run).look() == ([], False)


class TestLook:
    """The folder itself."""

    def test_one_that_is_gone(self, run):
        """OSError: nobody is waiting any more."""
        box = inbox.Inbox(str(run), "1.0.0", "p", KEY)
        assert not box.gone()
        (run / "inbox").rmdir()
        with pytest.raises(OSError):
            box.look()
        assert box.gone()

    def test_that_the_run_is_closed(self, run):
        """Whatever the file says: that is for the job script."""
        (run / "inbox" / "closed").write_text("keep")
        assert Agent(run).look() == ([], True)

    def test_strays_are_left_alone(self, run):
        """Other agents' marks, half-uploaded files under other names."""
        for name in (".look-2.0.0", "b000001~7", "x", "o1"):
            (run / "inbox" / name).write_bytes(b"stray")
        assert Agent(run).look() == ([], False)


class TestClients:
    """Another may have taken the run over."""

    def test_what_an_older_one_sends_is_left_alone(self, run):
        """Its bundles and its orders, once a newer one has sent anything."""
        agent = Agent(run)
        put(run, sent("b100000001", items(1)))
        agent.look()
        put(run, sent("b000009", items(1)))
        (run / "inbox" / "o000009").write_bytes(packing.encode_order({"cancel": ["t0"]}, KEY))
        heads, cancelled, _ = agent.inbox.look()
        assert (heads, cancelled) == ([], [])
        assert "b000009" not in agent.inbox.bundles

    def test_what_lay_there_before_counts(self, run):
        """Whoever sent it: the newer client goes on with it."""
        put(run, sent("b000009", items(1)))
        put(run, sent("b100000001", items(1)))
        assert len(Agent(run).inbox.look()[0]) == 2


class TestWaitingPortions:
    """Those that take the values of other tasks are on offer once these are there."""

    def sent(self, run):
        """Two that wait, and two that do not, in four portions."""
        given = items(4)
        given[1] = given[1]._replace(takes=("a", "b"))
        given[2] = given[2]._replace(takes=("b",))
        put(run, packing.encode("b000001", given, [1] * 4, {}, key=KEY))
        agent = Agent(run)
        agent.look()
        return given, agent

    def test_the_others_are_claimed_meanwhile(self, run):
        """In their order."""
        given, agent = self.sent(run)
        assert agent.offers.awaited() == ("a", "b")
        assert [agent.claim()[0] for _ in range(3)] == [(given[0],), (given[3],), None]

    def test_with_the_last_value(self, run):
        """Each with its own; what it takes is told to the agent and comes back to a client."""
        given, agent = self.sent(run)
        while agent.claim()[0]:
            pass
        agent.offers.found(("b",))
        assert agent.offers.awaited() == ("a",)
        assert agent.claim()[0] == (given[2],)
        assert agent.claim()[0] is None
        agent.offers.found(("a",))
        assert agent.offers.awaited() == ()
        assert agent.claim()[0] == (given[1],)

    def test_a_value_that_was_found_before(self, run):
        """Later bundles need not wait for it."""
        given, agent = self.sent(run)
        agent.offers.found(("b", "a"))
        put(run, packing.encode("b000002", [given[1]], [1], {}, key=KEY))
        agent.look()
        assert agent.offers.awaited() == ()
        claimed = [agent.claim()[0] for _ in range(5)]
        assert claimed == [(given[number],) for number in (0, 1, 2, 3, 1)]

    def test_another_is_quicker(self, run):
        """As with any portion."""
        _, agent = self.sent(run)
        other = Agent(run, "2.0.0")
        other.look()
        for each in agent, other:
            each.offers.found(("a", "b"))
        assert [len(one.claim()[0]) for one in (agent, other, agent, other)] == [1] * 4
        assert agent.claim()[0] is None
        assert other.claim()[0] is None

    def test_those_of_the_pilot_come_first(self, run):
        """Also when they had to wait."""
        given = items(1)[0]._replace(takes=("a",))
        put(run, packing.encode("b000001", items(1), [1], {}, key=KEY))
        put(run, packing.encode("b000002", [given], [1], {}, "p", key=KEY))
        agent = Agent(run)
        agent.look()
        agent.offers.found(("a",))
        assert agent.claim()[0] == (given,)
