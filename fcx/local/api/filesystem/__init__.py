"""`/filesystem`: small operations while the caller waits, and large ones by jobs.

Each small one does what the command of the same name does on a login node, and answers what the
real server makes of it.
"""
