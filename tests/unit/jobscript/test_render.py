"""The job script: options checked, values quoted, whatever the paths are called."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_disk import small_disk

from fcx.jobscript import programs
from fcx.jobscript import render as script
from fcx.jobscript.options import Options
from fcx.jobscript.render import File, Shape, render, shell_word, srun_line
from fcx.protocol import layout, names
from fcx.protocol.config import Config

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
        text = render(shape(run), "fcx-x-001", [File("inbox/b1", b"data\n")])
        assert text.startswith("#!/bin/bash -l\n")
        assert subprocess.run(["bash", "-n"], input=text.encode(), check=False).returncode == 0
        (assignment,) = re.findall(r"^run=.*$", text, re.MULTILINE)
        assert bash(f'{assignment}\nprintf %s "$run"') == run

    def test_ours_come_after_the_users(self):
        """The last one wins."""
        options = Options.check(["--job-name=mine", "--time=5 --no-kill", "--comment='a b'"], [])
        text = render(shape(options=options), "mine-x-001", [])
        lines = [line for line in text.splitlines() if line.startswith("#SBATCH")]
        assert lines[0] == '#SBATCH --time=5 --no-kill "--comment=a b"'
        assert lines[-1].endswith("--job-name=mine-x-001")
        assert "--no-requeue" in lines[-1]

    def test_requeue_is_the_users_choice(self):
        """--no-requeue unless they ask for it."""
        text = render(shape(options=Options.check(["--requeue"], [])), "x-001", [])
        assert "--no-requeue" not in text

    def test_srun_has_what_must_be_so_last(self):
        """One agent per node, whatever the user's own srun options say."""
        line = srun_line(shape(options=Options.check([], ["--ntasks=1 --mpi=none"])), "x-001")
        ours = "--ntasks=$SLURM_JOB_NUM_NODES"
        assert line.index("--ntasks=1") < line.index(ours)
        for option in ("--nodes=", "--ntasks-per-node=1", "--wait=0", "--kill-on-bad-exit=0"):
            assert option in line[line.index("--mpi=none") :]

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
        text = render(shape(str(tmp_path)), "x-001", [File("inbox/f", data)])
        put = text[text.index("put() {") :].split("\n}\n")[0] + "\n}\n"
        part = text[text.index('put "$run"/inbox/f') : text.index("if [ ")]
        command = f"run={tmp_path}; SLURM_JOB_ID=1\n{put}{part}\n"
        subprocess.run(["bash", "-c", command], check=True)
        assert (tmp_path / "inbox/f").read_bytes() == data
        (tmp_path / "inbox/f").write_bytes(b"claimed from")
        subprocess.run(["bash", "-c", command], check=True)
        assert (tmp_path / "inbox/f").read_bytes() == b"claimed from"

    def test_the_configuration_rides_along(self):
        """As ASCII JSON, under the pilot's name."""
        config = Config("x-001", (1,), 1.0, 1.0, b"p" * 32, b"i" * 32, edf="/ü")
        text = render(shape(), "x-001", [File("pilots/x-001.json", config.encode())])
        body = re.search(r'put "\$run"/pilots/x-001.json cat <<\'FCX_END\'\n(.*?)\nFCX_END', text)
        assert Config.decode(body[1].encode()) == config
        assert json.loads(body[1])["edf"] == "/ü"
        assert '"$run"/pilots/x-001.json\n' in text
        assert text.isascii()

    def test_binary_is_ascii(self):
        """A script is text, whatever it brings."""
        data = bytes(range(256))
        text = render(shape(), "x-001", [File("modules/m.zip", data)])
        assert text.isascii()
        assert base64.encodebytes(data).decode().splitlines()[0] in text


class TestBeginning:
    """What the script does before its srun, run by a real shell."""

    def begin(self, run, job="12", text=None, **more):
        """The script up to its srun, as Slurm would start it."""
        text = text or render(shape(str(run)), "x-001", [])
        part = text[: text.index("export FCX_UMASK")] + "echo served\n"
        return subprocess.run(
            ["bash"], input=part.encode(), check=False, capture_output=True,
            env={"PATH": "/usr/bin:/bin", "SLURM_JOB_ID": job, **more},
        )  # fmt: skip

    @pytest.fixture
    def run(self, tmp_path):
        return tmp_path / "with space" / "run"

    def test_makes_the_run_directory_for_us_alone(self, run):
        """With all its folders."""
        assert self.begin(run).stdout == b"served\n"
        assert {path.name for path in run.iterdir()} == set(layout.FOLDERS)
        assert run.stat().st_mode & 0o777 == 0o700

    def test_writes_the_programs_beside_the_runs(self, run):
        """The file that Python runs, and what starts it."""
        self.begin(run)
        assert sorted(path.name for path in run.parent.iterdir()) == [
            f"{programs.name()}.py", f"{programs.name()}.sh", "run",
        ]  # fmt: skip
        assert (run.parent / f"{programs.name()}.py").read_bytes() == programs.program()
        assert (run.parent / f"{programs.name()}.sh").read_bytes() == programs.shell()

    @pytest.mark.parametrize("data", [b"", b"other", programs.program()[:-1]])
    def test_other_programs_are_not_run(self, run, data):
        """Words for whoever reads the job's output, and for the client."""
        run.parent.mkdir()
        (run.parent / f"{programs.name()}.py").write_bytes(data)
        done = self.begin(run)
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"are not those of this job: remove it" in done.stderr
        assert (run / "logs" / "12.0.0.exit").read_bytes() == done.stderr

    def test_only_the_job_that_holds_the_lock_serves(self, run):
        """A submit that was repeated is harmless."""
        assert self.begin(run, "12").stdout == b"served\n"
        second = self.begin(run, "13")
        assert (second.returncode, second.stdout) == (0, b"")
        assert (run / "locks" / "x-001").readlink().name == "12"
        assert self.begin(run, "12").stdout == b"served\n"

    def test_not_in_a_run_that_is_closed(self, run):
        """Nobody waits for it."""
        self.begin(run)
        (run / "inbox" / "closed").write_text("keep")
        done = self.begin(run)
        assert (done.returncode, done.stdout) == (0, b"")

    def others_write(self, base):
        base.mkdir()
        base.chmod(0o777)

    def a_link(self, base):
        (base.parent / "real").mkdir(mode=0o700)
        base.symlink_to("real")

    def no_folder(self, base):
        base.write_text("")

    def somebody_elses(self, base):
        if os.geteuid() != 0:
            pytest.skip("to make what belongs to another user takes root")
        base.mkdir(mode=0o777)
        os.chown(base, 65534, 65534)

    @pytest.mark.parametrize("make", [others_write, a_link, no_folder, somebody_elses])
    def test_what_is_not_ours_alone_is_not_used(self, run, make):
        """Programs that somebody has put there are not run, and nothing is written."""
        run.parent.parent.mkdir(exist_ok=True)
        make(self, run.parent)
        if run.parent.is_dir():
            (run.parent / f"{programs.name()}.sh").write_text("echo planted")
        before = sorted(run.parent.parent.rglob("*"))
        done = self.begin(run)
        assert (done.returncode, done.stdout) == (names.NOT_OURS, b"")
        assert f"fcx: {run.parent} is not yours alone".encode() in done.stderr
        assert sorted(run.parent.parent.rglob("*")) == before

    def test_a_run_directory_that_is_a_link_is_not_used(self, run):
        run.parent.mkdir(parents=True)
        run.symlink_to("elsewhere")
        assert self.begin(run).returncode == names.NOT_OURS

    def test_planted_programs_are_not_run(self, run):
        """Nor the script that starts them."""
        run.parent.mkdir(parents=True, mode=0o700)
        (run.parent / f"{programs.name()}.sh").write_text("echo planted")
        done = self.begin(run)
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"are not those of this job: remove it" in done.stderr

    def test_the_folder_is_made_private_whatever_is_above(self, run):
        """Group folders and their setgid bit are not judged."""
        run.parent.parent.mkdir(exist_ok=True)
        run.parent.parent.chmod(0o2777)
        run.parent.mkdir(mode=0o755)
        assert self.begin(run).stdout == b"served\n"
        assert run.parent.stat().st_mode & 0o777 == 0o700

    def test_each_node_looks_again(self, run):
        """What has taken the folder's name since is not run."""
        self.begin(run)
        words = srun_line(shape(str(run)), "x-001").partition("sh -c ")[2]
        call = f"base={shlex.quote(str(run.parent))} programs=$1 run=$2; sh -c {words}"
        programmed = f"/proc/self/fd/9/{programs.name()}"
        command = ["bash", "-c", call, "bash", programmed, f"/proc/self/fd/9/{run.name}"]
        fine = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "x-001.json" in (run / "logs" / "0.0.0.exit").read_text(), fine.stderr
        run.parent.rename(run.parent.parent / "away")
        run.parent.mkdir()
        (run.parent / f"{programs.name()}.sh").write_text("echo planted")
        if os.geteuid() == 0:
            os.chown(run.parent, 65534, 65534)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (names.NOT_OURS, "")
        assert "is not yours alone" in done.stderr

    @pytest.mark.parametrize("edf", ["", "edf/x.toml"])
    def test_an_edf_is_not_taken_from_what_has_taken_the_folders_name(self, run, edf):
        """All else is read through the folder that the script holds; srun goes by the name."""
        text = render(shape(str(run), edf=edf), "x-001", [])
        at = text.index('[ "$base" -ef' if edf else "export FCX_UMASK")
        swap = 'mv "$base" "$base.away"; mkdir -m 700 "$base"\n'
        done = self.begin(run, text=text[:at] + swap + text[at:])
        if edf:
            assert (done.returncode, done.stdout) == (names.NOT_OURS, b"")
            assert b"is not yours alone" in done.stderr
        else:
            assert done.stdout == b"served\n"

    def test_no_room_for_temporary_files_has_a_code_of_its_own(self, tmp_path):
        """Bash keeps a long file that the script brings in one: nothing is served without it."""
        run = tmp_path / "base" / "run"
        text = render(shape(str(run)), "x-001", [File("inbox/b000001", os.urandom(150_000))])
        with small_disk(tmp_path / "tmp", "size=16k") as folder:
            done = self.begin(run, text=text, TMPDIR=str(folder))
        assert (done.returncode, done.stdout) == (names.TEMPORARY_FULL, b"")
        assert f"no room for temporary files in {folder} of ".encode() in done.stderr
        assert self.begin(run, text=text).stdout == b"served\n"

    def test_a_folder_that_cannot_be_made_says_why(self, tmp_path):
        """A working_dir that is gone, or has no room for it."""
        done = self.begin(tmp_path / "gone" / "base" / "run")
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"working_dir may be gone: mkdir: " in done.stderr

    @pytest.mark.parametrize(
        "options", ["size=8k", "size=32k", *(f"nr_inodes={count}" for count in range(1, 16))]
    )
    def test_a_full_disk_is_named_and_has_a_code(self, tmp_path, options):
        """The job's output may be on the same disk: then only the code tells."""
        with small_disk(tmp_path / "full", options) as folder:
            done = self.begin(folder / "base" / "run")
        assert (done.returncode, done.stdout) == (names.DISK_FULL, b"")
        assert b"No space left on device" in done.stderr
