"""Reading scripts as sbatch does: options, times, refusals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcx.local.errors import SchedulerError
from fcx.local.process.options import minutes
from fcx.local.process.sbatch import read_request
from fcx.local.process.spec import JobSpec, WarnSignal
from fcx.local.scheduler import JobRequest


def read(script: str, **call: object) -> JobSpec:
    """The spec of a script."""
    return read_request(JobRequest(working_directory="/w", script=script, **call), script)


def words(script: str) -> str:
    """The words with which a script is refused."""
    with pytest.raises(SchedulerError) as refused:
        read(script)
    assert refused.value.status == 500
    return refused.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", 5), ("0:30", 1), ("10:01", 11), ("1:00:00", 60), ("1-0", 1440), ("1-2:30", 1590),
        ("0-0:0:1", 1), ("2-00:00:00", 2880), ("UNLIMITED", 0), ("infinite", 0), ("-1", 0),
        ("0", 0),
    ],
)  # fmt: skip
def test_every_form_of_a_time_is_read(text, expected):
    """Minutes, rounded up to whole ones, as Slurm has it; 0 is no limit."""
    assert minutes(text) == expected


@given(st.text(max_size=12))
def test_a_time_is_minutes_or_refused(text):
    """No text makes it crash."""
    try:
        assert minutes(text) >= 0
    except ValueError:
        pass


def test_options_are_read_in_all_their_forms():
    """Long, short, with and without `=`, quoted, commented, several in a line."""
    spec = read(
        "#!/bin/bash\n"
        "#SBATCH --job-name='two words' -N2 # why\n"
        "#SBATCH -t 1:00:00 --ntasks-per-node 3\n"
        "\n"
        "# a comment\n"
        "#SBATCH --signal=B:USR1@30 --mem=2G --no-requeue\n"
        "echo hello\n"
        "#SBATCH --nodes=9\n"
    )
    assert (spec.name, spec.size.nodes, spec.size.ntasks_per_node) == ("two words", 2, 3)
    assert spec.timing.time == 60
    assert spec.timing.signal == WarnSignal(number=10, before=30, shell_only=True)
    assert (spec.size.mem, spec.timing.requeue) == (2048, False)


def test_the_requests_own_options_win():
    """The API puts them on sbatch's command line."""
    spec = read("#!/bin/sh\n#SBATCH --partition=a --chdir=/x\n", partition="b")
    assert (spec.charge.partition, spec.chdir) == ("b", "/w")


def test_values_of_the_environment_end_at_their_first_comma():
    """Sbatch splits --export there."""
    spec = read("#!/bin/sh\n", environment={"A": "1,2", "B": "x y=z"})
    assert spec.exported.variables == {"A": "1", "B": "x y=z"}
    assert spec.exported.text == "ALL,A=1,2,B=x y=z"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo\n", "exit_status:1 std_err:sbatch: error: This does not look like a batch script."),
        ("#!/bin/sh\r\n", "exit_status:1 std_err:sbatch: error: Batch script contains DOS line"),
        ("#!/bin/sh\n\0", "contain a NULL character '\\0'."),
        ("  \n", "Batch script contains only whitespace!"),
        ("#!/bin/sh\n#SBATCH --foo=1\n", "std_err:sbatch: unrecognized option '--foo=1'\nTry"),
        ("#!/bin/sh\n#SBATCH --time=x\n", "exit_status:255 std_err:sbatch: error: Invalid --time"),
        ("#!/bin/sh\n#SBATCH -n 0\n", 'error: Invalid numeric value "0" for --ntasks.'),
        ("#!/bin/sh\n#SBATCH -N x\n", 'error: "x" is not a valid node count'),
        ("#!/bin/sh\n#SBATCH foo\n", "Invalid directive found in batch script: foo"),
        ("#!/bin/sh\n#SBATCH --signal=NO@3\n", "Invalid --signal specification"),
        ("#!/bin/sh\n#SBATCH -Z\n", "invalid option -- 'Z'"),
        ("#!/bin/sh\n#SBATCH --requeue=1\n", "option '--requeue' doesn't allow an argument"),
    ],
)
def test_refusals_have_sbatchs_own_words(script, expected):
    """The words of a real one."""
    assert expected in words(script)


@given(st.text(alphabet=st.characters(exclude_characters="\0\r"), max_size=60))
def test_no_directive_makes_the_reader_crash(text):
    """It is read or refused."""
    try:
        assert isinstance(read(f"#!/bin/sh\n#SBATCH {text}\n"), JobSpec)
    except SchedulerError as refused:
        assert refused.status == 500
