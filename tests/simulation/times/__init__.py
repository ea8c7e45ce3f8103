"""How long runs take in a world whose steps take what they were measured to take on a real machine."""
