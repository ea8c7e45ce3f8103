"""What this machine remembers: a journal of runs, and facts about clusters."""
