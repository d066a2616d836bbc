"""Decide what an aggregator does: where to read, what a batch changes, what is asked for, when it is ready. Pure."""
