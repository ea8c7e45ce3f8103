"""The back end that runs job scripts as processes of this machine."""
