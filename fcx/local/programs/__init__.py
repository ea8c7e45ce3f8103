"""Programs that run as processes of their own, with the standard library alone.

`supervisor.py` owns the processes of one job; `srun.py` and `slurmtools.py` (squeue, scontrol,
scancel) are what a job finds on its PATH; they speak to the server through `desk.py`, over
loopback. `stager.py` moves large files.
"""
