"""The memory of an aggregator: how much there is, and how it keeps to it."""
