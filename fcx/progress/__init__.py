"""Something to see while waiting: a run offers a snapshot, the display draws it; see display.py."""
