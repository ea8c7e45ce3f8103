"""Owns the processes of one job, from its script to the last daemon that it left behind.

Told by JSON lines on standard input: first the job, then commands. It answers with JSON lines on
standard output. As the child subreaper of all it starts, it is the parent of every orphan of the
job, so that whatever lives below it is the job's, and nothing else is.

job:      {id, node, argv, env, cwd, stdin, stdout, stderr, append, limit, kill_wait, warn, memory}
commands: {"do": "signal", "number": N, "shell_only": bool} | {"do": "end", "grace": S, "why": text}
          | {"do": "attach", "tag": N, "argv": [...], "env": {...}, "cwd": path, "stderr": path}
          | {"do": "detach", "tag": N}
answers:  {"is": "started", "pid": N} | {"is": "warned"} | {"is": "limit"} | {"is": "oom"}
          | {"is": "attached", "tag": N, "status": raw wait status}
          | {"is": "ended", "status": raw wait status or null}

End of input means that the server is gone: the job is killed at once.
"""

from .job import main

__all__ = ["main"]
