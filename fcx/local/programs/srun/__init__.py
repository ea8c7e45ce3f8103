"""srun of the process back end: starts tasks inside a job, on its nodes, and waits for them.

One task on each node unless told otherwise. A node is a working environment: its name in the
environment and a TMPDIR of its own; all nodes are this machine. Options that only make sense on
real hardware (CPU binding, memory, GPUs, MPI) are read and let be; unknown ones are refused as
srun does. A signal that srun gets goes to every task.
"""

from .command import main

__all__ = ["main"]
