"""An image that a job builds on a compute node, for machines that cannot build it themselves."""
