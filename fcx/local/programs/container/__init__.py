"""Run a command in the container of an EDF, on this machine: what `srun --environment` calls.

A stand-in for the Container Engine, not that engine. Images by name run in Docker, which must
have them or be able to pull them; image files (.sqsh) and folders run in bubblewrap, in the
caller's own process tree. Both get the EDF's mounts, workdir, writable, entrypoint and `[env]`,
the caller's user id and network. Not offered: hooks, so annotations and devices do nothing;
one container shared by the tasks of a node (each task has its own); standard input with Docker.

    container --store FOLDER [--docker PROGRAM [--docker-host URL]] [--bwrap PROGRAM]
              --environment EDF -- COMMAND [ARGUMENT...]
"""

from .command import main

__all__ = ["main"]
