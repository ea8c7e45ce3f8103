"""What a task is made of at the client: its pickle, and what that pickle needs; and its outcome."""
