"""The job script: options checked, values quoted, whatever the paths are called."""

from __future__ import annotations

import base64
import json
import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcx.errors import OptionError
from fcx.jobscript import render as script
from fcx.jobscript.render import File, Options, Shape, render, shell_word, srun_line

HOSTILE = [
    "/plain",
    "/with space",
    '/with "double"',
    "/$HOME/`id`/$(id)",
    "/semi;colon&and|or<>",
    "/star*?[a]",
    "/back\\slash",
    "/ünïcode",
    "/-dash",
    "/#hash",
    "/!bang",
]


def shape(run="/scratch/.fcx-me/run", options=None, **more):
    return Shape(options or Options.check([], []), run, "20260101-000000-abcd", **more)


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
        assert found.srun == ("--mpi=none",)


class TestNames:
    """Job names are unique and of [A-Za-z0-9-]."""

    @pytest.mark.parametrize("name", ["a|b", "x y", "ümlaut", "$(id)", "", "-", "n" * 300])
    def test_of_any_prefix(self, name):
        """A | would break the job listing for all of the user's jobs."""
        made = script.pilot_name(shape(options=Options(sbatch=(), srun=(), job_name=name)), 7)
        assert re.fullmatch(r"[A-Za-z0-9-]+", made)
        assert made.endswith("-20260101-000000-abcd-007")
        assert len(made) < 80


class TestShellWord:
    """One word for bash, with variables still expanded."""

    @given(
        st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=30)
    )
    def test_without_a_variable_is_itself(self, text):
        """Whatever characters it has."""
        if re.search(r"\$(\w|\{\w+\})", text):
            return
        assert bash(f"printf %s {shell_word(text)}") == text

    @pytest.mark.parametrize(
        ("word", "expected"),
        [
            ("--edf=$X/a", "--edf=v w/a"),
            ("${X}y", "v wy"),
            ('$X"`id`$(id)', 'v w"`id`$(id)'),
            ("a\\b$X", "a\\bv w"),
        ],
    )
    def test_variables_are_expanded_and_nothing_else(self, word, expected):
        """Commands in it stay text."""
        assert bash(f"X='v w'; printf %s {shell_word(word)}") == expected


def bash(text):
    done = subprocess.run(["bash", "-c", text], capture_output=True, check=True)
    return done.stdout.decode()


class TestRender:
    """The whole script."""

    @pytest.mark.parametrize("run", HOSTILE)
    def test_is_bash_whatever_the_paths(self, run):
        """bash -n reads it, and the run directory is what was meant."""
        text = render(shape(run), "fcx-x-001", {"v": 1}, [File("inbox/b1", b"data\n")])
        assert text.startswith("#!/bin/bash -l\n")
        assert subprocess.run(["bash", "-n"], input=text.encode(), check=False).returncode == 0
        (assignment,) = re.findall(r"^run=.*$", text, re.MULTILINE)
        assert bash(f'{assignment}\nprintf %s "$run"') == run

    def test_ours_come_after_the_users(self):
        """The last one wins."""
        options = Options.check(["--job-name=mine", "--time=5 --no-kill", "--comment='a b'"], [])
        text = render(shape(options=options), "mine-x-001", {}, [])
        lines = [line for line in text.splitlines() if line.startswith("#SBATCH")]
        assert lines[0] == '#SBATCH --time=5 --no-kill "--comment=a b"'
        assert lines[-1].endswith("--job-name=mine-x-001")
        assert "--no-requeue" in lines[-1]

    def test_requeue_is_the_users_choice(self):
        """--no-requeue unless they ask for it."""
        text = render(shape(options=Options.check(["--requeue"], [])), "x-001", {}, [])
        assert "--no-requeue" not in text

    def test_srun_has_what_must_be_so_last(self):
        """One agent per node, whatever the user's own srun options say."""
        line = srun_line(shape(options=Options.check([], ["--ntasks=4 --wait=5"])), "x-001")
        ours = "--ntasks=$SLURM_JOB_NUM_NODES"
        assert line.index("--ntasks=4") < line.index(ours)
        for option in ("--nodes=", "--ntasks-per-node=1", "--wait=0", "--kill-on-bad-exit=0"):
            assert option in line[line.index("--wait=5") :]

    @pytest.mark.parametrize(
        "data",
        [
            b"plain\n", b"", b"no newline", b"\x00\xff\n", b"FCX_END\n", b"a\nFCX_END\nb\n", b"cr\r\n",
            b"$HOME `id` \\ '\"\n", "ü\n".encode(), bytes(range(256)) * 50,
        ],
    )  # fmt: skip
    def test_files_arrive_as_they_were(self, tmp_path, data):
        """Text as it is, everything else in base64; none is written over."""
        (tmp_path / "inbox").mkdir()
        text = render(shape(str(tmp_path)), "x-001", {}, [File("inbox/f", data)])
        put = text[text.index("put() {") :].split("\n}\n")[0] + "\n}\n"
        (part,) = re.findall(
            r'^put "\$run"/inbox/f .*?^FCX_END$', text, re.DOTALL | re.MULTILINE
        ) or [text[text.index('put "$run"/inbox/f') : text.rindex("put ")]]
        command = f"run={tmp_path}; SLURM_JOB_ID=1\n{put}{part}\n"
        subprocess.run(["bash", "-c", command], check=True)
        assert (tmp_path / "inbox/f").read_bytes() == data
        (tmp_path / "inbox/f").write_bytes(b"claimed from")
        subprocess.run(["bash", "-c", command], check=True)
        assert (tmp_path / "inbox/f").read_bytes() == b"claimed from"

    def test_the_configuration_rides_along(self):
        """As ASCII JSON, under the pilot's name."""
        text = render(shape(), "x-001", {"pilot": "x-001", "edf": "/ü"}, [])
        body = re.search(r'put "\$run"/pilots/x-001.json cat <<\'FCX_END\'\n(.*?)\nFCX_END', text)
        assert json.loads(body[1]) == {"pilot": "x-001", "edf": "/ü"}
        assert text.isascii()

    def test_binary_is_ascii(self):
        """A script is text, whatever it brings."""
        data = bytes(range(256))
        text = render(shape(), "x-001", {}, [File("modules/m.zip", data)])
        assert text.isascii()
        assert base64.encodebytes(data).decode().splitlines()[0] in text
