"""Counts that survive a kill -9: each process has a mapped file, and the next agent ends what a dead one has left."""
