"""A virtual environment at the client that follows an image: its Python, and each release in it."""
