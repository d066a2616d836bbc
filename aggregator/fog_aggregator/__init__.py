"""Merges the frames of a fog into one network-wide collector, rolled up at every level of its tree."""
