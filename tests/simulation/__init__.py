"""Both cores on a cluster that does not exist, in a time that does not pass. See README.md."""
