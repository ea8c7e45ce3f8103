"""What the conformance tests share: the servers under test, recorded answers, and shapes."""
