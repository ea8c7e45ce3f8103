"""What the conformance tests share: the servers under test, and what the API is known to be."""
