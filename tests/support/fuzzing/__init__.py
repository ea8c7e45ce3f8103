"""Whatever the other side sends: what is read from it, and how what is right becomes wrong."""
