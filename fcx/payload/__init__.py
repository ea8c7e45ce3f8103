"""What a call is made of at the client: its pickle, and what that pickle needs."""
