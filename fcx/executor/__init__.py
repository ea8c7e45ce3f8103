"""A standard Executor whose calls run on a cluster: the shell around the core that decides."""
