"""One Dockerfile -> one image -> its manifest; run, push and pack it."""
