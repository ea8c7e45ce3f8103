"""srun's command line and the variables that stand for its options."""

from __future__ import annotations

import os

from ..getopts import OptionProblem, Table
from .messages import fail, refuse_usage

OPTIONS = Table(
    "A|account= acctg-freq= bb= bbf= bcast= bcast-exclude= b|begin= c|cpus-per-task= comment= "
    "compress? container= cpu-freq= d|dependency= deadline= delay-boot= D|chdir= export= e|error= "
    "epilog= E|preserve-env gres= gres-flags= H|hold i|input= I|immediate? jobid= J|job-name= "
    "k|no-kill K|kill-on-bad-exit? l|label L|licenses= M|clusters= m|distribution= mail-type= "
    "mail-user= mcs-label= mpi= multi-prog n|ntasks= nice? ntasks-per-node= N|nodes= o|output= "
    "O|overcommit overlap het-group= p|partition= power= priority= prolog= profile= propagate? pty "
    "quit-on-interrupt q|qos= Q|quiet reboot r|relative= s|oversubscribe S|core-spec= send-libs? "
    "signal= slurmd-debug= spread-job switches= task-epilog= task-prolog= thread-spec= T|threads= "
    "t|time= time-min= u|unbuffered use-min-nodes v|verbose W|wait= wckey= X|disable-status "
    "cluster-constraint= contiguous C|constraint= mem= mincpus= reservation= tmp= w|nodelist= "
    "x|exclude= Z|no-allocate exact exclusive? mem-per-cpu= resv-ports? sockets-per-node= "
    "cores-per-socket= threads-per-core= ntasks-per-core= ntasks-per-socket= cpus-per-gpu= G|gpus= "
    "gpu-bind= gpu-freq= gpus-per-node= gpus-per-socket= gpus-per-task= mem-per-gpu= cpu-bind= "
    "mem-bind= hint= open-mode= network= environment= h|help usage V|version"
)
FROM_ENVIRONMENT = {  # options that sbatch or the user left there
    "SLURM_NTASKS": "ntasks",
    "SLURM_NTASKS_PER_NODE": "ntasks-per-node",
    "SLURM_CPUS_PER_TASK": "cpus-per-task",
    "SLURM_OVERLAP": "overlap",
    "SLURM_EXACT": "exact",
    "SLURM_EXPORT_ENV": "export",
    "SLURM_WAIT": "wait",
    "SLURM_KILL_BAD_EXIT": "kill-on-bad-exit",
    "SLURM_LABELIO": "label",
    "SLURM_STDOUTMODE": "output",
    "SLURM_STDERRMODE": "error",
    "SLURM_STDINMODE": "input",
    "SLURM_WORKING_DIR": "chdir",
    "SLURM_ENVIRONMENT": "environment",
}
NUMERIC = ("ntasks", "ntasks-per-node", "cpus-per-task", "wait", "relative")


def read_options(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Options by long name, those of the environment included, and the command."""
    found = {
        option: os.environ[name] for name, option in FROM_ENVIRONMENT.items() if name in os.environ
    }
    try:
        given, command = OPTIONS.parse(words)
    except OptionProblem as problem:
        refuse_usage(str(problem))
    if "ntasks" not in dict(given) and {"nodes", "ntasks-per-node"} & set(dict(given)):
        found.pop("ntasks", None)  # srun --nodes=2 means one task on each, whatever sbatch said
    found.update((name, "1" if value is None else value) for name, value in given)
    for name in NUMERIC:
        if name in found and not found[name].isdigit():
            fail(f'Invalid numeric value "{found[name]}" for --{name}.')
    if found.get("ntasks") == "0":
        fail('Invalid numeric value "0" for --ntasks.')
    if "multi-prog" in found or "pty" in found:
        fail("--multi-prog and --pty are not offered by the local cluster's srun")
    return found, command
