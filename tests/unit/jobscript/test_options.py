"""The user's sbatch and srun options: what is kept, what is known of it, what is refused."""

from __future__ import annotations

import pytest

from fcx.errors import OptionError
from fcx.jobscript.options import Options


class TestOptions:
    """Options.check: what is kept, what is known of it, what is refused."""

    @pytest.mark.parametrize(
        "option",
        [
            "--wait", "-W", "--parsable", "--test-only", "--array=1-3", "-a1-3", "-a 1-3", "--array 1",
            "--clusters=x", "-Mx", "--wrap=true", "--export=ALL", "--chdir=/tmp", "-D /tmp", "--hetjob",
            ":",
        ],
    )  # fmt: skip
    def test_refused_for_sbatch(self, option):
        """Each with its own name and a reason."""
        with pytest.raises(OptionError, match=r"sbatch_options: .* cannot be used: \w+"):
            Options.check([option], [])

    @pytest.mark.parametrize(
        "option", ["--arr=1-3", "--ar 1", "--parsab", "--test", "--chd=/", "--wra=x"]
    )
    def test_abbreviations_are_refused_too(self, option):
        """sbatch takes any unambiguous beginning of a long option."""
        with pytest.raises(OptionError, match="cannot be used"):
            Options.check([option], [])

    @pytest.mark.parametrize(
        "option",
        [
            "--wait-all-nodes=1", "--export-file=x", "--account=a", "--comment=--array", "--exclusive",
            "--wckey=x", "--partition=test", "--hold",
        ],
    )  # fmt: skip
    def test_neighbours_of_the_refused_are_kept(self, option):
        """Only the option itself is refused, not one whose name or value is like it."""
        assert Options.check([option], []).sbatch == (option,)

    @pytest.mark.parametrize(
        "option", ["--multi-prog", "--bcast=/x", "--het-group=0", "--jobid=3", "--test-only", "--pty", "--input=x", "-ix"]
    )  # fmt: skip
    def test_refused_for_srun(self, option):
        """What would take the agent's place."""
        with pytest.raises(OptionError, match="srun_options"):
            Options.check([], [option])

    @pytest.mark.parametrize(
        "options",
        [
            ["--ntasks-per-node=2"],
            ["--ntasks-per-socket=2"],
            ["--nodes=2", "--ntasks=4"],
            ["-N1 -n8"],
        ],
    )
    def test_more_than_one_task_per_node(self, options):
        """The message has what to use instead."""
        with pytest.raises(OptionError, match="workers_per_node"):
            Options.check(options, [])

    @pytest.mark.parametrize("options", [["--ntasks=1"], ["-N2 -n2"], ["--ntasks-per-node=1"]])
    def test_one_task_per_node(self, options):
        """Nothing is wrong with that."""
        Options.check(options, [])

    @pytest.mark.parametrize("bad", ["--time=1\n", "a\rb", "a\0b", "\x7f", "--x=\x1b[0m"])
    def test_control_characters(self, bad):
        """A newline would be a directive of its own."""
        with pytest.raises(OptionError, match="newline or control character"):
            Options.check([bad], [])
        with pytest.raises(OptionError, match="newline or control character"):
            Options.check([], [bad])

    @pytest.mark.parametrize("bad", [None, 5, b"--time=1", ["--time=1"]])
    def test_what_is_no_string(self, bad):
        """The type is named."""
        with pytest.raises(OptionError, match=type(bad).__name__):
            Options.check([bad], [])

    def test_one_string_for_a_list(self):
        """A string would be read letter by letter."""
        with pytest.raises(OptionError, match="must be a list"):
            Options.check("--time=1", [])

    def test_an_open_quote(self):
        """Neither sbatch nor we can tell where it ends."""
        with pytest.raises(OptionError, match="cannot be split"):
            Options.check(["--comment='x"], [])

    def test_several_in_one_element_as_the_seed_had_them(self):
        """Joined by spaces, long and short, with and without an equals sign."""
        found = Options.check(["--time=5 -N 2", "-J my job?".split()[0], "--requeue"], [])
        assert found.nodes == 2
        assert found.requeue
        assert "--time=5" in found.sbatch

    @pytest.mark.parametrize(
        ("given", "nodes"), [("--nodes=4", 4), ("-N4", 4), ("-N 4", 4), ("--nodes 2-4", 2), ("", 1)]
    )
    def test_the_number_of_nodes(self, given, nodes):
        """However it is written; of a range what is sure to come."""
        assert Options.check([given], []).nodes == nodes

    def test_the_job_name_is_taken_out_and_the_last_one_counts(self):
        """It becomes the prefix of our own."""
        found = Options.check(["--job-name=one", "-Jtwo", "--time=1"], [])
        assert found.job_name == "two"
        assert found.sbatch == ("--time=1",)

    @pytest.mark.parametrize("name", ["--environment", "--edf"])
    def test_the_users_own_environment_is_taken_out(self, name):
        """The run writes an EDF of its own on top of it."""
        found = Options.check([], [f"{name}=mine", "--mpi=none"])
        assert found.environment == "mine"
        assert found.engine_option == name
        assert found.srun == ("--mpi=none",)


class TestShortOptions:
    """One letter, alone, with its value attached, or several together."""

    @pytest.mark.parametrize(
        ("given", "names"),
        [
            ("-N 2 -t 5", ("--nodes", "--time")), ("-N2 -t5", ("--nodes", "--time")),
            ("-HkN2", ("--hold", "--no-kill", "--nodes")), ("-s", ("--oversubscribe",)),
            ("--time=5 -t 6", ("--time",)), ("-vvp debug", ("--verbose", "--partition")),
        ],
    )  # fmt: skip
    def test_go_by_their_long_name(self, given, names):
        """However they are written."""
        assert Options.check([given], []).names == names

    def test_are_kept_as_they_were(self):
        """Whatever we know of them."""
        assert Options.check(["-N2 -t 5 -s"], []).sbatch == ("-N2", "-t", "5", "-s")

    def test_the_name_is_taken_out_of_several_together(self):
        """It is ours to write."""
        found = Options.check(["-HJmine"], [])
        assert (found.sbatch, found.job_name) == (("-H",), "mine")

    @pytest.mark.parametrize("given", ["-HW", "-Ha1-3", "-h", "-V", "-sD/tmp"])
    def test_the_refused_are_found_among_several(self, given):
        """A flag before them hides nothing."""
        with pytest.raises(OptionError, match="cannot be used"):
            Options.check([given], [])

    def test_mean_something_else_for_srun(self):
        """-W is --wait for both, and takes seconds there; -I may have a value attached."""
        assert Options.check([], ["-W 0", "-I60"]).srun == ("-W", "0", "-I60")


class TestGives:
    """What the user gave is not overruled by a default."""

    @pytest.mark.parametrize("given", ["--time=5", "--time 5", "-t5", "-t 5", "-Ht5", "--tim=5"])
    def test_however_it_is_written(self, given):
        """Short, long, abbreviated, alone or among others."""
        assert Options.check([given, "-N2"], []).gives("--time")

    def test_only_what_was_given(self):
        """A neighbour is not it."""
        found = Options.check(["--time-min=5", "--nodelist=n1"], [])
        assert not found.gives("--time")
        assert not found.gives("--nodes")
        assert not Options.check([], []).gives("--time")

    def test_the_job_name_too(self):
        """Although it is taken out."""
        assert Options.check(["-Jx"], []).gives("--job-name")


class TestOurs:
    """What a pilot's own srun and sbatch need otherwise is refused, with the reason."""

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            ("--ntasks=4", "workers_per_node"), ("-n4", "workers_per_node"), ("-N 2", "sbatch_options"),
            ("--ntasks-per-node=2", "drives a whole node"), ("--cpu-bind=cores", "divides the CPUs"),
            ("--wait=5", "must not end the others"), ("-W 5", "must not end the others"),
            ("--kill-on-bad-exit", "other nodes"), ("-K", "other nodes"), ("-K1", "other nodes"),
        ],
    )  # fmt: skip
    def test_refused_for_srun(self, given, reason):
        """Never overruled in silence."""
        with pytest.raises(OptionError, match=f"srun_options: .* can only be .*{reason}"):
            Options.check([], [given])

    @pytest.mark.parametrize(
        "given",
        [
            "--ntasks=1",
            "-n1",
            "-N1",
            "--ntasks-per-node=1",
            "--cpu-bind=none",
            "-W0",
            "-K0",
            "--wait=0",
        ],
    )
    def test_kept_where_they_say_the_same(self, given):
        """It is so anyway."""
        assert Options.check([], [given]).srun == (given,)

    def test_as_many_tasks_as_nodes(self):
        """One agent on each."""
        assert Options.check(["--nodes=3"], ["--ntasks=3"]).srun == ("--ntasks=3",)
        with pytest.raises(OptionError, match="can only be 3"):
            Options.check(["--nodes=3"], ["--ntasks=1"])

    def test_neighbours_are_kept(self):
        """Only the option itself."""
        given = ["--ntasks-per-core=1", "--cpus-per-task=4", "--exclusive", "--mpi=pmix"]
        assert Options.check([], given).srun == tuple(given)

    def test_a_pilot_survives_its_nodes(self):
        """--no-kill is ours as well; its contrary is refused."""
        assert Options.check(["--no-kill"], []).sbatch == ("--no-kill",)
        with pytest.raises(OptionError, match="--no-kill=off cannot be used: the agents"):
            Options.check(["--no-kill=off"], [])

    @pytest.mark.parametrize(
        ("given", "requeue"),
        [
            ("--requeue", True),
            ("--no-requeue", False),
            ("--requeue --no-requeue", False),
            ("", False),
        ],
    )
    def test_requeue_is_the_users_choice(self, given, requeue):
        """The last one counts."""
        assert Options.check([given], []).requeue is requeue


def test_what_of_sbatch_makes_the_place():
    """Plugins that sbatch and srun share: what tasks find follows from them, and so do verdicts."""
    given = ["--time=5", "--uenv=a/1:v1", "--view", "default", "--environment=x", "-pnormal"]
    place = ("--uenv=a/1:v1", "--view", "default", "--environment=x")
    assert Options.check(given, ["--uenv=b/1:v1"]).place == place
