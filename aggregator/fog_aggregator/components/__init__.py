"""The work of an aggregator beside reading: each part with its own options and lifecycle."""
